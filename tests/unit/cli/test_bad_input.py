"""Bad input ends in one clear error with the documented exit code, and nothing is written."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

RUN = ("backtest", "moving_average_crossover")
AAPL = (*RUN, "--symbol", "AAPL")

ARGUMENTS = [
    ("B1", 2, (*RUN, "--symbol", "../../x")),
    ("B2: a device's name is a symbol, but not one of the sample", 4, (*RUN, "--symbol", "CON")),
    ("B5: line end", 2, (*RUN, "--symbol", "AAPL\n")),
    ("B5: NUL", 2, (*RUN, "--symbol", "AA\0PL")),
    ("B5: right-to-left mark", 2, (*RUN, "--symbol", "AAPL\u200f")),
    ("B5: zero width", 2, (*RUN, "--symbol", "AA\u200bPL")),
    ("B5: 300 letters", 2, (*RUN, "--symbol", "A" * 300)),
    ("B6: Cyrillic A", 2, (*RUN, "--symbol", "\u0410APL")),
    ("B8: TRUE is text", 4, (*RUN, "--symbol", "TRUE")),
    ("B8: 1E5 is text", 4, (*RUN, "--symbol", "1E5")),
    ("B15: none", 2, (*AAPL, "--size", "shares:0")),
    ("B15: negative", 2, (*AAPL, "--size", "shares:-1")),
    ("B15: tiny", 2, (*AAPL, "--size", "shares:1e-12")),
    ("B15: huge", 2, (*AAPL, "--size", "shares:1e300")),
    ("B15: exponent", 2, (*AAPL, "--size", "shares:1e3")),
    ("B15: truth", 2, (*AAPL, "--size", "shares:True")),
    ("B16", 2, (*AAPL, "--size", "shares:1.5")),
    ("B15: cash with an exponent", 2, (*AAPL, "--cash", "1e3")),
    ("B15: negative cash", 2, (*AAPL, "--cash", "-5")),
    ("B15: no cash", 2, (*AAPL, "--cash", "0")),
    ("B15: cash is no truth", 2, (*AAPL, "--cash", "True")),
    ("B9: cash is no NaN", 2, (*AAPL, "--cash", "nan")),
    ("B9: cash is finite", 2, (*AAPL, "--cash", "inf")),
    ("B18: thousands", 2, (*AAPL, "--cash", "1,000.50")),
    ("B18: decimal comma", 2, (*AAPL, "--cash", "1.000,50")),
    ("B18: digits of another script", 2, (*AAPL, "--cash", "\u0661\u0660\u0660\u0660")),
    ("B47: cash beyond counting", 2, (*AAPL, "--cash", "9999999999999")),
    ("B23: 29 February 2100", 2, (*AAPL, "--from", "2100-02-29")),
    ("B23: 30 February", 2, (*AAPL, "--to", "2024-02-30")),
    ("B23: 1677", 2, (*AAPL, "--from", "1677-01-01")),
    ("B23: 2263", 2, (*AAPL, "--to", "2263-01-01")),
    ("B19: no date", 2, (*AAPL, "--from", "20240102")),
    ("the window is inside out", 2, (*AAPL, "--from", "2012-01-02", "--to", "2011-01-03")),
    ("no bar in the window", 4, (*AAPL, "--from", "2024-01-01")),
    ("a symbol that the sample has not", 4, (*RUN, "--symbol", "SPY")),
    ("another bar length", 4, (*AAPL, "--bar", "5m")),
    ("no bar length", 2, (*AAPL, "--bar", "7x")),
    ("a symbol twice", 2, (*RUN, "--symbol", "AAPL", "aapl")),
    ("no symbol", 2, RUN),
    ("no strategy", 2, ("backtest", "--symbol", "AAPL")),
    ("an unknown strategy", 2, ("backtest", "momentum_brekout", "--symbol", "AAPL")),
    ("an unknown parameter", 2, (*AAPL, "--param", "fats=5")),
    ("a parameter out of bounds", 2, (*AAPL, "--param", "fast=0")),
    ("fast not below slow", 2, (*AAPL, "--param", "fast=200")),
    ("a parameter with an underscore", 2, (*AAPL, "--param", "fast=1_0")),
    ("a parameter without a value", 2, (*AAPL, "--param", "fast")),
    ("a parameter twice", 2, (*AAPL, "--param", "fast=5", "--param", "fast=6")),
    ("an unknown cost model", 2, (*AAPL, "--cost", "us-retial")),
    ("a size without a stop", 2, (*AAPL, "--size", "risk:1")),
    ("a rate that is none", 2, (*AAPL, "--rf", "nan")),
    ("a rate that is a word", 2, (*AAPL, "--rf", "two")),
    ("a negative seed", 2, (*AAPL, "--seed", "-1")),
    ("another warm-up", 2, (*AAPL, "--warmup", "after")),
    ("an unknown option", 2, (*AAPL, "--bogus")),
    ("an unknown command", 2, ("bactest",)),
    ("a run's name with a path", 2, (*AAPL, "--name", "../x")),
    ("a run's name that is a word", 2, (*AAPL, "--name", "last")),
    ("a zone without a file", 2, (*AAPL, "--tz", "UTC")),
    ("names of columns without a file", 2, (*AAPL, "--map", "open=First")),
    ("no such file", 4, (*AAPL, "--data", "nowhere.csv")),
    ("more files than symbols", 2, (*AAPL, "--data", "a.csv", "--data", "b.csv")),
    ("a home without a folder", 2, (*AAPL, "--home")),
    ("a home under a file", 3, (*AAPL, "--home", "/dev/null/x")),
    ("no run to explain", 2, ("why", "T1")),
    ("no run to show", 2, ("runs", "show", "../../etc")),
    ("nothing to compare with", 2, ("compare", "last")),
    ("a strategy outside the folder", 2, ("backtest", "/x.py", "--symbol", "AAPL")),
    ("a strategy above the folder", 2, ("strategy", "show", "../x.py")),
    ("a strategy's name with a path", 2, ("strategy", "new", "../x")),
    ("a strategy's name of Python's", 2, ("strategy", "new", "class")),
    ("a shipped strategy's name", 2, ("strategy", "new", "buy_and_hold")),
    ("a feed that is none", 2, ("paper", *AAPL[1:], "--feed", "lively")),
    ("no feed", 2, ("paper", *AAPL[1:])),
    (
        "a speed that is none",
        2,
        ("paper", *AAPL[1:], "--feed", "replay:2012-03-01", "--speed", "0x"),
    ),
]


@pytest.mark.parametrize(
    ("code", "words"), [row[1:] for row in ARGUMENTS], ids=[r[0] for r in ARGUMENTS]
)
def test_an_argument_is_refused_in_one_sentence_and_nothing_is_written(
    code: int, words: tuple[str, ...], typed, folder: Path
) -> None:
    said = typed(*words)
    assert said.code == code, said
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert "  untouched: nothing was written\n" in said.err
    assert [each for each in folder.parent.rglob("*") if each != folder] == []


def test_an_odd_letter_is_shown_by_its_code_point(typed) -> None:
    assert "U+0410 (CYRILLIC CAPITAL LETTER A)" in typed(*RUN, "--symbol", "\u0410APL").err


def test_a_misspelt_word_is_answered_with_the_nearest_one(typed) -> None:
    assert "did you mean backtest?" in typed("bactest").err
    assert "did you mean --symbol?" in typed(*RUN, "--symbl", "AAPL").err
    assert "did you mean momentum_breakout?" in typed("strategy", "show", "momentum_brekout").err


HEADER = "date,open,high,low,close,volume\n"
GOOD = "".join(f"2024-01-{day:02},10,11,9,10,1000\n" for day in (2, 3, 4, 5, 8, 9))

FILES = [
    ("B9: NaN", HEADER + GOOD + "2024-01-10,nan,11,9,10,1\n", "line 8"),
    ("B9: infinite", HEADER + GOOD + "2024-01-10,10,inf,9,10,1\n", "line 8"),
    ("B10: zero", HEADER + GOOD + "2024-01-10,0,11,0,10,1\n", "line 8"),
    ("B10: negative", HEADER + GOOD + "2024-01-10,-1,11,-2,10,1\n", "line 8"),
    ("B12", HEADER + GOOD + "2024-01-10,10,8,9,10,1\n", "line 8"),
    ("B13: negative", HEADER + GOOD + "2024-01-10,10,11,9,10,-1\n", "line 8"),
    ("B13: huge", HEADER + GOOD + "2024-01-10,10,11,9,10,1e30\n", "line 8"),
    ("B18", HEADER + GOOD + '2024-01-10,"1.000,5",11,9,10,1\n', "line 8"),
    ("B21: twice, and different", HEADER + GOOD + "2024-01-09,10,12,9,11,1\n", "lines 7 and 8"),
    ("B22", HEADER + GOOD + "2031-01-10,10,11,9,10,1\n", "2031"),
    ("B23", HEADER + GOOD + "2100-02-29,10,11,9,10,1\n", "line 8"),
    ("B23: 1677", HEADER + "1677-01-04,10,11,9,10,1\n" + GOOD, "line 2"),
    ("B25: empty", "", "empty"),
    ("B25: header only", HEADER, "no "),
]


@pytest.mark.parametrize(
    ("text", "named"), [row[1:] for row in FILES], ids=[row[0] for row in FILES]
)
def test_a_bad_file_is_refused_by_name_and_nothing_is_written(
    text: str, named: str, typed, folder: Path
) -> None:
    file = folder / "bars.csv"
    file.write_text(text)
    said = typed(*RUN, "--symbol", "X", "--data", "bars.csv")
    assert said.code == 4, said
    assert "bars.csv" in said.err
    assert named in said.err
    assert "Traceback" not in said.err
    assert [each for each in folder.parent.rglob("*") if each not in (folder, file)] == []


def test_three_bad_rows_are_named_at_once(typed, folder: Path) -> None:
    rows = GOOD + "2024-01-10,10,8,9,10,1\n2024-01-11,nan,11,9,10,1\n2024-01-12,10,11,9,10,-1\n"
    (folder / "bars.csv").write_text(HEADER + rows)
    said = typed(*RUN, "--symbol", "X", "--data", "bars.csv")
    assert said.code == 4
    assert all(f"line {number}:" in said.err for number in (8, 9, 10))


def test_a_truncated_gzip_is_refused(typed, folder: Path) -> None:
    (folder / "bars.csv.gz").write_bytes(gzip.compress((HEADER + GOOD * 9).encode())[:-9])
    said = typed(*RUN, "--symbol", "X", "--data", "bars.csv.gz")
    assert said.code == 4
    assert "cannot be unpacked" in said.err


def test_three_spellings_of_a_share_class_are_one(typed, folder: Path) -> None:
    (folder / "bars.csv").write_text(HEADER + GOOD)
    for number, spelling in enumerate(("BRK.B", "BRK/B", "brk-b")):
        words = ("backtest", "buy_and_hold", "--symbol", spelling, "--data", "bars.csv")
        said = typed(*words, "--name", f"run-{number}", "--benchmark", "none")
        assert said.code == 0, said.err
        assert said.out.startswith("BRK.B daily, 2024-01-02..2024-01-09")


def test_one_file_without_symbols_is_not_traded_as_two(typed, folder: Path) -> None:
    (folder / "bars.csv").write_text(HEADER + GOOD)
    said = typed("backtest", "buy_and_hold", "--symbol", "X", "Y", "--data", "bars.csv")
    assert (said.code, said.out) == (2, "")
    assert "X and Y would trade the same prices" in said.err
    rows = [f"{line},{symbol}\n" for symbol in "XY" for line in GOOD.splitlines()]
    (folder / "both.csv").write_text(HEADER.replace("\n", ",symbol\n") + "".join(rows[:-1]))
    said = typed("backtest", "buy_and_hold", "--symbol", "X", "Y", "--data", "both.csv")
    assert said.code == 0, said


@pytest.mark.parametrize("words", [("data", "import", "bars.csv"), (*RUN, "--data", "bars.csv")])
def test_a_zone_that_is_none_is_refused_though_the_file_holds_days(
    words: tuple[str, ...], typed, folder: Path
) -> None:
    (folder / "bars.csv").write_text(HEADER + GOOD)
    said = typed(*words, "--symbol", "X", "--tz", "Mars/Phobos")
    assert (said.code, said.out) == (2, "")
    assert "'Mars/Phobos' is no time zone" in said.err


def test_a_file_name_cannot_steer_the_terminal(typed) -> None:
    assert "\033" not in typed(*RUN, "--symbol", "X", "--data", "a\033[2Jb.csv").err
