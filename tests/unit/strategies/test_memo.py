"""Indicators are computed once where a memo is at work, and otherwise as ever."""

from __future__ import annotations

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.strategies import donchian_high, previous, sma, wilder_rsi
from papertape.strategies.memo import Memo, remembered, remembering

CLOSE = random_bars(3, 200).close
ROOM = 10_000_000


def test_the_same_question_has_one_answer() -> None:
    with remembering(Memo(ROOM)):
        assert sma(CLOSE, 5) is sma(CLOSE, 5)
        assert sma(CLOSE, 5) is not sma(CLOSE, 6)
        assert previous(sma(CLOSE, 5)) is previous(sma(CLOSE, 5))
    assert sma(CLOSE, 5) is not sma(CLOSE, 5)


def test_an_answer_is_the_same_with_and_without() -> None:
    plain = [sma(CLOSE, 5), wilder_rsi(CLOSE, 14), donchian_high(CLOSE, 9)]
    with remembering(Memo(ROOM)):
        asked = [sma(CLOSE, 5), wilder_rsi(CLOSE, 14), donchian_high(CLOSE, 9)]
    for one, other in zip(plain, asked, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_column_that_may_change_is_never_taken_for_the_same() -> None:
    column = CLOSE.copy()
    with remembering(Memo(ROOM)):
        before = sma(column, 3)
        column[-1] *= 2
        assert sma(column, 3)[-1] != before[-1]


def test_nobody_can_spoil_an_answer_for_others() -> None:
    with remembering(Memo(ROOM)), pytest.raises(ValueError, match="read-only"):
        sma(CLOSE, 5)[0] = 1.0


def test_the_oldest_answers_make_room() -> None:
    asked: list[int] = []

    @remembered
    def counted(column: np.ndarray, period: int) -> np.ndarray:
        asked.append(period)
        return column + period

    with remembering(Memo(2 * CLOSE.nbytes)):
        for period in (1, 2, 1, 3, 1, 2):
            counted(CLOSE, period)
    assert asked == [1, 2, 3, 2]
