"""Feeds: the market as a session meets it, moment by moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from papertape.data.moments import moments
from papertape.domain.clock import Clock
from papertape.domain.event import Moment
from papertape.engines.proofbench.window import Window


class Feed(Protocol):
    """Where a session's moments come from; each is handed over when it has happened."""

    def history(self) -> Iterator[Moment]:
        """What lies before the first moment that may be traded on, for the warm-up."""
        ...

    def live(self) -> Iterator[Moment]:
        """The moments to trade on, as they happen."""
        ...


class ReplayFeed:
    """Stored bars, told again: the clock is moved to each close before the bar is handed over.

    Args:
        window: The bars.
        clock: Moved along; a `ReplayClock` with a speed makes this take its time.
    """

    def __init__(self, window: Window, clock: Clock):
        self._window = window
        self._clock = clock

    def history(self) -> Iterator[Moment]:
        """The moments before the first decision."""
        for moment in self._stored():
            if moment.time >= self._window.decides_from:
                return
            yield moment

    def live(self) -> Iterator[Moment]:
        """The moments from the first decision on."""
        for moment in self._stored():
            if moment.time >= self._window.decides_from:
                self._clock.wait_until(moment.time)
                yield moment

    def _stored(self) -> Iterator[Moment]:
        return moments(self._window.bars, self._window.actions)
