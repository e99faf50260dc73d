"""Liquidity: how much an instrument trades and how far it moves in a day, from its past alone."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import nan
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from papertape.domain.market import Bar, Bars, Frequency

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import log, sqrt
else:
    from math import log, sqrt

WINDOW = 20
"""Bars, and returns, that an estimate looks back on."""

FEWEST_RETURNS = 5
"""Fewer say too little of how far a price moves: volatility is then unknown."""

_WINDOW, _FEWEST, _UNKNOWN = WINDOW, FEWEST_RETURNS, nan


Prices: TypeAlias = tuple[float, float, float, float, float]
"""Open, high, low, close in dollars, and the volume."""


@dataclass(frozen=True)
class Liquidity:
    """What the completed bars say; each figure is NaN where it is unknown.

    Attributes:
        average_daily_volume: Shares a session.
        daily_volatility: Standard deviation of a session's log return.
        daily_value: Dollars traded a session.
        average_true_range: Dollars a bar moves, gaps included.
        bars: Completed bars seen so far.
        recent: Their last ones, for who wants to estimate more.
    """

    average_daily_volume: float = nan
    daily_volatility: float = nan
    daily_value: float = nan
    bars: int = 0
    recent: tuple[Prices, ...] = ()
    average_true_range: float = nan


UNKNOWN = Liquidity()


class _Stretch(NamedTuple):
    """Rows of bars that nobody has looked at yet."""

    bars: Bars
    first: int
    stop: int

    def last(self) -> list[Prices]:
        """As many of them as matter."""
        rows, bars = slice(max(self.first, self.stop - WINDOW - 1), self.stop), self.bars
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        return list(zip(*(column[rows].tolist() for column in columns), strict=True))


class LiquidityEstimator:
    """Keeps the last bars of one instrument and measures them only when asked.

    Nothing but the window is kept, so an estimator that is fed the last 21 bars again, after a
    restart, gives the same figures to the last bit (``bars`` counts what it was fed).

    Assumption: a session's volume is the bars' mean times the bars of a regular session, and its
    volatility grows with the square root of them; the day's course (busy open, quiet noon) is
    ignored.
    """

    def __init__(self, frequency: Frequency):
        self._per_session = frequency.per_session
        self._recent: deque[Prices | _Stretch] = deque(maxlen=WINDOW + 1)
        self._bars = 0
        self._known: Liquidity | None = None

    def observe(self, bar: Bar) -> None:
        """Take note of a bar that has just been completed."""
        self._recent.append((bar.open, bar.high, bar.low, bar.close, bar.volume))
        self._bars += 1
        self._known = None

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """Take note of the rows from one to another at once; only the last of them matter."""
        self._recent.append(_Stretch(bars, first, stop))
        self._bars += stop - first
        self._known = None

    def split(self, ratio: Fraction) -> None:
        """Restate the window in new shares, or a split would look like a crash."""
        new, before = float(ratio), self._window()
        self._recent.clear()
        for open_, high, low, close, volume in before:
            self._recent.append((open_ / new, high / new, low / new, close / new, volume * new))
        self._known = None

    def _window(self) -> list[Prices]:
        rows: list[Prices] = []
        for each in self._recent:
            rows += each.last() if isinstance(each, _Stretch) else [each]
        return rows[-WINDOW - 1 :]

    def snapshot(self) -> Liquidity:
        """The figures as of the last completed bar.

        Assumption: with fewer than 20 bars the mean of those there are stands in; bars of unknown
        volume are left out of it.
        """
        if self._known is None:
            self._known = self._measured()
        return self._known

    def _measured(self) -> Liquidity:
        recent = tuple(self._window())
        last = recent[-WINDOW:]
        volumes = array("d", [each[4] for each in last])
        closes = array("d", [each[3] for each in recent])
        rows = len(last)
        return Liquidity(
            average_daily_volume=mean_of_known(volumes, rows) * self._per_session,
            daily_volatility=volatility(closes, len(closes)) * sqrt(self._per_session),
            daily_value=mean_value(volumes, closes[-rows:], rows) * self._per_session,
            bars=self._bars,
            recent=recent,
            average_true_range=_average_true_range(recent),
        )


def _average_true_range(recent: Sequence[Prices]) -> float:
    first = [high - low for _, high, low, _, _ in recent[:1]]
    later = [
        max(high, before[3]) - min(low, before[3])
        for before, (_, high, low, _, _) in pairwise(recent)
    ]
    ranges = array("d", [*first, *later])
    return mean_of_known(ranges, len(ranges))


# Sums run from the oldest to the newest: the same bits from columns as from a window, compiled or
# not.


def mean_of_known(values: Sequence[float], until: int) -> float:
    """Mean over the window before a row; NaN where nothing is known."""
    total, known = 0.0, 0
    for row in range(max(0, until - _WINDOW), until):
        if values[row] == values[row]:
            total += values[row]
            known += 1
    return total / known if known else _UNKNOWN


def mean_value(volumes: Sequence[float], closes: Sequence[float], until: int) -> float:
    """Mean dollars traded a bar over the window before a row; NaN where nothing is known."""
    total, known = 0.0, 0
    for row in range(max(0, until - _WINDOW), until):
        if volumes[row] == volumes[row]:
            total += volumes[row] * closes[row]
            known += 1
    return total / known if known else _UNKNOWN


def volatility(closes: Sequence[float], until: int) -> float:
    """Deviation of a bar's log return over the window before a row; NaN from too few."""
    first = max(1, until - _WINDOW)
    count = until - first
    if count < _FEWEST:
        return _UNKNOWN
    total = squares = 0.0
    for row in range(first, until):
        total += log(closes[row] / closes[row - 1])
    mean = total / count
    for row in range(first, until):
        distance = log(closes[row] / closes[row - 1]) - mean
        squares += distance * distance
    return sqrt(squares / (count - 1))
