"""Feeds: the market as a session meets it, each moment handed over when it has happened."""

from __future__ import annotations

from collections.abc import Iterator

from papertape.data.moments import moments
from papertape.domain.clock import Clock
from papertape.domain.event import Moment
from papertape.engines.proofbench.window import Window


def replayed(window: Window, clock: Clock) -> Iterator[Moment]:
    """Stored bars and ticks, told again: history at once, then the clock is waited for each time.

    Args:
        window: The bars, and the tape where there is one.
        clock: A `ReplayClock`; with a speed it makes this take its time.
    """
    for moment in moments(window.bars, window.actions, window.ticks):
        if moment.time >= window.decides_from:
            clock.wait_until(moment.time)
        yield moment
