"""Columns to columns: averages, ranges and extremes of prices, and the holding two rules make.

Every column has one value a row, NaN until enough rows have been seen, and a value never moves
when rows are added after it. Rows are counted from 0.
"""

from __future__ import annotations

from math import fsum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import BoolArray, FloatArray, IntArray
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR
from papertape.strategies.memo import remembered

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

MICROS = float(MICROS_PER_DOLLAR)
ROUNDER = 1.5 * 2.0**52
"""Added and taken off again, it leaves a whole number: between 2**52 and 2**53 there are no others.
"""


@remembered
def sma(prices: FloatArray, period: int) -> FloatArray:
    """Plain average of the last ``period`` prices; first value on row ``period - 1``.

    Exact but for one division: the sums are whole micro-dollars, so no rounding builds up and
    equal windows have equal averages. To compare two averages, use `sma_above`.
    """
    return _headed(_window_sums(prices, period) / (period * MICROS_PER_DOLLAR), len(prices))


def sma_above(prices: FloatArray, fast: int, slow: int) -> BoolArray:
    """Where the ``fast`` average is above the ``slow`` one; nowhere on the rows before both.

    Decided in whole numbers, because the float averages of a true tie often differ in the last
    bit.
    """
    above = np.zeros(len(prices), np.bool_)
    if cython.compiled and _fits_floats(prices, fast, slow):
        _compare(_float_totals(prices), fast, slow, above.view(np.uint8))
        return above
    fast_sums = _window_sums(prices, fast, times=slow)[max(slow - fast, 0) :] * slow
    slow_sums = _window_sums(prices, slow, times=fast)[max(fast - slow, 0) :] * fast
    above[max(fast, slow) - 1 :] = fast_sums > slow_sums
    return above


def sma_order(prices: FloatArray, fast: int, slow: int) -> FloatArray:
    """1 where the ``fast`` average is above the ``slow`` one, -1 below, 0 at a true tie.

    First value on row ``max(fast, slow) - 1``. See `sma_above`.
    """
    order = np.subtract(sma_above(prices, fast, slow), sma_above(prices, slow, fast), dtype=float)
    order[: max(fast, slow) - 1] = np.nan
    return order


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.overflowcheck(False)
def _compare(totals: FloatArray, fast: int, slow: int, above: NDArray[np.uint8]) -> None:
    """Write row by row whether the fast average is above, from totals that are whole numbers."""
    one, other = float(slow), float(fast)
    with cython.nogil:
        for row in range(max(fast, slow), len(totals)):
            quick = (totals[row] - totals[row - fast]) * one
            calm = (totals[row] - totals[row - slow]) * other
            above[row - 1] = quick > calm


def _fits_floats(prices: FloatArray, fast: int, slow: int) -> bool:
    """Whether all sums that are compared are whole numbers that a float64 holds."""
    _check_period(min(fast, slow))
    # A quarter of them, so that `_run_up` may round by adding; a NaN fits nowhere.
    most = float(_most(prices)[0]) * MICROS_PER_DOLLAR
    return 4.0 * most * max(len(prices), fast * slow) < LARGEST


@remembered
def ema(column: FloatArray, period: int) -> FloatArray:
    """Average that gives the newest value the weight ``2 / (period + 1)``.

    Seeded with the plain mean of the first ``period`` values; first value on row ``period - 1``.
    The seed weighs under 1 % after ``2.5 * period`` rows. A NaN stays for ever.
    """
    return _headed(_smoothed(column, period, (period + 1) / 2), len(column))


@remembered
def wilder_average(column: FloatArray, period: int) -> FloatArray:
    """Average that gives the newest value the weight ``1 / period``, seeded as `ema` is.

    First value on row ``period - 1``. A NaN stays for ever.
    """
    return _headed(_smoothed(column, period, period), len(column))


@remembered
def wilder_rsi(prices: FloatArray, period: int) -> FloatArray:
    """Wilder's share of rises in all moves, 0 to 100; first value on row ``period``.

    The seed weighs under 1 % after ``5 * period`` rows. Moves are whole micro-dollars, so that
    equal rises and falls give 50 and nothing else.
    """
    moves = np.diff(_micros(prices)).astype(np.float64)
    rises = _smoothed(np.maximum(moves, 0.0), period, period)
    falls = _smoothed(np.maximum(-moves, 0.0), period, period)
    total = rises + falls
    # Assumption: a price that has never moved is neither weak nor strong. Others say 0 or 100,
    # and then a halted share is bought or sold for being halted.
    share = np.divide(rises, total, out=np.full_like(total, 0.5), where=total > 0)
    return _headed(100.0 * share, len(prices))


@remembered
def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    """Dollars from the lowest to the highest of a bar and the close before; first on row 1."""
    before = close[:-1]
    return _headed(np.maximum(high[1:], before) - np.minimum(low[1:], before), len(close))


@remembered
def wilder_atr(high: FloatArray, low: FloatArray, close: FloatArray, period: int) -> FloatArray:
    """Wilder's average of the true range, in dollars; first value on row ``period``.

    The seed weighs under 1 % after ``5 * period`` rows.
    """
    ranges = true_range(high, low, close)[1:]
    return _headed(_smoothed(ranges, period, period), len(close))


@remembered
def donchian_high(high: FloatArray, period: int) -> FloatArray:
    """Highest of the last ``period`` highs, this row's included; first on row ``period - 1``.

    A breakout is measured against the bars *before*: take `previous` of it.
    """
    return _extreme(np.maximum, high, period)


@remembered
def donchian_low(low: FloatArray, period: int) -> FloatArray:
    """Lowest of the last ``period`` lows, this row's included; first on row ``period - 1``."""
    return _extreme(np.minimum, low, period)


@remembered
def previous(column: FloatArray) -> FloatArray:
    """The value one row before; NaN on row 0."""
    return _headed(column[:-1], len(column))


def held(enter: BoolArray, leave: BoolArray, warmup: int) -> FloatArray:
    """1 from a row that enters up to the next row that leaves, else 0; never NaN.

    No row enters before ``warmup`` rows have been seen; a row that does both leaves.
    """
    rows = np.arange(len(enter))
    entered = np.maximum.accumulate(np.where(enter & (rows >= warmup - 1), rows, -1))
    left = np.maximum.accumulate(np.where(leave, rows, -1))
    return (entered > left).astype(np.float64)


class _Pick(Protocol):
    """The larger or the smaller of two columns, row by row."""

    def __call__(self, one: FloatArray, other: FloatArray, /) -> FloatArray: ...


def _extreme(pick: _Pick, column: FloatArray, period: int) -> FloatArray:
    """Extreme of every window, by joining windows to wider ones: a long one costs little more."""
    _check_period(period)
    extremes, width = column, 1
    while width < period:
        step = min(width, period - width)  # windows may overlap: an extreme counts twice for free
        extremes = pick(extremes[step:], extremes[:-step])
        width += step
    return _headed(extremes, len(column))


def _smoothed(column: FloatArray, period: int, memory: float) -> FloatArray:
    """Averages in which a new value weighs ``1 / memory``, without the rows before the first."""
    _check_period(period)
    if len(column) < period:
        return np.empty(0)
    return np.array(_recursion(column.tolist(), period, 1.0 / memory))


def _recursion(values: list[float], period: int, weight: float) -> list[float]:
    """Moves from average to average by ``weight`` of the way to the new value, as plain floats.

    Each step needs the one before, so this is a loop and the reason why the module is compiled.
    """
    # fsum, because sum() of floats rounds otherwise from Python 3.12 on.
    average = fsum(values[:period]) / period
    averages = [average]
    for value in values[period:]:
        average += weight * (value - average)
        averages.append(average)
    return averages


def _window_sums(prices: FloatArray, period: int, times: int = 1) -> IntArray:
    """Exact micro-dollar sums of ``period`` rows, from row ``period - 1`` on.

    Raises:
        DataError: If a running sum, or a window's sum ``times`` over, could reach 2**63.
    """
    totals = _checked_totals(prices, period, times)
    return np.subtract(totals[period:], totals[:-period], dtype=np.int64)


def _checked_totals(prices: FloatArray, period: int, times: int) -> IntArray:
    _check_period(period)
    _check_period(times)
    totals = _totals(prices)
    rows, most = len(totals) - 1, int(_micros(_most(prices))[0])
    if most * max(rows, period * times) >= 2**63:
        raise DataError(
            f"{rows} prices of up to {most / MICROS_PER_DOLLAR:,.2f} dollars are too many "
            f"to sum exactly over {period} x {times} rows",
            hint="use fewer rows or shorter averages",
        )
    return totals


@remembered
def _totals(prices: FloatArray) -> IntArray:
    """Running sums in micro-dollars, from 0 on; they are exact if `_most` of them fit."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(_micros(prices))])


@remembered
def _float_totals(prices: FloatArray) -> FloatArray:
    """The same as float64, if they fit."""
    totals = np.zeros(len(prices) + 1)
    _run_up(np.ascontiguousarray(prices, np.float64), totals)
    return totals


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.overflowcheck(False)
def _run_up(prices: FloatArray, totals: FloatArray) -> None:
    """Write running sums of prices that are rounded to micro-dollars, half to even."""
    total = 0.0
    with cython.nogil:
        for row in range(len(prices)):
            total += prices[row] * MICROS + ROUNDER - ROUNDER
            totals[row + 1] = total


@remembered
def _most(prices: FloatArray) -> FloatArray:
    """The price furthest from zero, without its sign, as a column of one."""
    return np.maximum(-prices.min(initial=0.0, keepdims=True), prices.max(initial=0.0))


def _micros(prices: FloatArray) -> IntArray:
    scaled = np.rint(np.asarray(prices, np.float64) * MICROS_PER_DOLLAR)
    odd = np.flatnonzero(~(np.abs(scaled) < LARGEST))  # also true of NaN
    if len(odd):
        raise DataError(
            f"row {odd[0]} holds {prices[odd[0]]}, which is no price to average",
            hint="an average of another indicator must leave out that one's first rows",
        )
    return scaled.astype(np.int64)


def _headed(values: FloatArray, rows: int) -> FloatArray:
    """The values as the last of ``rows`` rows, NaN ahead of them."""
    return np.concatenate([np.full(rows - len(values), np.nan), values])


def _check_period(period: int) -> None:
    if period < 1:
        raise UsageError(f"an indicator looks at 1 row or more, not {period}")
