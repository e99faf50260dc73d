"""What the comparison with a broker's statement finds: cash, and orders that nobody here sent."""

from __future__ import annotations

from dataclasses import replace

from papertape.domain.account import Account
from papertape.domain.day import Holding
from papertape.domain.day_state import DayState
from papertape.domain.lifecycle import OrderState
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.statement import Statement
from papertape.session.reconciliation import compare

HELD = (Holding("SPY", 10, 4_000_000_000, 1, 0, 400_000_000),)
EQUAL = Statement(0, 1_000_000_000, number=7)
ORDER = OrderState(Order("o1", "SPY", 10, OrderKind.MARKET, 0, "dip"))


def found(statement: Statement, ours: OrderState | None = None) -> list[tuple[str, str, str]]:
    state = DayState(account=Account.opened(1_000_000_000), heard=7)
    if ours is not None:
        state.orders[ours.order.id] = ours
    return [
        (each.item, each.journal, each.broker) for each in compare(state, statement, no, 1).open
    ]


def no(order_id: OrderId) -> None:
    """A broker that knows no order."""


def test_equal_books_differ_in_nothing() -> None:
    assert found(EQUAL) == []
    assert found(replace(EQUAL, working=(ORDER,)), ORDER) == []


def test_cash_is_compared_to_the_micro_dollar() -> None:
    one_less = replace(EQUAL, cash=EQUAL.cash - 1)
    assert found(one_less) == [("cash", "1,000.000000", "999.999999")]


def test_a_holding_that_only_the_broker_has_is_a_difference() -> None:
    assert found(replace(EQUAL, holdings=HELD)) == [("position SPY", "0", "10")]


def test_an_order_that_only_the_broker_has_is_a_difference() -> None:
    assert found(replace(EQUAL, working=(ORDER,))) == [("order o1", "not known", "10 open")]


def test_an_order_that_the_broker_lost_is_ended_only_once_all_its_reports_are_heard() -> None:
    assert found(EQUAL, ORDER) == []
    assert found(replace(EQUAL, number=8), ORDER) == [("order o1", "10 open", "not known")]
