"""Each vendor's layout, five synthetic rows at a time; the expected numbers are those written."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pytest

from papertape.domain.clock import SECOND, rfc3339
from papertape.domain.errors import DataError
from papertape.domain.market import Dividend, PriceHistory, Split
from papertape.plugins.market_data.csv import read_prices

NOW = int(datetime(2027, 1, 4, tzinfo=UTC).timestamp()) * SECOND
DAYS = ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27", "2026-11-30"]
OPEN = [100.0, 101.0, 102.0, 103.0, 104.0]
CLOSE = [100.5, 101.5, 102.5, 103.5, 104.5]
VOLUME = [1000.0, 1100.0, 1200.0, 1300.0, 1400.0]
PRICE_ROWS = [(o, o + 1, o - 1, c, v) for o, c, v in zip(OPEN, CLOSE, VOLUME, strict=True)]
MINUTES = ["09:30", "09:31", "09:32", "09:33", "09:34"]

# 2026-11-25 is in New York's winter time: five hours behind UTC.
NINE_THIRTY = int(datetime(2026, 11, 25, 14, 30, tzinfo=UTC).timestamp())
MIDNIGHTS = [int(datetime.fromisoformat(f"{day}T05:00:00+00:00").timestamp()) for day in DAYS]


def read(folder: Path, text: str, name: str = "spy.csv", **told: object) -> PriceHistory:
    path = folder / name
    path.write_bytes(text.encode())
    return read_prices(path, **({"symbol": "SPY", "now": NOW} | told))  # type: ignore[arg-type]


def table(header: str, rows: list[str], newline: str = "\n") -> str:
    return newline.join([header, *rows]) + newline


def american(day: str) -> str:
    year, month, rest = day.split("-")
    return f"{month}/{rest}/{year}"


DAILY = {
    "Tiingo": table(
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor",
        [
            f"{d},{c},{h},{low},{o},{v:.0f},1,1,1,1,1,0.0,1.0"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
        "\r\n",
    ),
    "Tiingo of several tickers": table(
        "ticker,date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor",
        [
            f"{t},{d},{c * k},{h * k},{low * k},{o * k},{v:.0f},1,1,1,1,1,0.0,1.0"
            for t, k in (("QQQ", 2), ("SPY", 1))
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "Massive": table(
        "ticker,volume,open,close,high,low,window_start,transactions",
        [
            f"{t},{v:.0f},{o * k},{c * k},{h * k},{low * k},{at}000000000,7"
            for at, (o, h, low, c, v) in zip(MIDNIGHTS, PRICE_ROWS, strict=True)
            for t, k in (("QQQ", 2), ("SPY", 1))
        ],
    ),
    "Databento raw": table(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol",
        [
            f"{at - 18000}000000000,35,1,1,{o * 1e9:.0f},{h * 1e9:.0f},{low * 1e9:.0f},"
            f"{c * 1e9:.0f},{v:.0f},SPY"
            for at, (o, h, low, c, v) in zip(MIDNIGHTS, PRICE_ROWS, strict=True)
        ],
    ),
    "Databento pretty": table(
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume",
        [
            f"{d}T00:00:00.000000000Z,35,1,1,{o:.9f},{h:.9f},{low:.9f},{c:.9f},{v:.0f}"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "Yahoo": table(
        "Date,Open,High,Low,Close,Adj Close,Volume",
        [
            f"{d},{o},{h},{low},{c},{c * 0.9},{v:.0f}"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "yfinance frame": table(
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
        [
            f"{d} 00:00:00-05:00,{o},{h},{low},{c},{v:.0f},0.25,0.0"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "yfinance frame of several tickers": table(
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume",
        [
            "Ticker" + ",QQQ,SPY" * 5,
            "Date" + "," * 10,
            *(
                f"{d},{2 * c},{c},{2 * h},{h},{2 * low},{low},{2 * o},{o},9,{v:.0f}"
                for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
            ),
        ],
    ),
    "Stooq": table(
        "Date,Open,High,Low,Close,Volume",
        [
            f"{d},{o},{h},{low},{c},{v:.0f}"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "Stooq bulk": table(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        [
            f"SPY.US,D,{d.replace('-', '')},000000,{o},{h},{low},{c},{v:.0f},0"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "Nasdaq": table(
        "Date,Close/Last,Volume,Open,High,Low",
        [
            f'{american(d)},${c},"{v:,.0f}",${o},${h},${low}'
            for d, (o, h, low, c, v) in zip(DAYS[::-1], PRICE_ROWS[::-1], strict=True)
        ],
    ),
    "Alpha Vantage": table(
        "timestamp,open,high,low,close,volume",
        [
            f"{d},{o},{h},{low},{c},{v:.0f}"
            for d, (o, h, low, c, v) in zip(DAYS[::-1], PRICE_ROWS[::-1], strict=True)
        ],
    ),
    "Alpha Vantage adjusted": table(
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        [
            f"{d},{o},{h},{low},{c},1.0,{v:.0f},0.0000,1.0"
            for d, (o, h, low, c, v) in zip(DAYS[::-1], PRICE_ROWS[::-1], strict=True)
        ],
    ),
    "Investing": table(
        '"Date","Price","Open","High","Low","Vol.","Change %"',
        [
            f'"{american(d)}","{c}","{o}","{h}","{low}","{v / 1000:.2f}K","0.5%"'
            for d, (o, h, low, c, v) in zip(DAYS[::-1], PRICE_ROWS[::-1], strict=True)
        ],
    ),
    "IEX Cloud": table(
        "date,uClose,uOpen,uHigh,uLow,uVolume,close,high,low,open,volume,change,changePercent,"
        "label,changeOverTime",
        [
            f"{d},{c},{o},{h},{low},{v:.0f},1,1,1,1,1,0,0,x,0"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "MetaTrader": table(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        [
            f"{d.replace('-', '.')}\t{o}\t{h}\t{low}\t{c}\t5\t{v:.0f}\t1"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "papertape": table(
        "timestamp,open,high,low,close,volume,vwap,trade_count",
        [
            f"{d},{o},{h},{low},{c},{v},{o},9"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "pandas frame with an unnamed index": table(
        ",Open,High,Low,Close,Volume,OpenInterest",
        [
            f"{d},{o},{h},{low},{c},{v},0"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "semicolons and decimal commas": table(
        "Date;Open;High;Low;Close;Volume",
        [
            f"{d};{o:.2f};{h:.2f};{low:.2f};{c:.2f};{v:.0f}".replace(".", ",")
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
    "pipes": table(
        "Close|Low|High|Open|Date|Volume",
        [
            f"{c}|{low}|{h}|{o}|{d}|{v:.0f}"
            for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", DAILY)
def test_five_daily_rows_come_out_as_they_were_written(layout: str, tmp_path: Path) -> None:
    bars = read(tmp_path, DAILY[layout]).bars
    assert bars.days().tolist() == [date.fromisoformat(day) for day in DAYS]
    assert bars.open.tolist() == OPEN
    assert bars.high.tolist() == [price + 1 for price in OPEN]
    assert bars.low.tolist() == [price - 1 for price in OPEN]
    assert bars.close.tolist() == CLOSE
    assert bars.volume.tolist() == VOLUME
    assert str(bars.frequency) == "1d"


@pytest.mark.parametrize(
    ("layout", "adjusted"),
    [
        ("Tiingo", "raw"),
        ("Massive", "raw"),
        ("Databento raw", "raw"),
        ("Alpha Vantage adjusted", "raw"),
        ("IEX Cloud", "raw"),
        ("Yahoo", "split"),
        ("yfinance frame", "all"),
        ("Stooq bulk", "all"),
        ("Stooq", "raw"),
        ("papertape", "raw"),
    ],
)
def test_the_layout_says_what_its_prices_are_adjusted_for(
    layout: str, adjusted: str, tmp_path: Path
) -> None:
    assert read(tmp_path, DAILY[layout]).adjusted == adjusted


@pytest.mark.parametrize("layout", ["Stooq", "papertape", "pipes", "Alpha Vantage"])
def test_a_file_that_states_nothing_is_taken_as_traded_and_says_so_once(
    layout: str, tmp_path: Path
) -> None:
    (notice,) = read(tmp_path, DAILY[layout]).notices
    assert "prices as traded, and dividends are not booked" in notice
    assert "--adjusted" in notice


def test_a_stated_adjustment_needs_no_notice(tmp_path: Path) -> None:
    history = read(tmp_path, DAILY["Stooq"], adjusted="all")
    assert (history.adjusted, history.notices) == ("all", ())


def test_the_half_day_after_thanksgiving_ends_at_one_o_clock(tmp_path: Path) -> None:
    bars = read(tmp_path, DAILY["Stooq"]).bars
    assert rfc3339(int(bars.end[3])) == "2026-11-27T18:00:00Z"
    assert rfc3339(int(bars.end[2])) == "2026-11-25T21:00:00Z"


def test_the_source_names_the_file_but_never_its_folder(tmp_path: Path) -> None:
    history = read(tmp_path, DAILY["Yahoo"])
    assert history.source == "spy.csv (Yahoo layout)"
    assert str(tmp_path) not in repr(history.source) + repr(history.notices)


INTRADAY = {
    "Tiingo": (
        "date,open,high,low,close",
        [f"2026-11-25T{m}:00-05:00,{{p}}" for m in MINUTES],
        {},
    ),
    "Massive": (
        "ticker,volume,open,high,low,close,window_start,transactions",
        [f"SPY,5,{{p}},{NINE_THIRTY + 60 * n}000000000,3" for n in range(5)],
        {},
    ),
    "seconds": (
        "time,open,high,low,close",
        [f"{NINE_THIRTY + 60 * n},{{p}}" for n in range(5)],
        {},
    ),
    "milliseconds": (
        "time,open,high,low,close",
        [f"{NINE_THIRTY + 60 * n}000,{{p}}" for n in range(5)],
        {},
    ),
    "microseconds": (
        "time,open,high,low,close",
        [f"{NINE_THIRTY + 60 * n}000000,{{p}}" for n in range(5)],
        {},
    ),
    "yfinance": (
        "Datetime,Open,High,Low,Close,Volume,Dividends,Stock Splits",
        [f"2026-11-25 {m}:00-05:00,{{p}},5,0,0" for m in MINUTES],
        {},
    ),
    "Stooq bulk": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        [f"SPY.US,1,20261125,{m.replace(':', '')}00,{{p}},5,0" for m in MINUTES],
        {"zone": "America/New_York"},
    ),
    "Alpha Vantage": (
        "timestamp,open,high,low,close,volume",
        [f"2026-11-25 {m}:00,{{p}},5" for m in MINUTES[::-1]],
        {},
    ),
    "IEX Cloud": (
        "date,minute,label,open,high,low,close,average,volume",
        [f"2026-11-25,{m},09:30 AM,{{p}},1,5" for m in MINUTES],
        {},
    ),
    "MetaTrader": (
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        [f"2026.11.25\t{int(m[:2]) + 7}:{m[3:]}:00\t{{p}}\t5\t5\t1" for m in MINUTES],
        {"zone": "Europe/Athens"},
    ),
    "twelve-hour clock": (
        "Date,Time,Open,High,Low,Close",
        [f"11/25/2026,{m} AM,{{p}}" for m in MINUTES],
        {"zone": "America/New_York"},
    ),
    "papertape": (
        "timestamp,open,high,low,close,volume,vwap,trade_count",
        [f"2026-11-25T14:3{n}:00Z,{{p}},5,1,1" for n in range(5)],
        {},
    ),
    "LEAN": (
        "",
        [f"{34_200_000 + 60_000 * n},{{p}},5" for n in range(5)],
        {"name": "20261125_spy_minute_trade.csv"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", INTRADAY)
def test_five_minutes_start_at_half_past_nine_in_new_york(layout: str, tmp_path: Path) -> None:
    header, rows, told = INTRADAY[layout]
    separator, scale = ("\t" if "\t" in header else ","), (10_000 if layout == "LEAN" else 1)
    prices = separator.join(str(price * scale) for price in (100, 101, 99, 100))
    rows = [row.format(p=prices) for row in rows]
    text = table(header, rows) if header else "\n".join(rows) + "\n"
    bars = read(tmp_path, text, **told).bars
    assert [rfc3339(int(moment)) for moment in bars.start] == [
        f"2026-11-25T14:3{n}:00Z" for n in range(5)
    ]
    assert np.all(bars.end - bars.start == 60 * SECOND)
    assert bars.close.tolist() == [100.0] * 5
    assert str(bars.frequency) == "1m"


def test_lean_without_a_date_in_its_name_asks_for_the_day(tmp_path: Path) -> None:
    rows = "34200000,1000000,1010000,990000,1000000,5\n34260000,1000000,1010000,990000,1000000,5\n"
    with pytest.raises(DataError, match="its name holds no date"):
        read(tmp_path, rows, "spy.csv")
    bars = read(tmp_path, rows, "spy.csv", day=date(2026, 11, 25)).bars
    assert rfc3339(int(bars.start[0])) == "2026-11-25T14:30:00Z"


def test_tiingo_books_its_dividend_and_its_split(tmp_path: Path) -> None:
    text = DAILY["Tiingo"].replace(
        "2026-11-25,102.5,103.0,101.0,102.0,1200,1,1,1,1,1,0.0,1.0",
        "2026-11-25,102.5,103.0,101.0,102.0,1200,1,1,1,1,1,0.255,4.0",
    )
    history = read(tmp_path, text)
    day = date(2026, 11, 25)
    assert history.actions == (
        Dividend("SPY", day, 255_000, day),
        Split("SPY", day, Fraction(4)),
    )
    assert history.notices == ()


def test_a_split_written_raw_and_adjusted_is_the_same_history(tmp_path: Path) -> None:
    header = "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient"
    raw = [400.0, 404.0, 101.5, 102.0, 103.0]
    factors = [1.0, 1.0, 4.0, 1.0, 1.0]
    rows = [
        f"{d},{p},{p},{p},{p},1.0,5,0.0,{f}" for d, p, f in zip(DAYS, raw, factors, strict=True)
    ]
    history = read(tmp_path, table(header, rows))
    (split,) = history.actions
    twin = read(
        tmp_path,
        table(
            "Date,Open,High,Low,Close,Adj Close,Volume",
            [f"{d},{p},{p},{p},{p},1,5" for d, p in zip(DAYS, [100, 101, *raw[2:]], strict=True)],
        ),
    )
    assert isinstance(split, Split)
    before = history.bars.days() < np.datetime64(split.ex_date)
    scaled = np.where(before, history.bars.close / float(split.ratio), history.bars.close)
    assert scaled.tolist() == twin.bars.close.tolist()


def test_an_auto_adjusted_frame_books_none_of_the_dividends_it_shows(tmp_path: Path) -> None:
    assert read(tmp_path, DAILY["yfinance frame"]).actions == ()


def test_split_adjusted_prices_with_dividends_beside_them_book_only_those(tmp_path: Path) -> None:
    text = table(
        "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits",
        ["2026-11-24,1,1,1,1,1,5,0.5,0", "2026-11-25,1,1,1,1,1,5,0,2.0"],
    )
    history = read(tmp_path, text)
    day = date(2026, 11, 24)
    assert history.adjusted == "split"
    assert history.actions == (Dividend("SPY", day, 500_000, day),)


def test_the_sidecar_says_what_the_file_cannot(tmp_path: Path) -> None:
    said = {"provider": "Acme", "adjustment": "split", "timezone": "America/New_York"}
    (tmp_path / "spy.json").write_text(json.dumps(said))
    header, rows = "date,open,high,low,close", [f"2026-11-25 {m},1,1,1,1" for m in MINUTES]
    history = read(tmp_path, table(header, rows), "spy.csv")
    assert rfc3339(int(history.bars.start[0])) == "2026-11-25T14:30:00Z"
    assert (history.adjusted, history.notices) == ("split", ())
    assert history.source == "spy.csv (Acme, plain layout)"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"adjustment": "some"}, "known are raw, split and all"),
        ({"sha256": "00" * 32}, "the sha256 differs"),
        ({"timeframe": "fortnight"}, "no bar length"),
        ({"fetched_at": "2026-11-25T10:00:00"}, "without a zone"),
    ],
)
def test_a_sidecar_that_cannot_be_true_is_refused(
    said: dict[str, str], why: str, tmp_path: Path
) -> None:
    (tmp_path / "spy.csv.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match=why):
        read(tmp_path, DAILY["Stooq"])


def test_a_json_that_speaks_of_something_else_is_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "spy.json").write_text('{"colour": "red"}')
    assert read(tmp_path, DAILY["Stooq"]).adjusted == "raw"


def test_gzip_and_zip_hold_what_the_plain_file_holds(tmp_path: Path) -> None:
    plain = read(tmp_path, DAILY["Yahoo"])
    packed = tmp_path / "spy.csv.gz"
    packed.write_bytes(gzip.compress(DAILY["Yahoo"].encode()))
    with zipfile.ZipFile(tmp_path / "spy.zip", "w") as archive:
        archive.writestr("inside/spy.csv", DAILY["Yahoo"])
    for path in (packed, tmp_path / "spy.zip"):
        assert read_prices(path, symbol="SPY", now=NOW).bars.close.tolist() == CLOSE
    assert plain.bars.close.tolist() == CLOSE


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "VARCHAR"])
def test_parquet_is_read_by_names_and_filtered_by_symbol(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.parquet"
    values = ", ".join(
        f"('{t}', '{d}'::{kind}, {c}, {low}, {h}, {o}, {v})"
        for d, (o, h, low, c, v) in zip(DAYS, PRICE_ROWS, strict=True)
        for t in ("QQQ", "SPY")
    )
    with duckdb.connect() as writer:
        writer.execute(
            f"COPY (FROM (VALUES {values}) t(symbol, date, close, low, high, open, volume)) "
            f"TO '{path}' (FORMAT parquet)"
        )
    bars = read_prices(path, symbol="SPY", now=NOW).bars
    assert bars.days().tolist() == [date.fromisoformat(day) for day in DAYS]
    assert (bars.open.tolist(), bars.close.tolist()) == (OPEN, CLOSE)


def test_a_column_may_be_named_by_hand(tmp_path: Path) -> None:
    text = "When,First,High,Low,Last\n2026-11-24,1,2,1,2\n2026-11-25,2,3,2,3\n"
    names = {"time": "When", "open": "First", "close": "Last"}
    assert read(tmp_path, text, columns=names).bars.close.tolist() == [2.0, 3.0]


def test_a_volume_that_nobody_tells_is_unknown_not_zero(tmp_path: Path) -> None:
    text = "Date,Open,High,Low,Close,Volume\n2026-11-24,1,1,1,1,\n2026-11-25,1,1,1,1,0\n"
    volume = read(tmp_path, text).bars.volume
    assert np.isnan(volume[0])
    assert volume[1] == 0
