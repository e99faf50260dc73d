"""Files that must be refused or repaired in the open, by the numbers of the list of bad inputs."""

from __future__ import annotations

import gzip
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from papertape.domain.clock import SECOND, rfc3339
from papertape.domain.errors import BadRows, DataError, UsageError
from papertape.domain.market import PriceHistory
from papertape.plugins.market_data.csv import Told, load_prices, read_prices

NOW = int(datetime(2027, 1, 4, tzinfo=UTC).timestamp()) * SECOND
HEADER = "Date,Open,High,Low,Close,Volume\n"
GOOD = "2026-11-23,100,101,99,100.5,1000\n"
LAST = "2026-11-25,100,101,99,100.5,1000\n"


def read(folder: Path, content: str | bytes, name: str = "spy.csv", **told: object) -> PriceHistory:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_prices(path, **({"symbol": "SPY", "now": NOW} | told))  # type: ignore[arg-type]


BAD_ROWS = [
    ("input-B7", "2026-11-24,=1+1,101,99,100,5", "not a plain number"),
    ("input-B9", "2026-11-24,NaN,101,99,100,5", "not a finite number"),
    ("input-B9-inf", "2026-11-24,100,inf,99,100,5", "not a finite number"),
    ("input-B9-overflow", "2026-11-24,100,1e999,99,100,5", "not a finite number"),
    ("input-B10", "2026-11-24,0,101,99,100,5", "missing price in disguise"),
    ("input-B10-all", "2026-11-24,0,0,0,0,0", "missing price in disguise"),
    ("input-B10-negative", "2026-11-24,-1,101,-2,100,5", "not a positive price"),
    ("input-B12", "2026-11-24,100,99,101,100,5", "high 99.0 is below low 101.0"),
    ("input-B12-close", "2026-11-24,100,101,99,102,5", "close 102.0 is outside"),
    ("input-B13", "2026-11-24,100,101,99,100,-5", "volume -5.0"),
    ("input-B13-huge", "2026-11-24,100,101,99,100,9007199254740992", "volume"),
    ("input-B18", '2026-11-24,"1,000.50",101,99,100,5', "not a plain number"),
    ("input-B18-european", '2026-11-24,"1.000,50",101,99,100,5', "not a plain number"),
    ("input-B19", "1764000000,100,101,99,100,5", "not a date"),
    ("input-B22", "2027-03-01,100,101,99,100,5", "lies in the future"),
    ("input-B23", "2026-02-29,100,101,99,100,5", "no such date"),
    ("input-B23-1677", "1677-01-04,100,101,99,100,5", "the year 1677"),
    ("input-B23-2263", "2263-01-04,100,101,99,100,5", "the year 2263"),
    ("input-B28-latin", "2026-11-24,100\xe9,101,99,100,5", "not a plain number"),
    ("input-B29-ragged", "2026-11-24,100,101,99,100", "5 cells, but the header has 6"),
    ("input-B29-long", "2026-11-24,100,101,99,100,5,6", "7 cells, but the header has 6"),
    ("input-B47", "2026-11-24,1e10,1e10,1e10,1e10,5", "too large to count"),
    ("input-B48", '2026-11-24,"100,101,99,100,5', "a quote is opened and never closed"),
    ("input-B48-cell", f"2026-11-24,{'1' * 1_000_000},101,99,100,5", "characters holds no bar"),
    ("other digits", "2026-11-24,\u0661\u0660\u0660,101,99,100,5", "not a plain number"),
    ("underscore", "2026-11-24,1_00,101,99,100,5", "not a plain number"),
    ("partly missing", "2026-11-24,null,101,99,100,5", "open is missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "why"), [bad[1:] for bad in BAD_ROWS], ids=[b[0] for b in BAD_ROWS]
)
def test_a_bad_row_is_named_by_its_line(row: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadRows) as caught:
        read(tmp_path, HEADER + GOOD + row + "\n" + LAST)
    (fault,) = caught.value.rows
    assert fault.line == 3
    assert why in fault.reason


def test_three_bad_rows_are_named_at_once(tmp_path: Path) -> None:
    text = (
        HEADER
        + "2026-11-18,0,101,99,100,5\n"
        + GOOD
        + "\n"
        + "2026-11-24,100,99,101,100,5\n"
        + "not a date,100,101,99,100,5\n"
        + LAST
    )
    with pytest.raises(BadRows, match="3 bad rows") as caught:
        read(tmp_path, text)
    assert [fault.line for fault in caught.value.rows] == [2, 5, 6]


BAD_FILES = [
    ("input-B25", b"", "is empty"),
    ("input-B25-blank", b"\n\n", "only blank lines"),
    ("input-B25-header", HEADER.encode(), "header but no rows"),
    ("input-B26", gzip.compress((HEADER + GOOD * 50).encode())[:-12], "cannot be unpacked"),
    ("input-B26-crc", gzip.compress((HEADER + GOOD).encode())[:-8] + b"12345678", "cannot be unp"),
    ("input-B26-zip", b"PK\x03\x04" + b"x" * 50, "cannot be unpacked"),
    ("input-B26-parquet", b"PAR1" + b"x" * 50, "no whole Parquet file"),
    ("input-B28-utf16", (HEADER + GOOD).encode("utf-16")[:-1], "breaks off"),
    ("input-B28-nul", (HEADER + GOOD).encode("utf-16-le"), "NUL bytes"),
    ("input-B29", b"Date,Open,High,Close,Volume\n2026-11-24,1,1,1,1\n", "no column for low"),
    ("input-B29-twice", b"Date,Open,Open,High,Low,Close\n2026-11-24,1,1,1,1,1\n", "open could be"),
    ("input-B29-none", b"2026-11-24,1.5,1.5,1.5,1.5,1\n", "has no header"),
    ("input-B37", b"\x80\x04\x95abc", "a pickle"),
    ("input-B37-npy", b"\x93NUMPY\x01\x00", "a NumPy array file"),
    ("input-B44", b"<!DOCTYPE html><html><body>no</body></html>", "a web page"),
    ("input-B44-json", b'{"Note": "5 calls per minute"}', "5 calls per minute"),
    ("git lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
    ("cut off", (HEADER + GOOD + "2026-11-24,100,101").encode(), "line 3, the last one, breaks"),
    ("binary", bytes(range(1, 256)) * 20, "no header"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"), [bad[1:] for bad in BAD_FILES], ids=[bad[0] for bad in BAD_FILES]
)
def test_a_bad_file_is_refused_in_words(content: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read(tmp_path, content)
    assert "spy.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["spy.pkl", "spy.npy", "spy.joblib"])
def test_input_b37_a_file_of_python_objects_is_not_even_opened(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="may run code"):
        read(tmp_path, HEADER + GOOD, name)


@pytest.mark.parametrize("symbol", ["../../x", "AAPL\n", "\u0410APL", "", "A" * 300, "SP\u200bY"])
def test_input_b1_b5_b6_a_symbol_that_is_none_is_refused(symbol: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a symbol"):
        read(tmp_path, HEADER + GOOD, symbol=symbol)


@pytest.mark.parametrize(
    ("written", "asked"),
    [("BRK-B", "BRK.B"), ("brk/b", "BRK.B"), ("NA", "NA"), ("TRUE", "TRUE"), ("1E5", "1E5")],
)
def test_input_b3_b8_a_symbol_in_a_cell_stays_text(
    written: str, asked: str, tmp_path: Path
) -> None:
    text = f"symbol,date,open,high,low,close\n{written},2026-11-24,1,1,1,1\nX,2026-11-24,2,2,2,2\n"
    assert read(tmp_path, text, symbol=asked).bars.close.tolist() == [1.0]


def test_a_symbol_that_the_file_does_not_hold_is_answered_with_those_it_does(
    tmp_path: Path,
) -> None:
    text = "symbol,date,open,high,low,close\nSPX,2026-11-24,1,1,1,1\nABC,2026-11-24,2,2,2,2\n"
    with pytest.raises(DataError, match="holds no SPY; it holds SPX, ABC"):
        read(tmp_path, text)


def test_input_b11_a_price_off_the_grid_is_rounded_once_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "spy.csv"
    path.write_text(HEADER + "2026-11-24,19.59000015258789,20,19,20,5\n")
    result = load_prices(path, Told("SPY", now=NOW))
    assert result.history.bars.open[0] == 19.59
    assert result.report.off_grid == 1


def test_input_b19_a_naive_time_of_day_asks_for_its_zone(tmp_path: Path) -> None:
    text = "date,open,high,low,close\n2026-11-24 09:30,1,1,1,1\n2026-11-24 09:31,1,1,1,1\n"
    with pytest.raises(DataError, match="name no zone") as caught:
        read(tmp_path, text)
    assert "--tz" in caught.value.hint
    assert rfc3339(int(read(tmp_path, text, zone="UTC").bars.start[0])) == "2026-11-24T09:30:00Z"


def test_input_b19_an_epoch_number_of_no_plausible_year_is_refused(tmp_path: Path) -> None:
    text = "time,open,high,low,close\n176400000000,1,1,1,1\n17640000000000000,1,1,1,1\n"
    with pytest.raises(DataError, match="between 1971 and 2100"):
        read(tmp_path, text)


def test_an_unknown_zone_is_wrong_usage(tmp_path: Path) -> None:
    text = "date,open,high,low,close\n2026-11-24 09:30,1,1,1,1\n2026-11-24 09:31,1,1,1,1\n"
    with pytest.raises(UsageError, match="no time zone"):
        read(tmp_path, text, zone="Mars/Olympus")


def test_input_b20_an_hour_that_the_clocks_skip_is_a_bad_row(tmp_path: Path) -> None:
    rows = [f"2026-03-08 0{hour}:30,1,1,1,1" for hour in (1, 2, 3)]
    text = "date,open,high,low,close\n" + "\n".join(rows) + "\n"
    with pytest.raises(BadRows, match="line 3: 2026-03-08 02:30:00 does not exist"):
        read(tmp_path, text, zone="America/New_York")


@pytest.mark.parametrize(("which", "utc"), [("first", "05:30"), ("second", "06:30")])
def test_input_b20_an_hour_that_comes_twice_needs_a_rule(
    which: str, utc: str, tmp_path: Path
) -> None:
    rows = ["2026-11-01 01:30,1,1,1,1", "2026-11-01 03:00,1,1,1,1"]
    text = "date,open,high,low,close\n" + "\n".join(rows) + "\n"
    with pytest.raises(BadRows, match="happens twice"):
        read(tmp_path, text, zone="America/New_York", frequency="1m")
    bars = read(tmp_path, text, zone="America/New_York", frequency="1m", repeated_hour=which).bars
    assert rfc3339(int(bars.start[0])) == f"2026-11-01T{utc}:00Z"


def test_minutes_on_both_sides_of_the_clock_change_keep_the_session(tmp_path: Path) -> None:
    rows = [f"2026-{day} 09:3{n},1,1,1,1" for day in ("03-06", "03-09") for n in range(3)]
    text = "date,open,high,low,close\n" + "\n".join(rows) + "\n"
    bars = read(tmp_path, text, zone="America/New_York").bars
    assert rfc3339(int(bars.start[0])) == "2026-03-06T14:30:00Z"
    assert rfc3339(int(bars.start[3])) == "2026-03-09T13:30:00Z"


def test_input_b21_unsorted_rows_are_sorted_and_counted(tmp_path: Path) -> None:
    text = HEADER + LAST + GOOD + "2026-11-24,100,101,99,100,5\n"
    history = read(tmp_path, text, adjusted="raw")
    assert history.bars.close.tolist() == [100.5, 100.0, 100.5]
    assert history.notices == ("1 row out of order: sorted by time",)


def test_input_b21_a_repeated_row_is_dropped_with_one_notice(tmp_path: Path) -> None:
    history = read(tmp_path, HEADER + GOOD * 3 + LAST, adjusted="raw")
    assert len(history.bars) == 2
    assert history.notices == ("2 rows left out: an exact repetition",)


def test_input_b21_contradicting_rows_are_an_error_that_names_both(tmp_path: Path) -> None:
    text = HEADER + GOOD + LAST + "2026-11-23,100,101,99,100.75,1000\n"
    with pytest.raises(DataError, match="lines 2 and 4"):
        read(tmp_path, text)
    believed = read(tmp_path, text, on_conflict="last")
    assert believed.bars.close.tolist() == [100.75, 100.5]


def test_the_later_line_wins_in_a_newest_first_file_too(tmp_path: Path) -> None:
    text = HEADER + LAST + GOOD + "2026-11-23,100,101,99,100.75,1000\n"
    assert read(tmp_path, text, on_conflict="last").bars.close.tolist() == [100.75, 100.5]


def test_input_b22_the_running_day_is_left_out_with_a_notice(tmp_path: Path) -> None:
    noon = int(datetime(2026, 11, 25, 17, tzinfo=UTC).timestamp()) * SECOND
    history = read(tmp_path, HEADER + GOOD + LAST, now=noon, adjusted="raw")
    assert len(history.bars) == 1
    assert history.notices == ("1 row left out: not finished when it was fetched",)


MIXED = {
    "naive and aware": ("2026-11-24T09:30:00Z", "2026-11-24T09:31:00"),
    "three zones": (
        "2026-11-24T09:30:00Z",
        "2026-11-24T09:31:00-05:00",
        "2026-11-24T09:32:00+01:00",
    ),
    "two zones": ("2026-11-24T09:30:00-05:00", "2026-11-24T09:31:00+01:00"),
    "back and forth": tuple(
        f"2026-11-24T{9 - n % 2:02d}:3{n}:00-0{5 + n % 2}:00" for n in range(5)
    ),
}


@pytest.mark.parametrize("stamps", MIXED.values(), ids=MIXED)
def test_input_b24_mixed_zones_are_refused(stamps: tuple[str, ...], tmp_path: Path) -> None:
    rows = "".join(f"{stamp},1,1,1,1\n" for stamp in stamps)
    with pytest.raises(DataError, match="mixes time zones"):
        read(tmp_path, "date,open,high,low,close\n" + rows)


def test_input_b24_summer_and_winter_time_are_one_zone(tmp_path: Path) -> None:
    stamps = [f"2026-03-06T09:3{n}:00-05:00" for n in range(3)]
    stamps += [f"2026-03-09T09:3{n}:00-04:00" for n in range(3)]
    rows = "".join(f"{stamp},1,1,1,1\n" for stamp in stamps)
    assert len(read(tmp_path, "date,open,high,low,close\n" + rows).bars) == 6


def test_input_b26_parquet_without_its_footer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spy.parquet"
    with duckdb.connect() as writer:
        writer.execute(
            f"COPY (SELECT DATE '2026-11-24' date, 1.0 open, 1.0 high, 1.0 low, 1.0 AS close) "
            f"TO '{path}' (FORMAT parquet)"
        )
    with pytest.raises(DataError, match="no whole Parquet file"):
        read(tmp_path, path.read_bytes()[:-20], "spy.parquet")


def test_input_b27_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 10 * 1024**3)  # sparse: ten gigabytes that take no room
    with pytest.raises(DataError, match="larger than"):
        read_prices(path, symbol="SPY")


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_input_b27_a_bomb_is_refused_while_it_unpacks(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"bomb.{kind}"
    if kind == "gz":
        path.write_bytes(gzip.compress(bytes(20_000_000)))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.csv", bytes(20_000_000))
    with pytest.raises(DataError, match=f"bomb.{kind}, unpacked, is larger than 1,000,000 bytes"):
        read_prices(path, symbol="SPY", size_cap=1_000_000)


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", HEADER)
        archive.writestr("b.csv", HEADER)
    with pytest.raises(DataError, match=r"holds 2 files: a\.csv, b\.csv"):
        read_prices(tmp_path / "two.zip", symbol="SPY")


ENCODED = {
    "byte-order mark": ("\ufeff" + HEADER + GOOD).encode(),
    "UTF-16": (HEADER + GOOD).encode("utf-16"),
    "CRLF": (HEADER + GOOD).replace("\n", "\r\n").encode(),
    "CR": (HEADER + GOOD).replace("\n", "\r").encode(),
    "no last line end": (HEADER + GOOD).strip().encode(),
    "Latin-1 in a column nobody needs": b"Date,Open,High,Low,Close,Name\n"
    b"2026-11-23,100,101,99,100.5,Soci\xe9t\xe9\n",
}


@pytest.mark.parametrize("content", ENCODED.values(), ids=ENCODED)
def test_input_b28_an_encoding_is_detected(content: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content).bars.close.tolist() == [100.5]


def test_input_b30_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    text = "Volume,Close,Low,High,Open,Date\n1000,100.5,99,101,100,2026-11-23\n"
    assert read(tmp_path, text).bars.open.tolist() == [100.0]


@pytest.mark.parametrize(
    "content",
    [
        '{"adjustment": "raw", "adjustment": "all"}',
        '{"adjustment": NaN}',
        "[" * 100_000,
        "[1]",
        "{",
    ],
    ids=["key twice", "NaN", "deep", "list", "cut"],
)
def test_input_b31_a_sidecar_that_cannot_be_trusted_is_refused(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "spy.csv.json").write_text(content)
    with pytest.raises(DataError, match=r"the sidecar spy\.csv\.json"):
        read(tmp_path, HEADER + GOOD)


def test_day_and_month_are_proven_over_the_file(tmp_path: Path) -> None:
    header, rest = "Date,Open,High,Low,Close\n", ",1,1,1,1\n"
    proven = read(tmp_path, header + "03/04/2026" + rest + "13/04/2026" + rest)
    assert str(proven.bars.days()[0]) == "2026-04-03"
    proven = read(tmp_path, header + "03/04/2026" + rest + "03/13/2026" + rest)
    assert str(proven.bars.days()[0]) == "2026-03-04"


def test_day_and_month_are_never_guessed(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close\n03/04/2026,1,1,1,1\n"
    with pytest.raises(DataError, match="may begin with the day or the month"):
        read(tmp_path, text)
    assert str(read(tmp_path, text, date_first="day").bars.days()[0]) == "2026-04-03"
    assert str(read(tmp_path, text, date_first="month").bars.days()[0]) == "2026-03-04"


def test_a_file_that_writes_dates_both_ways_is_refused(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close\n13/04/2026,1,1,1,1\n04/14/2026,1,1,1,1\n"
    with pytest.raises(DataError, match="begins with the day and"):
        read(tmp_path, text)


def test_a_comma_that_may_separate_thousands_is_no_decimal_comma(tmp_path: Path) -> None:
    text = "Date;Open;High;Low;Close\n2026-11-24;1,234;1,234;1,234;1,234\n"
    with pytest.raises(BadRows, match="not a plain number"):
        read(tmp_path, text)


def test_rows_without_any_price_are_left_out_and_counted(tmp_path: Path) -> None:
    text = HEADER + GOOD + "2026-11-24,null,null,null,null,null\n" + LAST
    history = read(tmp_path, text, adjusted="raw")
    assert len(history.bars) == 2
    assert history.notices == ("1 row without any price left out",)


def test_iex_cloud_minutes_without_a_trade_are_left_out(tmp_path: Path) -> None:
    text = (
        "date,minute,open,high,low,close,volume\n2026-11-24,09:30,1,1,1,1,5\n"
        "2026-11-24,09:31,-1,-1,-1,-1,0\n2026-11-24,09:32,1,1,1,1,5\n2026-11-24,09:33,1,1,1,1,5\n"
    )
    assert len(read(tmp_path, text).bars) == 3


def test_dates_without_a_session_are_kept_and_said(tmp_path: Path) -> None:
    text = HEADER + GOOD + "2026-11-26,100,101,99,100,5\n"  # Thanksgiving
    (notice,) = read(tmp_path, text, adjusted="raw").notices
    assert notice.startswith("1 of 2 dates are no session of XNYS, the first 2026-11-26")


def test_bars_that_overlap_are_named(tmp_path: Path) -> None:
    text = "time,open,high,low,close\n" + "".join(
        f"2026-11-24T{clock}Z,1,1,1,1\n"
        for clock in ("14:30:00", "14:35:00", "14:40:00", "14:42:00", "14:45:00")
    )
    with pytest.raises(BadRows, match="line 5: it begins before the 5m bar above it ended"):
        read(tmp_path, text)


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    read(tmp_path, HEADER + GOOD)
    with pytest.raises(DataError, match="no file") as caught:
        read_prices(tmp_path / "spi.csv", symbol="SPY")
    assert caught.value.hint == f"did you mean {tmp_path / 'spy.csv'}?"
    assert caught.value.exit_code == 4


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a file"):
        read_prices(tmp_path, symbol="SPY")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to the administrator")
def test_a_file_that_may_not_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    read(tmp_path, HEADER + GOOD)
    (tmp_path / "spy.csv").chmod(0)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        read_prices(tmp_path / "spy.csv", symbol="SPY")


def test_the_report_counts_what_became_of_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "spy.csv"
    path.write_text(HEADER + GOOD + GOOD + "2026-11-24,null,null,null,null,0\n" + LAST)
    report = load_prices(path, Told("SPY", now=NOW)).report
    assert (report.read, report.kept) == (4, 2)
    assert report.dropped == {"no prices": 1, "repeated": 1}
    assert (report.sessions_missing, report.outside_session) == (1, 0)


def test_minutes_after_an_early_close_are_kept_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "spy.csv"
    clocks = ("09:29", "09:30", "12:58", "12:59", "13:00", "13:01")  # the half day closes at 13:00
    rows = "".join(f"2026-11-27T{clock}:00-05:00,1,1,1,1\n" for clock in clocks)
    path.write_text("date,open,high,low,close\n" + rows)
    report = load_prices(path, Told("SPY", now=NOW)).report
    assert (report.kept, report.outside_session) == (6, 3)


def test_an_odd_row_in_a_million_does_not_change_how_the_others_are_read(tmp_path: Path) -> None:
    text = HEADER + GOOD + "2026-11-24,100,101,99,100.1,\n" + LAST
    assert read(tmp_path, text).bars.close.tolist() == [100.5, 100.1, 100.5]
