"""The simulated account survives: its log makes it anew, and one day follows another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from tests.sessions import MemoryJournal

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.day import DayOpened
from papertape.domain.errors import UsageError
from papertape.domain.event import FinancingCharged, Moment
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bar, Dividend, Frequency
from papertape.domain.order import Order, OrderKind
from papertape.domain.terms import account_terms
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.engines.riskguard import RiskGuard, RiskLimits, RiskView
from papertape.engines.riskguard.view import LastPrice
from papertape.matching.tariffs import cost_model

CAPITAL = 100_000_000_000
MONDAY, TUESDAY = date(2024, 6, 3), date(2024, 6, 4)


def minutes(day: date, price: float, count: int = 4) -> Iterator[Moment]:
    first = calendar_of("XNYS").session(day).open
    for n in range(count):
        start = first + n * MINUTE
        bar = Bar("SPY", start, start + MINUTE, price, price + 0.1, price - 0.1, price, 1e6)
        yield Moment(start + MINUTE, (bar,))


def an_account(log: MemoryJournal, terms: str = "cash", instrument: Instrument | None = None):  # type: ignore[no-untyped-def]
    traded = {"SPY": instrument or Instrument("SPY")}
    costs = cost_model("us-retail", "")
    return SimAccount(
        log,
        lambda: PaperBroker(CAPITAL, traded, Frequency.parse("1m"), costs, account_terms(terms)),
    )


def approved(account: SimAccount, name: str, quantity: int, now: Nanos, terms: str = "cash"):  # type: ignore[no-untyped-def]
    order = Order(name, "SPY", quantity, OrderKind.MARKET, now, "a test")
    prices = {"SPY": LastPrice(100_000_000, now, MINUTE)}
    instruments = {"SPY": Instrument("SPY")}
    view = RiskView(now, account.account, prices, {}, 0, account_terms(terms), instruments)
    return RiskGuard(RiskLimits()).check(order, view)


def opening(day: date) -> Nanos:
    return calendar_of("XNYS").session(day).open


def traded(log: MemoryJournal, quantity: int = 10, terms: str = "cash") -> SimAccount:
    account = an_account(log, terms)
    account.begin("mon", MONDAY, opening(MONDAY), CAPITAL)
    first, *rest = minutes(MONDAY, 100.0)
    account.collect(first)
    account.submit_order(approved(account, "O1", quantity, first.time, terms), first.time)
    for moment in rest:
        account.collect(moment)
    return account


def test_an_account_is_rebuilt_from_its_log_to_the_last_report() -> None:
    log = MemoryJournal()
    account = traded(log)
    again = an_account(log)
    assert again.statement() == account.statement()
    assert again.reports_after(0) == account.reports_after(0)
    assert again.account == account.account
    assert account.statement().holdings[0].quantity == 10


def test_what_is_told_twice_is_done_once() -> None:
    log = MemoryJournal()
    account = traded(log)
    before, statement = len(log.kept), account.statement()
    account.begin("mon", MONDAY, opening(MONDAY), CAPITAL)
    for moment in minutes(MONDAY, 100.0):
        account.collect(moment)
    account.submit_order(approved(account, "O1", 10, opening(MONDAY) + MINUTE), 0)
    assert not account.cancel_order("O1", 0)
    assert len(log.kept) == before
    assert account.statement() == statement


def test_an_id_that_comes_again_with_other_content_is_refused_and_not_kept() -> None:
    log = MemoryJournal()
    account = traded(log)
    before = len(log.kept)
    with pytest.raises(UsageError, match="used before"):
        account.submit_order(approved(account, "O1", 11, opening(MONDAY) + MINUTE), 0)
    assert len(log.kept) == before


NAME, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def test_an_order_is_found_by_its_clients_name_and_sent_again_under_it_is_the_same() -> None:
    log = MemoryJournal()
    account = traded(log)
    now = opening(MONDAY) + 500 * MINUTE
    second = approved(account, "O2", -4, now)
    assert account.find(NAME) is None
    account.submit_order(second, now, NAME)
    before = len(log.kept)
    account.submit_order(second, now + MINUTE, NAME)
    assert len(log.kept) == before
    for each in (account, an_account(log)):
        found = each.find(NAME)
        assert found is not None
        assert found.order == second.order
        assert each.find("O2") == found
        assert each.find(OTHER) is None


def test_a_name_that_comes_again_for_another_order_is_refused_and_not_kept() -> None:
    log = MemoryJournal()
    account = traded(log)
    now = opening(MONDAY) + 500 * MINUTE
    account.submit_order(approved(account, "O2", -4, now), now, NAME)
    before = len(log.kept)
    with pytest.raises(UsageError, match="that of O2 already"):
        account.submit_order(approved(account, "O3", -4, now), now, NAME)
    assert len(log.kept) == before


def test_a_new_day_knows_no_name_of_the_day_before() -> None:
    log = MemoryJournal()
    account = traded(log)
    now = opening(MONDAY) + 500 * MINUTE
    account.submit_order(approved(account, "O2", -4, now), now, NAME)
    assert account.cancel_order("O2", now)
    account.begin("tue", TUESDAY, opening(TUESDAY), CAPITAL)
    assert account.find(NAME) is None


def test_reports_are_numbered_from_one_without_gaps_and_can_be_asked_for_again() -> None:
    account = traded(MemoryJournal())
    said = account.reports_after(0)
    assert [each.number for each in said] == list(range(1, len(said) + 1))
    assert account.reports_after(1) == said[1:]
    assert account.statement().number == len(said)


def test_a_day_begins_with_the_cash_shares_and_cost_of_the_last() -> None:
    log = MemoryJournal()
    account = traded(log)
    end = account.statement()
    account.begin("tue", TUESDAY, opening(TUESDAY), 5)
    for state in (account, an_account(log)):
        begun = state.statement()
        assert (begun.cash, begun.holdings, begun.number) == (end.cash, end.holdings, 0)
        assert state.find("O1") is None  # yesterday's ids are yesterday's
    opened = log.kept[-1]
    assert isinstance(opened, DayOpened)
    assert opened.since == end.time


def test_a_sale_settles_on_the_next_session_even_if_that_is_another_day_of_the_account() -> None:
    log = MemoryJournal()
    account = traded(log)
    sale = opening(MONDAY) + 10 * MINUTE
    account.submit_order(approved(account, "O2", -10, sale), sale)
    bar = Bar("SPY", sale, sale + MINUTE, 101.0, 101.1, 100.9, 101.0, 1e6)
    account.collect(Moment(sale + MINUTE, (bar,)))
    end = account.statement()
    assert end.holdings == ()
    assert sum(each.total for each in end.coming) == account.account.unsettled > 0
    account.begin("tue", TUESDAY, opening(TUESDAY), 5)
    assert account.account.unsettled > 0
    for moment in minutes(TUESDAY, 100.0, 1):
        account.collect(moment)
    assert account.account.unsettled == 0
    assert account.statement().cash == end.cash


def test_a_night_costs_what_is_borrowed_though_the_account_began_a_new_day() -> None:
    """500 shares short at 100 dollars for one night: some cents of the 50,000 that are lent."""
    log = MemoryJournal()
    account = traded(log, -500, "margin")
    assert account.statement().holdings[0].quantity == -500
    account.begin("tue", TUESDAY, opening(TUESDAY), 5)
    for moment in minutes(TUESDAY, 100.0, 1):
        account.collect(moment)
    (charged,) = [each.event for each in account.reports_after(0)
                  if isinstance(each.event, FinancingCharged)]  # fmt: skip
    assert charged.days == 1
    assert charged.value == 500 * 100_000_000


def test_history_before_the_day_books_nothing_on_what_is_held() -> None:
    log = MemoryJournal()
    account = traded(log)
    account.begin("tue", TUESDAY, opening(TUESDAY), 5)
    cash = account.statement().cash
    moments = list(minutes(MONDAY, 100.0))
    paid = Dividend("SPY", MONDAY, 1_000_000, MONDAY)
    account.collect(Moment(moments[0].time, moments[0].bars, (paid,)))
    assert account.account.owed == 0
    assert account.statement().cash == cash


def test_a_day_does_not_begin_while_orders_of_another_session_work() -> None:
    log = MemoryJournal()
    account = an_account(log)
    account.begin("mon", MONDAY, opening(MONDAY), CAPITAL)
    first = next(minutes(MONDAY, 100.0))
    account.collect(first)
    account.submit_order(approved(account, "O1", 10, first.time), first.time)
    with pytest.raises(UsageError, match="O1 still works"):
        account.begin("tue", TUESDAY, opening(TUESDAY), CAPITAL)
