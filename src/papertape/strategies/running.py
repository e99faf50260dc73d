"""Running indicators, for strategies that act bar by bar: one price in, one value out."""

from __future__ import annotations

from math import nan

from papertape.domain.errors import UsageError
from papertape.domain.money import MICROS_PER_DOLLAR, micros

_SCALE, _NOTHING = float(MICROS_PER_DOLLAR), nan


class RunningAverage:
    """Plain average of the last ``period`` prices; what `sma` says of the column, to the last bit.

    The sum is kept in whole micro-dollars, so that no rounding builds up.
    """

    def __init__(self, period: int):
        if period < 1:
            raise UsageError(f"an average is of 1 price or more, not {period}")
        self._period, self._divisor = period, period * _SCALE
        self._last = [0] * period
        self._sum = self._seen = self._place = 0
        self.value = _NOTHING
        """The average so far; NaN until ``period`` prices were added."""

    def add(self, price: float) -> float:
        """Take the next price, in dollars; the average with it."""
        newest, place = micros(price), self._place
        oldest: int = self._last[place]
        self._sum += newest - oldest
        self._last[place] = newest
        self._place = place + 1 if place + 1 < self._period else 0
        if self._seen < self._period:
            self._seen += 1
        if self._seen == self._period:
            self.value = self._sum / self._divisor
        return self.value
