"""Feeds: the market as a session meets it, each moment handed over when it has happened."""

from __future__ import annotations

from collections.abc import Iterator

from papertape.data.moments import moments
from papertape.domain.clock import Clock
from papertape.domain.event import Moment
from papertape.engines.proofbench.window import Window


def replayed(window: Window, clock: Clock) -> Iterator[Moment]:
    """Stored bars, told again: history at once, then the clock is waited for before each moment.

    Args:
        window: The bars.
        clock: A `ReplayClock`; with a speed it makes this take its time.
    """
    for moment in moments(window.bars, window.actions):
        if moment.time >= window.decides_from:
            clock.wait_until(moment.time)
        yield moment
