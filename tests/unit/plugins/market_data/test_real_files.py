"""Real vendors' files beside the repository: they load without a false alarm."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from papertape.domain.clock import rfc3339
from papertape.domain.errors import DataError
from papertape.plugins.market_data.csv import CSVDataPlugin, Told, load_prices, read_prices
from papertape.plugins.market_data.source import load

CSV_FILES = {
    "daily/spy_yahoo_raw_1999_2026.csv.gz": 6642,
    "daily/spy_stooq_divadjusted_2018_2026.csv.gz": 2000,
    "reference/backtestingpy_goog_2004_2013.csv": 2148,
    "reference/lean_spy_atr_wilder.csv": 501,
    "reference/lean_spy_bollinger_bands.csv": 500,
    "reference/lean_spy_mfi.csv": 500,
    "reference/stockindicators_spy_2017_2018.csv": 502,
}


@pytest.mark.parametrize("name", CSV_FILES)
def test_a_us_file_of_days_loads_with_no_missing_session(shared_data: Path, name: str) -> None:
    result = load_prices(shared_data / name, Told("SPY", adjusted="raw"))
    assert len(result.history.bars) == CSV_FILES[name]
    assert (result.report.dropped, result.report.outside_session) == ({}, 0)
    assert result.report.sessions_missing == 0


def test_the_known_closes_of_spy_come_out(shared_data: Path) -> None:
    history = load(
        CSVDataPlugin(shared_data / "daily/spy_yahoo_raw_1999_2026.csv.gz"),
        symbol="SPY",
        start_date=date(2023, 12, 29),
        end_date=date(2024, 12, 31),
    )
    bars = history.bars
    assert len(bars) == 1 + 252
    assert round(float(bars.close[0]), 2) == 475.31
    assert len(history.notices) == 1


def test_a_european_index_is_kept_on_american_holidays(shared_data: Path) -> None:
    history = read_prices(
        shared_data / "reference/backtrader_2006_daily_index.csv", symbol="SX5E", adjusted="raw"
    )
    assert len(history.bars) == 255
    volumes, notice = history.notices
    assert volumes == "volume is 0 in every row: it is taken as unknown"
    assert bool(np.isnan(history.bars.volume).all())
    assert notice.startswith("7 of 255 dates are no session of XNYS, the first 2006-01-02")


def test_indicators_without_prices_are_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match="no column for open, high, low"):
        read_prices(shared_data / "reference/lean_spy_with_indicators.csv", symbol="SPY")


@pytest.mark.parametrize("path", ["flaws", "daily"])
def test_every_price_file_of_a_vendor_loads(shared_data: Path, path: str) -> None:
    files = [
        file for file in (shared_data / path).glob("*yahoo*.csv") if "dividends" not in file.name
    ]
    assert all(len(read_prices(file, symbol="XYZ").bars) > 0 for file in files)


@pytest.mark.parametrize(("symbol", "bars"), [("SPY", 5849), ("AAPL", 5849), ("GOOG", 4183)])
def test_parquet_of_many_symbols_gives_the_asked_one(
    shared_data: Path, symbol: str, bars: int
) -> None:
    path = shared_data / "daily/lean_daily_raw.parquet"
    result = load_prices(path, Told(symbol, adjusted="raw"))
    assert len(result.history.bars) == bars
    assert result.report.sessions_missing == 0


def test_polygon_minutes_hold_390_regular_bars_a_session(shared_data: Path) -> None:
    path = shared_data / "intraday/spy_1min_polygon_20240220_20240418.parquet"
    result = load_prices(path, Told("SPY", adjusted="raw"))
    assert str(result.history.bars.frequency) == "1m"
    assert result.report.kept - result.report.outside_session == 42 * 390
    assert rfc3339(result.report.first) == "2024-02-20T09:00:00Z"


def test_lean_minutes_in_new_york_time_hold_390_regular_bars(shared_data: Path) -> None:
    path = shared_data / "intraday/lean_minute_trades.parquet"
    bars = read_prices(path, symbol="SPY").bars
    day = bars[slice(*bars.days().searchsorted([date(2013, 10, 7), date(2013, 10, 8)]))]
    regular = [rfc3339(int(moment)) for moment in day.start]
    assert sum("2013-10-07T13:30" <= text < "2013-10-07T20:00" for text in regular) == 390


def test_lean_hours_are_hours(shared_data: Path) -> None:
    bars = read_prices(shared_data / "intraday/lean_hour_spy.parquet", symbol="SPY").bars
    assert str(bars.frequency) == "60m"
    assert rfc3339(int(bars.start[0])) == "1998-01-02T14:00:00Z"


def test_alpha_vantage_brings_apple_s_splits(shared_data: Path) -> None:
    path = shared_data / "universe/alphavantage_daily_raw_1999_2021.parquet"
    actions = read_prices(path, symbol="AAPL").actions
    ratios = {str(each.ex_date): each.ratio for each in actions if hasattr(each, "ratio")}
    assert ratios == {"2000-06-21": 2, "2005-02-28": 2, "2014-06-09": 7, "2020-08-31": 4}
