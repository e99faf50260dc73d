"""A split or a re-adjustment between two fetches is noticed; a correction is no such thing."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.store.conftest import daily

from papertape.data.store.merging import merged
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, PriceHistory, Split

COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")
CLOSES = tuple(round(200 + 7 * np.sin(n), 2) for n in range(30))
FIRST = date(2024, 1, 2)


def part(history: PriceHistory, begin: int, end: int) -> PriceHistory:
    return PriceHistory(history.bars[begin:end], adjusted=history.adjusted)


def times(history: PriceHistory, factor: float, decimals: int = 2) -> PriceHistory:
    """What a vendor shows who multiplies and rounds."""
    bars = history.bars
    prices = {name: np.round(getattr(bars, name) * factor, decimals) for name in COLUMNS[2:6]}
    columns = [prices.get(name, getattr(bars, name)) for name in COLUMNS]
    scaled = Bars(bars.instrument, bars.frequency, *columns)
    return PriceHistory(scaled, adjusted=history.adjusted)


@pytest.mark.parametrize("ratio", [2, 3, 4, 7, 10, 20, Fraction(3, 2), Fraction(1, 10)])
@pytest.mark.parametrize("shared", [1, 2, 5, 15])
@pytest.mark.parametrize("adjusted", ["raw", "split", "all"])
def test_a_split_between_two_fetches_is_refused(ratio, shared: int, adjusted: str) -> None:
    history = daily(FIRST, CLOSES, adjusted=adjusted)
    stored, later = part(history, 0, 20), times(part(history, 20 - shared, 30), 1 / float(ratio))
    with pytest.raises(DataError, match=f"as a split of {ratio}:1 makes it"):
        merged(stored, later, "latest")


def test_a_dividends_adjustment_between_two_fetches_is_refused() -> None:
    history = daily(FIRST, CLOSES, adjusted="all")
    stored, later = part(history, 0, 20), times(part(history, 10, 30), 0.9967, 4)
    with pytest.raises(DataError, match="as a dividend's adjustment does"):
        merged(stored, later, "latest")


def test_a_split_inside_the_shared_days_is_refused_where_the_old_scale_would_go_on() -> None:
    history = daily(FIRST, CLOSES, adjusted="split")
    before, after = times(part(history, 5, 9), 0.5).bars, history.bars[9:30]
    columns = (np.concatenate([getattr(each, n) for each in (before, after)]) for n in COLUMNS)
    later = PriceHistory(Bars(before.instrument, before.frequency, *columns), adjusted="split")
    with pytest.raises(DataError, match="split of 2:1"):
        merged(part(history, 0, 20), later, "latest")


def test_a_whole_history_restated_is_taken_whole() -> None:
    history = daily(FIRST, CLOSES, adjusted="split")
    both = merged(part(history, 0, 20), times(history, 0.5), "latest")
    assert np.array_equal(both.history.bars.close, times(history, 0.5).bars.close)
    assert both.change.corrected == 20
    assert "restated" in both.change.words[0]


def test_a_restatement_is_not_taken_in_part() -> None:
    history = daily(FIRST, CLOSES, adjusted="split")
    for policy in ("stored", "refuse"):
        with pytest.raises(DataError, match="two scales are not mixed"):
            merged(part(history, 0, 20), times(history, 0.5), policy)


@pytest.mark.parametrize("price", [3.0, 20.0, 400.0])
@pytest.mark.parametrize("decimals", [2, 4, 6])
def test_a_small_dividend_is_noticed_whatever_the_price_and_its_digits(
    price: float, decimals: int
) -> None:
    closes = [round(price * (1 + 0.05 * np.sin(n)), decimals) for n in range(30)]
    history = times(daily(FIRST, [close + 2 for close in closes], adjusted="all"), 1, decimals)
    stored, later = part(history, 0, 20), times(part(history, 15, 30), 0.996, decimals)
    with pytest.raises(DataError, match=r"not mixed|not by one factor"):
        merged(stored, later, "latest")


def test_raw_bars_to_which_a_known_split_was_applied_are_made_raw_again() -> None:
    # 20 sessions at 200; a 4:1 split before session 25; the vendor's "raw" is split adjusted.
    history = daily(FIRST, CLOSES)
    ex_date = history.bars.days()[25].item()
    split = Split("TEST", ex_date, Fraction(4))
    traded = times(history, 1, 6).bars
    columns = {name: getattr(traded, name).copy() for name in COLUMNS}
    for name in COLUMNS[2:6]:
        columns[name][25:] = np.round(columns[name][25:] / 4, 2)
    truth = Bars(traded.instrument, traded.frequency, *columns.values())
    shown = {name: column.copy() for name, column in columns.items()}
    for name in COLUMNS[2:6]:
        shown[name][:25] = columns[name][:25] / 4
        shown[name][:25] = np.round(shown[name][:25], 2)
    shown["volume"][:25] = columns["volume"][:25] * 4
    vendor = Bars(traded.instrument, traded.frequency, *shown.values())[15:]
    both = merged(PriceHistory(truth[:20]), PriceHistory(vendor, actions=(split,)), "latest")
    for name in COLUMNS:
        rebuilt = getattr(both.history.bars, name)
        assert np.allclose(rebuilt, getattr(truth, name), rtol=0, atol=0.0201), name
        assert np.array_equal(rebuilt[:20], getattr(truth, name)[:20]), name  # as traded, still
    assert both.history.actions == (split,)
    assert "4:1" in both.change.words[0]


def test_a_split_of_another_ratio_explains_nothing() -> None:
    history = daily(FIRST, CLOSES)
    split = Split("TEST", history.bars.days()[25].item(), Fraction(2))
    later = times(part(history, 15, 30), 0.25)
    with pytest.raises(DataError, match="as a split of 4:1 makes it"):
        merged(part(history, 0, 20), PriceHistory(later.bars, actions=(split,)), "latest")


def test_adjusted_bars_that_share_no_bar_are_refused_and_raw_ones_are_not() -> None:
    history = daily(FIRST, CLOSES, adjusted="all")
    with pytest.raises(DataError, match="nothing shows that both are on one scale"):
        merged(part(history, 0, 10), part(history, 10, 20), "latest")
    raw = daily(FIRST, CLOSES)
    both = merged(part(raw, 0, 10), part(raw, 15, 20), "latest")
    assert len(both.history.bars) == 15


@pytest.mark.parametrize("row", [0, 3, 7])
def test_one_bar_off_by_a_hundred_is_a_correction(row: int) -> None:
    history = daily(FIRST, CLOSES)
    columns = {name: getattr(history.bars, name).copy() for name in COLUMNS}
    for name in COLUMNS[2:6]:
        columns[name][5 + row] *= 100
    wrong = Bars(history.bars.instrument, history.bars.frequency, *columns.values())
    both = merged(PriceHistory(wrong[:13]), part(history, 5, 30), "latest")
    assert np.array_equal(both.history.bars.close, history.bars.close)
    assert both.change.corrected == 1


def test_a_source_that_writes_more_digits_is_on_the_same_scale() -> None:
    history = daily(FIRST, CLOSES)
    both = merged(part(history, 0, 20), times(part(history, 10, 30), 1.000002, 6), "latest")
    assert both.change.added == 10


def test_bars_with_other_prices_throughout_are_another_feed() -> None:
    history = daily(FIRST, CLOSES)
    shifted = daily(FIRST, CLOSES[3:] + CLOSES[:3])
    with pytest.raises(DataError, match="not by one factor"):
        merged(part(history, 0, 20), part(shifted, 10, 30), "latest")


@given(
    cut=st.integers(0, 30),
    begin=st.integers(0, 29),
    changed=st.sets(st.integers(0, 29), max_size=2),
)
def test_every_time_is_there_once_and_the_later_bar_wins(
    cut: int, begin: int, changed: set[int]
) -> None:
    """The reference is a dictionary from time to bar."""
    history = daily(FIRST, CLOSES)
    closes = [close + 0.25 if row in changed else close for row, close in enumerate(CLOSES)]
    later = part(daily(FIRST, closes), begin, 30)
    stored = part(history, 0, max(1, cut))
    reference = {bar.start: bar for bar in stored.bars} | {bar.start: bar for bar in later.bars}
    shared = [bar for bar in later.bars if bar.start in {each.start for each in stored.bars}]
    both = merged_or_none(stored, later)
    if both is not None:
        assert list(both.history.bars) == [reference[time] for time in sorted(reference)]
        assert both.change.added == len(later.bars) - len(shared)
        again = merged(both.history, later, "latest")
        assert again.change.is_none
    else:  # refused only where most of the few shared bars moved
        assert 2 * sum(row in changed for row in range(begin, max(1, cut))) >= min(2, len(shared))


def merged_or_none(stored: PriceHistory, later: PriceHistory):
    try:
        return merged(stored, later, "latest")
    except DataError:
        return None
