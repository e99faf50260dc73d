"""Strategies that look guilty and are not; the ids are those of the specimen list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from papertape.strategies import Bars, FloatArray, ema, parameter, wilder_rsi

DAY = 86_400_000_000_000


@dataclass(frozen=True)
class Specimen:
    """What all of them share."""

    warmup: int = parameter(40, low=0, high=1_000)

    def reason(self, bars: Bars) -> str:
        return "a specimen needs none"


class I01Recursive(Specimen):
    """EMA and Wilder RSI, started at the first bar."""

    def exposure(self, bars: Bars) -> FloatArray:
        with np.errstate(invalid="ignore"):
            return ((bars.close > ema(bars.close, 20)) & (wilder_rsi(bars.close, 14) > 50)) * 1.0


class I02ExpandingScore(Specimen):
    """A z-score over all bars so far, with at least 20 of them."""

    def exposure(self, bars: Bars) -> FloatArray:
        long = np.zeros(len(bars))
        for row in range(19, len(bars)):
            seen = bars.close[: row + 1]
            long[row] = seen[-1] < seen.mean() - seen.std()
        return long


class I03CentredAndDelayed(Specimen):
    """An 11-bar mean centred on a bar, used five bars later."""

    def exposure(self, bars: Bars) -> FloatArray:
        delayed = np.full(len(bars), np.inf)
        if len(bars) > 10:
            delayed[10:] = np.convolve(bars.close, np.full(11, 1 / 11), "valid")
        return (bars.close > delayed).astype(float)


class I04RefittedOnThePast(Specimen):
    """Fits every 20 bars on labels that were realised by then."""

    def exposure(self, bars: Bars) -> FloatArray:
        returns = np.diff(np.log(bars.close), prepend=np.log(bars.close[0]))
        following = np.roll(returns, -1)
        long, weight = np.zeros(len(bars)), 0.0
        for row in range(20, len(bars)):
            if row % 20 == 0:
                weight = float(returns[:row] @ following[:row])
            long[row] = returns[row] * weight > 0
        return long


class I05LastCompletedWeek(Specimen):
    """Long above the last close of the week before."""

    def exposure(self, bars: Bars) -> FloatArray:
        week = (bars.start // DAY + 3) // 7
        before = np.searchsorted(week, week, side="left") - 1
        last = np.where(before >= 0, bars.close[np.maximum(before, 0)], np.inf)
        return (bars.close > last).astype(float)


class ByTheCalendar(Specimen):
    """Long on even weeks, whatever the prices."""

    def exposure(self, bars: Bars) -> FloatArray:
        return ((bars.start // DAY + 3) // 7 % 2).astype(float)
