"""What a record is worth after many tries; numbers from the literature."""

from __future__ import annotations

from math import sqrt

import pytest

from papertape.engines.proofbench.evidence.many_trials import (
    dsr,
    expected_max,
    psr,
    walk_forward_efficiency,
)
from papertape.engines.proofbench.metrics import Reason


def test_the_probabilistic_sharpe_ratio_of_bailey_and_lopez_de_prado() -> None:
    assert psr(0.458, 24, 0.0, 3.0) == pytest.approx(0.981675, abs=1e-6)
    assert psr(0.458, 24, -2.448, 10.164) == pytest.approx(0.913361, abs=1e-6)


def test_one_return_says_nothing() -> None:
    assert psr(0.5, 1, 0.0, 3.0) is Reason.TOO_FEW_RETURNS


@pytest.mark.parametrize(("trials", "best"), [(10, 1.574598), (100, 2.530603), (1000, 3.255122)])
def test_the_best_of_useless_trials_grows_with_their_number(trials: int, best: float) -> None:
    assert expected_max(trials, 1.0) == pytest.approx(best, abs=1e-6)
    assert expected_max(trials, 4.0) == pytest.approx(2 * best, abs=2e-6)


def test_the_deflated_sharpe_ratio_of_the_paper() -> None:
    variance = 0.5 / 250
    assert expected_max(100, variance) == pytest.approx(0.113172, abs=1e-6)
    found = dsr(2.5 / sqrt(250), 1250, -3.0, 10.0, trials=100, variance=variance)
    assert found == pytest.approx(0.900397, abs=1e-6)


def test_a_single_trial_is_held_against_nothing() -> None:
    assert dsr(0.458, 24, 0.0, 3.0, trials=1, variance=0.0) == psr(0.458, 24, 0.0, 3.0)


def test_walk_forward_efficiency() -> None:
    assert walk_forward_efficiency([0.24], [0.13]) == pytest.approx(0.5417, abs=5e-5)
    assert walk_forward_efficiency([0.2, -0.3], [0.1, 0.1]) is Reason.NO_GROWTH
    assert walk_forward_efficiency([], []) is Reason.TOO_FEW_RETURNS
