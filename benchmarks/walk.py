"""Prices to measure with: a seeded walk."""

from __future__ import annotations

import numpy as np

from papertape import Bars
from papertape.domain.clock import MINUTE
from papertape.domain.instrument import Instrument
from papertape.domain.market import Frequency


def random_walk(count: int) -> Bars:
    """One-minute bars of a seeded walk in whole cents; sessions are ignored."""
    steps = np.random.default_rng(7).integers(-3, 4, count).cumsum()
    close = (100_000 + steps - steps.min()) / 100
    start = 1_577_975_400_000_000_000 + np.arange(count) * MINUTE
    return Bars(
        Instrument("WALK"),
        Frequency.parse("1m"),
        start,
        start + MINUTE,
        close,
        close + 0.05,
        close - 0.05,
        close,
        np.full(count, 10_000.0),
    )
