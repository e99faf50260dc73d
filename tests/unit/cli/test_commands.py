"""What each command does, beyond what its page looks like."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

FLAWED = '''class Flawed:
    """Fails late."""

    warmup = 1

    def on_bar(self, context, bar):
        return {}["nothing"]
'''

KNOWS_TOMORROW = '''import numpy as np


class Prophet:
    """Long before a rise."""

    warmup = 1

    def exposure(self, bars):
        return np.append(bars.close[1:] > bars.close[:-1], False).astype(float)

    def reason(self, bars):
        return "a rise tomorrow"
'''

BACKTEST = ("backtest", "moving_average_crossover", "--symbol", "AAPL", "--from", "2011-01-03")


def strategy(folder: Path, name: str, text: str) -> None:
    (folder / "strategies").mkdir(exist_ok=True)
    (folder / "strategies" / f"{name}.py").write_text(text)


def test_a_run_is_kept_for_its_owner_alone_and_found_as_last(typed, folder: Path) -> None:
    assert typed(*BACKTEST).code == 0
    home = folder.parent / "home"
    file = home / "runs" / "sma-1122a" / "run.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert [each.name for each in (home / "runs").iterdir()] == ["sma-1122a"]
    assert typed("runs", "show", "last").out == typed("runs", "show", "sma-1122a").out


def test_ids_count_through_the_alphabet(typed) -> None:
    words = ("backtest", "buy_and_hold", "--symbol", "IBM", "--from", "2013-01-02")
    for _ in range(28):
        said = typed(*words, "--benchmark", "none")
    assert "hold-1122ab" in said.out
    assert "hold-1122aa" in typed("runs", "show", "last~1").out


def test_a_named_run_is_never_overwritten(typed) -> None:
    assert typed(*BACKTEST, "--name", "mine").code == 0
    said = typed(*BACKTEST, "--name", "mine")
    assert said.code == 2
    assert "there is a run mine already" in said.err


def test_why_explains_a_trade_an_order_and_an_omission(typed) -> None:
    typed(*BACKTEST)
    assert "crossed" in typed("why", "T1").out or "above" in typed("why", "T1").out
    assert "order    O1 buy" in typed("why", "O1", "--run", "last").out
    assert "no order" in typed("why", "AAPL", "--at", "2012-03-01").out
    assert typed("why", "T999").code == 2


def test_no_trades_are_never_silence(typed) -> None:
    said = typed(*BACKTEST, "--to", "2011-03-01", "--warmup", "inside")
    assert said.code == 0
    assert "0 trades: 0 signals" in said.out


def test_what_is_too_dear_says_what_was_refused_and_what_to_try(typed) -> None:
    said = typed(*BACKTEST, "--cash", "100", "--size", "shares:100")
    assert "R11 buying power" in said.out
    assert "--cash" in said.out


def test_runs_on_other_ground_are_not_compared(typed) -> None:
    typed(*BACKTEST)
    typed(*BACKTEST[:-1], "2012-01-03", "--cost", "none")
    said = typed("compare", "last~1", "last")
    assert said.code == 2
    assert "first day (2011-01-03 and 2012-01-03)" in said.err
    assert "costs (us-retail and none)" in said.err


def test_strategies_are_compared_on_the_same_days_whatever_their_warm_up(typed) -> None:
    names = ("moving_average_crossover", "momentum_breakout")
    said = typed("compare", *names, "--symbol", "AAPL", "--from", "2011-01-03")
    assert said.code == 0, said.err
    assert "momentum_breakout against moving_average_crossover" in said.out


def test_worse_than_the_baseline_beyond_luck_is_a_no(typed) -> None:
    window = ("--symbol", "AAPL", "--from", "2003-01-02")
    words = ("compare", "buy_and_hold", "rsi_mean_reversion", "--baseline", "buy_and_hold")
    said = typed(*words, *window)
    assert said.code == 1, said.out
    assert "behind by more than luck" in " ".join(said.out.split())
    assert typed(*words[:-1], "rsi_mean_reversion", *window).code == 0


def test_a_strategy_that_raises_is_blamed_with_file_and_line(typed, folder: Path) -> None:
    strategy(folder, "flawed", FLAWED)
    said = typed("backtest", "flawed", "--symbol", "AAPL")
    assert said.code == 5
    assert said.err.splitlines()[0] == (
        "error: the strategy raised KeyError: 'nothing' (flawed.py:7)"
    )
    assert "Traceback" not in said.err
    assert "Traceback" in typed("backtest", "flawed", "--symbol", "AAPL", "--debug").err
    assert not (folder.parent / "home").exists()


def test_a_strategy_that_is_no_python_is_blamed_too(typed, folder: Path) -> None:
    strategy(folder, "torn", "class Torn(\n")
    said = typed("backtest", "torn", "--symbol", "AAPL")
    assert said.code == 5
    assert "torn.py:1" in said.err


def test_what_a_strategy_prints_is_no_part_of_the_result(typed, folder: Path) -> None:
    strategy(folder, "loud", FLAWED.replace('return {}["nothing"]', 'print("here I am")'))
    said = typed("backtest", "loud", "--symbol", "AAPL", "--json")
    assert len(said.out.splitlines()) == 1
    assert "here I am" in said.err


def test_a_strategy_that_leaves_the_program_is_blamed(typed, folder: Path) -> None:
    strategy(folder, "gone", FLAWED.replace('return {}["nothing"]', "raise SystemExit(0)"))
    assert typed("backtest", "gone", "--symbol", "AAPL").code == 5


def test_loading_a_strategy_leaves_no_cache_behind(typed, folder: Path) -> None:
    strategy(folder, "flawed", FLAWED)
    typed("strategy", "show", "flawed")
    assert [each.name for each in (folder / "strategies").iterdir()] == ["flawed.py"]


def test_a_strategy_behind_a_link_is_refused(typed, folder: Path) -> None:
    strategy(folder, "flawed", FLAWED)
    (folder / "strategies" / "link.py").symlink_to(folder / "strategies" / "flawed.py")
    said = typed("backtest", "link", "--symbol", "AAPL")
    assert said.code == 2
    assert "never through a link" in said.err


def test_knowing_tomorrow_is_a_no(typed, folder: Path) -> None:
    strategy(folder, "prophet", KNOWS_TOMORROW)
    said = typed("backtest", "prophet", "--symbol", "AAPL", "--from", "2012-06-01")
    assert said.code == 1
    assert "LOOK-AHEAD" in said.out


def test_a_new_strategy_runs_as_it_is_written_and_is_never_overwritten(typed, folder: Path) -> None:
    assert typed("strategy", "new", "my_first").code == 0
    said = typed("backtest", "my_first", "--symbol", "AAPL", "--from", "2011-01-03")
    assert said.code == 0, said.err
    assert "my_first-1122a" in said.out
    again = typed("strategy", "new", "my_first")
    assert again.code == 2
    assert "is there already" in again.err


@pytest.mark.slow
def test_a_new_strategy_passes_its_check_and_a_flawed_one_does_not(typed, folder: Path) -> None:
    typed("strategy", "new", "mine")
    assert typed("strategy", "check", "mine").code == 0
    strategy(folder, "flawed", FLAWED)
    said = typed("strategy", "check", "flawed")
    assert said.code == 1
    assert "flawed.py:7" in said.out


def test_our_own_fault_leaves_a_report_and_says_where(
    typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr("papertape.cli.words.ground_lines", broken)
    said = typed(*BACKTEST)
    assert said.code == 70
    report = next((folder.parent / "home" / "reports").iterdir())
    assert str(report) in said.err
    assert "ZeroDivisionError: of our own making" in report.read_text()
    assert "Traceback" not in said.err


def test_an_interruption_is_quiet(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("papertape.cli.backtest.run", interrupted)
    said = typed(*BACKTEST)
    assert said.code == 130
    assert said.err == "interrupted: nothing was written\n"


def test_paper_and_backtest_give_the_same_fills(typed) -> None:
    options = ("momentum_breakout", "--symbol", "AAPL", "--json")
    tested = json.loads(
        typed("backtest", *options, "--from", "2012-03-01", "--to", "2012-03-01").out
    )
    paper = json.loads(typed("paper", *options, "--feed", "replay:2012-03-01").out)
    assert tested["data"]["fills"] == paper["data"]["fills"] != []
    assert paper["data"]["holdings"] == {"AAPL": paper["data"]["fills"][0]["quantity"]}


def test_paper_tells_each_fill_beside_the_result(typed) -> None:
    words = ("paper", "momentum_breakout", "--symbol", "AAPL", "--feed", "replay:2012-03-01")
    said = typed(*words)
    assert said.out.startswith("PAPER REPLAY")
    assert "SAMPLE" in said.out
    assert "filled O1 +" in said.err
    assert "papertape why O1" in said.out
    assert typed(*words, "--quiet").err == ""


def test_a_relative_day_is_counted_from_today(typed) -> None:
    said = typed(
        "backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "-5100d", "--to", "today"
    )
    assert said.code == 0, said.err
    assert "2012-12-05..2013-03-01" in said.out


def test_cash_is_counted_to_the_micro_dollar(typed) -> None:
    said = typed(*BACKTEST, "--cash", "100000.000001", "--json")
    assert json.loads(said.out)["data"]["ground"]["capital"] == 100000.000001


def test_the_home_folder_may_be_chosen_after_the_command(typed, folder: Path) -> None:
    assert typed(*BACKTEST, "--home", str(folder / "elsewhere")).code == 0
    assert (folder / "elsewhere" / "runs" / "sma-1122a" / "run.json").exists()


def test_an_empty_home_is_a_setting_that_is_wrong(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERTAPE_HOME", "")
    assert typed("runs", "list").code == 3


def test_a_damaged_run_is_named(typed, folder: Path) -> None:
    typed(*BACKTEST)
    file = folder.parent / "home" / "runs" / "sma-1122a" / "run.json"
    file.write_bytes(file.read_bytes()[:-20])
    assert typed("runs", "show", "sma-1122a").code == 4
    assert typed("runs", "show", "last").code == 2


@pytest.mark.skipif(os.name == "nt", reason="a folder's mode is a matter of POSIX")
def test_colour_needs_a_terminal_and_obeys_no_color(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\033" not in typed(*BACKTEST).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\033" in typed(*BACKTEST).out
    assert "\033" not in typed(*BACKTEST, "--no-color").out
    monkeypatch.setenv("TERM", "dumb")
    assert "\033" not in typed(*BACKTEST).out


def test_another_spread_is_charged_told_and_never_compared_with_the_usual_one(typed) -> None:
    usual, other = typed(*BACKTEST), typed(*BACKTEST, "--spread", "bp:20", "--json")
    record = json.loads(other.out)["data"]
    assert record["ground"]["cost"] == "us-retail, spread bp:20"
    assert "half spread 20 bp" in record["ground"]["cost_words"]
    spread = sum(abs(fill["quantity"]) * fill["reference"] for fill in record["fills"]) * 0.002
    assert record["costs"]["spread"] == pytest.approx(spread, rel=1e-3)
    assert usual.code == 0
    said = typed("compare", "last~1", "last")
    assert "costs (us-retail and us-retail, spread bp:20)" in said.err
    refused = typed(*BACKTEST, "--spread", "edg")
    assert refused.code == 2
    assert "did you mean edge?" in refused.err


def test_why_says_where_the_costs_of_a_fill_went(typed) -> None:
    typed(*BACKTEST)
    told = typed("why", "T1").out
    line = next(each for each in told.splitlines() if each.startswith("  cost     "))
    total, rest = line.split("cost")[1].split("=")
    parts = [float(word) for word in rest.split() if word[0].isdigit()]
    assert float(total) == pytest.approx(sum(parts), abs=1e-6)
