"""L15: a scaler made on the first call and kept for all later ones; and closes kept likewise."""

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


_CLOSES: list[float] = []


class RemembersTheLongestHistory:
    """Long when the next close is higher, as far as any earlier call has shown it."""

    warmup = 20

    def exposure(self, bars: Bars) -> FloatArray:
        _CLOSES.extend(bars.close[len(_CLOSES) :].tolist())
        known = np.array(_CLOSES)
        following = np.append(known[1:], known[-1])[: len(bars)]
        return (following > bars.close).astype(float)

    def reason(self, bars: Bars) -> str:
        return "a specimen needs none"
