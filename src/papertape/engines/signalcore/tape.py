"""Tape: one instrument's bars so far, growing bar by bar; nothing later exists on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from papertape.data.actions import factor_of
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bar, Bars, CorporateAction, Frequency, quantised

_FIRST_ROOM = 1024
_MOST_UNREAD = 4096
"""Pieces that wait to be copied: more of them would take more room than their copy."""


class _Single(NamedTuple):
    """A bar, and what took effect before its first trade."""

    bar: Bar
    actions: tuple[CorporateAction, ...]


class _Stretch(NamedTuple):
    """Rows of bars, among which no corporate action took effect."""

    bars: Bars
    begin: int
    end: int

    def goes_on_with(self, bar: Bar) -> bool:
        """Whether a bar is the next of these rows."""
        return self.end < len(self.bars) and self.bars.bar(self.end) == bar


class Tape:
    """Signal prices (total return, anchored at the first bar) of what has been seen.

    Its arrays hold what was appended and nothing else, so no view can reach into the future. What
    is appended is copied when somebody looks: most strategies never do. Rows that follow one
    another wait as one piece, however many they are.
    """

    def __init__(self, instrument: Instrument, frequency: Frequency):
        self._instrument = instrument
        self._frequency = frequency
        self._times: NDArray[np.int64] = np.zeros((2, _FIRST_ROOM), np.int64)
        self._traded: NDArray[np.float64] = np.zeros((5, _FIRST_ROOM))
        self._signal: NDArray[np.float64] = np.zeros((4, _FIRST_ROOM))
        self._factors: NDArray[np.float64] = np.zeros((1, _FIRST_ROOM))
        self._unread: list[_Single | _Stretch] = []
        self._length = 0
        self._count = 0
        self._last_close = 0.0
        self._factor = 1.0

    def __len__(self) -> int:
        return self._length

    @property
    def factor(self) -> float:
        """Signal price = traded price times this, as of now."""
        self._read()
        return self._factor

    def append(self, bar: Bar, actions: Iterable[CorporateAction] = ()) -> None:
        """Add a bar, after the corporate actions that took effect before its first trade."""
        effects = tuple(actions)
        last = self._unread[-1] if self._unread else None
        if isinstance(last, _Stretch) and not effects and last.goes_on_with(bar):
            self.extend(last.bars, last.end, last.end + 1)
            return
        self._wait(_Single(bar, effects), 1)
        if effects:  # one that cannot be is refused here, not when somebody looks
            self._read()

    def extend(self, bars: Bars, begin: int, end: int) -> None:
        """Add the rows of bars from one to another, among which no corporate action took effect."""
        last = self._unread[-1] if self._unread else None
        if isinstance(last, _Stretch) and last.bars is bars and last.end == begin:
            self._unread[-1] = last._replace(end=end)
            self._length += end - begin
            return
        self._wait(_Stretch(bars, begin, end), end - begin)

    def _wait(self, piece: _Single | _Stretch, rows: int) -> None:
        if len(self._unread) == _MOST_UNREAD:
            self._read()
        self._unread.append(piece)
        self._length += rows

    def _read(self) -> None:
        """Copy what waits."""
        for piece in self._unread:
            if isinstance(piece, _Single):
                self._copy_bar(*piece)
            else:
                self._copy_rows(*piece)
        self._unread.clear()

    def _copy_bar(self, bar: Bar, actions: Iterable[CorporateAction]) -> None:
        close_before = self._last_close
        for action in actions:
            if close_before:
                factor = factor_of(action, close_before)
                close_before /= factor
                self._factor *= factor
        if self._count == self._times.shape[1]:
            self._make_room()
        row = self._count
        self._times[:, row] = bar.start, bar.end
        self._traded[:, row] = bar.open, bar.high, bar.low, bar.close, bar.volume
        self._signal[:, row] = self._traded[:4, row]
        self._factors[:, row] = self._factor
        if self._factor != 1.0:
            self._signal[:, row] = quantised(self._traded[:4, row] * self._factor)
        self._last_close = bar.close
        self._count += 1

    def _copy_rows(self, bars: Bars, begin: int, end: int) -> None:
        first, last = self._count, self._count + end - begin
        while last > self._times.shape[1]:
            self._make_room()
        times, traded = self._times, self._traded
        times[0, first:last], times[1, first:last] = bars.start[begin:end], bars.end[begin:end]
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        for place, column in enumerate(columns):
            traded[place, first:last] = column[begin:end]
        prices = traded[:4, first:last]
        self._signal[:, first:last] = (
            prices if self._factor == 1.0 else quantised(prices * self._factor)
        )
        self._factors[0, first:last] = self._factor
        self._last_close = bars.close.item(end - 1)
        self._count = last

    def _make_room(self) -> None:
        self._times = np.concatenate([self._times, np.zeros_like(self._times)], axis=1)
        self._traded = np.concatenate([self._traded, np.zeros_like(self._traded)], axis=1)
        self._signal = np.concatenate([self._signal, np.zeros_like(self._signal)], axis=1)
        self._factors = np.concatenate([self._factors, np.zeros_like(self._factors)], axis=1)

    def bars(self) -> Bars:
        """All bars so far, in signal prices."""
        self._read()
        n = self._count
        columns = (*self._times[:, :n], *self._signal[:, :n], self._traded[4, :n])
        return Bars.trusted(self._instrument, self._frequency, *columns)

    def last(self, count: int) -> Bars:
        """The last ``count`` bars in prices adjusted as of now: the newest is as it traded."""
        self._read()
        rows = slice(max(0, self._count - count), self._count)
        columns = (*self._times[:, rows], *self._traded[:, rows])
        traded = Bars.trusted(self._instrument, self._frequency, *columns)
        since = self._factors[0, rows] / self._factor
        return traded if np.all(since == 1.0) else traded.scaled(since)
