"""Order states as a fold over what a broker reports; written once, for both sides of the wire."""

from __future__ import annotations

from collections.abc import MutableMapping

from papertape.domain.event import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderRestated,
)
from papertape.domain.order import OrderId, OrderState, OrderStatus


def book_report(states: MutableMapping[OrderId, OrderState], event: Event) -> None:
    """Bring the state of the order that ``event`` is about up to date; other events pass by.

    Raises:
        InvariantBroken: If an order cannot take this step.
    """
    match event:
        case OrderAccepted(order=order):
            state = states.get(order.id, OrderState(order))  # a child is first heard of here
            states[order.id] = state.moved(OrderStatus.NEW)
        case OrderRejected(order=order, reason=reason):
            state = states.get(order.id, OrderState(order))
            states[order.id] = state.moved(OrderStatus.REJECTED, reason)
        case OrderFilled(fill=fill):
            states[fill.order_id] = states[fill.order_id].traded(fill.quantity, fill.price)
        case OrderCanceled(order_id=order_id, reason=reason):
            states[order_id] = states[order_id].moved(OrderStatus.CANCELED, reason)
        case OrderExpired(order_id=order_id):
            states[order_id] = states[order_id].moved(OrderStatus.EXPIRED)
        case OrderRestated(order=order, reason=reason):
            states[order.id] = states[order.id].restated(order, reason)
