"""What a run tells of its fills: where the costs went, and how the fills came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.generators import random_bars

from papertape import Bars, SimulationResults, backtest
from papertape.domain.calendar import calendar_of
from papertape.domain.event import OrderAccepted
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, session_times
from papertape.domain.order import Order, OrderKind
from papertape.engines.proofbench.explain import cost_words, fill_words
from papertape.engines.proofbench.fill_report import fill_report
from papertape.strategies.strategy import Exits

Send = Callable[[Any], None]


@dataclass
class Script:
    """Does what it is told at the close of a bar, counted from 0."""

    script: Mapping[int, Send] = field(default_factory=dict)
    warmup: int = 0
    row: int = -1

    def on_bar(self, context: Any, bar: Any) -> None:
        self.row += 1
        if self.row in self.script:
            self.script[self.row](context)


def daily(*rows: tuple[float, float, float, float], volume: float = 1e6) -> Bars:
    """Daily bars, open, high, low, close."""
    times = random_bars(1, len(rows))
    columns = np.array(rows).T
    volumes = np.full(len(rows), volume)
    return Bars(times.instrument, DAILY, times.start, times.end, *columns, volumes)


def told(bars: Bars, script: Mapping[int, Send], cost: str = "none", **more: Any) -> Any:
    return backtest(Script(script), {"SPY": bars}, cost=cost, benchmark="none", **more)


def order(quantity: int, kind: str = "market", **terms: Any) -> Send:
    return lambda context: context.submit(
        "SPY", quantity, kind=OrderKind(kind), reason="as told", **terms
    )


STILL = (100.0, 101.0, 99.0, 100.0)


def test_a_limit_that_was_merely_touched_is_counted_and_explained() -> None:
    bars = daily(STILL, STILL, (100, 101, 98, 100), (100, 101, 98, 100), (100, 101, 97.99, 100))
    results = told(bars, {0: order(10, "limit", limit=98.0)})
    assert results.record.fill_report.touched == 2
    assert [fill.price for fill in results.record.fills] == [98.0]
    assert "Limits that were touched, not crossed, so not filled: 2." in fill_words(results.record)
    assert "touch    2 bars came to its limit" in results.why("O1")


@pytest.mark.parametrize("low", [98.01, 97.99])
def test_a_limit_that_was_not_reached_or_was_filled_was_not_touched(low: float) -> None:
    bars = daily(STILL, STILL, (100, 101, low, 100), STILL)
    assert told(bars, {0: order(10, "limit", limit=98.0)}).record.fill_report.touched == 0


def test_a_stop_filled_at_a_gap_tells_what_the_gap_took() -> None:
    bars = daily(STILL, STILL, (90, 92, 88, 91), STILL)
    script = {0: order(10, exits=Exits(stop=95.0))}
    results = told(bars, script)
    report = results.record.fill_report
    assert (report.gap_stops, report.gap_cost) == (1, 50.0)
    assert "Stops filled at a gap: 1, on average 50.00 worse than their level." in fill_words(
        results.record
    )
    assert "gap      5.00 a share from its level 95.0" in results.why("T1")


def test_a_stop_hit_within_the_bar_has_no_gap() -> None:
    bars = daily(STILL, STILL, (99, 100, 94, 98), STILL)
    report = told(bars, {0: order(10, exits=Exits(stop=95.0))}).record.fill_report
    assert (report.gap_stops, report.gap_cost) == (0, None)


def test_an_if_touched_order_gains_by_a_gap_and_is_no_stop() -> None:
    bars = daily(STILL, STILL, (95, 97, 94, 96), STILL)
    report = told(bars, {0: order(10, "market_if_touched", stop=98.0)}).record.fill_report
    assert (report.fills, report.gap_stops) == (1, 0)


def test_capped_and_outside_fills_are_counted() -> None:
    bars = daily(STILL, (100.0,) * 4, (100.0,) * 4, STILL, volume=1_000)
    report = told(bars, {0: order(120)}, cost="us-retail").record.fill_report
    assert report.capped == 2
    assert report.outside == 2  # a bar that stands still is left by any half spread


def test_an_exit_that_could_have_been_the_other_one_asks_for_finer_data() -> None:
    bars = daily(STILL, STILL, (100, 106, 94, 100), STILL)
    results = told(bars, {0: order(10, exits=Exits(stop=95.0, target=105.0))})
    report = results.record.fill_report
    assert (report.exits, report.ambiguous_exits) == (1, 1)
    assert any("finer data" in words for words in fill_words(results.record))


def test_the_share_of_profit_and_loss_within_the_entry_bar() -> None:
    bars = daily(STILL, (100, 107, 99.5, 101), STILL, STILL, STILL)
    script = {0: order(10, exits=Exits(target=106.0)), 1: order(10), 2: order(-10)}
    results = told(bars, script)
    assert results.record.fill_report.entry_bar_share == 1.0  # 60, and 0 for the other one
    assert "100% of all profit and loss was made within the bar of the entry." in fill_words(
        results.record
    )


def test_an_order_that_arrives_within_a_bar_is_counted() -> None:
    bars = random_bars(1, 3, "1m")
    start = bars.start.tolist()
    orders = [Order(str(at), "SPY", 1, OrderKind.MARKET, at, "") for at in range(4)]
    times = (start[0], start[1], start[1] + 1, int(bars.end[2]))
    log = [OrderAccepted(time, each) for time, each in zip(times, orders, strict=True)]
    assert fill_report(log, [], {"SPY": bars}).deferred == 1
    assert fill_report(log, [], {}).deferred == 0


def test_a_quiet_run_says_nothing() -> None:
    results = told(daily(*[STILL] * 5), {0: order(10), 2: order(-10)})
    assert fill_words(results.record) == []


# Costs

COSTS = ["us-retail", "ibkr-fixed+cat+cents", "ibkr-tiered", "percent:0.1", "none"]


def busy(seed: int, cost: str, spread: str) -> SimulationResults:
    """A run of random orders over random bars."""
    random = np.random.default_rng(seed)
    bars = random_bars(seed, 60, volatility=0.02)

    def send(context: Any) -> None:
        last = float(context.history("SPY", 1).close[-1])
        size = int(random.integers(1, 400)) * (1 if random.random() < 0.6 else -1)
        kind = random.choice(["market", "limit", "stop"])
        price = round(last * (1 + random.normal(0, 0.01)), 2)
        terms = {} if kind == "market" else {"limit" if kind == "limit" else "stop": price}
        context.submit("SPY", size, kind=OrderKind(kind), reason="any", **terms)

    return told(bars, dict.fromkeys(range(0, 60, 2), send), cost, spread=spread)


@settings(max_examples=40)
@given(
    some.integers(0, 2**32 - 1), some.sampled_from(COSTS), some.sampled_from(["", "bp:3", "edge"])
)
def test_the_parts_add_up_to_what_the_fills_lost_against_the_market(
    seed: int, cost: str, spread: str
) -> None:
    record = busy(seed, cost, spread).record
    split = record.costs
    lost = sum(fill.quantity * (fill.price - fill.reference) + fill.fee for fill in record.fills)
    assert split.fees + split.spread + split.slippage == pytest.approx(split.total, abs=1e-6)
    assert split.total == pytest.approx(lost, abs=1e-6)
    assert split.total == pytest.approx(record.metrics["costs"], abs=1e-6)
    assert min(split.fees, split.spread, split.slippage) >= 0
    # Without its costs the account would be richer by exactly them.
    at_references = sum(-fill.quantity * fill.reference for fill in record.fills)
    held = record.equity.equity[-1] - record.equity.cash[-1]
    free = record.ground.capital + at_references + held
    assert record.metrics["final_equity"] == pytest.approx(free - split.total, abs=1e-4)
    total, *parts = (
        float(word.replace(",", "")) for word in cost_words(record).split() if word[-1].isdigit()
    )
    assert round(100 * total) == sum(round(100 * part) for part in parts)


# Notices


def test_an_order_for_much_of_a_day_is_told() -> None:
    bars = daily(*[STILL] * 30, volume=1_000)
    notices = told(bars, {25: order(101), 27: order(260)}, cost="us-retail").record.notices
    assert any(
        "2 orders are for more than 10% of a day's volume (the largest, O2, for 26%)" in notice
        for notice in notices
    )
    quiet = told(bars, {25: order(100)}, cost="us-retail").record.notices
    assert not any("day's volume" in notice for notice in quiet)


def test_a_spread_that_had_too_few_bars_is_told() -> None:
    rows = [(100, 101 + 0.1 * (row % 3), 99, 100 + 0.3 * (row % 2)) for row in range(30)]
    script = {2: order(10), 20: order(-10)}
    notices = told(daily(*rows), script, cost="us-retail", spread="edge").record.notices
    assert any("1 of 2 fills that paid a spread paid that of their" in each for each in notices)


@pytest.mark.parametrize(("year", "is_certain"), [(2015, True), (2027, False)])
def test_rates_that_are_not_certain_are_told_where_something_was_sold(
    year: int, is_certain: bool
) -> None:
    days = [date(year, 3, 1) + timedelta(each) for each in range(5)]
    times = session_times(days, calendar_of("XNYS"))
    columns = np.array([STILL] * 5).T
    bars = Bars(Instrument("SPY"), DAILY, *times, *columns, np.full(5, 1e6))
    for script, sells in (({0: order(10)}, False), ({0: order(10), 2: order(-10)}, True)):
        notices = told(bars, script, cost="us-retail").record.notices
        assert any("SEC Section 31" in each for each in notices) == (sells and not is_certain)
        assert any("Trading Activity" in each for each in notices) == (sells and not is_certain)


# The caps


@pytest.mark.parametrize("frequency", ["1d", "5m", "1m"])
@settings(max_examples=15)
@given(seed=some.integers(0, 2**32 - 1))
def test_no_order_gets_a_quarter_of_a_days_volume(frequency: str, seed: int) -> None:
    count = {"1d": 12, "5m": 156, "1m": 780}[frequency]
    bars = random_bars(seed, count, frequency)
    results = told(
        bars, {0: order(8_000_000)}, cost="us-retail", bar_frequency=frequency, initial_capital=9e8
    )
    assert results.record.fills
    day = bars.days().astype(str)
    for each in set(day):
        bought = sum(fill.quantity for fill in results.record.fills if fill.bar[:10] == each)
        assert bought <= bars.volume[day == each].sum() * 0.10
