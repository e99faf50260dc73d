"""Fakes, not mocks: small stand-ins that do what they say and remember it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from papertape.domain.calm import NEVER, Calm
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.event import Event, Moment, OrderAccepted, OrderCanceled
from papertape.domain.order import OrderId
from papertape.domain.verdict import Approved


class Looking(Protocol):
    """Somebody who looks at the clock now and then."""

    looked: Nanos


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

    def calm(self, symbol: str) -> Calm:
        return NEVER

    def says(self, *events: Event) -> None:
        """Have these reported next."""
        self._reports += events

    def reports(self) -> list[Event]:
        reports, self._reports = self._reports, []
        return reports


class SkippingTime:
    """A clock whose sleeps pass at once; it remembers them in `slept`, in seconds.

    Whoever waits `within` some seconds for something that does not come sees them pass in steps,
    each one once the `audience` (emulators that tell the time's news) has looked at the last.
    """

    STEP = 5 * SECOND

    def __init__(self, now: Nanos) -> None:
        self._now = now
        self.slept: list[float] = []
        self.audience: list[Looking] = []

    def now(self) -> Nanos:
        return self._now

    def wait_until(self, moment: Nanos) -> None:
        self._now = max(self._now, moment)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._pass(self._now + int(seconds * SECOND))
        await asyncio.sleep(0)

    async def within(self, work: Awaitable[Any], seconds: float) -> Any:
        task, end = asyncio.ensure_future(work), self._now + int(seconds * SECOND)
        try:
            while not await self._came(task):
                if self._now >= end:
                    raise TimeoutError
                self._pass(min(end, self._now + self.STEP))
            return task.result()
        finally:
            task.cancel()

    def _pass(self, until: Nanos) -> None:
        self._now = until

    async def _came(self, task: asyncio.Future[Any]) -> bool:
        await asyncio.wait({task}, timeout=0.002)
        while not task.done() and any(each.looked < self._now for each in self.audience):
            await asyncio.wait({task}, timeout=0.002)
        for _ in range(20):  # what has arrived may still be on its way through the loop
            await asyncio.sleep(0)
        return task.done()


class SharedTime(SkippingTime):
    """The same for a session in one thread and its live feed in another, which lets time pass.

    A step is made once the session has looked at the one before, so both see one order of things
    however busy the machine is. While there is no feed, the session lets time pass.

    What is planned `at` a moment happens as time passes it.
    """

    STEP = 10 * SECOND

    def __init__(self, now: Nanos) -> None:
        super().__init__(now)
        self.audience.append(self)
        self._session_looked: Nanos = 0
        self._plan: list[tuple[Nanos, Callable[[], object]]] = []

    def at(self, moment: Nanos, happens: Callable[[], object]) -> None:
        self._plan.append((moment, happens))
        self._plan.sort(key=lambda planned: planned[0])

    def skip(self, nanos: Nanos) -> None:
        """Let nobody look for a while: the machine sleeps."""
        self._now += nanos

    @property
    def looked(self) -> Nanos:
        """How far the session has looked; a question of its own waits for nobody."""
        return self._session_looked if _is_feed(threading.current_thread()) else self._now

    def wait_until(self, moment: Nanos) -> None:
        self._session_looked = self._now
        while self._now < moment:
            if any(map(_is_feed, threading.enumerate())):
                time.sleep(0.0005)
            else:
                self._pass(max(moment, self._now + self.STEP))

    async def sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await self.within(asyncio.Event().wait(), seconds)

    def _pass(self, until: Nanos) -> None:
        while self._plan and self._plan[0][0] <= until:
            moment, happens = self._plan.pop(0)
            self._now = max(self._now, moment)
            happens()
        self._now = max(self._now, until)


def _is_feed(thread: threading.Thread) -> bool:
    return thread.name == "feed" and thread.is_alive()
