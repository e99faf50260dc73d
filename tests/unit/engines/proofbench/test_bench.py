"""The bench on small markets made by hand: every dollar of the result can be checked on paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange import FIRST_DAY
from tests.generators import random_bars

from papertape import SimulationConfig, SimulationEngine, backtest
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError, SettingsError, UsageError
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bar, Bars, Dividend, PriceHistory, Split, session_times
from papertape.engines.riskguard import PROFILES
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.momentum_breakout import MomentumBreakoutStrategy
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.rsi_mean_reversion import RSIMeanReversionStrategy

Prices = tuple[float, float, float, float]
COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")


def daily(rows: Sequence[Prices | float], symbol: str = "SPY") -> Bars:
    """Consecutive sessions from 2024-01-02 on; a single number is a bar that stands still."""
    calendar, days = calendar_of("XNYS"), [FIRST_DAY]
    while len(days) < len(rows):
        days.append(calendar.next_session(days[-1]))
    prices = np.array([row if isinstance(row, tuple) else (row,) * 4 for row in rows]).T
    times = session_times(days, calendar)
    return Bars(Instrument(symbol), DAILY, *times, *prices, np.full(len(rows), 1e6))


class Rising:
    """Long when the close is above the one before it."""

    warmup = 2

    def exposure(self, bars: Bars) -> Any:
        return np.append(False, bars.close[1:] > bars.close[:-1]).astype(float)

    def reason(self, bars: Bars) -> str:
        return "up" if bars.close[-1] > bars.close[-2] else "not up"


class Guarded(BuyAndHoldStrategy):
    """Bought to hold, behind a stop of five dollars."""

    def stop_distance(self, bars: Bars) -> Any:
        return np.full(len(bars), 5.0)


def free(strategy: Any, prices: Any, **settings: Any) -> Any:
    return backtest(strategy, {"SPY": prices}, **{"cost": "none", "size": "shares:10", **settings})


def traded(results: Any) -> list[tuple[str, int, float]]:
    return [(fill.time[:10], fill.quantity, fill.price) for fill in results.record.fills]


# Money by hand


def test_equity_is_cash_and_shares_at_each_close() -> None:
    rows: list[Prices | float] = [
        100,
        101,
        (102, 104, 101, 103),
        (103, 103, 97, 98),
        (97, 99, 96, 99),
    ]
    results = free(Rising(), daily(rows), initial_capital=10_000.0)
    # up on the 3rd: bought at the open of the 4th (102); down on the 5th: sold on the 8th at 97
    assert traded(results) == [("2024-01-04", 10, 102.0), ("2024-01-08", -10, 97.0)]
    assert results.record.equity.equity == [10_000, 10_000, 10_000, 10_010, 9_960, 9_950]
    assert results.record.equity.cash == [10_000, 10_000, 10_000, 8_980, 8_980, 9_950]
    assert results.metrics["final_equity"] == 9_950.0


def test_a_commission_is_taken_of_each_fill() -> None:
    results = free(BuyAndHoldStrategy(), daily([100, 100, 100]), cost="percent:0.1")
    assert [fill.fee for fill in results.record.fills] == [1.0]
    assert results.metrics["final_equity"] == 99_999.0


def test_a_split_conserves_equity_and_a_dividend_is_equity_from_its_ex_date_on() -> None:
    bars = daily([100, 100, 50, 49, 49, 49])
    days: list[date] = bars.days().tolist()
    history = PriceHistory(
        bars,
        actions=(
            Split("SPY", days[2], Fraction(2)),
            Dividend("SPY", days[3], 1_000_000, days[4]),
        ),
    )
    results = free(BuyAndHoldStrategy(), history, initial_capital=10_000.0)
    # 10 at 100, then 20 at 50; 20 dollars of dividend make good what the price lost
    assert results.record.equity.equity == [10_000.0] * 7
    assert results.record.equity.cash == [10_000, 10_000, 9_000, 9_000, 9_000, 9_020, 9_020]
    assert [(row.what, row.cash) for row in results.record.bookings] == [
        ("split 2", 0.0),
        ("dividend", 20.0),
    ]
    assert traded(results) == [("2024-01-03", 10, 100.0)]


def test_a_strategy_sees_neither_the_split_nor_the_dividend_as_a_fall() -> None:
    bars = daily([100, 101, 102, 51.5, 52, 51.5])
    days: list[date] = bars.days().tolist()
    actions = (Split("SPY", days[3], Fraction(2)), Dividend("SPY", days[5], 1_000_000, days[5]))
    results = free(Rising(), PriceHistory(bars, actions=actions))
    assert [decision.reason for decision in results.record.decisions] == ["up"]
    assert traded(results) == [("2024-01-04", 10, 102.0)]


@pytest.mark.parametrize(
    ("after", "price", "rule"),
    [
        ((99, 99, 94, 96), 95.0, "fill-S2"),
        ((90, 92, 88, 91), 90.0, "fill-S2 gap"),
        ((99, 99, 95, 96), 95.0, "fill-S2"),
    ],
    ids=["at its level", "at the open of a gap", "at a touch"],
)
def test_a_protective_stop_fills_at_its_level_or_at_a_worse_open(
    after: Prices, price: float, rule: str
) -> None:
    results = free(Guarded(), daily([100, 100, after, 97]))
    assert traded(results) == [("2024-01-03", 10, 100.0), ("2024-01-04", -10, price)]
    assert results.record.fills[1].rule == rule
    assert [trade.exit_price for trade in results.record.trades] == [price]


def test_the_stop_works_on_the_day_of_its_entry_too() -> None:
    results = free(Guarded(), daily([100, (100, 101, 94, 96), 97, 120]))
    assert traded(results) == [("2024-01-03", 10, 100.0), ("2024-01-03", -10, 95.0)]


def test_leak_l09_no_fill_is_on_the_day_of_its_decision() -> None:
    results = free(Rising(), random_bars(3, 60))
    decided = {row.outcome.removeprefix("order "): row.time for row in results.record.decisions}
    assert results.record.fills
    assert all(fill.time[:10] > decided[fill.order_id][:10] for fill in results.record.fills)


def test_two_instruments_share_one_account() -> None:
    prices = {"AAPL": daily([100, 100, 110], "AAPL"), "SPY": daily([50, 50, 45])}
    results = backtest(BuyAndHoldStrategy(), prices, cost="none", size="percent:90")
    assert [(fill.symbol, fill.quantity) for fill in results.record.fills] == [
        ("AAPL", 450),
        ("SPY", 900),
    ]
    assert results.metrics["final_equity"] == 100_000 + 450 * 10 - 900 * 5


def test_an_instrument_that_starts_later_is_bought_when_it_is_there() -> None:
    early, late = daily([100] * 5, "AAPL"), daily([50] * 5)[2:]
    results = backtest(
        BuyAndHoldStrategy(), {"AAPL": early, "SPY": late}, cost="none", size="percent:90"
    )
    assert [(fill.symbol, fill.time[:10]) for fill in results.record.fills] == [
        ("AAPL", "2024-01-03"),
        ("SPY", "2024-01-05"),
    ]
    assert results.record.equity.equity == [100_000.0] * 6


class EarlyAndLate(Guarded):
    """Holds one from the start, and SPY from its third bar on."""

    def exposure(self, bars: Bars) -> Any:
        return (np.arange(len(bars)) >= (2 if bars.symbol == "SPY" else 0)).astype(float)


def test_fill_p0_a_sale_later_in_the_day_does_not_pay_for_a_purchase_at_the_open() -> None:
    # 10,000: half in AAPL at 100; 5,000 left when SPY opens at 20 and not at 10. The stop of
    # AAPL trades within that day, so at the open 250 shares are all that 5,000 can buy.
    prices = {
        "AAPL": daily([100, 100, 100, (100, 100, 90, 95), 95], "AAPL"),
        "SPY": daily([10, 10, 10, 20, 20]),
    }
    results = backtest(
        EarlyAndLate(), prices, initial_capital=10_000.0, size="percent:100", cost="none"
    )
    assert [
        (f.symbol, f.quantity) for f in results.record.fills if f.time[:10] == "2024-01-05"
    ] == [
        ("SPY", 250),
        ("AAPL", -50),
    ]


# The window


def test_with_history_before_it_the_window_is_traded_from_its_first_open() -> None:
    bars = daily([100, 101, 102, 103, 104])
    results = free(Rising(), bars, start=bars.days()[3].item())
    assert traded(results) == [("2024-01-05", 10, 103.0)]
    assert results.record.decisions[0].time[:10] == "2024-01-04"
    assert len(results.record.equity.time) == 3  # the open of the window and two closes


def test_started_inside_it_waits_for_its_own_bars() -> None:
    bars = daily([100, 101, 102, 103, 104, 105])
    results = free(Rising(), bars, start=bars.days()[3].item(), warmup="inside")
    assert traded(results) == [("2024-01-09", 10, 105.0)]


def test_too_little_history_is_said_with_the_day_it_speaks() -> None:
    results = free(MovingAverageCrossoverStrategy(2, 4), daily([100, 101, 102, 103, 104, 105]))
    [notice] = [text for text in results.record.notices if "warm-up" in text]
    assert notice == "SPY: 0 of 4 warm-up bars lie before 2024-01-02: it waits until 2024-01-05"


def test_nothing_in_the_window_names_what_there_is() -> None:
    with pytest.raises(DataError, match="the data reach from 2024-01-02 to 2024-01-03"):
        free(Rising(), daily([100, 101]), start=date(2025, 1, 1))


# The same again


@pytest.mark.parametrize(
    "strategy",
    [
        BuyAndHoldStrategy(),
        MovingAverageCrossoverStrategy(3, 9),
        RSIMeanReversionStrategy(period=2, stop_period=2),
        MomentumBreakoutStrategy(5, 3),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_the_same_run_twice_gives_the_same_record_to_the_byte(strategy: Any) -> None:
    runs = [backtest(strategy, {"SPY": random_bars(17, 300, volatility=0.02)}) for _ in range(2)]
    first, second = (msgspec.json.encode(run.record) for run in runs)
    assert runs[0].record.fills
    assert first == second


STRATEGIES = st.sampled_from(
    [
        BuyAndHoldStrategy(),
        MovingAverageCrossoverStrategy(2, 5),
        MovingAverageCrossoverStrategy(2, 5, "cross"),
        RSIMeanReversionStrategy(period=2, stop_period=2, enter_below=45),
        MomentumBreakoutStrategy(3, 2),
    ]
)


@settings(max_examples=60)
@given(
    strategy=STRATEGIES,
    seed=st.integers(0, 2**32 - 1),
    frequency=st.sampled_from(["1d", "5m"]),
    row=st.integers(20, 58),
    shift=st.sampled_from([0.5, 0.98, 1.02, 2.0]),
    volume=st.sampled_from([0.0, 1.0, 3.0]),
    cost=st.sampled_from(["none", "us-retail"]),
)
def test_a_price_changed_one_bar_after_a_decision_never_changes_it(
    strategy: Any,
    seed: int,
    frequency: str,
    row: int,
    shift: float,
    volume: float,
    cost: str,
) -> None:
    bars = random_bars(seed, 60, frequency, volatility=0.03)
    later = np.arange(60) == row + 1
    scale = dict.fromkeys(("open", "high", "low", "close"), shift) | {"volume": volume}
    changed = Bars(
        bars.instrument,
        bars.frequency,
        *(
            np.where(later, getattr(bars, name) * scale[name], getattr(bars, name))
            if name in scale
            else getattr(bars, name)
            for name in COLUMNS
        ),
    )
    known = [
        known_by(run, bars.bar(row))
        for run in (
            backtest(
                strategy,
                {"SPY": each},
                bar_frequency=frequency,
                cost=cost,
                benchmark="none",
                allow=("D10", "D11"),  # the change is an odd price on purpose
            )
            for each in (bars, changed)
        )
    ]
    assert known[0] == known[1]


def known_by(results: Any, bar: Bar) -> tuple[list[Any], list[Any], list[float]]:
    """Decisions, fills and equity up to the close of a bar."""
    close = results.record.equity.time
    until = next(n for n, text in enumerate(close) if text >= rfc(bar.end)) + 1
    decisions = [each for each in results.record.decisions if each.time <= rfc(bar.end)]
    fills = [each for each in results.record.fills if each.bar <= rfc(bar.start)]
    return decisions, fills, results.record.equity.equity[:until]


def rfc(moment: int) -> str:
    return str(np.datetime64(moment, "ns").astype("datetime64[s]")) + "Z"


# What cannot be run


def test_what_is_missing_is_said_with_the_line_to_type() -> None:
    engine = SimulationEngine()
    with pytest.raises(UsageError, match="no strategy is set"):
        engine.run()
    engine.set_strategy(BuyAndHoldStrategy())
    with pytest.raises(UsageError, match="no prices are loaded"):
        engine.run()


def test_prices_are_loaded_once_for_their_own_symbol_and_length() -> None:
    engine = SimulationEngine(SimulationConfig(bar_frequency="1m"))
    with pytest.raises(DataError, match="these bars are 1d, the run is set to 1m"):
        engine.load_data("SPY", daily([100]))
    with pytest.raises(UsageError, match="bars of SPY, not of IBM"):
        engine.load_data("IBM", random_bars(1, 3, "1m"))
    engine.load_data("SPY", random_bars(1, 3, "1m"))
    with pytest.raises(UsageError, match="SPY is loaded already"):
        engine.load_data("spy", random_bars(1, 3, "1m"))


class Both(BuyAndHoldStrategy):
    def on_bar(self, context: Any, bar: Bar) -> None: ...


@pytest.mark.parametrize("strategy", [object(), Both()])
def test_an_object_that_follows_no_protocol_or_both_is_no_strategy(strategy: Any) -> None:
    with pytest.raises(UsageError, match="of the strategy protocols"):
        SimulationEngine().set_strategy(strategy)


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial_capital": 0.0},
        {"initial_capital": float("nan")},
        {"initial_capital": float("inf")},
        {"risk_free_rate": float("nan")},
        {"risk_free_rate": 1.5},
        {"start": date(2024, 2, 1), "end": date(2024, 1, 1)},
        {"bar_frequency": "2d"},
        {"size": "shares:0"},
        {"cost": "free"},
        {"warmup": "after"},
        {"risk_profile": "none"},
        {"limits": ("max_ordr=1",)},
        {"limits": ("max_orders",)},
        {"benchmark": "SPY"},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_when_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises((UsageError, SettingsError)):
        SimulationConfig(**wrong)


def test_a_limit_of_a_run_is_set_beside_its_profile() -> None:
    limits = SimulationConfig(risk_profile="paper", limits=("max_orders=3",)).risk_limits
    assert limits == replace(PROFILES["paper"], max_orders=3)
