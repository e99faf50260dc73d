"""Clocks: the only reader of the wall clock, and the clock that replays the past.

Time is an integer: nanoseconds since 1970 in UTC (`Nanos`). Everything else is handed the time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from papertape.domain.errors import require

Nanos: TypeAlias = int
"""A moment: nanoseconds since 1970-01-01T00:00Z."""

MILLISECOND: Nanos = 1_000_000
SECOND: Nanos = 1_000_000_000
MINUTE: Nanos = 60 * SECOND
DAY: Nanos = 86_400 * SECOND


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> Nanos:
        """The present moment."""
        ...

    def wait_until(self, moment: Nanos) -> None:
        """Return once the present has reached ``moment``."""
        ...


class WallClock:
    """The real time of this machine."""

    def now(self) -> Nanos:
        """The present moment."""
        return time.time_ns()

    def wait_until(self, moment: Nanos) -> None:
        """Sleep until ``moment``."""
        time.sleep(max(0, moment - self.now()) / SECOND)


class PacedClock:
    """The past at a steady pace: so many of its seconds pass in each real one.

    Args:
        start: The moment it shows first.
        speed: Seconds of the past a real second.
    """

    def __init__(self, start: Nanos, speed: float):
        self._start, self._speed = start, speed
        self._began = time.monotonic_ns()

    def now(self) -> Nanos:
        """The present moment of the past."""
        return self._start + int((time.monotonic_ns() - self._began) * self._speed)

    def wait_until(self, moment: Nanos) -> None:
        """Sleep until ``moment``."""
        time.sleep(max(0, moment - self.now()) / SECOND / self._speed)


class ReplayClock:
    """The past, walked forward: it stands still until it is moved, and never goes back.

    Args:
        start: The moment it shows first.
        speed: Seconds of the past a real second; ``None`` walks as fast as it can.
    """

    def __init__(self, start: Nanos = 0, speed: float | None = None):
        self._now = start
        self._speed = speed

    def now(self) -> Nanos:
        """The moment it was last moved to."""
        return self._now

    def wait_until(self, moment: Nanos) -> None:
        """Move to ``moment``; sleep for the time in between when a speed is set."""
        require(moment >= self._now, f"a clock never goes back, was asked from {self._now}")
        if self._speed is not None and self._now > 0:
            time.sleep((moment - self._now) / SECOND / self._speed)
        self._now = moment


def utc(moment: Nanos) -> datetime:
    """The moment as an aware datetime in UTC, cut to microseconds."""
    return datetime.fromtimestamp(moment // 1_000 / 1_000_000, tz=UTC)


def rfc3339(moment: Nanos) -> str:
    """The moment as text, like ``2024-01-02T14:30:00Z``; a fraction only where there is one."""
    text = utc(moment).isoformat()
    return text.removesuffix("+00:00") + "Z"
