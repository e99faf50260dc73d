"""Liquidity: how much an instrument trades and how far it moves in a day, from its past alone."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from papertape.domain.market import Bar, Frequency

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


@dataclass(frozen=True)
class Liquidity:
    """What the completed bars say; each figure is NaN where it is unknown.

    Attributes:
        average_daily_volume: Shares a session.
        daily_volatility: Standard deviation of a session's log return.
        daily_value: Dollars traded a session.
        bars: Completed bars seen so far.
    """

    average_daily_volume: float = nan
    daily_volatility: float = nan
    daily_value: float = nan
    bars: int = 0


UNKNOWN = Liquidity()


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
        self._closes: deque[float] = deque(maxlen=WINDOW + 1)
        self._volumes: deque[float] = deque(maxlen=WINDOW)
        self._bars = 0

    def observe(self, bar: Bar) -> None:
        """Take note of a bar that has just been completed."""
        self._closes.append(bar.close)
        self._volumes.append(bar.volume)
        self._bars += 1

    def split(self, ratio: Fraction) -> None:
        """Restate the window in new shares, or a split would look like a crash."""
        new_for_old = float(ratio)
        self._closes = deque((close / new_for_old for close in self._closes), WINDOW + 1)
        self._volumes = deque((volume * new_for_old for volume in self._volumes), WINDOW)

    def snapshot(self) -> Liquidity:
        """The figures as of the last completed bar.

        Assumption: with fewer than 20 bars the mean of those there are stands in; bars of unknown
        volume are left out of it.
        """
        closes, volumes = array("d", self._closes), array("d", self._volumes)
        rows, last = len(volumes), closes[-len(volumes) :]
        return Liquidity(
            average_daily_volume=mean_of_known(volumes, rows) * self._per_session,
            daily_volatility=volatility(closes, len(closes)) * sqrt(self._per_session),
            daily_value=mean_value(volumes, last, rows) * self._per_session,
            bars=self._bars,
        )


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
