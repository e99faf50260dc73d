"""Prices to measure with: seeded walks."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from papertape import Bars
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Frequency, session_times


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


def many_walks(symbols: int, sessions: int) -> dict[str, Bars]:
    """Daily bars of so many seeded walks from 2010 on, in whole cents."""
    calendar, random = calendar_of("XNYS"), np.random.default_rng(3)
    last = date(2010, 1, 4) + timedelta(2 * sessions)
    days = calendar.sessions(date(2010, 1, 4), last)[:sessions]
    times, prices = session_times(days, calendar), {}
    for number in range(symbols):
        steps = random.normal(0.0002, random.uniform(0.01, 0.03), sessions)
        close = np.maximum(np.rint(10_000 * np.exp(steps.cumsum())), 1) / 100
        open_ = np.append(close[:1], close[:-1])
        high, low = np.maximum(open_, close), np.minimum(open_, close)
        name, volume = f"S{number:03}", np.full(sessions, 1e6)
        prices[name] = Bars(Instrument(name), DAILY, *times, open_, high, low, close, volume)
    return prices
