"""Fakes, not mocks: small stand-ins that do what they say and remember it."""

from __future__ import annotations

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.event import Event, Moment, OrderAccepted, OrderCanceled
from papertape.domain.order import OrderId
from papertape.domain.verdict import Approved


class RecordingBroker:
    """Accepts every order, fills none, and remembers in `calls` what FlowRoute asked of it."""

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

    def replace_order(self, order_id: OrderId, now: Nanos, **terms: int | None) -> bool:
        self.calls.append(("replace", order_id))
        return True

    def collect(self, moment: Moment) -> None:
        self.calls.append(("collect", ""))

    def says(self, *events: Event) -> None:
        """Have these reported next."""
        self._reports += events

    def reports(self) -> list[Event]:
        reports, self._reports = self._reports, []
        return reports


class SkippingTime:
    """A clock whose sleeps pass at once; it remembers them in `slept`, in seconds."""

    def __init__(self, now: Nanos) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> Nanos:
        return self._now

    def wait_until(self, moment: Nanos) -> None:
        self._now = max(self._now, moment)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += int(seconds * SECOND)
