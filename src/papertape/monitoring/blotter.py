"""Blotter: every order of a run, with what it was decided at and what it got."""

from __future__ import annotations

from typing import NamedTuple

from papertape.engines.proofbench.record import OrderRow, RunRecord


class BlotterRow(NamedTuple):
    """One order; ``against_decision_bp`` is positive when it filled worse than it was decided."""

    time: str
    id: str
    side: str
    quantity: int
    symbol: str
    type: str
    state: str
    filled: int
    average_price: float | None
    against_decision_bp: float | None
    reason: str


def blotter(record: RunRecord) -> list[BlotterRow]:
    """Every order sent, oldest first."""
    decided = {row.order_id: row.price for row in record.decisions if row.order_id}
    return [_row(order, decided.get(order.id)) for order in record.orders]


def _row(order: OrderRow, decision_price: float | None) -> BlotterRow:
    worse = None
    if decision_price is not None and order.average_price is not None:
        side = 1 if order.quantity > 0 else -1
        worse = side * (order.average_price / decision_price - 1) * 10_000
    return BlotterRow(
        time=order.time,
        id=order.id,
        side=order.side,
        quantity=order.quantity,
        symbol=order.symbol,
        type=order.kind,
        state=order.status,
        filled=order.filled,
        average_price=order.average_price,
        against_decision_bp=worse,
        reason=order.reason,
    )
