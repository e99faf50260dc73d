"""Spread estimators: what a spread must have been, read off prices where nobody kept the quotes.

Each takes columns of one instrument, oldest first, and answers the *full* spread as a share of
the price; a negative estimate is noise and becomes 0. A fill's spread comes from a policy in
`matching.spreads`, which may ask one of them.
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


def edge(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> float:
    """Ardia, Guidotti and Kroencke (2024): all four prices, weighed by how much each one tells.

    Answers NaN where prices stand too still to tell: an open or a close that is its bar's extreme
    was pushed there by the spread, so one must be away from it somewhere.
    """
    square = edge_square(open_, high, low, close)
    return square if math.isnan(square) else math.sqrt(max(0.0, square))


def edge_square(open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> float:
    """The square that EDGE takes the root of; noise may have made it negative."""
    o, h, low_, c = (np.log(_enough(each, 3)) for each in (open_, high, low, close))
    middle = (h + low_) / 2.0
    o, h, low_, now = o[1:], h[1:], low_[1:], middle[1:]
    close_before, before = c[:-1], middle[:-1]
    traded = (h != low_) | (low_ != close_before)
    at_open = sum(float(np.mean(traded & (o != extreme))) for extreme in (h, low_))
    at_close = sum(
        float(np.mean(traded & (close_before != np.log(extreme[:-1])))) for extreme in (high, low)
    )
    if np.count_nonzero(traded) < 2 or at_open == 0 or at_close == 0:
        return math.nan

    def centred(moves: FloatArray) -> FloatArray:
        return moves - np.where(traded, np.mean(moves) / np.mean(traded), 0.0)

    within, over_night, gap = now - o, now - close_before, o - close_before
    back = close_before - before
    first = -4.0 / at_open * centred(within) * (o - before)
    first -= 4.0 / at_close * centred(over_night) * back
    second = -4.0 / at_open * centred(within) * gap - 4.0 / at_close * centred(gap) * back
    means = np.array([np.mean(first), np.mean(second)])
    variances = np.array([np.var(first), np.var(second)])
    total = float(np.sum(variances))
    # The noisier of the two estimates gets the other one's variance as its weight.
    return float(means @ variances[::-1]) / total if total > 0 else float(np.mean(means))


def _enough(column: FloatArray, least: int) -> FloatArray:
    if len(column) < least:
        raise UsageError(f"a spread estimate needs {least} bars, not {len(column)}")
    return column
