"""Books: what a broker reports, booked on orders and account; one fold for whoever keeps them."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from papertape.domain.account import Account
from papertape.domain.event import Event, LedgerEvent, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import Effect, OrderState, book_report
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.report import order_of, report_of

EXTERNAL = "not ours: somebody else sent it"
"""The reason of an order that is known by its fills alone (fault-F24)."""


def booked(
    orders: MutableMapping[OrderId, OrderState], account: Account, event: Event
) -> tuple[Effect, Account]:
    """Bring the order that was reported on up to date; what that did, and the account after it."""
    order_id = order_of(event)
    if order_id is not None and order_id not in orders:
        report = report_of(event)
        if report is not None and report.order is None:
            if not isinstance(event, OrderFilled):
                return Effect.NOTHING, account  # of an order that nobody here sent
            orders[order_id] = OrderState(_external(event.fill, event.fill.quantity))
    elif isinstance(event, OrderFilled):
        _enlarge(orders, event.fill)
    effect = book_report(orders, event)
    if effect is Effect.BOOKED and isinstance(event, LedgerEvent):
        account = account.after(event)
    return effect, account


def _external(fill: Fill, quantity: int) -> Order:
    return Order(fill.order_id, fill.symbol, quantity, OrderKind.MARKET, fill.time, EXTERNAL)


def _enlarge(orders: MutableMapping[OrderId, OrderState], fill: Fill) -> None:
    """One more fill of somebody else's order says that it was for more."""
    state = orders[fill.order_id]
    if state.order.reason != EXTERNAL:
        return
    if not any(each.id == fill.id for each in state.executions):
        more = _external(fill, state.order.quantity + fill.quantity)
        orders[fill.order_id] = replace(state, order=more)
