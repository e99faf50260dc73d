"""Luck: how far a result could have come from chance alone, by resampling its own days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cbrt, ceil, log10, sqrt

import numpy as np

from papertape.domain.errors import require
from papertape.domain.market import FloatArray, IntArray
from papertape.engines.proofbench.metrics import FLAT, Figure, Reason

GENERATOR = "SFC64"
"""Named, not left to numpy's default: the same seed must mean the same draws for years."""

CONFIDENCE = 0.95

MOST_UNDEFINED = 0.05
"""Share of draws that may lack the statistic before the interval is no longer worth printing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A percentile interval and all that is needed to draw it again.

    Attributes:
        estimate: The statistic on the sample itself.
        low, high: The ends.
        confidence: Share of draws between the ends.
        block: Mean length of the resampled blocks, in periods.
        draws, seed, generator: How the resampling was done.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    block: float
    draws: int
    seed: int
    generator: str = GENERATOR

    @property
    def holds_zero(self) -> bool:
        """Whether nothing at all is among the plausible values."""
        return self.low <= 0.0 <= self.high


def bootstrap_interval(
    values: FloatArray,
    statistic: Callable[[FloatArray], Figure],
    *,
    draws: int = 2000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval | Reason:
    """Percentile interval of a statistic under the stationary bootstrap (Politis, Romano 1994).

    Args:
        values: One row a period; the columns of a row stay together.
        statistic: Takes resampled rows, answers a number or why there is none.
        draws: Resamples.
        seed: Starts the generator.
        confidence: Share of draws between the ends.

    Returns:
        The interval, or why there is none. The mean block length is the longest that
        `block_length` finds in a column.
    """
    require(draws > 0 and 0 < confidence < 1, "an interval needs draws, and a share of them")
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return Reason.TOO_FEW_RETURNS
    estimate = statistic(values)
    if isinstance(estimate, Reason):
        return estimate
    block = max(map(block_length, np.atleast_2d(values.T)))
    twice = np.concatenate((values, values))  # so that a block wraps around without a division
    found = [
        statistic(twice[rows])
        for rows in stationary_rows(len(values), block, draws=draws, seed=seed)
    ]
    known = [figure for figure in found if not isinstance(figure, Reason)]
    if len(known) < (1 - MOST_UNDEFINED) * draws:
        return Reason.LOW_CONFIDENCE
    low, high = _ends(known, confidence)
    return Interval(float(estimate), low, high, confidence, block, draws, seed)


def _ends(figures: Sequence[float], confidence: float) -> tuple[float, float]:
    """The two quantiles between which that share lies; `np.quantile` would load masked arrays."""
    ranks, tail = np.arange(len(figures)), (1 - confidence) / 2
    low, high = np.interp(np.array((tail, 1 - tail)) * ranks[-1], ranks, np.sort(figures))
    return float(low), float(high)


def stationary_rows(count: int, block: float, *, draws: int, seed: int) -> Iterator[IntArray]:
    """Row numbers of each resample; they run up to twice ``count`` and mean the same modulo it."""
    steps = np.arange(count)
    for begins, starts, lengths in _blocks(count, block, draws=draws, seed=seed):
        yield steps + np.repeat(starts - begins, lengths)


def stationary_means(series: FloatArray, block: float, *, draws: int, seed: int) -> Iterator[float]:
    """Mean of each resample of a column: the rows of `stationary_rows`, summed block by block."""
    count = len(series)
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((series, series)))))
    for _, starts, lengths in _blocks(count, block, draws=draws, seed=seed):
        yield float((sums.take(starts + lengths) - sums.take(starts)).sum()) / count


def _blocks(
    count: int, block: float, *, draws: int, seed: int
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Where each block lies in the resample, where it starts in the sample, and how long it is.

    Each row follows its predecessor, or with probability 1/block starts anew anywhere. One word of
    64 bits says both: its size whether, its lower half where.
    """
    words, end = np.random.SFC64(seed), np.array([count])
    highest = np.uint64(min(int(2**64 / block), 2**64) - 1)
    for _ in range(draws):
        drawn = words.random_raw(count)
        restarts = drawn <= highest
        restarts[0] = True
        begins = restarts.nonzero()[0]
        starts = ((drawn.take(begins) & _LOWER_HALF) * np.uint64(count) >> _HALF).astype(np.int64)
        yield begins, starts, np.concatenate((begins[1:], end)) - begins


_HALF, _LOWER_HALF = np.uint64(32), np.uint64(2**32 - 1)


def block_length(series: FloatArray) -> float:
    """Best mean block length for the stationary bootstrap of a mean, at least 1.

    Politis and White (2004) with the correction of Patton, Politis and White (2009).
    """
    count = len(series)
    beyond = max(5, ceil(sqrt(log10(max(count, 2)))))
    lags = min(ceil(sqrt(count)) + beyond, count - 1)
    covariances = autocovariances(series, lags)
    if lags < 1 or covariances[0] < FLAT**2:  # a flat series has no memory to keep
        return 1.0
    quiet = _first_quiet_lag(covariances / covariances[0], count, beyond)
    kept = covariances[: min(2 * quiet, lags) + 1]
    longest = ceil(min(3 * sqrt(count), count / 3))
    return min(max(1.0, block_of(kept, count)), float(longest))


def block_of(covariances: FloatArray, count: int) -> float:
    """The block length that autocovariances (lag 0 first) imply for ``count`` observations.

    The farther half of the lags is faded out linearly (the flat-top window).
    """
    lags = np.arange(len(covariances))
    window = np.clip(2 * (1 - lags / max(lags[-1], 1)), 0.0, 1.0)
    weighted = window * covariances
    long_run = float(weighted[0] + 2 * np.sum(weighted[1:]))
    slope = float(2 * np.sum(lags * weighted))
    return cbrt((slope / long_run) ** 2 * count) if long_run else 1.0


def autocovariances(series: FloatArray, lags: int) -> FloatArray:
    """Sample autocovariances at lags 0 to ``lags``, all divided by the full count."""
    centred = series - np.mean(series)
    count = len(centred)
    return np.array([centred[lag:] @ centred[: count - lag] / count for lag in range(lags + 1)])


def _first_quiet_lag(correlations: FloatArray, count: int, beyond: int) -> int:
    """The lag that begins ``beyond`` correlations in a row that are noise; if none, the last.

    The paper's text stops one lag earlier, which finds blocks a fifth too short on weak memory;
    the authors' own program, and those after it, count as here.
    """
    noise = 2 * sqrt(log10(count) / count)
    quiet = np.abs(correlations[1:]) < noise
    for lag in range(1, len(quiet) - beyond + 2):
        if quiet[lag - 1 : lag - 1 + beyond].all():
            return lag
    return len(quiet)


def return_difference(
    strategy_returns: FloatArray,
    benchmark_returns: FloatArray,
    ppy: float,
    seed: int = 0,
    *,
    draws: int = 2000,
) -> Interval | Reason:
    """Annualised difference of mean returns, strategy minus benchmark, days resampled together.

    Resampling a day's pair and then subtracting equals resampling the day's difference, so only
    the difference is drawn, and its memory sets the block.
    """
    require(len(strategy_returns) == len(benchmark_returns), "two returns for each period")
    difference = np.asarray(strategy_returns) - np.asarray(benchmark_returns)
    if len(difference) < 2:
        return Reason.TOO_FEW_RETURNS
    block = block_length(difference)
    means = list(stationary_means(difference, block, draws=draws, seed=seed))
    low, high = _ends(means, CONFIDENCE)
    return Interval(
        float(np.mean(difference)) * ppy, low * ppy, high * ppy, CONFIDENCE, block, draws, seed
    )


def in_words(found: Interval | Reason) -> str:
    """A yearly difference as a sentence, in percentage points, with what may be concluded."""
    if isinstance(found, Reason):
        return f"cannot be told apart from luck ({found})"
    if found.low == found.high == 0.0:
        return "no difference: the same result, period by period"
    if found.holds_zero:
        verdict = "not distinguishable from luck"
    else:
        verdict = f"{'ahead' if found.low > 0 else 'behind'} by more than luck explains"
    estimate, low, high = (100 * end for end in (found.estimate, found.low, found.high))
    return f"{estimate:+.1f} a year [{low:+.1f} .. {high:+.1f}]: {verdict}"


def sharpe_se(sharpe_per_period: float, count: int) -> float:
    """Standard error of a per-period Sharpe ratio over independent returns (Lo 2002)."""
    require(count > 0, "a standard error needs observations")
    return sqrt((1 + sharpe_per_period**2 / 2) / count)
