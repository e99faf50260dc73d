"""The look-ahead check that every run of a signal strategy carries."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.unit.engines.proofbench.evidence.conftest import Specimen, history_for

from papertape import backtest
from papertape.domain.clock import rfc3339
from papertape.engines.proofbench.evidence.decisions import Wishes
from papertape.engines.proofbench.evidence.lookahead import check_lookahead, cuts_in_order

LEAKY = [
    "L01NextClose",
    "L02CentredMean",
    "L03WholeFileScore",
    "L04FilledFromTheNext",
    "L05LastCloseOfTheWeek",
    "L06SwingHigh",
    "L07FittedOnEverything",
    "L08HourLabelledByItsOpening",
]


@pytest.mark.parametrize("name", LEAKY)
@pytest.mark.parametrize("seed", range(5))
def test_a_run_catches_a_leak_with_sixty_cuts(name: str, seed: int, specimen: Specimen) -> None:
    strategy, bars = specimen("leaky", name).strategy(), history_for(name).bars
    verdict = check_lookahead(strategy, [bars], [strategy.exposure(bars)], seed=seed)
    assert verdict.status == "failed"
    assert verdict.detail.startswith(f"{name} on SPY: at the bar of ")
    assert "of the result came from the future" in verdict.detail


def test_the_words_say_what_the_leak_earned(specimen: Specimen) -> None:
    strategy, bars = specimen("leaky", "L01NextClose").strategy(), history_for("L01").bars
    verdict = check_lookahead(strategy, [bars], [strategy.exposure(bars)], seed=0)
    rises = np.maximum(bars.close[20:] / bars.close[19:-1], 1.0)
    first = 19 + int(np.argmax(rises > 1))
    assert f"at the bar of {rfc3339(int(bars.start[first]))}" in verdict.detail
    earned = re.search(
        r"it earns \+([\d.]+)% knowing the future and \+0.0% without", verdict.detail
    )
    assert earned is not None
    assert float(earned[1]) == pytest.approx(100 * (np.prod(rises) - 1), abs=0.06)


@pytest.mark.parametrize(
    "name", ["I01Recursive", "I03CentredAndDelayed", "I04RefittedOnThePast", "I05LastCompletedWeek"]
)
def test_a_run_lets_the_innocent_pass(name: str, specimen: Specimen) -> None:
    strategy, bars = specimen("innocent", name).strategy(), history_for(name).bars
    verdict = check_lookahead(strategy, [bars], [strategy.exposure(bars)], seed=0)
    assert (verdict.status, verdict.cuts) == ("passed", 60)


def test_a_backtest_ends_with_the_verdict(specimen: Specimen) -> None:
    strategy, bars = specimen("leaky", "L01NextClose").strategy(), history_for("L01").bars
    record = backtest(strategy, {"SPY": bars}, benchmark="none").record
    assert record.lookahead.status == "failed"
    assert any(line.startswith("LOOK-AHEAD: L01NextClose on SPY") for line in record.words)


def test_every_row_comes_up_once_and_changes_come_up_early() -> None:
    bars = history_for("L01").bars
    exposure = np.zeros(700)
    exposure[300:400] = 1.0
    whole = Wishes.over(bars, exposure, np.zeros(700), warmup=20)
    cuts = cuts_in_order(bars, whole, 20, np.random.default_rng(0)).tolist()
    assert sorted(cuts) == list(range(19, 699))
    assert {299, 300, 399, 400} <= set(cuts[:8])
