"""Futures that did not happen leave the past alone; levels scale without rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.generators import bars, random_bars

from papertape.domain.market import Bars
from papertape.engines.proofbench.evidence.other_prices import (
    FUTURES,
    LEVELS,
    at_level,
    mirrored,
    on_coarse_grid,
    replaced,
)

PRICES = ("open", "high", "low", "close")


@pytest.mark.parametrize("future", FUTURES)
@given(whole=bars(min_size=2, max_size=60), share=st.floats(0, 0.99), seed=st.integers(0, 99))
def test_another_future_is_bars_and_touches_no_row_of_the_past(
    future, whole: Bars, share: float, seed: int
) -> None:
    cut = int(share * len(whole))
    other = future(whole, cut, np.random.default_rng(seed))
    assert len(other) == len(whole)
    for name in ("start", "end", *PRICES, "volume"):
        before, after = (getattr(each, name)[: cut + 1] for each in (whole, other))
        assert before.tobytes() == after.tobytes()


def test_a_mirrored_future_turns_every_return_around() -> None:
    whole = random_bars(1, 50)
    other = mirrored(whole, 20, np.random.default_rng(0))
    real, turned = (np.diff(np.log(each.close[20:])) for each in (whole, other))
    assert turned == pytest.approx(-real, abs=1e-6)


def test_a_replaced_history_keeps_the_times_and_none_of_the_closes() -> None:
    whole = random_bars(1, 300)
    other = replaced(whole, np.random.default_rng(0))
    assert other.start.tobytes() == whole.start.tobytes()
    assert np.mean(other.close == whole.close) < 0.05


@given(whole=bars(max_size=60))
def test_a_level_scales_the_coarse_grid_to_the_bit(whole: Bars) -> None:
    base = on_coarse_grid(whole)
    for level in LEVELS:
        for name in PRICES:
            scaled = getattr(at_level(base, level), name)
            assert (scaled / level).tobytes() == getattr(base, name).tobytes()
