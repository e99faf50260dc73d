"""What is usual around a row: medians of its neighbours, which a few false rows cannot move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.sheet import Sheet
from papertape.domain.market import FloatArray, IntArray

REACH = 10
"""Rows to either side: twenty make a median steady, and a month of days is one climate."""

_FEWEST = 10
"""Neighbours without which nothing is known to be usual."""

QUIET = 1.5
"""Assumption: what moves a price truly also moves shares, at least half as many again as usual."""

THIN = 0.25
"""Share of still or untraded neighbours from which prices are quotes and leaps are their habit."""

Rows = IntArray | NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Usual:
    """A sheet, ordered and each time once, with the measures that its rows are held against."""

    sheet: Sheet

    @cached_property
    def moves(self) -> FloatArray:
        """Logarithm of close over the close before; NaN in the first row and where a price is."""
        close = self.sheet.close
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.log(np.where(close > 0, close, np.nan))
        return np.concatenate([[np.nan], np.diff(level)])

    @cached_property
    def ranges(self) -> FloatArray:
        """Logarithm of high over low."""
        return logs(self.sheet.high, self.sheet.low)

    def move(self, rows: Rows) -> FloatArray:
        """The usual size of a move around some rows."""
        return _median(np.abs(self.moves), rows)

    def range(self, rows: Rows) -> FloatArray:
        """The usual distance from low to high around some rows, as a logarithm."""
        return _median(self.ranges, rows)

    def close(self, rows: Rows) -> FloatArray:
        """The usual close around some rows."""
        return _median(self.sheet.close, rows)

    def is_thin(self, rows: Rows) -> NDArray[np.bool_]:
        """Where many neighbours did not trade, or did not move at all."""
        still: FloatArray = np.where(self.ranges == 0, 1.0, 0.0)
        still[self.sheet.shares == 0] = 1.0
        thin: NDArray[np.bool_] = np.nanmean(_windows(still, rows), axis=1) >= THIN
        return thin

    def turnover(self, rows: Rows) -> FloatArray:
        """Dollars or shares traded as a multiple of what is usual, whichever is less.

        1 where the volume is unknown. Of two scales of price only one of the measures is fooled.
        """
        shares = self.sheet.shares
        dollars = shares * self.sheet.close
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.fmin(
                dollars[rows] / _median(dollars, rows), shares[rows] / _median(shares, rows)
            )
        return np.where(np.isnan(found), 1.0, found)


def logs(one: FloatArray, other: FloatArray) -> FloatArray:
    """Logarithm of a ratio of prices; NaN where either is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log(np.where((one > 0) & (other > 0), one / other, np.nan))


def _windows(column: FloatArray, rows: Rows) -> FloatArray:
    """The neighbours of each row in a line, without the row itself; NaN beyond the ends."""
    steps = np.concatenate([np.arange(-REACH, 0), np.arange(1, REACH + 1)])
    places = np.asarray(rows)[:, None] + steps
    outside = (places < 0) | (places >= len(column))
    return np.where(outside, np.nan, column[np.clip(places, 0, len(column) - 1)])


def _median(column: FloatArray, rows: Rows) -> FloatArray:
    """The median of each row's neighbours; NaN, which no comparison passes, where they are few."""
    windows = np.sort(_windows(column, rows), axis=1)  # what is not known comes last
    known, each = np.sum(~np.isnan(windows), axis=1), np.arange(len(windows))
    found: FloatArray = (windows[each, (known - 1) // 2] + windows[each, known // 2]) / 2
    return np.where(known < _FEWEST, np.nan, found)
