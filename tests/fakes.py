"""Fakes, not mocks: small stand-ins that do what they say and remember it."""

from __future__ import annotations

from collections.abc import Mapping

from papertape.domain.account import Position
from papertape.domain.clock import Nanos
from papertape.domain.event import Event, Moment, OrderAccepted, OrderCanceled
from papertape.domain.order import OrderId, OrderStatus
from papertape.domain.verdict import Approved


class RecordingBroker:
    """Accepts every order, fills none, and remembers in `calls` what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, OrderId]] = []
        self._reports: list[Event] = []

    def submit_order(self, approved: Approved, now: Nanos) -> OrderId:
        self.calls.append(("submit", approved.order.id))
        self._reports.append(OrderAccepted(now, approved.order))
        return approved.order.id

    def cancel_order(self, order_id: OrderId, now: Nanos, reason: str = "asked for") -> bool:
        self.calls.append(("cancel", order_id))
        self._reports.append(OrderCanceled(now, order_id, reason))
        return True

    def get_order_status(self, order_id: OrderId) -> OrderStatus:
        return OrderStatus.NEW

    def get_positions(self) -> Mapping[str, Position]:
        return {}

    def get_account_balance(self) -> float:
        return 0.0

    def collect(self, moment: Moment) -> None:
        self.calls.append(("collect", ""))

    def reports(self) -> list[Event]:
        reports, self._reports = self._reports, []
        return reports
