"""A signal strategy's answers: the same whether asked at once or bar by bar, and checked."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.data.moments import moments
from papertape.domain.errors import StrategyError
from papertape.domain.market import Bars, CorporateAction, Dividend, FloatArray, Split
from papertape.engines.signalcore.answers import AskedEachBar, AskedOnce, Wish, ask
from papertape.strategies.momentum_breakout import MomentumBreakoutStrategy
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.rsi_mean_reversion import RSIMeanReversionStrategy


class Answering:
    """Answers whatever it is told to."""

    warmup = 3

    def __init__(self, exposure: Any, stops: Any = None):
        self._exposure = exposure
        if stops is not None:
            self.stop_distance = lambda bars: stops

    def exposure(self, bars: Bars) -> FloatArray:
        answered: FloatArray = self._exposure
        return answered

    def reason(self, bars: Bars) -> str:
        return f"{len(bars)} bars"


@pytest.mark.parametrize(
    "strategy",
    [
        MovingAverageCrossoverStrategy(3, 8),
        MovingAverageCrossoverStrategy(3, 8, "cross"),
        RSIMeanReversionStrategy(period=2, stop_period=3),
        MomentumBreakoutStrategy(5, 3),
    ],
    ids=str,
)
def test_asked_once_or_after_each_bar_a_strategy_says_the_same(strategy: Any) -> None:
    bars = {"SPY": random_bars(8, 120, volatility=0.03)}
    days = bars["SPY"].days()
    ex_dates: list[date] = [days[40].item(), days[80].item()]
    actions: dict[str, tuple[CorporateAction, ...]] = {
        "SPY": (
            Split("SPY", ex_dates[0], Fraction(3)),
            Dividend("SPY", ex_dates[1], 510_000, ex_dates[1]),
        )
    }
    once = AskedOnce(strategy, bars, actions)
    each = AskedEachBar(strategy, {"SPY": bars["SPY"].instrument}, bars["SPY"].frequency)
    for moment in moments(bars, actions):
        for bar in moment.bars:
            for answers in (once, each):
                answers.see(bar, [a for a in moment.actions if a.symbol == bar.symbol])
            assert once.wish("SPY") == each.wish("SPY")
            assert once.reason("SPY") == each.reason("SPY")


def test_before_its_warm_up_is_over_a_strategy_wants_nothing() -> None:
    bars = random_bars(8, 5)
    once = AskedOnce(Answering(np.ones(5)), {"SPY": bars}, {})
    wishes = []
    for bar in bars:
        once.see(bar, [])
        wishes.append(once.wish("SPY"))
    assert wishes == [None, None, *[Wish(1.0, 0.0)] * 3]


def test_a_stop_distance_is_turned_back_into_prices_as_traded() -> None:
    bars = random_bars(8, 6)
    ex_date = bars.days()[4].item()
    actions: dict[str, tuple[CorporateAction, ...]] = {"SPY": (Split("SPY", ex_date, Fraction(4)),)}
    once = AskedOnce(Answering(np.ones(6), np.full(6, 8.0)), {"SPY": bars}, actions)
    stops = []
    for bar in bars:
        once.see(bar, [])
        stops.append(once.wish("SPY"))
    assert stops == [None, None, *(Wish(1.0, stop) for stop in (8, 8, 2, 2))]


BARS = random_bars(9, 6)
ONES = np.ones(6)


@pytest.mark.parametrize(
    ("exposure", "stops", "said"),
    [
        (np.ones(5), None, r"answered \(5,\) values for 6 bars"),
        (np.ones((6, 2)), None, r"answered \(6, 2\) values"),
        (ONES, np.ones(7), r"stop_distance answered \(7,\)"),
        (np.array([0, 0, 0, 0, np.nan, 0]), None, "answered exposure nan"),
        (np.array([0, 0, 0, 0, 1.01, 0]), None, r"answered exposure 1\.01"),
        (np.array([0, 0, 0, 0, -np.inf, 0]), None, "answered exposure -inf"),
        (ONES, np.array([0, 0, 0, 0, -1.0, 0]), r"stop distance -1\.0"),
        (ONES, np.array([0, 0, 0, 0, np.nan, 0]), "stop distance nan"),
    ],
)
def test_an_answer_that_is_none_names_the_strategy_and_the_bar(
    exposure: Any, stops: Any, said: str
) -> None:
    with pytest.raises(StrategyError, match=said) as raised:
        ask(Answering(exposure, stops), BARS)
    assert "Answering" in raised.value.message
    if exposure.shape == (6,) and (stops is None or stops.shape == (6,)):
        assert "2015-01-08T14:30:00Z" in raised.value.message


def test_nonsense_within_the_warm_up_is_forgiven() -> None:
    early = np.array([np.nan, np.nan, 0, 1, 1, 1])
    exposure, _ = ask(Answering(early), BARS)
    assert exposure[2:].tolist() == [0, 1, 1, 1]


def test_truth_values_are_exposures() -> None:
    exposure, stops = ask(Answering(np.array([False] * 3 + [True] * 3)), BARS)
    assert exposure.tolist() == [0, 0, 0, 1, 1, 1]
    assert stops.tolist() == [0] * 6
