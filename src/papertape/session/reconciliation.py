"""Reconciliation: the journal's word against the broker's, item by item (risk-R28)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from papertape.domain.clock import Nanos
from papertape.domain.day import Difference
from papertape.domain.day_state import DayState
from papertape.domain.event import Event, OrderApproved, OrderCanceled
from papertape.domain.lifecycle import OrderState
from papertape.domain.order import OrderId
from papertape.domain.statement import Statement

LOST = "the broker does not know it any more"
ADOPTED = "ended here, too"


class Comparison(NamedTuple):
    """What differs, and what the session takes from it: orders that ended and nobody said so."""

    differences: tuple[Difference, ...]
    ended: tuple[Event, ...]

    @property
    def open(self) -> list[Difference]:
        """The differences that stand."""
        return [each for each in self.differences if not each.decision]


def compare(
    state: DayState,
    statement: Statement,
    find: Callable[[OrderId], OrderState | None],
    now: Nanos,
) -> Comparison:
    """Hold orders, holdings and cash against the statement, once all its reports are heard."""
    ended: list[Event] = []
    found = [*_orders(state, statement, find, now, ended), *_money(state, statement)]
    return Comparison(tuple(found), tuple(ended))


def _orders(
    state: DayState,
    statement: Statement,
    find: Callable[[OrderId], OrderState | None],
    now: Nanos,
    ended: list[Event],
) -> Iterator[Difference]:
    theirs = {each.order.id: each for each in statement.working}
    for ours in state.working:
        order_id = ours.order.id
        if (OrderApproved, order_id) in state.unanswered:
            continue  # that is another question, and asked before this one
        there = theirs.pop(order_id, None)
        if there is not None:
            if there.open != ours.open:
                yield Difference(f"order {order_id}", f"{ours.open} open", f"{there.open} open")
            continue
        known = find(order_id)
        if known is None and statement.number == state.heard:
            ended.append(OrderCanceled(now, order_id, LOST))
            yield Difference(f"order {order_id}", f"{ours.open} open", "not known", ADOPTED)
        else:
            said = "not known" if known is None else str(known.status)
            yield Difference(f"order {order_id}", f"{ours.open} open", said)
    for order_id, there in theirs.items():
        mine = state.orders.get(order_id)
        said = "not known" if mine is None else str(mine.status)
        yield Difference(f"order {order_id}", said, f"{there.open} open")


def _money(state: DayState, statement: Statement) -> Iterator[Difference]:
    theirs = {each.symbol: each.quantity for each in statement.holdings}
    for symbol in sorted({*state.account.positions, *theirs}):
        ours, there = state.account.quantity(symbol), theirs.get(symbol, 0)
        if ours != there:
            yield Difference(f"position {symbol}", str(ours), str(there))
    if state.account.cash != statement.cash:
        yield Difference("cash", _dollars(state.account.cash), _dollars(statement.cash))


def _dollars(amount: int) -> str:
    return f"{amount / 1e6:,.6f}"
