"""Made-up bars, and a store in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from papertape.data.store import Origin, Store
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    DAILY,
    Adjustment,
    Bars,
    CorporateAction,
    Frequency,
    PriceHistory,
    session_times,
)

NOW = 1_780_000_000_000_000_000
ORIGIN = Origin(provider="madeup", feed="sip", source="a generator", terms="do as you like")

Daily = Callable[..., PriceHistory]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def daily(
    first: date = date(2024, 1, 2),
    closes: Sequence[float] = (100, 101, 102, 103, 104, 105),
    *,
    symbol: str = "TEST",
    actions: Sequence[CorporateAction] = (),
    adjusted: Adjustment = "raw",
) -> PriceHistory:
    """One bar a session from a day on; each opens half a dollar below its close."""
    days = calendar_of("XNYS").sessions(first, first + timedelta(2 * len(closes) + 10))
    start, end = session_times(days[: len(closes)], calendar_of("XNYS"))
    close = np.array(closes, np.float64)
    bars = Bars(
        Instrument(symbol),
        DAILY,
        start,
        end,
        close - 0.5,
        close + 1,
        close - 1,
        close,
        np.arange(len(close)) * 100.0 + 1_000,
    )
    return PriceHistory(bars, actions=tuple(actions), adjusted=adjusted)


def minutes(count: int, *, first: int = 1_577_975_400_000_000_000, seed: int = 1) -> PriceHistory:
    """One-minute bars around the clock, a seeded walk in cents."""
    steps = np.random.default_rng(seed).integers(-3, 4, count).cumsum()
    close = (10_000 + steps - steps.min()) / 100
    start = first + np.arange(count) * MINUTE
    volume = np.where(np.arange(count) % 7 == 0, np.nan, 100.0)
    columns = (start, start + MINUTE, close, close + 0.05, close - 0.05, close, volume)
    return PriceHistory(Bars(Instrument("WALK"), Frequency.parse("1m"), *columns))
