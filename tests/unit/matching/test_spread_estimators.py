"""Spread estimators against hand computations, their authors, and bounces of known spread."""

from __future__ import annotations

import math

import numpy as np
import pytest

from papertape.domain.errors import UsageError
from papertape.matching.spread_estimators import (
    abdi_ranaldo,
    corwin_schultz,
    edge,
    edge_square,
    roll,
)


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


TEN_BARS = """
1.00240075994025 1.00935878365403 0.976061138469904 0.976061138469904
0.929743096395543 0.929774737723069 0.928919694164385 0.929774737723069
0.943911414384193 0.968140794511406 0.943911414384193 0.968140794511406
0.977605378856722 0.977605378856722 0.977605378856722 0.977605378856722
0.961535370407048 0.99982474278851 0.961535370407048 0.986215329667607
0.982409003083975 0.992213437101346 0.982409003083975 0.992213437101346
1.03435413274433 1.03435413274433 1.03435413274433 1.03435413274433
1.0201424300403 1.04025465277235 1.0201424300403 1.03219266262805
1.03650094499406 1.03650094499406 1.03650094499406 1.03650094499406
1.05368509087896 1.05368509087896 1.02605242183949 1.02798086837104
"""
"""The head of the series that EDGE's authors simulated; they publish -0.016889917516422 for it."""


def test_edge_of_the_first_ten_simulated_bars_is_the_published_one() -> None:
    columns = np.array([line.split() for line in TEN_BARS.split("\n") if line], float).T
    square = edge_square(*columns)
    assert math.copysign(math.sqrt(abs(square)), square) == pytest.approx(-0.016889917516422)
    assert edge(*columns) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_edge_is_that_of_its_authors_package(seed: int) -> None:
    referee = pytest.importorskip("bidask").edge
    random = np.random.default_rng(seed)
    shape = (int(random.integers(5, 400)), int(random.integers(1, 9)))
    walk = random.normal(0, 0.01, shape).cumsum().reshape(shape)
    path = np.exp(walk + random.choice([-1, 1], shape) * 0.01 * random.random())
    if seed % 3 == 0:
        path = np.round(path, 2)  # coarse prices tie, as real ones do
    columns = path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]
    theirs = referee(*columns, sign=True)
    assert edge(*columns) == pytest.approx(max(theirs, 0.0), abs=1e-12, nan_ok=True)


def test_edge_knows_when_prices_stand_too_still_to_tell() -> None:
    # The case of the authors' own tests, and a market in which nothing moves.
    high, rest = np.array([18.21, 17.61, 17.61]), np.full(3, 17.61)
    assert math.isnan(edge(high, high, rest, rest))
    assert math.isnan(edge(rest, rest, rest, rest))
