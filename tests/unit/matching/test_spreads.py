"""Spread policies: what past bars betray of a spread is charged, and never less than it costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.exchange import Exchange
from tests.generators import random_bars

from papertape.domain.clock import MINUTE
from papertape.domain.errors import UsageError
from papertape.domain.market import DAILY, Bars, Quote
from papertape.domain.money import micros
from papertape.matching.liquidity import UNKNOWN, Liquidity, LiquidityEstimator
from papertape.matching.spread_estimators import abdi_ranaldo, corwin_schultz, edge, roll
from papertape.matching.spreads import FEWEST_BARS, SpreadByLiquidity, spread_policy
from papertape.matching.tariffs import cost_model

DOLLAR = 1_000_000
CENT = 10_000
NAMES = ("edge", "corwin-schultz", "abdi-ranaldo", "roll")


def after(bars: Bars) -> Liquidity:
    """What is known once these bars are over."""
    estimator = LiquidityEstimator(DAILY)
    for bar in bars:
        estimator.observe(bar)
    return estimator.snapshot()


@given(some.integers(0, 2**32 - 1), some.sampled_from(NAMES))
def test_a_policy_charges_half_of_its_estimate_of_the_last_21_bars(seed: int, name: str) -> None:
    bars = random_bars(seed, 40, volatility=0.02)
    last = bars[19:]
    expected = {
        "edge": edge(last.open, last.high, last.low, last.close),
        "corwin-schultz": corwin_schultz(last.high, last.low),
        "abdi-ranaldo": abdi_ranaldo(last.high, last.low, last.close),
        "roll": roll(last.close),
    }[name]
    half = spread_policy(name).half_spread(100 * DOLLAR, after(bars), CENT)
    assert half == max(math.ceil(100 * DOLLAR * expected / 2), CENT // 2)


@pytest.mark.parametrize("name", NAMES)
def test_too_few_bars_leave_it_to_the_class_of_the_instrument(name: str) -> None:
    few = after(random_bars(7, FEWEST_BARS - 1))
    policy = spread_policy(name)
    for liquidity in (few, UNKNOWN):
        by_class = SpreadByLiquidity().half_spread(100 * DOLLAR, liquidity, CENT)
        assert policy.half_spread(100 * DOLLAR, liquidity, CENT) == by_class
    assert "by liquidity before bar 10" in policy.words


def test_prices_that_stand_still_leave_it_to_the_class() -> None:
    still = after(random_bars(7, 30, volatility=0.0))
    assert spread_policy("edge").half_spread(100 * DOLLAR, still, CENT) == (
        SpreadByLiquidity().half_spread(100 * DOLLAR, still, CENT)
    )


@given(some.sampled_from([*NAMES, "class", "bp:2"]), some.integers(1, 10**5), some.integers(0, 50))
def test_a_quote_goes_before_every_estimate(name: str, bid: int, wide: int) -> None:
    quote = Quote("SPY", MINUTE, bid / 100, (bid + wide) / 100, 100, 100)
    liquidity = after(random_bars(3, 30))
    half = spread_policy(name).half_spread(100 * DOLLAR, liquidity, CENT, quote)
    assert half == micros(wide / 200)


@pytest.mark.parametrize("name", NAMES)
def test_a_split_changes_no_estimate(name: str) -> None:
    estimator = LiquidityEstimator(DAILY)
    bars = random_bars(11, 60, volatility=0.02)
    for bar in bars:
        estimator.observe(bar)
    before = spread_policy(name).half_spread(70 * DOLLAR, estimator.snapshot(), 1)
    estimator.split(7)  # type: ignore[arg-type]
    assert spread_policy(name).half_spread(70 * DOLLAR, estimator.snapshot(), 1) == pytest.approx(
        before, abs=1
    )


def test_basis_points_are_of_the_price_and_never_below_half_a_tick() -> None:
    assert spread_policy("bp:2").half_spread(100 * DOLLAR, UNKNOWN, CENT) == 20_000
    assert spread_policy("bp:0.5").half_spread(100 * DOLLAR, UNKNOWN, CENT) == 5_000
    assert spread_policy("bp:1").half_spread(DOLLAR, UNKNOWN, CENT) == 5_000
    assert spread_policy("class") == SpreadByLiquidity()


@pytest.mark.parametrize("spec", ["bp", "bp:", "bp:0", "bp:-1", "bp:1001", "bp:x"])
def test_basis_points_that_are_none_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="no half spread in basis points"):
        spread_policy(spec)


@pytest.mark.parametrize("spec", ["edg", "edge:2", "class:1", ""])
def test_an_unknown_spread_is_named_with_its_nearest_neighbour(spec: str) -> None:
    with pytest.raises(UsageError, match="is no spread") as caught:
        spread_policy(spec)
    assert "corwin-schultz" in caught.value.hint
    assert ("did you mean edge?" in caught.value.hint) == spec.startswith("edg")


def test_a_wide_bounce_is_charged_as_wide_as_it_is() -> None:
    random = np.random.default_rng(5)
    steps = random.normal(0, 0.004 / np.sqrt(50), (21, 50)).cumsum().reshape(21, 50)
    traded = 100 * np.exp(steps + random.choice([-0.01, 0.01], steps.shape))
    columns = (traded[:, 0], traded.max(1), traded.min(1), traded[:, -1])
    recent = tuple(zip(*(column.tolist() for column in columns), [1e6] * 21, strict=True))
    half = spread_policy("edge").half_spread(100 * DOLLAR, Liquidity(recent=recent), CENT)
    assert half / DOLLAR == pytest.approx(1.0, rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_a_spread_knows_nothing_of_the_bar_that_pays_it(name: str) -> None:
    past, found = random_bars(5, 30, "1m", volatility=0.02), []
    for reach in (0.0, 5.0):
        exchange = Exchange(cost_model("us-retail", name))
        for bar in past:
            prices = (bar.open, bar.high, bar.low, bar.close)
            exchange.bar(*prices, volume=1e6)
        exchange.order(10)
        exchange.bar(100, 100 + reach, 100 - reach, 100, volume=1e6)
        found += [(fill.price, fill.half_spread) for fill in exchange.fills]
    assert found[0] == found[1]
    assert len(found) == 2
