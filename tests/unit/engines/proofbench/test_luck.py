"""The bootstrap: block length, coverage, the same draws for the same seed, and its words."""

from __future__ import annotations

from math import cbrt

import numpy as np
import pytest
from scipy.signal import lfilter

from papertape.engines.proofbench.evidence.luck import (
    Interval,
    autocovariances,
    block_length,
    block_of,
    bootstrap_interval,
    in_words,
    return_difference,
    sharpe_se,
    stationary_means,
    stationary_rows,
)
from papertape.engines.proofbench.metrics import Figure, Reason, sharpe
from papertape.engines.proofbench.shape import shape_of

PUBLISHED_BLOCKS = [(0.3, 7.575, 8.672), (0.7, 19.605, 22.442)]


def autoregressive(rho: float, count: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=count + 200)
    return lfilter([1.0], [1.0, -rho], noise)[200:]


def mean(sample: np.ndarray) -> Figure:
    return float(np.mean(sample))


@pytest.mark.parametrize(("rho", "stationary", "circular"), PUBLISHED_BLOCKS)
def test_exact_autocovariances_give_the_published_block_length(
    rho: float, stationary: float, circular: float
) -> None:
    block = block_of(rho ** np.arange(401), 1000)
    assert block == pytest.approx(stationary, abs=5e-4)
    assert block * cbrt(1.5) == pytest.approx(circular, abs=5e-4)


@pytest.mark.parametrize(("rho", "stationary", "circular"), PUBLISHED_BLOCKS)
def test_estimated_block_lengths_average_within_a_fifth_of_the_published(
    rho: float, stationary: float, circular: float
) -> None:
    del circular
    found = [block_length(autoregressive(rho, 1000, seed)) for seed in range(200)]
    assert np.mean(found) == pytest.approx(stationary, rel=0.2)


@pytest.mark.parametrize("series", [np.ones(50), np.array([1.0, -1.0]), np.array([0.1])])
def test_a_series_without_memory_is_drawn_day_by_day(series: np.ndarray) -> None:
    assert block_length(series) == 1.0


def test_autocovariances_agree_with_numpy() -> None:
    series = autoregressive(0.5, 300, 1)
    centred = series - series.mean()
    assert autocovariances(series, 9) == pytest.approx(
        np.correlate(centred, centred, "full")[299:309] / 300
    )


def test_blocks_have_the_mean_length_asked_for_and_wrap_around() -> None:
    rows = np.array(list(stationary_rows(500, 8.0, draws=400, seed=3)))
    restarts = np.mean(np.diff(rows, axis=1) != 1)
    assert 1 / restarts == pytest.approx(8.0, rel=0.05)
    assert rows.max() > 500
    assert rows.max() < 1000
    counts = np.bincount(rows.ravel() % 500, minlength=500)
    assert counts.min() > 300  # every day is drawn alike, the ends too (400 on average)


def test_an_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        interval = bootstrap_interval(autoregressive(0.3, 250, seed), mean, draws=300, seed=seed)
        assert isinstance(interval, Interval)
        held += interval.holds_zero
    assert 0.88 <= held / 200 <= 0.98


def test_the_interval_of_a_mean_of_independent_days_is_the_textbook_one() -> None:
    days = np.random.default_rng(5).normal(0.001, 0.01, 2000)
    interval = bootstrap_interval(days, mean, draws=4000)
    assert isinstance(interval, Interval)
    reach = 1.96 * days.std(ddof=1) / np.sqrt(2000)
    assert interval.estimate == days.mean()
    assert interval.low == pytest.approx(days.mean() - reach, abs=0.1 * reach)
    assert interval.high == pytest.approx(days.mean() + reach, abs=0.1 * reach)


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    days = autoregressive(0.2, 300, 9)
    again = [bootstrap_interval(days, mean, draws=200, seed=seed) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]
    assert isinstance(again[0], Interval)
    assert (again[0].draws, again[0].seed, again[0].generator) == (200, 1, "SFC64")


def test_the_columns_of_a_row_stay_together() -> None:
    days = autoregressive(0.0, 100, 2)
    both = np.column_stack((days, days))
    interval = bootstrap_interval(both, lambda rows: float(np.ptp(rows[:, 0] - rows[:, 1])))
    assert isinstance(interval, Interval)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_the_error_of_a_sharpe_ratio_agrees_with_its_bootstrap() -> None:
    days = np.random.default_rng(4).normal(0.0005, 0.01, 1000)
    interval = bootstrap_interval(days, lambda sample: sharpe(shape_of(sample), 0.0, 1.0))
    assert isinstance(interval, Interval)
    width = 2 * 1.96 * sharpe_se(interval.estimate, 1000)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_a_yearly_difference_is_the_difference_of_mean_returns() -> None:
    strategy, benchmark = autoregressive(0.1, 500, 1) / 100, autoregressive(0.1, 500, 2) / 100
    interval = return_difference(strategy, benchmark, 252, seed=1)
    assert isinstance(interval, Interval)
    assert interval.estimate == pytest.approx((strategy.mean() - benchmark.mean()) * 252)
    assert interval.draws == 2000


def test_a_strategy_that_is_the_benchmark_differs_by_nothing() -> None:
    days = autoregressive(0.1, 100, 1)
    interval = return_difference(days, days, 252)
    assert in_words(interval) == "no difference: the same result, period by period"


@pytest.mark.parametrize("days", [np.empty(0), np.array([0.01])])
def test_fewer_than_two_days_have_no_interval(days: np.ndarray) -> None:
    assert return_difference(days, days, 252) is Reason.TOO_FEW_RETURNS


def test_a_statistic_that_most_resamples_lack_has_no_interval() -> None:
    one_day = np.zeros(50)
    one_day[7] = 0.01
    found = bootstrap_interval(one_day, lambda sample: sharpe(shape_of(sample), 0, 252), draws=200)
    assert found is Reason.LOW_CONFIDENCE


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.018, -0.026, 0.060), "+1.8 a year [-2.6 .. +6.0]: not distinguishable from luck"),
        ((0.05, 0.01, 0.09), "+5.0 a year [+1.0 .. +9.0]: ahead by more than luck explains"),
        ((-0.05, -0.09, -0.01), "-5.0 a year [-9.0 .. -1.0]: behind by more than luck explains"),
    ],
)
def test_a_difference_is_told_in_points_a_year(
    ends: tuple[float, float, float], words: str
) -> None:
    assert in_words(Interval(*ends, 0.95, 1.0, 2000, 0)) == words


def test_no_interval_is_told_with_its_reason() -> None:
    assert in_words(Reason.TOO_FEW_RETURNS) == "cannot be told apart from luck (too_few_returns)"


@pytest.mark.parametrize(
    ("ratio", "count", "published"),
    [(0.5, 12, 0.306), (0.5, 24, 0.217), (0.5, 60, 0.137), (0.5, 250, 0.067), (1.0, 36, 0.204)],
)
def test_the_published_standard_errors_of_a_sharpe_ratio(
    ratio: float, count: int, published: float
) -> None:
    assert sharpe_se(ratio, count) == pytest.approx(published, abs=5e-4)


def test_means_block_by_block_are_the_means_of_the_rows() -> None:
    series = autoregressive(0.3, 400, 9)
    rows = stationary_rows(len(series), 6.0, draws=50, seed=4)
    expected = [float(np.mean(series[row % len(series)])) for row in rows]
    found = list(stationary_means(series, 6.0, draws=50, seed=4))
    np.testing.assert_allclose(found, expected, atol=1e-12)
