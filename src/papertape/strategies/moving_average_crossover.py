"""Trend following with two moving averages of the close."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.domain.errors import UsageError
from papertape.domain.market import Bars, BoolArray, FloatArray
from papertape.strategies.indicators import held, previous, sma, sma_above, sma_order
from papertape.strategies.strategy import check_parameters, parameter

_SIDES = {1: "above", 0: "level with", -1: "below"}


@dataclass(frozen=True, slots=True)
class MovingAverageCrossoverStrategy:
    """Long while the fast average is above the slow one, else flat; a tie is not above.

    With ``entry="state"`` it enters whenever the fast average *is* above. With ``"cross"`` it
    waits to see it *cross* above, and leaves when it crosses below, so a tie changes nothing.
    """

    fast: int = parameter(50, low=1, high=10_000, words="bars in the fast average")
    slow: int = parameter(200, low=2, high=10_000, words="bars in the slow average")
    entry: str = parameter(
        "state", choices=("state", "cross"), words="enter on being or on going above"
    )

    def __post_init__(self) -> None:
        check_parameters(self)
        if self.fast >= self.slow:
            raise UsageError(
                f"MovingAverageCrossoverStrategy: fast={self.fast} must be below slow={self.slow}",
                hint="--param fast=50 --param slow=200",
            )

    @property
    def warmup(self) -> int:
        """The slow average's bars, and one more where two averages are needed to see a cross."""
        return self.slow + (self.entry == "cross")

    def exposure(self, bars: Bars) -> FloatArray | BoolArray:
        """All or nothing a row."""
        if self.entry == "state":
            return sma_above(bars.close, self.fast, self.slow)
        order = sma_order(bars.close, self.fast, self.slow)
        # NaN compares as false, so the first row with both averages is never taken for a cross.
        before = previous(order)
        crossed_above = (before <= 0) & (order > 0)
        crossed_below = (before >= 0) & (order < 0)
        return held(crossed_above, crossed_below, self.warmup)

    def reason(self, bars: Bars) -> str:
        """Both averages of the last bar, how they lie, and what that is not enough for."""
        if len(bars) < self.warmup:
            return f"waiting: {len(bars)} of {self.warmup} bars seen"
        closes = bars.close[-self.slow - 1 :]  # all that two rows of averages need
        before, now = sma_order(closes, self.fast, self.slow)[-2:]
        crossed = "crossed " if now != 0 and before * now <= 0 else ""
        fast, slow = (sma(closes, period)[-1] for period in (self.fast, self.slow))
        digits = 2 if f"{fast:.2f}" != f"{slow:.2f}" else 6
        said = f"fast {fast:.{digits}f} {crossed}{_SIDES[int(now)]} slow {slow:.{digits}f}"
        if self.entry == "state":
            return said
        long, above = self.exposure(bars)[-1] > 0, now > 0
        if above and not long:
            return f"{said}, but no cross seen since the first bar"
        if long and not above:
            return f"{said}, held until it crosses below"
        return said

    def indicators(self, bars: Bars) -> dict[str, FloatArray]:
        """The two averages, in dollars."""
        return {f"SMA {n}": sma(bars.close, n) for n in (self.fast, self.slow)}
