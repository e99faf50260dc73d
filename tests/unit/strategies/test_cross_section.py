"""Selecting and weighing by hand-made scores."""

from __future__ import annotations

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.domain.errors import UsageError
from papertape.domain.panel import Panel
from papertape.strategies import TopMomentumStrategy, best, equally

NAN = np.nan
SCORES = np.array([[1.0, 3.0, NAN, 3.0, 2.0], [NAN, NAN, NAN, 0.0, NAN]])


def test_the_best_of_a_row_are_chosen_and_of_equals_the_first_symbol() -> None:
    assert best(SCORES, 1).tolist() == [
        [False, True, False, False, False],
        [False] * 3 + [True, False],
    ]
    assert best(SCORES, 3).tolist()[0] == [False, True, False, True, True]


def test_what_has_no_score_is_never_chosen() -> None:
    assert best(SCORES, 5).sum(axis=1).tolist() == [4, 1]
    assert not best(np.full(4, NAN), 2).any()


def test_equal_weights_add_up_to_one_or_to_nothing() -> None:
    weights = equally(np.array([[True, False, True, False], [False] * 4]))
    assert weights.tolist() == [[0.5, 0.0, 0.5, 0.0], [0.0] * 4]


def test_momentum_ranks_by_the_return_over_its_sessions() -> None:
    bars = {name: random_bars(seed, 12, symbol=name) for seed, name in enumerate("ABC")}
    strategy, panel = TopMomentumStrategy(sessions=5, top=1), Panel(bars)
    scores = strategy.rank(panel, np.array([5, 11]))
    by_hand = [[bars[s].close[row] / bars[s].close[row - 5] - 1 for s in "ABC"] for row in (5, 11)]
    assert scores.tolist() == by_hand
    assert strategy.select(scores).argmax(axis=1).tolist() == np.argmax(by_hand, axis=1).tolist()


def test_days_that_are_none_are_refused_when_it_is_made() -> None:
    with pytest.raises(UsageError, match="names no days"):
        TopMomentumStrategy(rebalance="now and then")


def test_the_best_are_those_of_a_stable_sort() -> None:
    random = np.random.default_rng(5)
    for count in (1, 2, 7, 12, 13):
        scores = random.integers(0, 5, (40, 12)).astype(float)
        scores[random.random(scores.shape) < 0.2] = NAN
        scores[random.random(scores.shape) < 0.1] = -np.inf
        for row, chosen in zip(scores, best(scores, count), strict=True):
            ranked = sorted(range(12), key=lambda each: (np.isnan(row[each]), -row[each], each))
            expected = [each for each in ranked if not np.isnan(row[each])][:count]
            assert np.flatnonzero(chosen).tolist() == sorted(expected)
