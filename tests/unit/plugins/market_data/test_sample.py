"""The embedded sample against what the companies themselves announced."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import Dividend, Split
from papertape.plugins.market_data.csv import CSVDataPlugin
from papertape.plugins.market_data.sample import (
    SYMBOLS,
    SampleDataPlugin,
    actions_behind,
    read_sample,
)
from papertape.plugins.market_data.source import MarketData, load


@pytest.mark.parametrize(
    ("symbol", "bars", "first"),
    [
        ("AAPL", 3270, date(2000, 3, 1)),
        ("GOOG", 2148, date(2004, 8, 19)),
        ("IBM", 3270, date(2000, 3, 1)),
        ("MSFT", 3270, date(2000, 3, 1)),
    ],
)
def test_the_sample_holds_every_session_to_the_first_of_march_2013(
    symbol: str, bars: int, first: date
) -> None:
    history = read_sample(symbol)
    days = history.bars.days().tolist()
    assert len(days) == bars
    assert (days[0], days[-1]) == (first, date(2013, 3, 1))
    assert days == history.bars.calendar.sessions(days[0], days[-1])
    assert "sample" in history.source
    assert history.adjusted == "raw"


def test_apple_paid_2_65_three_times_and_split_twice() -> None:
    days = [date(2012, 8, 9), date(2012, 11, 7), date(2013, 2, 7)]
    assert read_sample("AAPL").actions == (
        Split("AAPL", date(2000, 6, 21), Fraction(2)),
        Split("AAPL", date(2005, 2, 28), Fraction(2)),
        *(Dividend("AAPL", day, 2_650_000, day) for day in days),
    )


def test_microsoft_paid_its_special_dividend_with_the_quarter_s() -> None:
    actions = read_sample("MSFT").actions
    day = date(2004, 11, 15)
    assert Dividend("MSFT", day, 3_080_000, day) in actions
    assert [each for each in actions if isinstance(each, Split)] == [
        Split("MSFT", date(2003, 2, 18), Fraction(2))
    ]


def test_microsoft_paid_twice_in_2003_and_every_quarter_from_2005() -> None:
    years = Counter(each.ex_date.year for each in read_sample("MSFT").actions[1:])
    assert years == {2003: 2, 2004: 2, **dict.fromkeys(range(2005, 2013), 4), 2013: 1}


def test_ibm_paid_every_quarter_in_whole_cents() -> None:
    actions = read_sample("IBM").actions
    assert all(isinstance(each, Dividend) for each in actions)
    years = Counter(each.ex_date.year for each in actions)
    assert years == {2000: 3, **dict.fromkeys(range(2001, 2013), 4), 2013: 1}
    assert all(each.amount % 10_000 == 0 for each in actions if isinstance(each, Dividend))
    # IBM's own record: 13 cents a quarter in 2000, 85 cents in 2012.
    assert [each.amount for each in (actions[0], actions[-2])] == [130_000, 850_000]  # type: ignore[union-attr]


def test_google_paid_nothing() -> None:
    assert read_sample("GOOG").actions == ()


def test_rounded_adjusted_closes_make_no_dividends() -> None:
    close = np.linspace(20.0, 90.0, 500).round(2)
    adjusted = (close * 0.731).round(2)
    days = [date.fromordinal(730_000 + n) for n in range(500)]
    assert actions_behind("XYZ", days, close, adjusted, 2) == ()


def test_an_adjusted_close_that_loses_money_is_refused() -> None:
    days = [date(2012, 1, 3), date(2012, 1, 4)]
    with pytest.raises(DataError, match="money came back"):
        actions_behind("XYZ", days, np.array([10.0, 10.0]), np.array([9.0, 8.47]), 12)


@pytest.mark.parametrize("ratio", [Fraction(3, 2), Fraction(1, 10), Fraction(7)])
def test_a_jump_that_is_a_ratio_is_a_split(ratio: Fraction) -> None:
    days = [date(2012, 1, 3), date(2012, 1, 4)]
    close = np.array([70.0, float(70 / ratio)])
    adjusted = np.array([float(70 / ratio), float(70 / ratio)])
    assert actions_behind("XYZ", days, close, adjusted, 12) == (Split("XYZ", days[1], ratio),)


def test_the_sample_knows_four_symbols() -> None:
    with pytest.raises(UsageError, match="holds no TSLA") as caught:
        read_sample("TSLA")
    assert caught.value.hint == f"it holds {', '.join(SYMBOLS)}"


def test_a_window_of_the_sample_keeps_the_actions_within_it() -> None:
    history = load(
        SampleDataPlugin(),
        symbol="AAPL",
        start_date=date(2012, 8, 9),
        end_date=date(2012, 11, 6),
    )
    days = history.bars.days().tolist()
    assert (days[0], days[-1]) == (date(2012, 8, 9), date(2012, 11, 6))
    assert [each.ex_date for each in history.actions] == [date(2012, 8, 9)]


def test_a_window_without_a_bar_is_an_error_that_names_the_span() -> None:
    with pytest.raises(DataError, match="runs from 2004-08-19T13:30:00Z"):
        load(SampleDataPlugin(), symbol="GOOG", end_date=date(2004, 8, 18))


def test_the_sample_has_days_only_and_no_quotes() -> None:
    source = SampleDataPlugin()
    with pytest.raises(UsageError, match="holds 1d bars, not 5m"):
        load(source, symbol="AAPL", frequency="5m")
    with pytest.raises(UsageError, match="'sample' has no quotes"):
        source.fetch_quote("AAPL").send(None)
    with pytest.raises(UsageError, match="'sample' has no streams"):
        source.stream(["AAPL"])


@pytest.mark.parametrize("source", [SampleDataPlugin(), CSVDataPlugin("prices.csv")])
def test_the_plugins_keep_the_protocol(source: object) -> None:
    assert isinstance(source, MarketData)


def test_reading_the_sample_and_a_csv_imports_nothing_heavy(tmp_path: object) -> None:
    path = f"{tmp_path}/spy.csv"
    program = (
        "import sys, pathlib\n"
        "from papertape.plugins.market_data.csv import read_prices\n"
        "from papertape.plugins.market_data.sample import read_sample\n"
        f"path = pathlib.Path({path!r})\n"
        "path.write_text('Date,Open,High,Low,Close\\n2024-01-02,1,1,1,1\\n')\n"
        "read_prices(path, symbol='SPY'); read_sample('AAPL')\n"
        "heavy = {'pandas', 'duckdb', 'bokeh', 'bokeh_sampledata', 'talib', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
