"""A signal strategy of ten lines, and what its run says of itself."""

from dataclasses import dataclass

from papertape import backtest, read_sample
from papertape.strategies import Bars, FloatArray, donchian_high


@dataclass(frozen=True)
class NewHigh:
    """Long within two percent of the highest high of a year."""

    warmup: int = 252

    def exposure(self, bars: Bars) -> FloatArray:
        return (bars.close > 0.98 * donchian_high(bars.high, 252)).astype(float)

    def reason(self, bars: Bars) -> str:
        return f"close {bars.close[-1]:.2f} against the year's high"


run = backtest(NewHigh, {"MSFT": read_sample("MSFT")})
print(run)
print("look-ahead check:", run.record.lookahead.status)
print("against buy & hold:", run.record.against_benchmark)
