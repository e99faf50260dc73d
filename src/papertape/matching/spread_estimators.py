"""Spread estimators: what a spread must have been, read off prices where nobody kept the quotes.

Each takes columns of one instrument, oldest first, and answers the *full* spread as a share of
the price; a negative estimate is noise and becomes 0. They study the past of an instrument; a
fill's spread comes from `matching.costs`.
"""

from __future__ import annotations

import math

import numpy as np

from papertape.domain.errors import UsageError
from papertape.domain.market import FloatArray

_SCALE = 3.0 - 2.0 * math.sqrt(2.0)


def roll(close: FloatArray) -> float:
    """Roll (1984): prices that bounce between bid and ask follow each other with a minus sign."""
    moves = np.diff(np.log(_enough(close, 3)))
    covariance = np.cov(moves[1:], moves[:-1])[0, 1]
    return 2.0 * math.sqrt(max(0.0, -float(covariance)))


def corwin_schultz(high: FloatArray, low: FloatArray) -> float:
    """Corwin and Schultz (2012): a two-day range holds twice the variance but once the spread.

    Left out: the correction for nights in which the price jumps. Each pair's negative estimate
    becomes 0 before the mean is taken.
    """
    tops, bottoms = np.log(_enough(high, 2)), np.log(_enough(low, 2))
    squares = (tops - bottoms) ** 2
    beta = squares[1:] + squares[:-1]
    gamma = (np.maximum(tops[1:], tops[:-1]) - np.minimum(bottoms[1:], bottoms[:-1])) ** 2
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / _SCALE - np.sqrt(gamma / _SCALE)
    spread = 2.0 * (np.exp(alpha) - 1.0) / (1.0 + np.exp(alpha))
    return float(np.mean(np.maximum(spread, 0.0)))


def abdi_ranaldo(high: FloatArray, low: FloatArray, close: FloatArray) -> float:
    """Abdi and Ranaldo (2017): a close lies half a spread from the middle of the days around it."""
    middle = (np.log(_enough(high, 2)) + np.log(_enough(low, 2))) / 2.0
    last = np.log(close)
    square = float(np.mean(4.0 * (last[:-1] - middle[:-1]) * (last[:-1] - middle[1:])))
    return math.sqrt(max(0.0, square))


def _enough(column: FloatArray, least: int) -> FloatArray:
    if len(column) < least:
        raise UsageError(f"a spread estimate needs {least} bars, not {len(column)}")
    return column
