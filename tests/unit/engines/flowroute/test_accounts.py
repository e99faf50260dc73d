"""Accounts at the PaperBroker: shorts, margin, settlement, financing and futures, by hand."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from tests.exchange import FIRST_DAY, costs

from papertape.domain.calendar import calendar_of
from papertape.domain.event import (
    CashSettled,
    Event,
    FinancingCharged,
    GoodFaithViolated,
    MarginCalled,
    Moment,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    VariationPaid,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import DAILY, Bar, CorporateAction, Dividend, Split
from papertape.domain.money import micros
from papertape.domain.order import Attached, Order, OrderKind
from papertape.domain.terms import (
    CASH_ACCOUNT,
    MARGIN_ACCOUNT,
    SETTLED_CASH_ACCOUNT,
    AccountTerms,
)
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.matching.costs import CostModel, free_of_cost
from papertape.matching.financing import Financing

CALENDAR = calendar_of("XNYS")


class Account:
    """A PaperBroker that trades one daily bar after the other, at prices that stand still."""

    def __init__(
        self,
        terms: AccountTerms = MARGIN_ACCOUNT,
        *,
        cash: float = 100_000,
        charges: CostModel | None = None,
        instruments: tuple[Instrument, ...] = (Instrument("SPY"), Instrument("IBM")),
        day: date = FIRST_DAY,
    ):
        named = {each.symbol: each for each in instruments}
        self.broker = PaperBroker(micros(cash), named, DAILY, charges or free_of_cost(), terms)
        self.day, self.events, self._orders = day, list[Event](), 0
        self._first = instruments[0].symbol

    def order(self, quantity: int, symbol: str = "", **terms: Any) -> str:
        self._orders += 1
        symbol = symbol or self._first
        order_id, now = f"o{self._orders}", CALENDAR.session(self.day).open
        kind = terms.pop("kind", OrderKind.MARKET)
        order = Order(order_id, symbol, quantity, kind, now, "because", **terms)
        self.broker.submit_order(Approved(order))
        return order_id

    def trade(
        self, *actions: CorporateAction, volume: float = 1e6, **prices: float | tuple[float, ...]
    ) -> list[Event]:
        """The next session: a price that stands still, or (open, high, low, close)."""
        session = CALENDAR.session(self.day)
        bars = []
        for symbol, price in sorted(prices.items()):
            four = price if isinstance(price, tuple) else (price,) * 4
            bars.append(Bar(symbol, session.open, session.close, *four, volume))
        self.broker.collect(Moment(session.close, tuple(bars), actions))
        self.day = CALENDAR.next_session(self.day)
        reports = self.broker.reports()
        self.events += reports
        return reports

    @property
    def cash(self) -> float:
        return self.broker.get_account_balance()

    def equity(self, **prices: float) -> float:
        at = {symbol: micros(price) for symbol, price in prices.items()}
        return self.broker.account.equity(at) / 1e6

    def held(self, symbol: str = "SPY") -> int:
        return self.broker.account.quantity(symbol)


def of(kind: type, events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_a_sale_through_zero_opens_a_short_of_the_right_size() -> None:
    account = Account()
    account.order(100)
    account.trade(SPY=100)
    order = account.order(-300)
    account.trade(SPY=110)
    assert (account.held(), account.cash) == (-200, 123_000.0)
    assert account.broker.get_order_status(order) is OrderStatus.FILLED
    assert account.equity(SPY=110) == 101_000.0


def test_a_cash_account_refuses_to_go_through_zero() -> None:
    account = Account(CASH_ACCOUNT)
    account.order(100)
    account.trade(SPY=100)
    account.order(-300)
    [refused] = of(OrderCanceled, account.trade(SPY=110))
    assert (account.held(), refused.reason) == (100, "only 100 shares are held")


def test_a_short_is_marked_against_us_and_covered_at_a_loss() -> None:
    account = Account()
    account.order(-100)
    account.trade(SPY=100)
    account.trade(SPY=120)
    assert account.equity(SPY=120) == 98_000.0
    account.order(100)
    account.trade(SPY=125)
    assert (account.held(), account.cash) == (0, 97_500.0)


def test_a_bracket_on_a_short_stops_above_and_takes_profit_below() -> None:
    account = Account()
    exits = (Attached(OrderKind.STOP, distance=micros(5)), Attached(OrderKind.LIMIT, micros(90)))
    account.order(-100, attached=exits)
    account.trade(SPY=100)
    events = account.trade(SPY=(101, 106, 100, 104))
    [fill] = [event.fill for event in of(OrderFilled, events)]
    assert (fill.order_id, fill.price, fill.quantity) == ("o1.stop1", micros(105), 100)
    assert account.broker.get_order_status("o1.target1") is OrderStatus.CANCELED


def test_a_turn_is_protected_for_what_it_opened() -> None:
    account = Account()
    account.order(100)
    account.trade(SPY=100)
    account.order(-250, stop_distance=micros(5))
    [stop] = [
        event.order for event in of(OrderAccepted, account.trade(SPY=100)) if event.order.parent
    ]
    assert stop.quantity == 150


def test_buying_power_is_asked_at_acceptance() -> None:
    account = Account()
    account.trade(SPY=100)
    account.order(2_000)  # 200,000 at half: all there is
    account.order(1)
    reports = account.trade(SPY=100)
    [rejected] = of(OrderRejected, reports)
    assert rejected.reason == "BUYING_POWER: needs 50.00, has 0.00"
    assert account.held() == 2_000


def test_buying_power_is_asked_again_at_the_fill() -> None:
    account = Account()
    account.trade(SPY=100)
    account.order(2_000)
    [canceled] = of(OrderCanceled, account.trade(SPY=125))
    assert account.held() == 1_600  # 200,000 / 125
    assert canceled.reason == "buying power: 1600 of 2000 shares at 125.0"


def test_a_fee_is_part_of_what_a_fill_needs() -> None:
    from papertape.matching.fees import ProportionalFee  # noqa: PLC0415

    account = Account(charges=costs(fees=ProportionalFee(Fraction(1, 100))))
    account.trade(SPY=100)
    account.order(2_000)
    account.trade(SPY=100)
    # 50 a share at half, and 1 of fee: 100,000 / 51
    assert account.held() == 1_960


def test_what_one_symbol_sets_free_pays_for_another_from_the_next_moment_on() -> None:
    account = Account()
    account.order(2_000, "IBM")
    account.trade(IBM=100, SPY=100)
    account.order(-2_000, "IBM")
    account.order(1_000, "SPY")
    account.trade(IBM=100, SPY=100)
    assert (account.held("IBM"), account.held("SPY")) == (0, 0)
    account.order(1_000, "SPY")
    account.trade(IBM=100, SPY=100)
    assert account.held("SPY") == 1_000


def test_a_long_on_margin_is_called_where_equity_falls_below_a_quarter() -> None:
    account = Account()
    account.order(2_000)
    account.trade(SPY=100)
    assert not of(MarginCalled, account.trade(SPY=67))  # 34,000 of equity, 33,500 required
    [call] = of(MarginCalled, account.trade(SPY=66))  # 32,000 of 33,000
    assert (call.equity, call.required) == (micros(32_000), micros(33_000))
    account.trade(SPY=65)
    assert (account.held(), account.cash) == (0, 30_000.0)


def test_a_short_is_called_where_equity_falls_below_thirty_percent() -> None:
    account = Account()
    account.order(-1_000)
    account.trade(SPY=100)
    assert not of(MarginCalled, account.trade(SPY=153))  # 47,000 of 45,900
    assert of(MarginCalled, account.trade(SPY=154))  # 46,000 of 46,200
    account.trade(SPY=150)
    assert (account.held(), account.cash) == (0, 50_000.0)


def test_a_call_closes_the_largest_first_and_no_more_than_it_must() -> None:
    account = Account()
    account.order(1_500)
    account.order(500, "IBM")
    account.trade(SPY=100, IBM=100)
    account.trade(SPY=55, IBM=100)  # equity 32,500; required 20,625 + 12,500
    assert len(of(MarginCalled, account.events)) == 1
    account.trade(SPY=55, IBM=100)
    assert (account.held(), account.held("IBM")) == (0, 500)


def test_proceeds_settle_on_their_day_and_not_before() -> None:
    account = Account(CASH_ACCOUNT)
    account.order(100)
    account.trade(SPY=100)
    account.order(-100)
    account.trade(SPY=110)
    statement = account.broker.account
    assert (statement.settled, statement.unsettled) == (micros(90_000), micros(11_000))
    for _ in range(2):  # T+2 in January 2024
        events = account.trade(SPY=110)
    [settled] = of(CashSettled, events)
    assert settled.total == micros(11_000)
    assert account.broker.account.settled == micros(101_000)


def test_only_settled_money_buys_where_the_terms_say_so() -> None:
    account = Account(SETTLED_CASH_ACCOUNT, cash=10_000)
    account.order(100)
    account.trade(SPY=100, IBM=100)
    account.order(-100)
    account.trade(SPY=100, IBM=100)
    account.order(50, "IBM")
    [rejected] = of(OrderRejected, account.trade(SPY=100, IBM=100))
    assert rejected.reason == "BUYING_POWER: needs 5,000.00, has 0.00"
    account.trade(SPY=100, IBM=100)
    account.order(50, "IBM")
    account.trade(SPY=100, IBM=100)
    assert account.held("IBM") == 50


def test_selling_what_unsettled_money_bought_is_noted() -> None:
    account = Account(CASH_ACCOUNT, cash=10_000, day=date(2016, 1, 5))  # settled in three days
    account.order(100)
    account.trade(SPY=100, IBM=50)
    account.order(-100)
    account.trade(SPY=100, IBM=50)
    account.order(100, "IBM")
    account.trade(SPY=100, IBM=50)
    account.order(-100, "IBM")
    [violation] = of(GoodFaithViolated, account.trade(SPY=100, IBM=50))
    assert violation.symbol == "IBM"


def test_a_sale_after_settlement_is_in_good_faith() -> None:
    account = Account(CASH_ACCOUNT, cash=10_000)
    account.order(100)
    account.trade(SPY=100, IBM=50)
    account.order(-100)
    account.trade(SPY=100, IBM=50)
    account.order(100, "IBM")
    account.trade(SPY=100, IBM=50)
    account.trade(SPY=100, IBM=50)
    account.order(-100, "IBM")
    assert not of(GoodFaithViolated, account.trade(SPY=100, IBM=50))


def lending(borrow: int = 0, interest: int = 0) -> CostModel:
    """Nothing but two rates, in hundredths of a percent."""
    free = free_of_cost()
    rates = Financing(Fraction(borrow, 10_000), Fraction(interest, 10_000))
    return CostModel("lending", free.fees, free.spread, free.slippage, free.cap, rates)


def test_a_borrowed_share_costs_the_published_fee_for_each_night() -> None:
    # spec-metrics 6: 10,000 at .25 % a year is .070833 a day
    assert Financing().borrow_fee(micros(10_000), 1) == 70_833
    account = Account(charges=lending(borrow=25), day=date(2024, 1, 5))
    account.order(-100)
    account.trade(SPY=100)  # Friday
    [charge] = of(FinancingCharged, account.trade(SPY=100))  # Monday: three nights
    assert (charge.what, charge.days, charge.total) == ("borrow", 3, 212_500)
    assert account.cash == 110_000 - 0.2125


def test_borrowed_money_bears_interest_and_short_proceeds_lend_none() -> None:
    account = Account(charges=lending(interest=720))
    account.order(1_500)
    account.order(-500, "IBM")
    account.trade(SPY=100, IBM=20)  # cash 100,000 - 150,000 + 10,000; 10,000 of it is collateral
    [charge] = of(FinancingCharged, account.trade(SPY=100, IBM=20))
    assert (charge.symbol, charge.what, charge.value) == ("SPY", "interest", micros(50_000))
    assert charge.total == micros(10)  # 50,000 x 7.2 % / 360


def test_interest_is_shared_by_what_the_money_bought() -> None:
    account = Account(charges=lending(interest=720))
    account.order(1_000)
    account.order(500, "IBM")
    account.trade(SPY=100, IBM=100)
    charges = of(FinancingCharged, account.trade(SPY=100, IBM=100))
    assert {each.symbol: each.value for each in charges} == {
        "SPY": 33_333_333_334,
        "IBM": 16_666_666_666,
    }


def test_a_short_owes_the_dividend_on_its_pay_date() -> None:
    account = Account()
    account.order(-100)
    account.trade(SPY=100)
    pay_date = CALENDAR.next_session(account.day)
    account.trade(Dividend("SPY", account.day, micros(1.5), pay_date), SPY=100)
    assert (account.cash, account.broker.account.owed) == (110_000.0, -micros(150))
    account.trade(SPY=100)
    assert (account.cash, account.broker.account.owed) == (109_850.0, 0)


def test_a_split_of_a_short_leaves_its_value_and_its_margin() -> None:
    account = Account()
    account.order(-154)
    account.trade(SPY=648)
    account.trade(Split("SPY", account.day, Fraction(7)), SPY=92)
    assert account.held() == -1_078
    assert account.cash == 100_000 + 154 * 648
    assert not of(MarginCalled, account.events)


def test_a_reverse_split_pays_for_the_fraction_of_a_short() -> None:
    account = Account()
    account.order(-105)
    account.trade(SPY=2)
    account.trade(Split("SPY", account.day, Fraction(1, 10)), SPY=20)
    # -10.5 new shares: -10, and half a new share is five old ones: 10 dollars are paid
    assert (account.held(), account.cash) == (-10, 100_000 + 210 - 10)


ES = Instrument("ES", tick=250_000, multiplier=50, margin=micros(12_000))


def futures(cash: float = 50_000) -> Account:
    return Account(CASH_ACCOUNT, cash=cash, instruments=(ES,))


def test_a_future_ties_up_its_bond_and_pays_its_variation_every_day() -> None:
    account = futures()
    account.order(2)
    reports = account.trade(ES=(5_000, 5_010, 4_990, 5_005))
    assert [event.total for event in of(VariationPaid, reports)] == [micros(500)]
    statement = account.broker.account
    assert (account.cash, statement.bond) == (26_500.0, micros(24_000))
    assert account.equity(ES=5_005) == 50_500.0
    account.trade(ES=4_995)
    assert account.cash == 25_500.0
    account.order(-2)
    account.trade(ES=5_001)
    assert (account.cash, account.broker.account.bond) == (50_100.0, 0)


def test_a_turned_future_keeps_its_bond_and_settles_what_it_had() -> None:
    account = futures()
    account.order(1)
    account.trade(ES=5_000)
    account.order(-2)
    account.trade(ES=(5_010, 5_010, 5_004, 5_004))
    # + 10 x 50 on the long, + 6 x 50 on the short
    assert (account.held("ES"), account.cash) == (-1, 38_800.0)


def test_more_contracts_than_the_bond_pays_for_are_not_had() -> None:
    account = futures()
    account.order(5)
    account.trade(ES=5_000)
    assert account.held("ES") == 4


def test_a_futures_account_that_cannot_keep_its_bond_is_closed() -> None:
    account = futures(cash=13_000)
    account.order(1)
    account.trade(ES=5_000)
    account.trade(ES=4_970)  # equity 11,500 of 12,000
    assert of(MarginCalled, account.events)
    account.trade(ES=4_970)
    assert (account.held("ES"), account.cash) == (0, 11_500.0)


def test_a_busted_sale_gives_shares_and_money_back_and_unsettles_nothing_else() -> None:
    account = Account(CASH_ACCOUNT)
    account.order(100)
    account.trade(SPY=100)
    account.order(-100)
    [sale] = of(OrderFilled, account.trade(SPY=110))
    account.broker.bust_fill(sale.fill, CALENDAR.session(account.day).open, "clearly erroneous")
    account.trade(SPY=110)
    assert (account.held(), account.cash) == (100, 90_000.0)
    assert account.broker.get_order_status("o2") is OrderStatus.NEW
    for _ in range(4):
        account.trade(SPY=110)
    assert account.broker.account.unsettled == 0


def test_a_corrected_price_moves_the_difference() -> None:
    from dataclasses import replace  # noqa: PLC0415

    account = Account(CASH_ACCOUNT)
    account.order(100)
    [bought] = of(OrderFilled, account.trade(SPY=100))
    instead = replace(bought.fill, id="o1#1c", price=micros(99))
    account.broker.correct_fill(bought.fill, instead, bought.time, "price put right")
    assert (account.held(), account.cash) == (100, 90_100.0)
    assert account.broker.account.positions["SPY"].average_price == micros(99)


@pytest.mark.parametrize("terms", [CASH_ACCOUNT, MARGIN_ACCOUNT], ids=lambda terms: terms.name)
def test_shorts_need_an_account_that_lends_shares(terms: AccountTerms) -> None:
    account = Account(terms)
    account.order(-10)
    account.trade(SPY=100)
    assert account.held() == (-10 if terms.lends_shares else 0)
