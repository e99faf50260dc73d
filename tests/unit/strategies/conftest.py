"""Real bars for the tests of strategies."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from papertape.domain.calendar import calendar_of
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars, session_times


def daily_bars(path: Path, symbol: str) -> Bars:
    """Bars of a file with the columns Date, Open, High, Low, Close, Volume."""
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    days = [date.fromisoformat(text) for text in table["Date"]]
    start, end = session_times(days, calendar_of("XNYS"))
    columns = (table[name] for name in ("Open", "High", "Low", "Close", "Volume"))
    return Bars(Instrument(symbol), DAILY, start, end, *columns)


@pytest.fixture(scope="session")
def spy(shared_data: Path) -> Bars:
    """SPY as traded, 1999-12-31 to 2026-05-29."""
    return daily_bars(shared_data / "daily" / "spy_yahoo_raw_1999_2026.csv.gz", "SPY")


@pytest.fixture(scope="session")
def european_index(shared_data: Path) -> Bars:
    """A European blue-chip index in 2006, which backtrader tests itself on."""
    return daily_bars(shared_data / "reference" / "backtrader_2006_daily_index.csv", "INDEX")
