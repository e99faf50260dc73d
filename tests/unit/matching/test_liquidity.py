"""What past bars say of an instrument: means, deviations, and what is said when little is known."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as some

from papertape.domain.clock import MINUTE
from papertape.domain.market import DAILY, Bar, Frequency
from papertape.matching.liquidity import Liquidity, LiquidityEstimator
from papertape.matching.spreads import SpreadByLiquidity

NAN = math.nan


def measured(closes: list[float], volumes: list[float], frequency: Frequency = DAILY) -> Liquidity:
    """The liquidity after bars with these closes and volumes."""
    return fed(LiquidityEstimator(frequency), closes, volumes).snapshot()


def fed(
    estimator: LiquidityEstimator, closes: list[float], volumes: list[float]
) -> LiquidityEstimator:
    for row, (close, volume) in enumerate(zip(closes, volumes, strict=True)):
        start = row * MINUTE
        estimator.observe(Bar("ABC", start, start + MINUTE, close, close, close, close, volume))
    return estimator


def test_the_window_is_the_last_twenty_bars() -> None:
    closes = [100.0 + (row % 5) for row in range(30)]
    volumes = [1e9] * 10 + [1000.0 * row for row in range(20)]
    liquidity = measured(closes, volumes)
    moves = [math.log(new / old) for old, new in pairwise(closes[9:])]
    values = [close * volume for close, volume in zip(closes[10:], volumes[10:], strict=True)]
    assert liquidity.average_daily_volume == 9_500.0
    assert liquidity.daily_value == pytest.approx(statistics.fmean(values), rel=1e-12)
    assert len(moves) == 20
    assert liquidity.daily_volatility == pytest.approx(statistics.stdev(moves), rel=1e-12)
    assert liquidity.bars == 30


def test_intraday_bars_are_scaled_to_a_session() -> None:
    closes = [100.0, 101.0] * 11
    minutes, days = measured(closes, [500.0] * 22, Frequency(1)), measured(closes, [500.0] * 22)
    assert minutes.average_daily_volume == 500.0 * 390
    assert minutes.daily_value == pytest.approx(days.daily_value * 390)
    assert minutes.daily_volatility == pytest.approx(days.daily_volatility * math.sqrt(390))


def test_nothing_is_known_before_the_first_bar() -> None:
    liquidity = measured([], [])
    assert liquidity.bars == 0
    assert math.isnan(liquidity.average_daily_volume)
    assert math.isnan(liquidity.daily_volatility)
    assert math.isnan(liquidity.daily_value)


def test_few_bars_tell_the_volume_but_not_the_volatility() -> None:
    liquidity = measured([10.0, 11.0, 10.5], [100.0, 200.0, 300.0])
    assert liquidity.average_daily_volume == 200.0
    assert math.isnan(liquidity.daily_volatility)


def test_a_bar_of_unknown_volume_is_left_out_of_the_mean() -> None:
    liquidity = measured([10.0] * 4, [100.0, NAN, 300.0, NAN])
    assert liquidity.average_daily_volume == 200.0
    assert liquidity.daily_value == 2_000.0
    assert math.isnan(measured([10.0] * 4, [NAN] * 4).daily_value)


def test_a_split_is_no_crash_and_no_rush() -> None:
    closes = [140.0, 147.0] * 10
    split = fed(LiquidityEstimator(DAILY), closes, [1_000.0] * 20)
    before = split.snapshot()
    split.split(Fraction(7))
    after = split.snapshot()
    assert after.average_daily_volume == 7_000.0
    assert after.daily_value == pytest.approx(before.daily_value)
    assert after.daily_volatility == pytest.approx(before.daily_volatility)


PRICES = some.floats(1, 1000)
VOLUMES = some.one_of(some.floats(0, 1e9), some.just(NAN))


@given(some.lists(some.tuples(PRICES, VOLUMES), min_size=21, max_size=60))
def test_a_restart_from_the_last_bars_gives_the_same_bits(
    bars: list[tuple[float, float]],
) -> None:
    closes, volumes = [close for close, _ in bars], [volume for _, volume in bars]
    whole, again = measured(closes, volumes), measured(closes[-21:], volumes[-21:])
    figures = ("average_daily_volume", "daily_volatility", "daily_value")
    assert [repr(getattr(whole, each)) for each in figures] == [
        repr(getattr(again, each)) for each in figures
    ]


def test_the_large_names_are_in_the_narrowest_class_on_every_day(shared_data: Path) -> None:
    files = {
        "daily/lean_daily_raw.parquet": ("SPY", "AAPL", "IBM", "GOOG"),
        "universe/alphavantage_daily_raw_1999_2021.parquet": ("AAPL", "MSFT", "IBM"),
    }
    for file, symbols in files.items():
        for symbol in symbols:
            rows = duckdb.execute(
                "select close, volume from read_parquet(?) where symbol = ? order by date",
                [str(shared_data / file), symbol],
            ).fetchall()
            assert len(rows) > 1000
            estimator, worst = LiquidityEstimator(DAILY), 0
            for row, (close, volume) in enumerate(rows):
                start = row * MINUTE
                estimator.observe(
                    Bar(symbol, start, start + MINUTE, *([float(close)] * 4), float(volume))
                )
                if row >= 19:
                    worst = max(worst, SpreadByLiquidity().basis_points(estimator.snapshot()))
            assert worst == 1, f"{symbol} in {file}"
