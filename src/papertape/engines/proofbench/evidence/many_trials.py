"""Many trials: what a good record is worth once it is the best of many that were tried.

Sharpe ratios are per period here, kurtosis is raw (3 for a normal distribution).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import e, sqrt
from statistics import NormalDist

import numpy as np

from papertape.domain.errors import require
from papertape.engines.proofbench.metrics import Figure, Reason

EULER = 0.5772156649015329
_NORMAL = NormalDist()


def psr(sharpe: float, periods: int, skew: float, kurtosis: float, beaten: float = 0.0) -> Figure:
    """Chance that a true Sharpe ratio of ``beaten`` shows no more than this one.

    Bailey and Lopez de Prado (2012), with the variance taken at the ratio observed.
    """
    if periods < 2:
        return Reason.TOO_FEW_RETURNS
    variance = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if variance <= 0:
        return Reason.LOW_CONFIDENCE
    return _NORMAL.cdf((sharpe - beaten) * sqrt(periods - 1) / sqrt(variance))


def expected_max(trials: int, variance: float) -> float:
    """The best Sharpe ratio to expect of so many useless trials whose ratios vary like this."""
    require(trials >= 2 and variance >= 0, "a best one is of two trials or more")
    near, far = _NORMAL.inv_cdf(1 - 1 / trials), _NORMAL.inv_cdf(1 - 1 / (trials * e))
    return sqrt(variance) * ((1 - EULER) * near + EULER * far)


def dsr(
    sharpe: float, periods: int, skew: float, kurtosis: float, *, trials: int, variance: float
) -> Figure:
    """The deflated Sharpe ratio: `psr` against the best that useless trials would have shown.

    Assumption: every trial counts as independent of the others, which asks for more than it must.
    """
    beaten = expected_max(trials, variance) if trials > 1 else 0.0
    return psr(sharpe, periods, skew, kurtosis, beaten)


def walk_forward_efficiency(inside: Sequence[float], outside: Sequence[float]) -> Figure:
    """Mean yearly return after the choice over that before it, window by window."""
    require(len(inside) == len(outside), "each window has a return before and one after")
    if not inside:
        return Reason.TOO_FEW_RETURNS
    before, after = float(np.mean(inside)), float(np.mean(outside))
    return after / before if before > 0 else Reason.NO_GROWTH
