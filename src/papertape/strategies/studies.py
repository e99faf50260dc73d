"""Studies: indicators made of other ones, or of several columns, with values as most print them.

As in `papertape.strategies.indicators`: one value a row, NaN until enough rows have been seen, and
no value moves when rows are added. What is not here is in TA-Lib, which takes the same columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from papertape.domain.market import FloatArray
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.strategies.indicators import (
    donchian_high,
    donchian_low,
    ema,
    previous,
    sma,
    true_range,
    wilder_average,
)

_Average: TypeAlias = Callable[[FloatArray], FloatArray]


class MACD(NamedTuple):
    """A fast average less a slow one, the average of that, and what lies between the two."""

    line: FloatArray
    signal: FloatArray
    histogram: FloatArray


def macd(prices: FloatArray, fast: int = 12, slow: int = 26, signal: int = 9) -> MACD:
    """Exponential averages, each seeded with the plain mean of its first values.

    The line begins on row ``slow - 1``, the signal ``signal - 1`` rows later.
    """
    line = ema(prices, fast) - ema(prices, slow)
    smooth = _from(max(fast, slow) - 1, line, lambda part: ema(part, signal))
    return MACD(line, smooth, line - smooth)


class Bollinger(NamedTuple):
    """A plain average and the bands around it."""

    middle: FloatArray
    upper: FloatArray
    lower: FloatArray

    @property
    def width(self) -> FloatArray:
        """From band to band, as a fraction of the middle."""
        return (self.upper - self.lower) / self.middle

    def percent_b(self, prices: FloatArray) -> FloatArray:
        """Where the price stands: 0 at the lower band, 1 at the upper one; NaN where they meet."""
        room = self.upper - self.lower
        return np.divide(prices - self.lower, room, out=np.full_like(room, np.nan), where=room > 0)


def bollinger(prices: FloatArray, period: int = 20, deviations: float = 2.0) -> Bollinger:
    """Bands so many standard deviations away (of the population); first value on ``period - 1``."""
    middle, away = sma(prices, period), deviations * standard_deviation(prices, period)
    return Bollinger(middle, middle + away, middle - away)


def standard_deviation(column: FloatArray, period: int) -> FloatArray:
    """Of the last ``period`` values, as a whole population; first value on row ``period - 1``."""
    if len(column) < period:
        return np.full(len(column), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(column, period)
    return np.concatenate([np.full(period - 1, np.nan), windows.std(axis=1)])


class Stochastic(NamedTuple):
    """Where the close stands in the range of the last bars, 0 to 100, and its average."""

    k: FloatArray
    d: FloatArray


def stochastic(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    period: int = 14,
    signal: int = 3,
    smooth: int = 1,
) -> Stochastic:
    """The fast form; ``smooth=3`` gives the slow one. 50 where the range is empty."""
    top, bottom = donchian_high(high, period), donchian_low(low, period)
    room = top - bottom
    k = np.where(np.isnan(room), np.nan, 50.0)
    np.divide(100.0 * (close - bottom), room, out=k, where=room > 0)
    k = _from(period - 1, k, lambda part: sma(part, smooth))
    return Stochastic(k, _from(period + smooth - 2, k, lambda part: sma(part, signal)))


class DirectionalMovement(NamedTuple):
    """Wilder's shares of the range that went up and down, 0 to 100, and how one-sided they are."""

    plus: FloatArray
    minus: FloatArray
    adx: FloatArray


def directional_movement(
    high: FloatArray, low: FloatArray, close: FloatArray, period: int = 14
) -> DirectionalMovement:
    """Wilder's ADX and both directional indicators.

    The indicators begin on row ``period``, ADX on row ``2 * period - 1``.
    """
    up, down = high - previous(high), previous(low) - low
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)

    def wilder(column: FloatArray) -> FloatArray:
        return _from(1, column, lambda part: wilder_average(part, period))

    ranges = wilder(true_range(high, low, close))
    shares = [100.0 * _ratio(wilder(moves), ranges) for moves in (plus, minus)]
    one_sided = 100.0 * _ratio(np.abs(shares[0] - shares[1]), shares[0] + shares[1])
    adx = _from(period, one_sided, lambda part: wilder_average(part, period))
    return DirectionalMovement(shares[0], shares[1], adx)


def on_balance_volume(close: FloatArray, volume: FloatArray) -> FloatArray:
    """Volume of rising bars less that of falling ones, summed from 0 on row 0."""
    signs = np.sign(np.diff(close, prepend=close[:1]))
    return np.cumsum(signs * volume)


def money_flow_index(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, period: int = 14
) -> FloatArray:
    """Share of the money that changed hands at rising typical prices, 0 to 100; on row ``period``.

    50 where none changed hands.
    """
    # Three times the typical price, in whole micro-dollars, so that a price that stands does.
    typical = np.rint((high + low + close) * MICROS_PER_DOLLAR)
    rises, flow = np.diff(typical), (typical * volume)[1:]
    sums = [_window_sums(np.where(chosen, flow, 0.0), period) for chosen in (rises > 0, rises < 0)]
    total = sums[0] + sums[1]
    share = np.where(np.isnan(total), np.nan, 0.5)
    np.divide(sums[0], total, out=share, where=total > 0)
    return np.concatenate([[np.nan], 100.0 * share])[: len(close)]


def _window_sums(column: FloatArray, period: int) -> FloatArray:
    if len(column) < period:
        return np.full(len(column), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(column, period)
    return np.concatenate([np.full(period - 1, np.nan), windows.sum(axis=1)])


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """A quotient that is 0 where the whole is 0, and NaN where it is not known."""
    return np.divide(part, whole, out=whole * 0.0, where=whole > 0)


def _from(first: int, column: FloatArray, average: _Average) -> FloatArray:
    """An average of the rows from ``first`` on, for those before hold no values yet."""
    head = min(first, len(column))
    return np.concatenate([np.full(head, np.nan), average(column[head:])])
