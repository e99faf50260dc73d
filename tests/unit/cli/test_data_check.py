"""`data check` and `data fix`: what is wrong is said, and mended in a revision of its own."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from papertape.data.store import Store
from papertape.domain.calendar import calendar_of
from papertape.domain.market import DAILY
from papertape.plugins.market_data.csv import read_prices

DAYS = calendar_of("XNYS").sessions(date(2024, 1, 2), date(2024, 6, 28))
HEADER = "date,open,high,low,close,volume\n"


def lines(**changed: str) -> list[str]:
    """Calm daily bars about 100 dollars as CSV lines; a day's line may be another."""
    rows = []
    for place, day in enumerate(DAYS):
        close = 100 + place % 5
        row = (
            f"{day},{close - 0.5},{close + 1},{close - 1},{close},{1_000_000 + 1000 * (place % 7)}"
        )
        rows.append(changed.get(f"{day:%b%d}", row))
    return rows


def write(folder: Path, name: str = "X.csv", **changed: str) -> str:
    (folder / name).write_text(HEADER + "\n".join(lines(**changed)) + "\n")
    return name


HIGH_BELOW_LOW = "2024-03-14,100,98,99,100,1000000"
A_HUNDREDTH = "2024-03-14,1,1.02,0.99,1.01,1000000"
CHECK = ("data", "check", "X", "--data", "X.csv")
FIX = ("data", "fix", "X", "--data", "X.csv", "--rule")


def store(folder: Path) -> Store:
    return Store(folder.parent / "home" / "data")


def test_a_sound_file_has_no_finding(typed, folder: Path) -> None:
    write(folder)
    said = typed(*CHECK)
    assert (said.code, said.err) == (0, "")
    assert f"{len(DAYS)} bars of {len(DAYS)} expected" in said.out
    assert "no finding" in said.out


def test_an_error_is_named_by_rule_day_and_numbers_and_the_answer_is_no(typed, folder) -> None:
    write(folder, Mar14=HIGH_BELOW_LOW)
    said = typed(*CHECK)
    assert said.code == 1
    assert "error      D3 high, low, open, close" in said.out
    assert "2024-03-14 100/98/99/100" in said.out
    assert "papertape data fix X --data X.csv --rule D3 --write" in said.out
    assert "1 error, 0 warnings" in said.out
    told = json.loads(typed(*CHECK, "--json").out)
    (finding,) = told["data"]["series"][0]["findings"]
    assert (finding["id"], finding["rows"], finding["days"]) == ("data-D3", 1, ["2024-03-14"])


def test_the_command_that_a_finding_names_does_what_it_says(typed, folder: Path) -> None:
    write(folder, Mar14=HIGH_BELOW_LOW)
    finding = json.loads(typed(*CHECK, "--json").out)["data"]["series"][0]["findings"][0]
    assert typed(*finding["todo"].split()[1:]).code == 0
    assert typed("data", "check", "X").code == 0


def test_a_warning_is_a_no_only_when_strict(typed, folder: Path) -> None:
    rows = [line for line in lines() if not line.startswith("2024-03-14")]
    (folder / "X.csv").write_text(HEADER + "\n".join(rows) + "\n")
    assert "D13 missing day" in typed(*CHECK).out
    assert typed(*CHECK).code == 0
    assert typed(*CHECK, "--strict").code == 1


def test_a_line_that_cannot_be_read_is_an_error_too(typed, folder: Path) -> None:
    write(folder, Mar14="2024-03-14,abc,101,99,100,1000000")
    said = typed(*CHECK)
    assert said.code == 1
    assert "line 52: open 'abc'" in said.out


def test_without_write_nothing_is_written(typed, folder: Path) -> None:
    write(folder, Mar14=A_HUNDREDTH)
    said = typed(*FIX, "D10")
    assert said.code == 0
    assert "2024-03-14   close" in said.out
    assert "would be revision 1" in said.out
    assert not (folder.parent / "home").exists()


def test_a_mended_file_goes_into_the_store_and_the_file_stays(typed, folder: Path) -> None:
    write(folder, Mar14=A_HUNDREDTH)
    before = (folder / "X.csv").read_bytes()
    assert typed(*FIX, "D10", "--write").code == 0
    manifest = store(folder).newest("X", DAILY)
    bars = store(folder).read(manifest).bars
    assert manifest.reason == "fix D10"
    assert bars.close[bars.days() == np.datetime64("2024-03-14")] == [101.0]
    assert (folder / "X.csv").read_bytes() == before


def test_a_stored_series_is_mended_in_a_second_revision(typed, folder: Path) -> None:
    write(folder, Mar14=A_HUNDREDTH)
    typed("data", "import", "X.csv", "--symbol", "X", "--adjusted", "raw")
    assert typed("data", "check", "X").code == 1
    said = typed("data", "fix", "X", "--rule", "d10", "--write")
    assert said.code == 0, said.err
    first, second = store(folder).revisions("X", DAILY)
    assert (first.rows, second.rows, second.reason) == (len(DAYS), len(DAYS), "fix D10")
    assert typed("data", "check", "--all").code == 0


def test_what_the_bars_cannot_tell_is_not_mended(typed, folder: Path) -> None:
    write(folder, Mar14="2024-03-14,80,101,80,100,1000000")
    assert typed(*CHECK).code == 1
    said = typed(*FIX, "D10")
    assert said.code == 1
    assert "has an open far from its neighbours (1 row): the bars do not say" in said.out


def test_a_rule_without_findings_mends_nothing(typed, folder: Path) -> None:
    write(folder)
    said = typed(*FIX, "D3", "--write")
    assert (said.code, said.out) == (0, "D3 finds nothing: there is nothing to mend\n")
    assert not (folder.parent / "home").exists()


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("data", "check"), 2, "name symbols, or --all"),
        (("data", "check", "X", "--all"), 2, "name symbols, or --all"),
        (("data", "check", "X"), 4, "the store holds no X"),
        (("data", "check", "X", "Y", "--data", "X.csv"), 2, "a file holds one symbol's bars"),
        (("data", "fix", "X", "--rule", "D16", "--data", "X.csv"), 2, "'D16' is no data rule"),
        (("data", "check", "X", "--data", "nothing.csv"), 4, "no file nothing.csv"),
    ],
)
def test_words_that_mean_nothing_are_refused(typed, folder: Path, words, code, why) -> None:
    write(folder)
    said = typed(*words)
    assert said.code == code
    assert why in said.err


def test_another_source_shows_where_two_disagree(typed, folder: Path) -> None:
    write(folder, Mar14="2024-03-14,99.5,101,93,100,1001000")
    write(folder, "other.csv")
    said = typed(*CHECK, "--against", "other.csv")
    assert said.code == 1
    assert "D14 providers disagree" in said.out
    assert "low 93, elsewhere 99" in said.out


BACKTEST = ("backtest", "buy_and_hold", "--symbol", "X", "--data", "X.csv", "--benchmark", "none")
PAPER = ("paper", "buy_and_hold", "--symbol", "X", "--feed", "replay:X.csv")


@pytest.mark.parametrize("words", [BACKTEST, PAPER])
def test_a_run_refuses_an_error_unless_told(typed, folder: Path, words) -> None:
    write(folder, Mar14=A_HUNDREDTH)
    said = typed(*words)
    assert said.code == 4
    assert "D10 stands 0.01 times off its neighbours" in said.err
    assert "--allow D10" in said.err
    allowed = typed(*words, "--allow", "D10")
    assert allowed.code == 0
    assert "ALLOWED, though an error" in allowed.out
    assert typed(*words, "--allow", "D11").code == 4
    assert typed(*words, "--allow", "D99").code == 2


def test_a_run_says_a_warning_in_a_sentence(typed, folder: Path) -> None:
    rows = [line for line in lines() if not line.startswith("2024-03-14")]
    (folder / "X.csv").write_text(HEADER + "\n".join(rows) + "\n")
    told = json.loads(typed(*BACKTEST, "--json").out)
    assert (
        "X: D13 XNYS traded and there is no bar (1 row, the first 2024-03-14)" in told["warnings"]
    )


def test_spy_of_2023_and_2024_passes_with_its_half_days(typed, folder, shared_data) -> None:
    whole = gzip.decompress((shared_data / "daily/spy_yahoo_raw_1999_2026.csv.gz").read_bytes())
    head, *rows = whole.decode().splitlines()
    years = [row for row in rows if row[:4] in ("2023", "2024")]
    (folder / "SPY.csv").write_text("\n".join([head, *years]) + "\n")
    assert typed("data", "import", "SPY.csv", "--symbol", "SPY", "--adjusted", "raw").code == 0
    said = typed("data", "check", "SPY", "--strict", "--json")
    assert said.code == 0
    (series,) = json.loads(said.out)["data"]["series"]
    assert series["findings"] == []
    bars = read_prices(folder / "SPY.csv", symbol="SPY").bars
    days = bars.days().astype("datetime64[Y]").astype(int) + 1970
    assert (np.sum(days == 2023), np.sum(days == 2024)) == (250, 252)
    assert np.datetime64("2024-07-03") in bars.days()
