"""Panel: the prices of many symbols on one axis of time, as matrices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from papertape.domain.errors import require
from papertape.domain.market import Bars, FloatArray, IntArray


class Panel:
    """A row a moment at which a bar closes, oldest first; a column a symbol, in their order.

    NaN stands where a symbol has no bar that closes at that moment: it was not listed yet or not
    any more, or it did not trade. A matrix is read-only, and made when it is first asked for.

    Args:
        bars: Symbol -> its bars.
    """

    def __init__(self, bars: Mapping[str, Bars]):
        require(len(bars) > 0, "a panel has a symbol at least")
        self.symbols = tuple(sorted(bars))
        self._bars = tuple(bars[symbol] for symbol in self.symbols)

    def until(self, rows: int) -> Panel:
        """The first rows alone: what was known when the last of them closed."""
        return _Past(self, rows)

    @property
    def bars(self) -> tuple[Bars, ...]:
        """Each symbol's bars, in their order."""
        return self._bars

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def time(self) -> IntArray:
        """When each row's bars close, int64 nanoseconds in UTC."""
        if self.is_even:
            return self.bars[0].end
        times: IntArray = np.unique(np.concatenate([each.end for each in self.bars]))
        times.flags.writeable = False
        return times

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """The exchange's date of each row, as ``datetime64[D]``."""
        return self.bars[0].calendar.local_days(self.time)

    @cached_property
    def is_even(self) -> bool:
        """Whether every symbol has a bar in each row."""
        first = self.bars[0].end
        return all(each.end is first or np.array_equal(each.end, first) for each in self.bars)

    @cached_property
    def open(self) -> FloatArray:
        """Dollars."""
        return self._matrix("open")

    @cached_property
    def high(self) -> FloatArray:
        """Dollars."""
        return self._matrix("high")

    @cached_property
    def low(self) -> FloatArray:
        """Dollars."""
        return self._matrix("low")

    @cached_property
    def close(self) -> FloatArray:
        """Dollars."""
        return self._matrix("close")

    @cached_property
    def volume(self) -> FloatArray:
        """Shares; also NaN where a bar's volume is unknown."""
        return self._matrix("volume")

    def _matrix(self, name: str) -> FloatArray:
        matrix = np.full((len(self.time), len(self.symbols)), np.nan)
        for column, each in enumerate(self.bars):
            rows = slice(None) if self.is_even else np.searchsorted(self.time, each.end)
            matrix[rows, column] = getattr(each, name)
        matrix.flags.writeable = False
        return matrix


class _Past(Panel):
    """The first rows of another panel, as views."""

    def __init__(self, whole: Panel, rows: int):
        self.symbols = whole.symbols
        self._whole, self._rows = whole, rows

    @property
    def bars(self) -> tuple[Bars, ...]:
        last = self.time[-1:]
        cuts = (int(np.searchsorted(each.end, last, "right").sum()) for each in self._whole.bars)
        return tuple(each[:cut] for each, cut in zip(self._whole.bars, cuts, strict=True))

    @cached_property
    def time(self) -> IntArray:
        return self._whole.time[: self._rows]

    def _matrix(self, name: str) -> FloatArray:
        matrix: FloatArray = getattr(self._whole, name)
        return matrix[: self._rows]
