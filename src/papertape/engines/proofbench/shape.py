# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Shape: what a column of returns or of equity amounts to, in as few passes as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from papertape.domain.market import FloatArray

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython


class Shape(NamedTuple):
    """A column with its mean and its central population moments."""

    column: FloatArray
    mean: float
    second: float
    third: float
    fourth: float


class Fall(NamedTuple):
    """One stay below an old peak, by the numbers of its marks.

    Attributes:
        depth: Lowest equity over the peak, less 1: negative.
        peak: The last mark at the peak.
        bottom: The lowest mark.
        end: The first mark back at the peak, or the last mark of all.
        recovered: Whether it came back.
    """

    depth: float
    peak: int
    bottom: int
    end: int
    recovered: bool

    @property
    def marks(self) -> int:
        """How long it lasted, or has lasted, in marks."""
        return self.end - self.peak


class Falls(NamedTuple):
    """The deepest and the longest stay below a peak (the first of equals), None for none.

    ``squares`` is the sum of all marks' squared depths.
    """

    deepest: Fall | None
    longest: Fall | None
    squares: float


def shape_of(column: FloatArray) -> Shape:
    """The shape of a column; one without rows is flat."""
    return Shape(column, *(_moments(_readable(column)) if len(column) else (0.0,) * 4))


def losses_below(column: FloatArray, level: float) -> float:
    """Sum of squares of what each row lies below a level."""
    return _losses_below(_readable(column), level)


def falls_of(equity: FloatArray) -> Falls:
    """What an account went through; the first mark counts as a peak."""
    falls: Falls = _falls_of(_readable(equity))
    return falls


def _readable(column: FloatArray) -> Any:
    """The column as it is read row by row: for plain Python, as its own numbers."""
    return np.ascontiguousarray(column, np.float64) if cython.compiled else column.tolist()


def _moments(column: Sequence[float]) -> tuple[float, float, float, float]:
    count, total = len(column), 0.0
    for row in range(count):
        total += column[row]
    mean, second, third, fourth = total / count, 0.0, 0.0, 0.0
    for row in range(count):
        off = column[row] - mean
        square = off * off
        second += square
        third += square * off
        fourth += square * square
    return mean, second / count, third / count, fourth / count


def _losses_below(column: Sequence[float], level: float) -> float:
    squares = 0.0
    for row in range(len(column)):
        off = column[row] - level
        off -= abs(off)  # twice the loss, or nothing: no branch to be guessed wrong
        squares += off * off
    return squares / 4.0


def _falls_of(equity: Sequence[float]) -> Falls:
    deepest: Fall | None = None
    longest: Fall | None = None
    peak, at, bottom, last = equity[0], 0, 0, len(equity) - 1
    lowest = least = squares = 0.0
    most = 0
    for row in range(1, last + 1):
        mark = equity[row]
        if mark < peak:
            depth = mark / peak - 1.0
            squares += depth * depth
            if depth < lowest:
                lowest, bottom = depth, row
            if row < last:
                continue
        if lowest < 0.0:
            if lowest < least:
                least, deepest = lowest, Fall(lowest, at, bottom, row, mark >= peak)
            if row - at > most:
                most, longest = row - at, Fall(lowest, at, bottom, row, mark >= peak)
            lowest = 0.0
        peak, at = mark, row
    return Falls(deepest, longest, squares)
