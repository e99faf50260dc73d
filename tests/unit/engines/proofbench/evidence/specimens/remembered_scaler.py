"""L15: a scaler made on the first call and kept for all later ones."""

from __future__ import annotations

import numpy as np

from papertape.strategies import Bars, FloatArray

_SCALER: dict[str, float] = {}


class L15RememberedScaler:
    """Long a deviation under the mean of the first history it ever saw."""

    warmup = 20

    def exposure(self, bars: Bars) -> FloatArray:
        if not _SCALER:
            _SCALER.update(mean=float(bars.close.mean()), deviation=float(bars.close.std()))
        score = (bars.close - _SCALER["mean"]) / _SCALER["deviation"]
        return np.where(score < -0.5, 1.0, 0.0)

    def reason(self, bars: Bars) -> str:
        return "a specimen needs none"
