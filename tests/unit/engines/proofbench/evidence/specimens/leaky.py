"""Strategies that know the future, each in another way; the ids are those of the specimen list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from papertape.strategies import Bars, FloatArray, parameter

HOUR = 3_600_000_000_000
DAY = 24 * HOUR


@dataclass(frozen=True)
class Specimen:
    """What all of them share."""

    warmup: int = parameter(20, low=0, high=1_000)

    def reason(self, bars: Bars) -> str:
        return "a specimen needs none"


def mean(values: FloatArray, count: int) -> FloatArray:
    """Mean of the last ``count`` values; of fewer at the start."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    rows = np.arange(1, len(values) + 1)
    first = np.maximum(rows - count, 0)
    return (sums[rows] - sums[first]) / (rows - first)


class L01NextClose(Specimen):
    """Long when the next close is higher."""

    def exposure(self, bars: Bars) -> FloatArray:
        following = np.append(bars.close[1:], bars.close[-1:])
        return (following > bars.close).astype(float)


class L02CentredMean(Specimen):
    """Long above an 11-bar mean centred on the bar."""

    def exposure(self, bars: Bars) -> FloatArray:
        padded = np.concatenate([bars.close[:1].repeat(5), bars.close, bars.close[-1:].repeat(5)])
        centred = np.convolve(padded, np.full(11, 1 / 11), "valid")
        return (bars.close > centred).astype(float)


class L03WholeFileScore(Specimen):
    """Long where the close is a deviation under the mean of the whole file."""

    def exposure(self, bars: Bars) -> FloatArray:
        score = (bars.close - bars.close.mean()) / (bars.close.std() or 1.0)
        return (score < -1.0).astype(float)


class L04FilledFromTheNext(Specimen):
    """Every seventh close is missing and filled from the next known one."""

    def exposure(self, bars: Bars) -> FloatArray:
        rows = np.arange(len(bars))
        known = np.flatnonzero(rows % 7 != 6)
        source = known[np.minimum(np.searchsorted(known, rows), len(known) - 1)]
        filled = bars.close[source]
        return (filled > mean(filled, 10)).astype(float)


class L05LastCloseOfTheWeek(Specimen):
    """Long while the week's last close is above today's."""

    def exposure(self, bars: Bars) -> FloatArray:
        # 1970-01-01 was a Thursday.
        week = (bars.start // DAY + 3) // 7
        last = np.searchsorted(week, week, side="right") - 1
        return (bars.close[last] > bars.close).astype(float)


class L06SwingHigh(Specimen):
    """Short at the bar that later proves to be the highest of five on each side."""

    def exposure(self, bars: Bars) -> FloatArray:
        short = np.zeros(len(bars))
        for row in range(5, len(bars) - 5):
            short[row] = -float(bars.high[row] >= bars.high[row - 5 : row + 6].max())
        return short


class L07FittedOnEverything(Specimen):
    """A five-lag regression of the next return, fitted once on the sample it then trades."""

    def exposure(self, bars: Bars) -> FloatArray:
        returns = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        lags = np.column_stack([np.roll(returns, lag) for lag in range(5)])
        known = slice(5, len(bars) - 1)
        weights, *_ = np.linalg.lstsq(lags[known], returns[6:], rcond=None)
        return (lags @ weights > 0).astype(float)


class L08HourLabelledByItsOpening(Specimen):
    """Joins hourly closes to five-minute bars on the hour's opening time."""

    def exposure(self, bars: Bars) -> FloatArray:
        hour = bars.start // HOUR
        last = np.searchsorted(hour, hour, side="right") - 1
        return (bars.close[last] > bars.close).astype(float)


class L13UnderTenDollars(Specimen):
    """Long while the price is under ten dollars: on back-adjusted prices a leak."""

    def exposure(self, bars: Bars) -> FloatArray:
        return (bars.close < 10.0).astype(float)


class StopFromTheWholeFile(Specimen):
    """Harmless wishes, but a stop as wide as the whole file's deviation."""

    def exposure(self, bars: Bars) -> FloatArray:
        return (bars.close > mean(bars.close, 10)).astype(float)

    def stop_distance(self, bars: Bars) -> FloatArray:
        return np.full(len(bars), bars.close.std())
