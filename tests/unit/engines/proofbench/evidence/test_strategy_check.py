"""The specimen list: fifteen leaks that must be caught, six innocents that must pass.

Three of the leaky ones lie in data and not in a strategy's code, so no replay of a strategy can
show them: L11 (publication times), L12 (the universe by date) and L14 (the ledger of trials). L09
and L10 are in `test_impossible_fills`: the engine cannot express them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.generators import random_bars
from tests.unit.engines.proofbench.evidence.conftest import SPECIMENS, Report, history_for

from papertape.domain.clock import rfc3339
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.engines.proofbench.evidence.strategy_check import StrategyReport, check_strategy
from papertape.plugins.market_data.sample import read_sample
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
    moving_average_crossover,
)
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy

DAILY = PriceHistory(random_bars(5, 700))


def ended(report: StrategyReport, status: str) -> set[str]:
    return {check.name for check in report.checks if check.status == status}


def written(folder: Path, body: str, name: str = "mine") -> StrategySource:
    """A user's strategy file with one class around ``body``."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    head = "import numpy as np\n\n\nclass Mine:\n    warmup = 5\n"
    reason = (
        ""
        if "def reason" in body or "on_bar" in body
        else 'def reason(self, bars):\n        return "so"'
    )
    file = folder / f"{name}.py"
    file.write_text(f"{head}{lines}    {reason}\n", encoding="utf-8")
    return StrategySource(str(file))


def test_a_leak_that_earns_without_end_is_named_like_any_other(tmp_path: Path) -> None:
    body = """
def exposure(self, bars):
    return np.append(bars.close[1:] > bars.close[:-1], False).astype(float)
"""
    found = check_strategy(written(tmp_path, body), read_sample("AAPL"), seconds=1.0)
    assert found["contract"].status == "passed"
    assert {"prefix", "future"} <= ended(found, "failed")
    assert "outgrows all counting knowing the future" in found["prefix"].detail


@pytest.mark.parametrize(
    "name",
    [
        "L01NextClose",
        "L02CentredMean",
        "L03WholeFileScore",
        "L04FilledFromTheNext",
        "L05LastCloseOfTheWeek",
        "L06SwingHigh",
        "L07FittedOnEverything",
        "L08HourLabelledByItsOpening",
        "StopFromTheWholeFile",
    ],
)
def test_a_strategy_that_knows_the_future_fails_prefix_and_future(
    name: str, report: Report
) -> None:
    found = report("leaky", name)
    assert not found.ok
    assert {"prefix", "future"} <= ended(found, "failed")
    assert found.checks[0].name == "prefix", "the worst comes first"
    assert found["prefix"].detail.startswith(f"{name} on SPY, ")
    assert "of the result came from the future" in found["prefix"].detail


def test_a_failed_check_names_the_first_bar_and_how_many_were_decided_otherwise(
    report: Report,
) -> None:
    close, start = DAILY.bars.close, DAILY.bars.start
    # With the last bar in view only, its next close is unknown and the specimen stays flat; so it
    # is exactly the rises from its warm-up on that it owes to the future.
    rises = np.flatnonzero(close[1:] > close[:-1])
    rises = rises[rises >= 19]
    said = report("leaky", "L01NextClose")["prefix"].detail
    assert f"at the bar of {rfc3339(int(start[rises[0]]))} it wants 0 knowing the past, 1 " in said
    assert f"{len(rises)} of {len(close) - 19} decisions differ" in said
    assert "and +0.0% without" in said


@pytest.mark.parametrize("name", ["L15RememberedScaler", "RemembersTheLongestHistory"])
def test_what_a_module_remembers_is_caught_by_a_new_process_alone(
    name: str, report: Report
) -> None:
    found = report("remembered_scaler", name)
    assert ended(found, "failed") == {"purity", "fresh"}
    assert "of the result came from the future" in found["fresh"].detail
    assert "remembered_scaler.py:19 remembers between calls (_SCALER)" in found["purity"].detail


def test_a_rule_on_the_price_level_is_a_warning_and_no_failure(report: Report) -> None:
    found = report("leaky", "L13UnderTenDollars")
    assert found.ok
    assert ended(found, "warning") == {"price level"}
    assert "adjusts the prices of signals forward" in found["price level"].detail


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("innocent", "I01Recursive"),
        ("innocent", "I02ExpandingScore"),
        ("innocent", "I03CentredAndDelayed"),
        ("innocent", "I04RefittedOnThePast"),
        ("innocent", "I05LastCompletedWeek"),
        ("closing_auction", "I06ClosingAuction"),
    ],
)
def test_an_innocent_strategy_passes_every_check(file: str, name: str, report: Report) -> None:
    found = report(file, name)
    assert ended(found, "passed") == {check.name for check in found.checks}, found


def test_the_closing_auction_of_the_same_day_was_really_traded(report: Report) -> None:
    assert report("closing_auction", "I06ClosingAuction")["fills"].detail.startswith("5 fills")


@pytest.mark.parametrize(
    "kind",
    [
        MovingAverageCrossoverStrategy,
        RSIMeanReversionStrategy,
        MomentumBreakoutStrategy,
        BuyAndHoldStrategy,
    ],
)
def test_the_shipped_strategies_pass_on_the_sample(kind: type) -> None:
    found = check_strategy(StrategySource.of(kind), read_sample("AAPL"), seconds=2.0)
    assert ended(found, "passed") == {check.name for check in found.checks}, found


def test_a_leak_planted_in_the_crossover_is_caught(tmp_path: Path) -> None:
    text = Path(moving_average_crossover.__file__).read_text("utf-8")
    # Every close is the next one; the last, which has none, stays as it is.
    ahead = "__import__('numpy').append(bars.close[1:], bars.close[-1:])"
    planted = text.replace("return sma_above(bars.close,", f"return sma_above({ahead},")
    assert planted != text
    for name, source in (("as_shipped", text), ("planted", planted)):
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    short = {"fast": "5", "slow": "20"}
    shipped, leaky = (
        check_strategy(
            StrategySource(str(tmp_path / f"{name}.py"), parameters=short), DAILY, seconds=2.0
        )
        for name in ("as_shipped", "planted")
    )
    assert shipped.ok
    assert "runs code that this check cannot read" in leaky["purity"].detail
    assert ended(leaky, "failed") == {"purity", "prefix", "future", "fresh"}


def test_a_rare_leak_is_found_because_every_bar_is_cut_at(tmp_path: Path) -> None:
    # Of 700 rows one knows the next close; twenty random last-row cuts would miss it 97 times in
    # 100, and as the wish returns at once no second row gives it away.
    source = written(
        tmp_path,
        """
def exposure(self, bars):
    long = np.zeros(len(bars))
    long[100::10] = 1.0
    if len(bars) > 446:
        long[445] = bars.close[446] > 0
    return long
""",
    )
    found = check_strategy(source, DAILY, seconds=3.0)
    assert rfc3339(int(DAILY.bars.start[445])) in found["prefix"].detail
    assert "1 of 696 decisions differ" in found["prefix"].detail


def test_a_file_that_is_looked_up_is_named_by_the_text_and_by_the_new_process(
    tmp_path: Path,
) -> None:
    closes, copy = tmp_path / "closes.txt", tmp_path / "mine.py"
    closes.write_text("\n".join(str(close) for close in DAILY.bars.close), encoding="utf-8")
    copy.write_bytes((SPECIMENS / "knows_the_file.py").read_bytes())
    found = check_strategy(StrategySource(str(copy), "LooksItUp"), DAILY, seconds=1.0)
    assert ended(found, "failed") == {"purity", "fresh"}
    assert "mine.py:25 reads files (pathlib.Path().with_name().read_text)" in found["purity"].detail
    assert f"in a new process it opened {closes}" in found["purity"].detail


def test_an_order_strategy_that_remembers_its_last_run_is_caught(report: Report) -> None:
    found = report("knows_the_file", "RemembersTheLastRun")
    assert {"purity", "prefix"} <= ended(found, "failed")
    assert "it wants to buy 100 SPY market gtc knowing the past, nothing" in found["prefix"].detail


def test_decisions_that_ignore_the_prices_are_named_and_not_failed(report: Report) -> None:
    found = report("innocent", "ByTheCalendar")
    assert found.ok
    assert ended(found, "warning") == {"other prices"}
    held = check_strategy(StrategySource.of(BuyAndHoldStrategy), DAILY, seconds=1.0)
    assert held["other prices"].status == "passed"
    assert held["other prices"].detail == "it wants 1 after every bar, whatever the prices"


@pytest.mark.parametrize(
    "body",
    [
        "def exposure(self, bars):\n    return np.random.default_rng().random(len(bars))",
        # The order of a set of words follows the hash seed of the process.
        'def exposure(self, bars):\n    first = next(iter({"a", "b", "c", "d", "e", "f"}))\n'
        "    return np.full(len(bars), ord(first) / 200)",
    ],
)
def test_two_runs_that_differ_are_caught(tmp_path: Path, body: str) -> None:
    found = check_strategy(written(tmp_path, body), DAILY, seconds=1.0)
    assert "determinism" in ended(found, "failed")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def exposure(self, bars):\n    return np.ones(len(bars) - 1)", "values for 700 bars"),
        ("def exposure(self, bars):\n    return np.full(len(bars), 1.5)", "exposure 1.5"),
        ("def exposure(self, bars):\n    return np.full(len(bars), np.nan)", "exposure nan"),
        ("def exposure(self, bars):\n    return bars.closes", "AttributeError"),
        ("def exposure(self, bars):\n    raise SystemExit(0)", "it raised SystemExit: 0"),
        (
            "def exposure(self, bars):\n    return np.ones(len(bars))\ndef on_bar(self, c, b): ...",
            "both",
        ),
        ("def trade(self, bars): ...", "neither"),
        ("warmup = -1\ndef exposure(self, bars):\n    return np.ones(len(bars))", "warmup is -1"),
        ("warmup = 2.5\ndef exposure(self, bars):\n    return np.ones(len(bars))", "warmup is 2.5"),
        (
            "def exposure(self, bars):\n    return np.ones(len(bars))\n"
            'def reason(self, bars):\n    return " "',
            "reason answered ' '",
        ),
        ('def on_bar(self, c, bar):\n    c.submit(bar.symbol, 1, reason="")', "has no reason"),
    ],
)
def test_a_broken_contract_is_a_finding_in_words(tmp_path: Path, body: str, words: str) -> None:
    source = StrategySource(written(tmp_path, body).where, "Mine")
    found = check_strategy(source, DAILY, seconds=1.0)
    assert found["contract"].status == "failed"
    assert words in found["contract"].detail
    assert found["prefix"].status == "not_run"


def test_a_parameter_out_of_bounds_is_a_finding() -> None:
    source = StrategySource.of(MovingAverageCrossoverStrategy, fast="0")
    found = check_strategy(source, DAILY)
    assert "fast=0 is not between 1 and 10000" in found["contract"].detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def (", "SyntaxError"),
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("x = 1 / 0", "ZeroDivisionError: division by zero (mine.py:1)"),
        ("x = 1", "has 0 strategies"),
        ("raise SystemExit(0)", "SystemExit: 0 (mine.py:1)"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_a_finding(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    found = check_strategy(StrategySource(str(tmp_path / "mine.py")), DAILY)
    assert found.checks[0].name == "imports"
    assert words in found["imports"].detail
    assert ended(found, "not_run") == {check.name for check in found.checks} - {"imports"}


def test_a_file_that_is_not_there_is_a_finding() -> None:
    assert "no file" in check_strategy(StrategySource("nowhere.py"), DAILY)["imports"].detail


def test_a_warm_up_longer_than_the_bars_proves_nothing() -> None:
    found = check_strategy(StrategySource.of(MovingAverageCrossoverStrategy), history_of(100))
    assert found.ok
    assert {"prefix", "future", "fresh", "fills"} == ended(found, "not_run")


def history_of(count: int) -> PriceHistory:
    return PriceHistory(random_bars(5, count))


def test_the_specimens_are_tried_on_the_same_bars() -> None:
    assert history_for("L01").bars.close.tobytes() == DAILY.bars.close.tobytes()
