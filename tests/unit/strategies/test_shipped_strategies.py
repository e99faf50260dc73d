"""The three strategies: rules by hand on few bars, and on real ones."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from numpy.testing import assert_allclose, assert_array_equal
from tests.generators import random_bars

from papertape.domain.errors import UsageError
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
    SignalStrategy,
    build,
)
from papertape.strategies.indicators import wilder_rsi

SHIPPED = (MovingAverageCrossoverStrategy, RSIMeanReversionStrategy, MomentumBreakoutStrategy)


def bars_of(*closes: float, reach: float = 0.0) -> Bars:
    """Daily bars with these closes, each ``reach`` dollars high and low of its close."""
    like, close = random_bars(1, len(closes)), np.array(closes)
    columns = (close, close + reach, close - reach, close, like.volume)
    return Bars(Instrument("SPY"), DAILY, like.start, like.end, *columns)


def long_until(enter: np.ndarray, leave: np.ndarray, first: int) -> list[float]:
    """The same holding as a plain loop."""
    column, holding = [], False
    for row in range(len(enter)):
        holding = (holding or (row >= first and bool(enter[row]))) and not leave[row]
        column.append(float(holding))
    return column


@pytest.mark.parametrize("kind", SHIPPED)
def test_each_is_a_signal_strategy_that_wants_nothing_before_its_warm_up(
    kind: type[SignalStrategy], spy: Bars
) -> None:
    strategy = kind()
    assert isinstance(strategy, SignalStrategy)
    exposure = strategy.exposure(spy)
    assert exposure.shape == (len(spy),)
    assert set(np.unique(exposure)) == {0.0, 1.0}
    assert not exposure[: strategy.warmup - 1].any()
    assert strategy.reason(spy[:3]) == f"waiting: 3 of {strategy.warmup} bars seen"
    assert strategy.exposure(spy[:0]).shape == (0,)


def test_warm_ups_are_what_the_rules_need() -> None:
    assert MovingAverageCrossoverStrategy().warmup == 200
    assert MovingAverageCrossoverStrategy(entry="cross").warmup == 201
    assert MomentumBreakoutStrategy().warmup == 21
    assert RSIMeanReversionStrategy().warmup == 140


def test_the_crossover_is_long_while_above_and_a_tie_is_not_above() -> None:
    bars = bars_of(1, 2, 3, 1, 2, 2, 2)
    # Fast (last close) against slow (last three): 3 > 2, 1 < 2, 2 = 2, 2 > 5/3, 2 = 2.
    strategy = MovingAverageCrossoverStrategy(fast=1, slow=3)
    assert_array_equal(strategy.exposure(bars), [0, 0, 1, 0, 0, 1, 0])
    assert strategy.reason(bars[:3]) == "fast 3.00 above slow 2.00"
    assert strategy.reason(bars[:4]) == "fast 1.00 crossed below slow 2.00"
    assert strategy.reason(bars[:5]) == "fast 2.000000 level with slow 2.000000"
    assert strategy.reason(bars[:6]) == "fast 2.00 crossed above slow 1.67"


def test_the_crossover_on_crosses_waits_for_one_and_holds_through_a_tie() -> None:
    bars = bars_of(1, 2, 3, 1, 2, 2, 2, 1)
    strategy = MovingAverageCrossoverStrategy(fast=1, slow=3, entry="cross")
    assert_array_equal(strategy.exposure(bars), [0, 0, 0, 0, 0, 1, 1, 0])
    rising = bars_of(1, 2, 3, 4)
    assert strategy.reason(rising) == (
        "fast 4.00 above slow 3.00, but no cross seen since the first bar"
    )
    assert strategy.reason(bars[:7]) == (
        "fast 2.000000 level with slow 2.000000, held until it crosses below"
    )
    assert strategy.reason(bars) == "fast 1.00 crossed below slow 1.67"


def test_the_breakout_compares_with_the_bars_before_and_a_touch_is_no_break() -> None:
    bars = bars_of(10, 11, 12, 13, 12.5, 11, 10, reach=1)
    strategy = MomentumBreakoutStrategy(enter_bars=2, leave_bars=2)
    # Highs before: -, -, 12, 13, 14: 12 and 13 only touch. Lows before row 5: 11.5, 12.
    assert_array_equal(strategy.exposure(bars), [0, 0, 0, 0, 0, 0, 0])
    bars = bars_of(10, 11, 12.01, 13, 12, 11, 10, reach=1)
    # Row 2: 12.01 > 12. Row 5: 11 = the low of 12; row 6: 10 = the low of 11.
    assert_array_equal(strategy.exposure(bars), [0, 0, 1, 1, 1, 1, 1])
    assert strategy.reason(bars[:3]) == (
        "close 12.01 above 12.00, the highest high of the 2 bars before"
    )
    assert strategy.reason(bars[:6]) == (
        "close 11.00 not below 11.00, the lowest low of the 2 bars before, held"
    )
    falling = bars_of(10, 11, 12.01, 13, 10.9, reach=1)
    assert strategy.exposure(falling)[-1] == 0
    assert strategy.reason(falling) == (
        "close 10.90 below 11.01, the lowest low of the 2 bars before"
    )


def test_the_reversion_buys_weakness_and_leaves_on_strength() -> None:
    strategy = RSIMeanReversionStrategy(period=2, stop_period=2)
    calm = [100.0, 101.0] * 10  # warm-up: an RSI about 50
    bars = bars_of(*calm, 99, 97, 96, 96.5, 99, 103, reach=1)
    rsi = wilder_rsi(bars.close, 2)
    exposure = strategy.exposure(bars)
    assert rsi[21] < 30 < rsi[23] < 50 < rsi[24]
    assert_array_equal(exposure[-6:], [0 if rsi[20] >= 30 else 1, 1, 1, 1, 0, 0])
    assert strategy.reason(bars[:22]) == f"RSI {rsi[21]:.2f} below 30"
    assert strategy.reason(bars[:24]) == f"RSI {rsi[23]:.2f} not yet above 50, held"
    assert strategy.reason(bars) == f"RSI {rsi[-1]:.2f} above 50"


def test_the_reversion_enters_on_the_last_bar_of_its_warm_up_and_exactly_50_is_not_above() -> None:
    strategy = RSIMeanReversionStrategy(period=2, stop_period=2)
    # After 19 still bars: a fall of 2 (averages 0 and 1), then a rise of 1 (0.5 and 0.5: RSI 50).
    bars = bars_of(*[100.0] * 19, 98, 99, 99.5)
    assert strategy.warmup == 20
    assert_array_equal(strategy.exposure(bars)[18:], [0, 1, 1, 0])


def test_the_reversions_stop_lies_two_average_ranges_away() -> None:
    bars = bars_of(10, 10, 10, 14, reach=1)
    # True ranges -, 2, 2, 5 (15 - 10): averages 2, then halfway to 5.
    strategy = RSIMeanReversionStrategy(stop_period=2)
    assert_array_equal(strategy.stop_distance(bars), [0, 0, 4, 7])


def test_after_the_warm_up_a_longer_history_hardly_moves_the_rsi(spy: Bars) -> None:
    warmup, whole = RSIMeanReversionStrategy().warmup, wilder_rsi(spy.close, 14)
    starts = range(0, len(spy) - warmup, 50)
    moved = [
        abs(wilder_rsi(spy.close[s : s + warmup], 14)[-1] - whole[s + warmup - 1]) for s in starts
    ]
    assert max(moved) < 0.05


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (MovingAverageCrossoverStrategy, {"fast": "200"}, "fast=200 must be below slow=200"),
        (MovingAverageCrossoverStrategy, {"fast": "0"}, "fast=0 is not between 1 and 10000"),
        (MovingAverageCrossoverStrategy, {"entry": "maybe"}, "is none of state, cross"),
        (RSIMeanReversionStrategy, {"enter_below": "60"}, "some bars would do both"),
        (RSIMeanReversionStrategy, {"enter_below": "nan"}, "not between"),
        (MomentumBreakoutStrategy, {"leave_bars": "-1"}, "not between"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(
    kind: type, wrong: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        build(kind, wrong)


def test_the_averages_of_spy_lie_as_the_data_notes_say(spy: Bars) -> None:
    days = np.asarray(spy.days(), "datetime64[D]")
    exposure = MovingAverageCrossoverStrategy().exposure(spy)
    of_2024 = exposure[days.astype("datetime64[Y]") == np.datetime64("2024")]
    assert of_2024.tolist() == [1.0] * 252
    changed = np.flatnonzero(np.diff(exposure)) + 1
    since_2022 = changed[days[changed] >= np.datetime64("2022-01-01")]
    assert [(str(days[row]), exposure[row]) for row in since_2022[:4]] == [
        ("2022-03-14", 0),
        ("2023-02-02", 1),
        ("2025-04-14", 0),
        ("2025-07-01", 1),
    ]


def test_the_reversion_on_spy_is_ta_libs_rsi_and_a_loop(spy: Bars) -> None:
    rsi = talib.RSI(spy.close, 14)
    expected = long_until(rsi < 30, rsi > 50, 139)
    assert_array_equal(RSIMeanReversionStrategy().exposure(spy), expected)
    stops = RSIMeanReversionStrategy().stop_distance(spy)[14:]
    assert_allclose(stops, 2 * talib.ATR(spy.high, spy.low, spy.close, 14)[14:], rtol=1e-9)


def test_the_breakout_on_spy_is_ta_libs_extremes_and_a_loop(spy: Bars) -> None:
    top, bottom = np.full(len(spy), np.nan), np.full(len(spy), np.nan)
    top[1:], bottom[1:] = talib.MAX(spy.high, 20)[:-1], talib.MIN(spy.low, 10)[:-1]
    expected = long_until(spy.close > top, spy.close < bottom, 20)
    assert_array_equal(MomentumBreakoutStrategy().exposure(spy), expected)
