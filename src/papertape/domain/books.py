"""Books: what a broker reports, booked on orders and account; one fold for whoever keeps them."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import cast, get_args

from papertape.domain.account import Account
from papertape.domain.event import Event, LedgerEvent, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import Effect, OrderState, book_report
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.report import order_of

EXTERNAL = "not ours: somebody else sent it"
"""The reason of an order that is known by its fills alone (fault-F24)."""
_MOVES_VALUE = frozenset(get_args(LedgerEvent))


def booked(
    orders: MutableMapping[OrderId, OrderState], account: Account, event: Event
) -> tuple[Effect, Account]:
    """Bring the order that was reported on up to date; what that did, and the account after it."""
    order_id = order_of(event)
    if order_id is not None:
        known = orders.get(order_id)
        if isinstance(event, OrderFilled):
            if known is None:
                orders[order_id] = OrderState(_external(event.fill, event.fill.quantity))
            elif known.order.reason == EXTERNAL:
                orders[order_id] = _enlarged(known, event.fill)
        elif known is None and not hasattr(event, "order"):
            return Effect.NOTHING, account  # of an order that nobody here sent
    effect = book_report(orders, event)
    if effect is Effect.BOOKED and type(event) in _MOVES_VALUE:
        account = account.after(cast("LedgerEvent", event))
    return effect, account


def _external(fill: Fill, quantity: int) -> Order:
    return Order(fill.order_id, fill.symbol, quantity, OrderKind.MARKET, fill.time, EXTERNAL)


def _enlarged(state: OrderState, fill: Fill) -> OrderState:
    """One more fill of somebody else's order says that it was for more."""
    if any(each.id == fill.id for each in state.executions):
        return state
    return replace(state, order=_external(fill, state.order.quantity + fill.quantity))
