"""Mean reversion: buy weakness by Wilder's RSI, behind a protective stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from papertape.domain.errors import UsageError
from papertape.domain.market import Bars, FloatArray
from papertape.strategies.indicators import held, wilder_atr, wilder_rsi
from papertape.strategies.strategy import check_parameters, parameter


@dataclass(frozen=True, slots=True)
class RSIMeanReversionStrategy:
    """Long when the RSI falls below 30, out when it rises above 50 or at a stop of 2 ATR."""

    period: int = parameter(14, low=2, high=1_000, words="bars in the RSI")
    enter_below: float = parameter(30.0, low=0.0, high=100.0, words="RSI to enter below")
    leave_above: float = parameter(50.0, low=0.0, high=100.0, words="RSI to leave above")
    stop_period: int = parameter(14, low=2, high=1_000, words="bars in the ATR of the stop")
    stop_ranges: float = parameter(2.0, low=0.0, high=100.0, words="ATRs to the stop, 0 for none")

    def __post_init__(self) -> None:
        check_parameters(self)
        if self.enter_below > self.leave_above:
            raise UsageError(
                f"RSIMeanReversionStrategy: enter_below={self.enter_below} is over "
                f"leave_above={self.leave_above}, so some bars would do both",
                hint="--param enter_below=30 --param leave_above=50",
            )

    @property
    def warmup(self) -> int:
        """Ten periods, because both averages are recursive.

        By then what they were seeded with weighs under e**-9 (about 1 in 8,000), so a longer
        history moves the RSI by some hundredths of a point and no more.
        """
        return 10 * max(self.period, self.stop_period)

    def exposure(self, bars: Bars) -> FloatArray:
        """1 or 0 a row; the stop is not seen here, it lies in the market with the position."""
        rsi = wilder_rsi(bars.close, self.period)
        return held(rsi < self.enter_below, rsi > self.leave_above, self.warmup)

    def stop_distance(self, bars: Bars) -> FloatArray:
        """Dollars from the fill down to the stop, in the prices of ``bars``; 0 before any ATR."""
        atr = wilder_atr(bars.high, bars.low, bars.close, self.stop_period)
        return self.stop_ranges * np.nan_to_num(atr, nan=0.0)

    def reason(self, bars: Bars) -> str:
        """The last bar's RSI against the limit that counts now."""
        if len(bars) < self.warmup:
            return f"waiting: {len(bars)} of {self.warmup} bars seen"
        rsi = wilder_rsi(bars.close, self.period)[-1]
        if rsi < self.enter_below:
            return f"RSI {rsi:.2f} below {self.enter_below:g}"
        if rsi > self.leave_above:
            return f"RSI {rsi:.2f} above {self.leave_above:g}"
        if self.exposure(bars)[-1]:
            return f"RSI {rsi:.2f} not yet above {self.leave_above:g}, held"
        return f"RSI {rsi:.2f} not below {self.enter_below:g}"

    def indicators(self, bars: Bars) -> dict[str, FloatArray]:
        """The RSI in points and the ATR in dollars."""
        atr = wilder_atr(bars.high, bars.low, bars.close, self.stop_period)
        rsi = wilder_rsi(bars.close, self.period)
        return {f"RSI {self.period}": rsi, f"ATR {self.stop_period}": atr}
