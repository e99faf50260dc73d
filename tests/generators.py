"""Makers of bars for tests: seeded random ones, and a hypothesis strategy that draws them."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from hypothesis import strategies as st

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, Frequency, IntArray

FIRST_DAY = date(2015, 1, 2)


def random_bars(
    seed: int,
    n: int,
    frequency: str = "1d",
    symbol: str = "SPY",
    *,
    volatility: float = 0.01,
    tick: float = 0.01,
) -> Bars:
    """``n`` valid bars from 2015-01-02 on: a random walk about 100 dollars, on a price grid.

    ``volatility`` is the deviation of a bar's return; a coarse ``tick`` makes ties frequent.
    """
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, volatility, n)))
    open_ = np.concatenate([[100.0], close[:-1]])[:n] * np.exp(random.normal(0, volatility / 3, n))
    reach = np.exp(np.abs(random.normal(0.0, volatility / 2, (2, n))))
    high, low = np.maximum(open_, close) * reach[0], np.minimum(open_, close) / reach[1]
    on_grid = (np.maximum(np.rint(column / tick), 1) * tick for column in (open_, high, low, close))
    volume = random.integers(0, 1_000_000, n).astype(np.float64)
    kind = Frequency.parse(frequency)
    start, end = _times(n, kind.minutes)
    return Bars(Instrument(symbol), kind, start, end, *on_grid, volume)


@st.composite
def bars(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 300, symbol: str = "SPY") -> Bars:
    """Random bars, daily or of minutes: lively or dead still, on a fine or a very coarse grid."""
    return random_bars(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(min_size, max_size)),
        draw(st.sampled_from(["1d", "1m", "5m"])),
        symbol,
        volatility=draw(st.sampled_from([0.01, 0.0, 0.0005, 0.08])),
        tick=draw(st.sampled_from([0.01, 1.0, 0.000001])),
    )


@cache
def _times(n: int, minutes: int) -> tuple[IntArray, IntArray]:
    calendar, day = calendar_of("XNYS"), FIRST_DAY
    times: list[tuple[int, int]] = []
    while len(times) < n:
        session = calendar.session(day)
        step = minutes * MINUTE if minutes else session.close - session.open
        starts = range(session.open, session.close - step + 1, step)
        times += [(start, start + step) for start in starts]
        day = calendar.next_session(day)
    start, end = np.array(times[:n], np.int64).reshape(n, 2).T.copy()
    return start, end
