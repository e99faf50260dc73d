"""The tape holds what was seen: nothing later, and every price on its stated footing."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.data.actions import signal_factors
from papertape.domain.market import Bars, CorporateAction, Dividend, Split
from papertape.domain.money import micros
from papertape.engines.signalcore.tape import Tape


def tape_of(bars: Bars, actions: tuple[CorporateAction, ...] = ()) -> Tape:
    tape, days = Tape(bars.instrument, bars.frequency), bars.days()
    for row, bar in enumerate(bars):
        today = [action for action in actions if np.datetime64(action.ex_date) == days[row]]
        tape.append(bar, today)
    return tape


def day(bars: Bars, row: int) -> date:
    found: date = bars.days()[row].item()
    return found


def same(left: Bars, right: Bars) -> bool:
    names = ("start", "end", "open", "high", "low", "close", "volume")
    return all(getattr(left, n).tobytes() == getattr(right, n).tobytes() for n in names)


def test_without_actions_it_gives_back_what_was_put_in() -> None:
    bars = random_bars(1, 3_000)  # more than its first room
    tape = tape_of(bars)
    assert len(tape) == 3_000
    assert same(tape.bars(), bars)
    assert same(tape.last(50), bars[-50:])


@pytest.mark.parametrize("wanted", [0, 1, 5, 10, 11, 10_000])
def test_it_hands_out_as_many_bars_as_there_are_and_no_more(wanted: int) -> None:
    assert len(tape_of(random_bars(1, 10)).last(wanted)) == min(wanted, 10)


def test_no_view_reaches_into_the_future_not_even_by_its_base() -> None:
    bars = random_bars(2, 40, tick=0.000001)  # no two prices are alike
    tape = Tape(bars.instrument, bars.frequency)
    for row, bar in enumerate(bars):
        tape.append(bar)
        later = set(bars.close[row + 1 :].tolist())
        for seen in (tape.bars(), tape.last(5)):
            reach = seen.close if seen.close.base is None else seen.close.base
            assert not later & set(np.ravel(reach).tolist())


def test_what_it_hands_out_cannot_be_written_to() -> None:
    seen = tape_of(random_bars(3, 10)).bars()
    with pytest.raises(ValueError, match="read-only"):
        seen.close[0] = 1.0


def test_a_split_does_not_look_like_a_crash_to_a_strategy() -> None:
    bars = random_bars(4, 6, volatility=0.0)  # 100 dollars throughout
    halved = bars.scaled(np.array([1.0, 1.0, 1.0, 0.5, 0.5, 0.5]))
    tape = tape_of(halved, (Split("SPY", day(bars, 3), Fraction(2)),))
    assert tape.bars().close.tolist() == [100.0] * 6
    assert tape.last(6).close.tolist() == [50.0] * 6
    assert tape.factor == 2.0


def test_a_dividend_is_reinvested_at_the_close_before_less_the_dividend() -> None:
    bars = random_bars(4, 4, volatility=0.0)
    fallen = bars.scaled(np.array([1.0, 1.0, 0.99, 0.99]))  # it falls by the dividend of 1
    ex_date = day(bars, 2)
    tape = tape_of(fallen, (Dividend("SPY", ex_date, micros(1), ex_date),))
    assert tape.factor == 100 / 99
    assert tape.bars().close.tolist() == [100.0] * 4
    assert tape.last(4).close.tolist() == [99.0] * 4


@pytest.mark.parametrize("ratio", [Fraction(1, 30), Fraction(1, 7), Fraction(7), Fraction(3, 2)])
def test_the_newest_bar_is_as_it_traded_after_any_split(ratio: Fraction) -> None:
    bars = random_bars(5, 12, tick=0.000001)
    tape = tape_of(bars, (Split("SPY", day(bars, 6), ratio),))
    assert same(tape.last(1), bars[-1:])
    assert same(tape.last(6), bars[6:])


def test_a_split_and_its_reversal_leave_the_bars_between_on_one_footing() -> None:
    bars = random_bars(6, 9, volatility=0.0)
    traded = bars.scaled(np.array([1.0] * 3 + [0.5] * 3 + [1.0] * 3))
    actions = (
        Split("SPY", day(bars, 3), Fraction(2)),
        Split("SPY", day(bars, 6), Fraction(1, 2)),
    )
    assert tape_of(traded, actions).last(9).close.tolist() == [100.0] * 9


@given(seed=st.integers(0, 2**32 - 1), rows=st.sets(st.integers(1, 59), max_size=5))
def test_bar_by_bar_it_is_what_the_bench_computes_at_once(seed: int, rows: set[int]) -> None:
    bars, random = random_bars(seed, 60), np.random.default_rng(seed)
    actions: list[CorporateAction] = []
    for row in sorted(rows):
        new, old, paid = (int(random.integers(*some)) for some in ((2, 9), (9, 12), (1, 5_000_000)))
        on = day(bars, row)
        split = Split("SPY", on, Fraction(new, old if random.random() < 0.5 else 1))
        actions.append(split if random.random() < 0.5 else Dividend("SPY", on, paid, on))
    factors = signal_factors(bars, actions)
    tape = tape_of(bars, tuple(actions))
    assert tape.factor == factors[-1]
    at_once = bars.scaled(factors) if np.any(factors != 1.0) else bars
    assert same(tape.bars(), at_once)


def test_bars_and_rows_that_follow_one_another_come_out_as_they_went_in() -> None:
    bars = random_bars(7, 400)
    tape = Tape(bars.instrument, bars.frequency)
    row = 0
    for size in (1, 30, 1, 1, 100, 2, 1, 64, 200):
        if size == 1:
            tape.append(bars.bar(row))
        else:
            tape.extend(bars, row, row + size)
        row += size
    assert len(tape) == row == 400
    assert same(tape.bars(), bars)


def test_a_bar_that_is_not_the_next_row_is_kept_as_it_is() -> None:
    bars, other = random_bars(8, 10), random_bars(9, 10)
    tape = Tape(bars.instrument, bars.frequency)
    tape.extend(bars, 0, 5)
    tape.append(other.bar(5))
    assert tape.bars().close.tolist() == [*bars.close[:5], other.close[5]]
