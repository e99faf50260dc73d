"""The store on the command line: what is imported can be listed, shown, run, exported, deleted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from tests.generators import random_bars

from papertape.data.canonical import canonical
from papertape.data.store import Origin, Store
from papertape.domain.market import DAILY, Frequency, PriceHistory
from papertape.plugins.market_data.csv import read_prices

HEADER = "date,open,high,low,close,volume\n"
DAYS = ("02", "03", "04", "05", "08", "09", "10", "11", "12", "16")


def csv(folder: Path, name: str, days: tuple[str, ...] = DAYS, price: float = 10) -> str:
    rows = "".join(
        f"2024-01-{day},{price},{price * 1.1:g},{price * 0.9:g},{price},1000\n" for day in days
    )
    (folder / name).write_text(HEADER + rows)
    return name


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(folder.parent / "home" / "data")


IMPORT = ("data", "import", "--symbol", "X", "--adjusted", "raw")


def test_files_of_one_symbol_become_one_series(typed, folder: Path, store: Store) -> None:
    names = [csv(folder, "b.csv", DAYS[4:]), csv(folder, "a.csv", DAYS[:6])]
    said = typed(*IMPORT, *names)
    assert said.code == 0, said.err
    assert "revision 1: 6 added" in said.out
    assert "revision 2: 4 added" in said.out
    manifest = store.newest("X", DAILY)
    assert manifest.rows == 10
    assert store.read(manifest).bars.days()[0].item().isoformat() == "2024-01-02"
    again = json.loads(typed(*IMPORT, *names, "--json").out)
    assert [each["is_new"] for each in again["data"]["kept"]] == [False, False]


def test_a_correction_wins_or_not_as_it_was_asked(typed, folder: Path) -> None:
    typed(*IMPORT, csv(folder, "a.csv"))
    text = (folder / "a.csv").read_text().replace("2024-01-08,10,11", "2024-01-08,10,12")
    (folder / "b.csv").write_text(text)
    assert typed(*IMPORT, "b.csv", "--on-difference", "refuse").code == 4
    assert "unchanged" in typed(*IMPORT, "b.csv", "--on-difference", "stored").out
    assert "would be revision 2: 1 corrected" in typed(*IMPORT, "b.csv", "--dry-run").out
    assert "revision 2: 1 corrected" in typed(*IMPORT, "b.csv").out


def test_another_scale_is_refused_and_a_replacement_keeps_what_was(typed, folder, store) -> None:
    typed(*IMPORT, csv(folder, "a.csv"))
    other = csv(folder, "b.csv", DAYS[3:], price=5)
    said = typed(*IMPORT, other)
    assert said.code == 4
    assert "two scales are not mixed" in said.err
    assert typed(*IMPORT, other, "--replace").code == 0
    assert [each.rows for each in store.revisions("X", DAILY)] == [10, 7]


def test_a_bad_file_is_refused_whole(typed, folder: Path) -> None:
    (folder / "a.csv").write_text(HEADER + "2024-01-02,10,8,9,10,1\n")
    said = typed(*IMPORT, "a.csv")
    assert said.code == 4
    assert "line 2" in said.err
    assert not (folder.parent / "home").exists()
    said = typed(*IMPORT, csv(folder, "b.csv"), "a.csv")
    assert said.code == 4
    assert "untouched: 10 bars of X to 2024-01-16 are kept" in said.err


def test_the_list_and_one_series(typed, folder: Path) -> None:
    assert "holds nothing yet" in typed("data", "list").out
    typed(*IMPORT, csv(folder, "a.csv"))
    said = typed("data", "list")
    assert re.search(
        r"X\s+1d\s+10\s+raw\s+1\s+[0-9a-f]{8}\s+2024-01-02\.\.2024-01-16 csv", said.out
    )
    found = json.loads(typed("data", "list", "--symbol", "x", "--json").out)
    assert found["schema"] == "papertape.data.list/1"
    series = found["data"]["series"][0]
    assert (series["symbol"], series["bar"], series["rows"]) == ("X", "1d", 10)
    assert series["origin"]["provider"] == "csv"
    assert "holds no Y" in typed("data", "list", "--symbol", "Y").out


def test_gaps_are_drawn_and_named(typed, folder: Path) -> None:
    typed(*IMPORT, csv(folder, "a.csv", (*DAYS[:3], *DAYS[6:])))
    said = typed("data", "show", "X")
    assert "2024-01  ###...####" in said.out
    assert "7 of 10 bars expected in 10 sessions" in said.out
    fetch = "papertape data get X --bar 1d --from 2024-01-05 --to 2024-01-09"
    assert f"2024-01-05..2024-01-09: 3 bars {fetch}" in " ".join(said.out.split())
    data = json.loads(typed("data", "show", "X", "--bar", "1d", "--json").out)["data"]
    assert data["gaps"] == [{"first": "2024-01-05", "last": "2024-01-09", "bars": 3}]
    assert (data["bars_expected"], data["bars_in_sessions"]) == (10, 7)
    assert [each["revision"] for each in data["revisions"]] == [1]


def test_years_are_drawn_a_sign_a_month(typed, store: Store) -> None:
    bars = random_bars(3, 600)  # from 2015-01-02 on
    holed = [*range(100), *range(119, 600)]
    history = PriceHistory(bars, source="made up")
    columns = ("start", "end", "open", "high", "low", "close", "volume")
    left = type(bars)(bars.instrument, DAILY, *(getattr(bars, c)[holed] for c in columns))
    store.add(PriceHistory(left, source=history.source), Origin(provider="csv"), 1)
    lines = typed("data", "show", "SPY").out.splitlines()
    row = next(line for line in lines if line.startswith("2015"))
    days = [day.item() for day in bars.days()[100:119]]
    for month in range(1, 13):
        missing = sum(day.month == month for day in days)
        assert (row[5 + month] == "#") == (missing == 0), row


def test_a_short_session_and_minutes_outside_the_hours_are_no_gaps(typed, store: Store) -> None:
    said = typed("data", "show", "X", "--bar", "1m")
    assert said.code == 4
    assert "papertape data list" in said.err
    bars = random_bars(3, 390 * 3, "1m")
    store.add(PriceHistory(bars), Origin(provider="csv"), 1)
    covered = json.loads(typed("data", "show", "SPY", "--json").out)["data"]
    assert covered["gaps"] == []
    assert covered["bars_expected"] == covered["bars_in_sessions"] == 390 * 3


def test_an_export_is_the_same_bars_again(typed, folder: Path, store: Store) -> None:
    typed(*IMPORT, csv(folder, "a.csv"))
    for to in ("csv", "parquet"):
        said = typed("data", "export", "X", "--to", to, "-o", f"out.{to}")
        assert said.code == 0, said.err
        assert "not to be passed on" in " ".join(said.out.split())
        back = read_prices(f"out.{to}", symbol="X")
        assert canonical(back) == canonical(store.read(store.newest("X", DAILY)))
        assert json.loads((folder / f"out.{to}.json").read_text())["provider"] == "csv"
    said = typed("data", "export", "X", "-o", "out.csv")
    assert (said.code, "is there already" in said.err) == (2, True)
    assert typed("data", "export", "X", "-o", "out.csv", "--force").code == 0


def test_an_export_adjusts_when_it_is_asked_to(typed, folder: Path) -> None:
    rows = [
        "2024-01-02,20,22,18,20,100,",
        "2024-01-03,20,22,18,20,100,",
        "2024-01-04,5,6,4,5,400,4",
    ]
    text = "date,open,high,low,close,volume,ratio\n" + "\n".join(rows) + "\n"
    (folder / "a.csv").write_text(text)
    assert typed(*IMPORT, "a.csv", "--map", "split=ratio").code == 0
    assert typed("data", "export", "X", "--adjust", "split", "-o", "out.csv").code == 0
    assert (folder / "out.csv").read_text().splitlines()[1:] == [
        "2024-01-02,5,5.5,4.5,5,400",
        "2024-01-03,5,5.5,4.5,5,400",
        "2024-01-04,5,6,4,5,400",
    ]


def test_two_years_of_the_index_fund_have_no_gap(typed, shared_data: Path, store: Store) -> None:
    file = shared_data / "daily" / "spy_yahoo_raw_1999_2026.csv.gz"
    assert typed("data", "import", str(file), "--symbol", "SPY", "--adjusted", "raw").code == 0
    data = json.loads(typed("data", "show", "SPY", "--json").out)["data"]
    assert data["gaps"] == []
    assert data["bars_outside"] == 0
    year = store.read(store.newest("SPY", DAILY), date(2024, 1, 1), date(2024, 12, 31))
    assert len(year.bars) == 252


def test_a_deletion_is_asked_for_and_can_be_rehearsed(typed, folder: Path, store: Store) -> None:
    typed(*IMPORT, csv(folder, "a.csv"))
    assert typed("data", "rm", "X").code == 2
    assert "would be deleted" in typed("data", "rm", "X", "--dry-run").out
    assert store.newest("X", DAILY)
    assert typed("data", "rm", "X", "--provider", "csv", "--yes").code == 2
    assert "nothing of tiingo" in typed("data", "rm", "--provider", "tiingo", "--yes").out
    assert typed("data", "rm", "--provider", "csv", "--yes").code == 0
    assert store.series() == []


def test_a_run_takes_its_prices_from_the_store_and_says_so(typed, folder: Path, store) -> None:
    file = csv(folder, "a.csv", price=10)
    typed(*IMPORT, file)
    words = ("backtest", "buy_and_hold", "--symbol", "X", "--benchmark", "none")
    said = typed(*words)
    assert said.code == 0, said.err
    content = store.newest("X", DAILY).content[:8]
    told = " ".join(said.out.split())
    assert f"X 1d store revision 1 (csv, raw, fetched 2026-11-22, data {content})" in told
    assert "SAMPLE" not in said.out
    kept = json.loads(typed(*words, "--json").out)["data"]
    from_file = json.loads(typed(*words, "--data", file, "--json").out)["data"]
    assert kept["ground"]["data_hash"] == from_file["ground"]["data_hash"]
    assert kept["metrics"] == from_file["metrics"]
    assert typed("paper", "buy_and_hold", "--symbol", "X", "--feed", "replay:2024-01-08").code == 0
    assert typed(*words, "--tz", "UTC").code == 2
    said = typed(*words, "--bar", "5m")
    assert said.code == 4
    assert "papertape data get X --bar 5m" in said.err


def test_the_sample_is_there_until_the_store_holds_the_symbol(typed, folder: Path, store) -> None:
    words = ("backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "2024-01-02")
    assert typed(*words).code == 4
    file = csv(folder, "a.csv")
    typed("data", "import", file, "--symbol", "AAPL", "--adjusted", "raw")
    assert typed(*words).code == 0
    said = typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--data", "sample")
    assert "SAMPLE" in said.out
    assert "SAMPLE" in typed("paper", *words[1:4], "--feed", "replay:sample").out
    typed("data", "get", "IBM", "--provider", "sample", "--from", "2012-01-03")
    assert "(SAMPLE)" in typed("backtest", "buy_and_hold", "--symbol", "IBM").out
    assert typed("demo").out.startswith("SAMPLE")


def test_rows_that_are_no_bars_are_refused_to_a_run(typed, store: Store) -> None:
    bars = random_bars(3, 50)
    high = bars.high.copy()
    high[7] = bars.low[7] - 1
    columns = (bars.start, bars.end, bars.open, high, bars.low, bars.close, bars.volume)
    broken = type(bars).trusted(bars.instrument, DAILY, *columns)
    store.add(PriceHistory(broken), Origin(provider="csv"), 1)
    said = typed("backtest", "buy_and_hold", "--symbol", "SPY")
    assert said.code == 4
    assert "papertape data check SPY --bar 1d" in said.err


def test_every_verb_answers_programs_in_its_envelope(typed, folder: Path) -> None:
    file = csv(folder, "a.csv")
    lines = {
        "data.import": (*IMPORT, file),
        "data.list": ("data", "list"),
        "data.show": ("data", "show", "X"),
        "data.export": ("data", "export", "X", "-o", "out.csv"),
        "data.rm": ("data", "rm", "X", "--yes"),
        "doctor": ("doctor",),
    }
    for name, words in lines.items():
        answer = json.loads(typed(*words, "--json").out)
        assert set(answer) == {"schema", "ok", "data", "warnings", "error"}
        assert (answer["schema"], answer["ok"], answer["error"]) == (
            f"papertape.{name}/1",
            True,
            None,
        )
        assert answer["data"]
    failed = json.loads(typed("data", "show", "X", "--json").out)
    assert failed["schema"] == "papertape.data.show/1"
    assert (failed["ok"], failed["error"]["code"]) == (False, "DataError")


def test_who_writes_is_named_to_who_would_too(typed, folder: Path, store: Store) -> None:
    typed(*IMPORT, csv(folder, "a.csv"))
    history = store.read(store.newest("X", DAILY))
    with store._writing(history, 1):
        said = typed(*IMPORT, csv(folder, "b.csv", price=11))
    assert said.code == 8
    assert "is being written by process" in said.err


def test_listing_and_showing_need_no_duckdb_and_no_key(folder: Path, store: Store) -> None:
    store.add(PriceHistory(random_bars(3, 50)), Origin(provider="csv"), 1)
    code = (
        "import sys\n"
        "from papertape.cli.main import main\n"
        f"code = main(['data', 'list', '--home', {str(store.root.parent)!r}])\n"
        "heavy = {'duckdb', 'pandas', 'pydantic', 'structlog'} & set(sys.modules)\n"
        "sys.exit(f'{heavy}' if heavy else code)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert Frequency.parse("1d") == DAILY
