"""The plan's five methods of PaperBroker, and that its own ledger agrees with the pipeline's."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from tests.exchange import FIRST_DAY, SPY, costs
from tests.generators import random_bars

from papertape.data.moments import moments
from papertape.domain.account import Account, Position
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    Moment,
    NoJournal,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    ReplaceRejected,
)
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import DAILY, Bar, CorporateAction, Dividend, Split
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.proofbench.assembly import assemble, signal_desk
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.signalcore.answers import AskedOnce
from papertape.matching.costs import CostModel, free_of_cost
from papertape.matching.fees import ProportionalFee
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.rsi_mean_reversion import RSIMeanReversionStrategy

MONDAY = date(2024, 3, 11)


def broker_with(cash: float = 100_000, charges: CostModel | None = None) -> PaperBroker:
    return PaperBroker(micros(cash), {"SPY": SPY}, DAILY, charges or free_of_cost())


def opening(day: date = FIRST_DAY) -> int:
    return calendar_of("XNYS").session(day).open


def approved(
    quantity: int, order_id: str = "o1", kind: OrderKind = OrderKind.MARKET, **terms: Any
) -> Approved:
    moment = terms.pop("time", opening())
    return Approved(Order(order_id, "SPY", quantity, kind, moment, "because", **terms))


def day_of(
    broker: PaperBroker,
    day: date,
    prices: tuple[float, float, float, float],
    *actions: CorporateAction,
    volume: float = 1e6,
) -> None:
    """Let the broker see one session."""
    session = calendar_of("XNYS").session(day)
    bar = Bar("SPY", session.open, session.close, *prices, volume)
    broker.collect(Moment(session.close, (bar,), actions))


def test_submit_order_answers_its_id_and_the_order_works() -> None:
    broker = broker_with()
    assert broker.submit_order(approved(10)) == "o1"
    assert broker.get_order_status("o1") is OrderStatus.NEW


def test_a_market_order_fills_at_the_next_open_and_moves_cash_and_shares() -> None:
    broker = broker_with(charges=costs(fees=ProportionalFee(Fraction(1, 1000))))
    broker.submit_order(approved(10))
    day_of(broker, FIRST_DAY, (472.16, 473.67, 470.49, 472.65))
    assert broker.get_order_status("o1") is OrderStatus.FILLED
    assert broker.get_positions() == {"SPY": Position(10, 4_721_600_000)}
    assert broker.get_account_balance() == 95_273.6784  # 100,000 - 4,721.60 - 4.7216
    assert isinstance(broker.get_account_balance(), float)


def test_a_sold_out_holding_is_absent_from_the_positions() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    broker.submit_order(approved(-10, "o2", time=opening(date(2024, 1, 3))))
    day_of(broker, date(2024, 1, 3), (110, 111, 109, 110))
    assert broker.get_positions() == {}
    assert broker.get_account_balance() == 100_100.0


def test_a_bare_order_is_refused() -> None:
    with pytest.raises(UsageError, match="takes approved orders, not Order"):
        broker_with().submit_order(approved(10).order)  # type: ignore[arg-type]


def test_input_b40_a_repeated_id_with_the_same_content_is_the_same_order() -> None:
    broker = broker_with()
    assert broker.submit_order(approved(10)) == broker.submit_order(approved(10)) == "o1"
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert broker.submit_order(approved(10)) == "o1"
    day_of(broker, date(2024, 1, 3), (100, 101, 99, 100))
    assert broker.get_positions()["SPY"].quantity == 10


def test_input_b41_a_repeated_id_with_other_content_is_an_error() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    with pytest.raises(UsageError, match="o1 was used before"):
        broker.submit_order(approved(11))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert broker.get_positions()["SPY"].quantity == 10


def test_an_order_sent_again_after_a_split_is_still_the_same_order() -> None:
    broker = broker_with()
    asked = approved(10, kind=OrderKind.LIMIT, limit=micros(50))
    broker.submit_order(asked)
    day_of(broker, FIRST_DAY, (60, 61, 59, 60))
    second = date(2024, 1, 3)
    day_of(broker, second, (30, 31, 29, 30), Split("SPY", second, Fraction(2)))
    assert broker.submit_order(asked) == "o1"
    day_of(broker, date(2024, 1, 4), (30, 31, 20, 30))
    assert broker.get_positions()["SPY"].quantity == 20


def test_a_stop_of_the_exchange_keeps_its_id_for_itself() -> None:
    broker = broker_with()
    broker.submit_order(approved(10, stop_distance=micros(5)))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert broker.get_order_status("o1.stop1") is OrderStatus.NEW
    with pytest.raises(UsageError, match=r"o1\.stop1 was used before"):
        broker.submit_order(approved(10, "o1.stop1"))


def test_what_the_exchange_would_not_take_is_rejected_with_a_reason() -> None:
    broker = broker_with()
    broker.submit_order(approved(10, kind=OrderKind.LIMIT, limit=98_005_000))
    assert broker.get_order_status("o1") is OrderStatus.REJECTED
    [report] = broker.reports()
    assert isinstance(report, OrderRejected)
    assert "off the 0.01 tick grid" in report.reason
    assert broker.cancel_order("o1") is False


@pytest.mark.parametrize("ask", ["get_order_status", "cancel_order"])
def test_an_unknown_id_is_named(ask: str) -> None:
    with pytest.raises(UsageError, match="knows no order 'o9'"):
        getattr(broker_with(), ask)("o9")


def test_a_working_order_can_be_cancelled_once_and_then_never_fills() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    assert broker.cancel_order("o1") is True
    assert broker.get_order_status("o1") is OrderStatus.CANCELED
    assert broker.cancel_order("o1") is False
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert broker.get_positions() == {}


def test_a_filled_order_cannot_be_cancelled() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert broker.cancel_order("o1") is False
    assert broker.get_order_status("o1") is OrderStatus.FILLED


def test_what_was_filled_of_a_cancelled_order_stays() -> None:
    broker = broker_with(charges=costs(cap=0.10))
    broker.submit_order(approved(100))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100), volume=1_000)
    assert broker.get_order_status("o1") is OrderStatus.PARTIALLY_FILLED
    assert broker.cancel_order("o1") is True
    assert broker.get_positions()["SPY"].quantity == 50
    assert broker.get_order_status("o1") is OrderStatus.CANCELED


def test_an_order_is_replaced_in_place_and_its_report_says_so() -> None:
    broker = broker_with()
    broker.submit_order(approved(10, kind=OrderKind.LIMIT, limit=micros(90)))
    assert broker.replace_order("o1", opening(), quantity=7, limit=micros(99))
    day_of(broker, FIRST_DAY, (100, 101, 98, 100))
    assert [type(event) for event in broker.reports()] == [
        OrderAccepted,
        OrderReplaced,
        OrderFilled,
    ]
    assert broker.get_positions() == {"SPY": Position(7, 693_000_000)}
    assert not broker.replace_order("o1", opening(), quantity=9)
    [refused] = broker.reports()
    assert isinstance(refused, ReplaceRejected)
    assert broker.get_order_status("o1") is OrderStatus.FILLED


def test_an_order_for_the_close_fills_there() -> None:
    broker = broker_with()
    broker.submit_order(approved(10, time_in_force=TimeInForce.CLS))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100.50))
    assert broker.get_order_status("o1") is OrderStatus.FILLED
    assert broker.get_account_balance() == 98_995.0


def test_reports_are_numbered_from_one_without_gaps() -> None:
    broker = broker_with()
    for order_id in ("o1", "o2"):
        broker.submit_order(approved(1, order_id))
    broker.cancel_order("o2")
    first = broker.reports()
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert [report.number for report in [*first, *broker.reports()]] == [1, 2, 3, 4]


def test_reports_are_handed_over_once() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    assert [type(report).__name__ for report in broker.reports()] == [
        "OrderAccepted",
        "OrderFilled",
    ]
    assert broker.reports() == []


def test_a_dividend_is_owed_at_the_ex_date_and_becomes_cash_on_the_pay_date() -> None:
    broker = broker_with()
    broker.submit_order(approved(10))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    ex_date, pay_date = date(2024, 1, 3), date(2024, 1, 5)
    paid = Dividend("SPY", ex_date, micros(1.25), pay_date)
    balances = []
    day_of(broker, ex_date, (99, 100, 98, 99), paid)
    balances.append((broker.get_account_balance(), broker.account.owed))
    day_of(broker, date(2024, 1, 4), (99, 100, 98, 99))
    balances.append((broker.get_account_balance(), broker.account.owed))
    day_of(broker, pay_date, (99, 100, 98, 99))
    balances.append((broker.get_account_balance(), broker.account.owed))
    assert balances == [(99_000.0, 12_500_000), (99_000.0, 12_500_000), (99_012.5, 0)]


def test_who_buys_on_the_ex_date_gets_no_dividend() -> None:
    broker = broker_with()
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    ex_date = date(2024, 1, 3)
    broker.submit_order(approved(10, time=opening(ex_date)))
    day_of(broker, ex_date, (99, 100, 98, 99), Dividend("SPY", ex_date, micros(1), ex_date))
    assert broker.get_account_balance() == 99_010.0


def test_a_split_changes_shares_and_pays_cash_for_the_fraction() -> None:
    broker = broker_with()
    broker.submit_order(approved(7))
    day_of(broker, FIRST_DAY, (100, 101, 99, 100))
    second = date(2024, 1, 3)
    day_of(broker, second, (66, 67, 65, 66), Split("SPY", second, Fraction(3, 2)))
    # 10.5 new shares: 10, and half a new share is a third of an old one: 33.333333
    assert broker.get_positions() == {"SPY": Position(10, 700_000_000)}
    assert broker.get_account_balance() == 99_333.333333


@pytest.mark.parametrize(
    "strategy",
    [MovingAverageCrossoverStrategy(3, 9), RSIMeanReversionStrategy(period=3, stop_period=3)],
    ids=lambda strategy: type(strategy).__name__,
)
@pytest.mark.parametrize("cost", ["none", "us-retail", "ibkr-fixed"])
def test_the_brokers_statement_is_the_pipelines_account_at_every_step(
    strategy: Any, cost: str
) -> None:
    bars = random_bars(11, 400, volatility=0.02)
    days = bars.days()
    actions = {
        "SPY": (
            Dividend("SPY", days[120].item(), micros(0.75), days[125].item()),
            Split("SPY", days[200].item(), Fraction(3, 2)),
            Dividend("SPY", days[300].item(), micros(0.333333), days[301].item()),
        )
    }
    config = SimulationConfig(cost=cost)
    answers = AskedOnce(strategy, {"SPY": bars}, actions)
    desk = signal_desk(strategy, answers, {"SPY": bars.instrument}, config)
    rig = assemble(desk, {"SPY": bars.instrument}, config)
    fills = 0
    for moment in moments({"SPY": bars}, actions):
        entries = rig.pipeline.step(moment, NoJournal())
        fills += sum(isinstance(entry, OrderFilled) for entry in entries)
        statement: Account = rig.broker.account
        assert (statement.balances, statement.positions) == (
            rig.pipeline.account.balances,
            rig.pipeline.account.positions,
        )
        for order_id, state in rig.pipeline.orders.items():
            assert rig.broker.get_order_status(order_id) is state.status
    assert fills > 10
