"""One-sided messages become two-sided quotes, and tapes are merged in time."""

from __future__ import annotations

import pytest

from papertape.data.ticks import Side, merged, two_sided
from papertape.domain.errors import DataError
from papertape.domain.market import Quote, Trade, Unquoted


def test_a_side_that_is_not_told_is_as_it_was() -> None:
    sides = [Side(1, 99, 200), Side(2, 0, 0, 101, 300), Side(3, 99.5, 50)]
    assert list(two_sided("X", sides)) == [
        Unquoted("X", 1),
        Quote("X", 2, 99, 101, 200, 300),
        Quote("X", 3, 99.5, 101, 50, 300),
    ]


def test_crossed_sides_are_no_quote_and_that_is_said_once() -> None:
    sides = [Side(1, 99, 1, 101, 1), Side(2, 102, 1), Side(3, 103, 1), Side(4, 0, 0, 103, 1)]
    assert list(two_sided("X", sides)) == [
        Quote("X", 1, 99, 101, 1, 1),
        Unquoted("X", 2),
        Quote("X", 4, 103, 103, 1, 1),
    ]


def test_at_equal_times_a_quote_comes_before_a_trade() -> None:
    quotes = [Quote("X", 1, 9, 10, 1, 1), Quote("X", 5, 9, 10, 1, 1)]
    trades = [Trade("X", 0, 9, 1), Trade("X", 5, 10, 1), Trade("Y", 5, 10, 1)]
    assert [(tick.time, type(tick)) for tick in merged([trades, quotes])] == [
        (0, Trade),
        (1, Quote),
        (5, Quote),
        (5, Trade),
        (5, Trade),
    ]
    assert [tick.time for tick in merged([trades, quotes], start=1)] == [1, 5, 5, 5]
    assert list(merged([[], ()])) == []


def test_a_tape_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(DataError, match="goes back in time"):
        merged([[Trade("X", 2, 9, 1), Trade("X", 1, 9, 1)]])
