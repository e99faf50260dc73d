"""Frames at the border: what is read, and what is refused with the column, row and way out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest

from papertape import SimulationConfig, SimulationEngine
from papertape.data.frames import from_frame
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError
from papertape.domain.market import DAILY, Bars, Frequency
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
MINUTES = Frequency.parse("1m")


def frame(index: Any = None, **columns: Any) -> pd.DataFrame:
    """Three sessions in lower case; a column given replaces ours, None leaves it out."""
    table: dict[str, Any] = {
        "open": [472.16, 470.43, 468.30],
        "high": [473.67, 471.19, 470.96],
        "low": [470.49, 468.17, 467.05],
        "close": [472.65, 468.79, 467.28],
        "volume": [123_623_700, 103_585_900, 84_232_200],
        **columns,
    }
    kept = {name: column for name, column in table.items() if column is not None}
    return pd.DataFrame(kept, index=pd.DatetimeIndex(DAYS) if index is None else index)


def read(table: Any, frequency: Frequency = DAILY) -> Bars:
    return from_frame(table, "SPY", frequency).bars


def refusal(table: Any, frequency: Frequency = DAILY) -> DataError:
    with pytest.raises(DataError) as raised:
        read(table, frequency)
    assert "SPY" in raised.value.message
    return raised.value


def test_a_daily_frame_becomes_bars_from_open_to_close_of_its_sessions() -> None:
    bars = read(frame())
    session = calendar_of("XNYS").session(DAYS[0])
    assert (bars.start[0], bars.end[0]) == (session.open, session.close)
    assert bars.days().tolist() == DAYS
    assert bars.close.tolist() == [472.65, 468.79, 467.28]
    assert bars.volume.tolist() == [123_623_700.0, 103_585_900.0, 84_232_200.0]


def test_title_case_is_read_and_noted() -> None:
    titled = from_frame(frame().rename(columns=str.title), "SPY", DAILY)
    assert titled.bars.close.tolist() == read(frame()).close.tolist()
    assert titled.notices == ("SPY: Title-case columns were read as lower case",)
    assert from_frame(frame(), "SPY", DAILY).notices == ()


@pytest.mark.parametrize(
    "index",
    [
        pd.DatetimeIndex(DAYS),
        pd.DatetimeIndex(DAYS).tz_localize("America/New_York"),
        pd.DatetimeIndex(DAYS).tz_localize("UTC"),
        pd.DatetimeIndex(DAYS) + pd.Timedelta(hours=16),
        (pd.DatetimeIndex(DAYS) + pd.Timedelta(hours=21)).tz_localize("UTC"),
        pd.Index(DAYS),
        pd.Index(["2024-01-02", "2024-01-03", "2024-01-04"]),
    ],
    ids=["naive", "New York", "midnight UTC", "naive close", "close in UTC", "dates", "text"],
)
def test_a_daily_time_in_any_dress_is_its_session(index: Any) -> None:
    assert read(frame(index)).days().tolist() == DAYS


def test_the_time_may_be_a_column() -> None:
    table = frame().reset_index(names="Date")
    assert read(table).days().tolist() == DAYS


def test_minutes_are_labelled_by_their_start() -> None:
    index = pd.date_range("2024-01-02 09:30", periods=3, freq="min", tz="America/New_York")
    bars = read(frame(index), MINUTES)
    session = calendar_of("XNYS").session(DAYS[0])
    assert bars.start[0] == session.open
    assert (bars.end - bars.start).tolist() == [MINUTES.nanos] * 3


def test_naive_minutes_are_refused_with_the_line_to_type() -> None:
    index = pd.date_range("2024-01-02 09:30", periods=3, freq="min")
    error = refusal(frame(index), MINUTES)
    assert "no zone" in error.message
    assert "tz_localize" in error.hint


def test_input_b24_zones_that_change_within_a_column_are_refused() -> None:
    times = ["2024-01-02T09:30:00-05:00", "2024-01-02T14:31:00+00:00", "2024-01-02T14:32:00+00:00"]
    assert "times cannot be read" in refusal(frame(pd.Index(times)), MINUTES).message


@pytest.mark.parametrize("column", ["open", "volume"])
def test_input_b29_a_missing_column_is_named_with_those_there_are(column: str) -> None:
    error = refusal(frame(**{column: None}))
    assert f"no column {column}" in error.message
    assert "close" in error.hint


def test_input_b29_a_column_there_twice_is_named() -> None:
    assert "more than one column close" in refusal(frame(Close=[1.0, 2.0, 3.0])).message


def test_input_b30_the_order_of_the_columns_says_nothing() -> None:
    assert read(frame()[["volume", "low", "high", "close", "open"]]).open[0] == 472.16


def test_what_else_a_frame_holds_is_left_alone() -> None:
    assert len(read(frame(**{"Adj Close": [1.0, 2.0, 3.0], "note": ["a", "b", "c"]}))) == 3


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"close": [472.65, "n/a", 467.28]}, "close 'n/a' in row 1 is no number"),
        ({"open": [472.16, "1,470.43", 468.3]}, "open '1,470.43' in row 1 is no number"),
        ({"close": [472.65, np.nan, 467.28]}, "close nan is not a positive price"),
        ({"high": [473.67, np.inf, 470.96]}, "high inf is too large"),
        ({"low": [-1.0, 468.17, 467.05]}, "low -1.0 is not a positive price"),
        ({"high": [400.0, 471.19, 470.96]}, "high 400.0 is below low"),
        ({"close": [480.0, 468.79, 467.28]}, "close 480.0 is outside"),
        ({"volume": [-1, 1, 1]}, "volume -1.0"),
        ({"volume": [2.0**53, 1, 1]}, "volume 9007199254740992.0"),
    ],
)
def test_what_is_no_bar_is_refused_by_row_and_reason(columns: dict[str, Any], said: str) -> None:
    assert said in refusal(frame(**columns)).message


def test_input_b21_rows_out_of_order_or_twice_are_refused_with_their_number() -> None:
    assert "2 rows are no bars; the first is row 1" in refusal(frame()[::-1]).message
    assert "1 rows are no bars" in refusal(frame(pd.DatetimeIndex([DAYS[0], *DAYS[:2]]))).message


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (range(3), "no times, its index counts rows"),
        (pd.Index([0.5, 1.5, 2.5]), "no times"),
        (pd.Index(["x", "y", "z"]), "times cannot be read"),
        (pd.Index(["01/02/2024", "01/03/2024", "01/04/2024"]), "times cannot be read"),
        (pd.DatetimeIndex([DAYS[0], None, DAYS[2]]), "row 1 has no time"),
        (pd.PeriodIndex(DAYS, freq="D"), "times cannot be read"),
    ],
    ids=["row numbers", "floats", "words", "day or month first", "a hole", "periods"],
)
def test_a_time_that_is_none_is_refused(index: Any, said: str) -> None:
    assert said in refusal(frame(index)).message


def test_an_unknown_volume_is_not_a_volume_of_zero() -> None:
    assert np.isnan(read(frame(volume=[1, None, 3])).volume).tolist() == [False, True, False]
    assert np.isnan(read(frame(volume=[0, 0, 0])).volume).all()
    assert read(frame(volume=[0, 0, 3])).volume.tolist() == [0, 0, 3]


@pytest.mark.parametrize("prices", [[1, 2], None, "SPY", {"open": [1]}])
def test_what_is_no_frame_is_refused_by_its_type(prices: Any) -> None:
    assert f"not {type(prices).__name__}" in refusal(prices).message


def test_input_b25_an_empty_frame_ends_in_one_sentence() -> None:
    engine = SimulationEngine(SimulationConfig())
    engine.load_data("SPY", frame().iloc[:0])
    engine.set_strategy(BuyAndHoldStrategy())
    with pytest.raises(DataError, match="there are no bars at all"):
        engine.run()


def test_prices_are_kept_to_the_millionth() -> None:
    assert read(frame(close=[472.1234564, 468.79, 467.28])).close[0] == 472.123456


class Arrow:
    """A frame that speaks Arrow and is no pandas frame, as polars' are."""

    def __init__(self, table: Any):
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_without_pyarrow_an_arrow_frame_is_refused_with_two_ways_out() -> None:
    error = refusal(Arrow(None))
    assert "speaks Arrow, and hearing it takes pyarrow" in error.message
    assert error.hint == "pip install pyarrow, or hand in a pandas frame"


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_an_arrow_frame_is_read_like_a_pandas_one() -> None:
    pyarrow: Any = pytest.importorskip("pyarrow")
    columns = {name: column.tolist() for name, column in frame().items()}
    spoken = Arrow(pyarrow.table({"time": DAYS, **columns}))
    assert list(read(spoken)) == list(read(frame()))
    aware = [datetime(2024, 1, 2, 14, minute, tzinfo=UTC) for minute in (30, 31, 32)]
    spoken = Arrow(pyarrow.table({"time": aware, **columns}))
    assert read(spoken, MINUTES).start[0] == calendar_of("XNYS").session(DAYS[0]).open
