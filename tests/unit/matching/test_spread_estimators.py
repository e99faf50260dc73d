"""Spread estimators against the hand computation and a bounce whose spread is known."""

from __future__ import annotations

import numpy as np
import pytest

from papertape.domain.errors import UsageError
from papertape.matching.spread_estimators import abdi_ranaldo, corwin_schultz, roll


def test_corwin_schultz_by_hand() -> None:
    high, low = np.array([10.10, 10.12]), np.array([10.00, 10.01])
    assert corwin_schultz(high, low) == pytest.approx(0.006884362, abs=1e-8)


def test_roll_finds_the_spread_of_a_pure_bounce() -> None:
    sides = np.random.default_rng(7).choice([-1.0, 1.0], 200_000)
    assert roll(np.exp(sides * 0.005)) == pytest.approx(0.01, rel=0.02)


def test_abdi_ranaldo_finds_the_spread_of_a_walk_that_bounces() -> None:
    random = np.random.default_rng(7)
    steps = random.normal(0, 0.01 / np.sqrt(390), (10_000, 390))
    path = np.cumsum(steps).reshape(steps.shape)
    traded = path + random.choice([-0.005, 0.005], path.shape)
    prices = np.exp(traded)
    spread = abdi_ranaldo(prices.max(axis=1), prices.min(axis=1), prices[:, -1])
    assert spread == pytest.approx(0.01, rel=0.1)


def test_a_trend_has_no_spread_rather_than_a_negative_one() -> None:
    trend = np.exp(np.arange(50) ** 2 / 1e4)
    assert roll(trend) == 0.0
    assert corwin_schultz(trend, trend) == 0.0


def test_too_few_bars_are_refused() -> None:
    with pytest.raises(UsageError, match="needs 3 bars"):
        roll(np.array([1.0, 2.0]))
