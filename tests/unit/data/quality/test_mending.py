"""From a mended sheet back to a history: what was not touched is what it was, to the pay date."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.data.quality.checking import check
from papertape.data.quality.mending import actions_of, bars_of, mended
from papertape.data.quality.sheet import Sheet
from papertape.domain.market import Bars, Dividend, PriceHistory, Split

DAY = 120


def history(bars: Bars | None = None) -> PriceHistory:
    """Daily bars with a dividend in row 60 that is paid two weeks later."""
    bars = bars or random_bars(4, 250)
    day: date = bars.days()[60].item()
    return PriceHistory(bars, (Dividend("SPY", day, 500_000, day + timedelta(14)),))


def scaled(rows: slice, factor: float) -> Bars:
    factors = np.ones(250)
    factors[rows] = factor
    return random_bars(4, 250).scaled(factors)


@pytest.mark.parametrize("frequency", ["1d", "5m"])
def test_a_sheet_makes_the_bars_that_it_was_made_of(frequency: str) -> None:
    bars = random_bars(4, 250, frequency)
    again = bars_of(Sheet.of(PriceHistory(bars)))
    for name in ("start", "end", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(again, name), getattr(bars, name))


def test_a_repair_of_prices_keeps_every_action() -> None:
    flawed = history(scaled(slice(DAY, DAY + 1), 100.0))
    new = mended(flawed, check(Sheet.of(flawed)).mended("D10"))
    assert new.actions == flawed.actions
    np.testing.assert_allclose(new.bars.close, random_bars(4, 250).close, atol=1e-6)


def test_a_split_that_is_booked_stands_among_the_actions() -> None:
    flawed = history(scaled(slice(0, DAY), 2.0))
    new = mended(flawed, check(Sheet.of(flawed)).mended("D11"))
    day: date = flawed.bars.days()[DAY].item()
    assert new.actions == (*flawed.actions, Split("SPY", day, Fraction(2)))


def test_a_split_that_was_none_is_gone_and_the_dividend_stays() -> None:
    sound = history()
    day: date = sound.bars.days()[DAY].item()
    flawed = replace(sound, actions=(*sound.actions, Split("SPY", day, Fraction(3))))
    new = mended(flawed, check(Sheet.of(flawed)).mended("D11"))
    assert new.actions == sound.actions


def test_rows_that_go_take_no_action_with_them() -> None:
    sound = history()
    cut = Sheet.of(sound).only(np.arange(100, 250))
    assert mended(sound, cut).actions == sound.actions


def test_prices_adjusted_for_all_have_no_actions() -> None:
    of = replace(Sheet.of(history()), adjusted="all")
    assert actions_of(of) == ()
