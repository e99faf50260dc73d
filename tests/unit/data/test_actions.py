"""Signal prices: total return, anchored at the first bar, never moved by what comes later."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.data.actions import adjusted, factor_of, signal_factors
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, CorporateAction, Dividend, PriceHistory, Split

DAY = date(2024, 3, 15)


def days_of(bars: Bars) -> list[date]:
    found: list[date] = bars.days().tolist()
    return found


def test_a_split_multiplies_by_its_ratio() -> None:
    assert factor_of(Split("AAPL", DAY, Fraction(7)), 645.57) == 7.0


def test_a_dividend_multiplies_by_close_over_close_less_dividend() -> None:
    # Microsoft's special dividend of 2004: 3.08 from a close of 29.97
    paid = Dividend("MSFT", DAY, 3_080_000, DAY)
    assert factor_of(paid, 29.97) == pytest.approx(29.97 / 26.89, rel=1e-15)


@pytest.mark.parametrize("amount", [100_000_000, 100_000_001])
def test_a_dividend_that_is_the_whole_price_cannot_be(amount: int) -> None:
    with pytest.raises(DataError, match=r"100\.\d+ from a close of 100"):
        factor_of(Dividend("SPY", DAY, amount, DAY), 100.0)


def test_factors_are_one_until_the_first_action_and_multiply_from_its_day_on() -> None:
    bars = random_bars(1, 6, volatility=0.0)  # 100 dollars throughout
    days = days_of(bars)
    actions = (Split("SPY", days[4], Fraction(3)), Dividend("SPY", days[2], 20_000_000, days[2]))
    assert signal_factors(bars, actions).tolist() == [1.0, 1.0, 1.25, 1.25, 3.75, 3.75]


def test_a_dividend_on_the_day_of_a_split_is_per_new_share() -> None:
    bars = random_bars(1, 3, volatility=0.0)
    day = days_of(bars)[1]
    actions = (Dividend("SPY", day, 10_000_000, day), Split("SPY", day, Fraction(2)))
    # 100 is 50 in new shares; 10 of them are paid out: 2 x 50 / 40
    assert signal_factors(bars, actions).tolist() == [1.0, 2.5, 2.5]


def test_an_action_on_or_before_the_first_day_moves_nothing() -> None:
    bars = random_bars(1, 3)
    first = days_of(bars)[0]
    actions = (Split("SPY", first, Fraction(2)), Split("SPY", date(2000, 1, 3), Fraction(2)))
    assert signal_factors(bars, actions).tolist() == [1.0] * 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 39), st.integers(2, 39))
def test_leak_l13_a_later_action_never_moves_an_earlier_price(
    seed: int, row: int, until: int
) -> None:
    bars = random_bars(seed, 40)
    actions: tuple[CorporateAction, ...] = tuple(
        Split("SPY", days_of(bars)[each], Fraction(2)) for each in sorted({row, 39})
    )
    whole, past = signal_factors(bars, actions), signal_factors(bars[:until], actions)
    assert np.array_equal(whole[:until], past)


def test_backward_adjusted_prices_are_in_shares_and_dollars_of_the_last_day() -> None:
    # 100 dollars throughout but for a 4:1 split, and 20 dollars paid out of 100 the day before.
    flat = random_bars(1, 6, volatility=0.0)
    days = days_of(flat)
    bars = flat.scaled(np.array([1.0, 1, 1, 1, 0.25, 0.25]))
    paid, split = (
        Dividend("SPY", days[2], 20_000_000, days[5]),
        Split("SPY", days[4], Fraction(4)),
    )
    history = PriceHistory(bars, actions=(paid, split))
    by_split = adjusted(history, "split")
    assert by_split.bars.close.tolist() == [25.0] * 6
    assert by_split.bars.volume.tolist() == (bars.volume * [4, 4, 4, 4, 1, 1]).tolist()
    assert by_split.actions == (Dividend("SPY", days[2], 5_000_000, days[5]),)
    by_all = adjusted(history, "all")
    assert by_all.bars.close.tolist() == [20.0, 20.0, 25.0, 25.0, 25.0, 25.0]
    assert by_all.bars.volume.tolist() == by_split.bars.volume.tolist()
    assert by_all.actions == ()
    assert adjusted(by_split, "all").bars.close.tolist() == by_all.bars.close.tolist()


def test_what_was_adjusted_cannot_be_undone() -> None:
    history = PriceHistory(random_bars(1, 6), adjusted="all")
    assert adjusted(history, "all") is history
    with pytest.raises(DataError, match="cannot be undone to raw"):
        adjusted(history, "raw")
