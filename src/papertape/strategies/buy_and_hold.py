"""Buy and hold: the yardstick that every strategy is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from papertape.domain.market import Bars, FloatArray


@dataclass(frozen=True, slots=True)
class BuyAndHoldStrategy:
    """Long from the first bar to the last."""

    @property
    def warmup(self) -> int:
        """It needs no history."""
        return 0

    def exposure(self, bars: Bars) -> FloatArray:
        """Full exposure, always."""
        return np.ones(len(bars))

    def reason(self, bars: Bars) -> str:
        """There is only one."""
        return "bought to hold"
