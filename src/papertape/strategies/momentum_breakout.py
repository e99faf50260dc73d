"""Momentum: buy a close out of the top of its Donchian channel."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.domain.market import Bars, FloatArray
from papertape.strategies.indicators import donchian_high, donchian_low, held, previous
from papertape.strategies.strategy import check_parameters, parameter


@dataclass(frozen=True, slots=True)
class MomentumBreakoutStrategy:
    """Long on a close above the 20 highs before it, out on a close below the 10 lows before it."""

    enter_bars: int = parameter(20, low=1, high=10_000, words="bars whose highest high is beaten")
    leave_bars: int = parameter(10, low=1, high=10_000, words="bars whose lowest low is undercut")

    def __post_init__(self) -> None:
        check_parameters(self)

    @property
    def warmup(self) -> int:
        """The longer channel, and the bar that leaves it."""
        return max(self.enter_bars, self.leave_bars) + 1

    def exposure(self, bars: Bars) -> FloatArray:
        """1 or 0 a row; touching a channel's edge is not leaving it."""
        top, bottom = self._channel(bars)
        return held(bars.close > top, bars.close < bottom, self.warmup)

    def reason(self, bars: Bars) -> str:
        """The last close against the edge of the channel that counts now."""
        if len(bars) < self.warmup:
            return f"waiting: {len(bars)} of {self.warmup} bars seen"
        recent = bars[-max(self.enter_bars, self.leave_bars) - 1 :]
        close, top, bottom = bars.close[-1], *(edge[-1] for edge in self._channel(recent))
        over = f"{top:.2f}, the highest high of the {self.enter_bars} bars before"
        under = f"{bottom:.2f}, the lowest low of the {self.leave_bars} bars before"
        if close > top:
            return f"close {close:.2f} above {over}"
        if close < bottom:
            return f"close {close:.2f} below {under}"
        if self.exposure(bars)[-1]:
            return f"close {close:.2f} not below {under}, held"
        return f"close {close:.2f} not above {over}"

    def indicators(self, bars: Bars) -> dict[str, FloatArray]:
        """The two edges that the close is held against, in dollars."""
        top, bottom = self._channel(bars)
        return {f"highest {self.enter_bars}": top, f"lowest {self.leave_bars}": bottom}

    def _channel(self, bars: Bars) -> tuple[FloatArray, FloatArray]:
        # The bar itself is left out: no close can be above a high that counts its own bar.
        top = previous(donchian_high(bars.high, self.enter_bars))
        return top, previous(donchian_low(bars.low, self.leave_bars))
