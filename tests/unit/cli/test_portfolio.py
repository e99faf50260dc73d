"""Cross-sections by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

OWN = '''import numpy as np

from papertape.strategies import best, equally


class Highest:
    """What rose most in a day; with a leak, until tomorrow."""

    warmup = 2
    rebalance = "weekly:first"

    def rank(self, panel, rows):
        last = np.minimum(rows + AHEAD, len(panel) - 1)
        return panel.close[last] / panel.close[rows - 1]

    def select(self, scores):
        return best(scores, 1)

    def weight(self, scores, chosen):
        return equally(chosen)
'''
GROUND = ("--symbol", "AAPL", "IBM", "--from", "2012-01-03", "--size", "percent:98")


def test_a_shipped_cross_section_runs_over_several_symbols_and_is_explained(typed) -> None:
    said = typed("backtest", "top_momentum", *GROUND, "--param", "top=1")
    assert said.code == 0, said.err
    assert "look-ahead passed" in said.out
    assert "rebalanced to 98.0000% of equity" in typed("why", "T1").out
    assert "shipped, cross-section" in typed("strategy", "list").out


@pytest.mark.parametrize(("ahead", "code"), [("0", 0), ("1", 1)])
def test_ones_own_is_run_and_a_leak_in_it_is_a_no(
    typed, folder: Path, ahead: str, code: int
) -> None:
    (folder / "own.py").write_text(OWN.replace("AHEAD", ahead))
    said = typed("backtest", "own.py", *GROUND)
    assert said.code == code, said.err
    assert ("LOOK-AHEAD" in said.out) == bool(code)


def test_paper_and_backtest_put_the_same_portfolio_right(typed, folder: Path) -> None:
    (folder / "own.py").write_text(OWN.replace("AHEAD", "0"))
    options = ("own.py", *GROUND[:3], "--size", "percent:98", "--json")
    days = ("--from", "2012-03-06", "--to", "2012-03-06")  # the day after a week's first session
    tested = json.loads(typed("backtest", *options, *days).out)
    paper = json.loads(typed("paper", *options, "--feed", "replay:2012-03-06").out)
    assert tested["data"]["fills"] == paper["data"]["fills"] != []


def test_a_cross_section_is_neither_swept_nor_sized_by_shares(typed) -> None:
    said = typed("sweep", "top_momentum", "--symbol", "AAPL", "--param", "top=1,2")
    assert said.code == 2
    said = typed("backtest", "top_momentum", *GROUND[:3], "--size", "shares:10")
    assert said.code == 2
    assert "spreads a share of equity" in said.err


def test_a_check_of_one_symbol_says_that_it_is_none_of_many(typed) -> None:
    said = typed("strategy", "check", "top_momentum")
    assert "a cross-section weighs many symbols" in said.out
