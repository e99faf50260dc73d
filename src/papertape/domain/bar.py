"""Bar: what one instrument did in a stretch of time; made by the million, so it is compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.errors import DataError
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython


@dataclass(frozen=True)
class Bar:
    """What one instrument did from ``start`` to ``end``; prices in dollars, volume in shares.

    A volume of NaN means that the source does not know it.
    """

    symbol: str
    start: Nanos
    end: Nanos
    open: float
    high: float
    low: float
    close: float
    volume: float

    def __post_init__(self) -> None:
        fault = bar_fault(self.open, self.high, self.low, self.close, self.volume)
        if fault or self.end <= self.start:
            raise DataError(
                f"{self.symbol} {rfc3339(self.start)}: {fault or 'ends before it began'}"
            )


def bar_fault(open_: float, high: float, low: float, close: float, volume: float) -> str:
    """Why five numbers cannot be a bar, or an empty string."""
    for name, price in (("open", open_), ("high", high), ("low", low), ("close", close)):
        if not price > 0:  # also true of NaN
            return f"{name} {price} is not a positive price"
        if price * MICROS_PER_DOLLAR >= LARGEST:
            return f"{name} {price} is too large to count"
    if high < low:
        return f"high {high} is below low {low}"
    if not low <= open_ <= high:
        return f"open {open_} is outside low {low} to high {high}"
    if not low <= close <= high:
        return f"close {close} is outside low {low} to high {high}"
    if volume < 0 or volume >= LARGEST:
        return f"volume {volume} is not between 0 and 2**53"
    return ""


def trusted_bar(
    symbol: str,
    start: Nanos,
    end: Nanos,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> Bar:
    """A bar from columns that were checked; it is not looked at again."""
    bar: Any = Bar.__new__(Bar)  # a C struct where compiled; elsewhere frozen but for its __dict__
    if cython.compiled:
        bar.symbol, bar.start, bar.end = symbol, start, end
        bar.open, bar.high, bar.low, bar.close = open_, high, low, close
        bar.volume = volume
    else:
        bar.__dict__.update(symbol=symbol, start=start, end=end, volume=volume)
        bar.__dict__.update(open=open_, high=high, low=low, close=close)
    return bar  # type: ignore[no-any-return]


class Reel:
    """The bars of one instrument, made one at a time from columns that were checked."""

    def __init__(
        self,
        symbol: str,
        start: memoryview,
        end: memoryview,
        open_: memoryview,
        high: memoryview,
        low: memoryview,
        close: memoryview,
        volume: memoryview,
    ):
        self._symbol, self._volume = symbol, volume
        self._start, self._end = start, end
        self._open, self._high, self._low, self._close = open_, high, low, close

    def bar(self, row: int) -> Bar:
        """One of them."""
        return trusted_bar(
            self._symbol,
            self._start[row],
            self._end[row],
            self._open[row],
            self._high[row],
            self._low[row],
            self._close[row],
            self._volume[row],
        )

    def is_calm(self, row: int, until: Nanos, above: float, below: float) -> bool:
        """Whether a row ends before a moment and stays between two prices, in dollars."""
        return self._end[row] < until and self._low[row] > above and self._high[row] < below
