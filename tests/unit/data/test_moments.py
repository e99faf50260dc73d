"""History as a stream: all instruments merged by closing time, nobody too early or left out."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.data.moments import closing_times, moments
from papertape.domain.event import Moment
from papertape.domain.market import Bars, CorporateAction, Dividend, Split


def some_of(bars: Bars, rows: list[int]) -> Bars:
    """The bars of some rows, as a source with gaps would give them."""
    names = ("start", "end", "open", "high", "low", "close", "volume")
    columns = (getattr(bars, name)[rows] for name in names)
    return Bars(bars.instrument, bars.frequency, *columns)


def walk(
    bars: dict[str, Bars], actions: dict[str, tuple[CorporateAction, ...]] | None = None
) -> list[Moment]:
    return list(moments(bars, actions or {}))


def test_bars_that_close_together_are_one_moment_sorted_by_symbol() -> None:
    bars = {name: random_bars(n, 3, symbol=name) for n, name in enumerate(("SPY", "AAPL", "IBM"))}
    seen = walk(bars)
    assert [[bar.symbol for bar in moment.bars] for moment in seen] == [["AAPL", "IBM", "SPY"]] * 3
    assert [moment.time for moment in seen] == bars["SPY"].end.tolist()


def test_an_instrument_may_start_later_end_sooner_and_miss_bars() -> None:
    whole, part = random_bars(1, 6, symbol="AAPL"), random_bars(2, 6)
    seen = walk({"AAPL": whole, "SPY": some_of(part, [1, 2, 4])})
    assert [[bar.symbol for bar in moment.bars] for moment in seen] == [
        ["AAPL"],
        ["AAPL", "SPY"],
        ["AAPL", "SPY"],
        ["AAPL"],
        ["AAPL", "SPY"],
        ["AAPL"],
    ]


def test_bars_of_different_length_meet_only_where_they_close_together() -> None:
    minutes, fives = random_bars(1, 10, "1m", "AAPL"), random_bars(2, 2, "5m")
    seen = walk({"AAPL": minutes, "SPY": fives})
    assert [len(moment.bars) for moment in seen] == [1, 1, 1, 1, 2] * 2


def test_an_action_takes_effect_before_the_first_bar_of_its_day() -> None:
    bars = random_bars(3, 5)
    days: list[date] = bars.days().tolist()
    split = Split("SPY", days[2], Fraction(2))
    assert [moment.actions for moment in walk({"SPY": bars}, {"SPY": (split,)})] == [
        (),
        (),
        (split,),
        (),
        (),
    ]


def test_an_action_on_a_day_without_a_bar_takes_effect_at_the_next_one() -> None:
    bars = random_bars(3, 5)
    days: list[date] = bars.days().tolist()
    paid = Dividend("SPY", days[2], 1_000_000, days[2])
    seen = walk({"SPY": some_of(bars, [0, 1, 3, 4])}, {"SPY": (paid,)})
    assert [moment.actions for moment in seen] == [(), (), (paid,), ()]


def test_of_one_day_the_split_comes_before_the_dividend() -> None:
    bars = random_bars(3, 3)
    day = bars.days()[1].item()
    paid, split = Dividend("SPY", day, 1_000_000, day), Split("SPY", day, Fraction(2))
    assert walk({"SPY": bars}, {"SPY": (paid, split)})[1].actions == (split, paid)


def test_actions_outside_the_bars_are_left_out() -> None:
    bars = random_bars(3, 3)
    first = bars.days()[0].item()
    outside = (
        Split("SPY", first, Fraction(2)),
        Split("SPY", date(2000, 1, 3), Fraction(2)),
        Split("SPY", date(2030, 1, 2), Fraction(2)),
    )
    assert all(moment.actions == () for moment in walk({"SPY": bars}, {"SPY": outside}))


def test_an_action_of_minutes_is_seen_once_on_its_day() -> None:
    bars = random_bars(3, 800, "1m")
    day = bars.days()[500].item()
    split = Split("SPY", day, Fraction(2))
    acting = [n for n, m in enumerate(walk({"SPY": bars}, {"SPY": (split,)})) if m.actions]
    assert acting == [390]


@given(
    st.lists(st.sets(st.integers(0, 39), min_size=1), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_every_bar_comes_once_in_time_order_and_none_before_it_closed(
    rows: list[set[int]], seed: int
) -> None:
    bars = {
        f"S{n}": some_of(random_bars(seed + n, 40, symbol=f"S{n}"), sorted(kept))
        for n, kept in enumerate(rows)
    }
    seen = walk(bars)
    assert [moment.time for moment in seen] == closing_times(bars).tolist()
    assert np.all(np.diff([moment.time for moment in seen]) > 0)
    for name, each in bars.items():
        came = [bar for moment in seen for bar in moment.bars if bar.symbol == name]
        assert came == list(each)
    assert all(bar.end == moment.time for moment in seen for bar in moment.bars)
