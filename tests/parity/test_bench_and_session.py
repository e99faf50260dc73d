"""The bench and a replayed session walk one pipeline: same orders, same fills, same cash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape import SimulationConfig, SimulationEngine
from papertape.data.sessions import regular_hours
from papertape.domain.market import Bar, PriceHistory
from papertape.engines.proofbench.results import SimulationResults
from papertape.plugins.market_data.csv import read_prices
from papertape.plugins.market_data.sample import read_sample
from papertape.session.paper import replay
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
)
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.strategy import Context, Strategy


@dataclass(frozen=True)
class DipBuyer:
    """Rests one limit at a time below the market, with a protective stop behind it."""

    away: float = 0.001
    warmup: int = 5

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Rest a limit below after a fall; leave after a rise."""
        closes = context.history(bar.symbol, 5).close
        held = context.position(bar.symbol)
        if held == 0 and not context.working(bar.symbol) and closes[-1] < closes[0]:
            limit = round(bar.close * (1 - self.away), 2)
            context.submit(
                bar.symbol,
                10,
                kind="limit",
                limit=limit,
                stop_distance=round(bar.close * self.away * 2, 2),
                time_in_force="day",
                reason="a dip",
            )
        elif held > 0 and closes[-1] > closes[0]:
            context.submit(bar.symbol, -held, reason="a rise")


STRATEGIES: list[Strategy] = [
    MovingAverageCrossoverStrategy(),
    MovingAverageCrossoverStrategy(fast=5, slow=20, entry="cross"),
    RSIMeanReversionStrategy(),
    MomentumBreakoutStrategy(),
    BuyAndHoldStrategy(),
    DipBuyer(),
]


def both_ways(
    strategy: Strategy, histories: dict[str, PriceHistory], config: SimulationConfig
) -> tuple[SimulationResults, SimulationResults]:
    engine = SimulationEngine(config)
    for symbol, history in histories.items():
        engine.load_data(symbol, history)
    engine.set_strategy(strategy)
    return engine.run(), replay(strategy, histories, config)


def assert_equal(bench: SimulationResults, session: SimulationResults) -> None:
    for table in ("decisions", "orders", "refusals", "fills", "bookings", "trades"):
        assert getattr(bench.record, table) == getattr(session.record, table), table
    assert bench.record.equity.time == session.record.equity.time
    assert bench.record.equity.cash == session.record.equity.cash
    assert bench.record.equity.equity == session.record.equity.equity


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_daily_bars_with_splits_and_dividends_give_the_same_day_by_day(strategy: Strategy) -> None:
    histories = {symbol: read_sample(symbol) for symbol in ("AAPL", "IBM", "MSFT")}
    config = SimulationConfig(benchmark="none")
    bench, session = both_ways(strategy, histories, config)
    assert bench.record.fills
    assert_equal(bench, session)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_real_minute_bars_give_the_same_minute_by_minute(
    strategy: Strategy, shared_data: Path
) -> None:
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    whole = regular_hours(read_prices(file, symbol="SPY", frequency="1m"))
    history = replace(whole, bars=whole.bars[: 390 * 5])
    config = SimulationConfig(benchmark="none", bar_frequency="1m")
    bench, session = both_ways(strategy, {"SPY": history}, config)
    assert bench.record.fills
    assert_equal(bench, session)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from(["percent:95", "percent:100", "shares:7"]))
def test_random_bars_give_the_same(seed: int, size: str) -> None:
    bars = random_bars(seed, 120)
    config = SimulationConfig(benchmark="none", size=size)
    for strategy in (MovingAverageCrossoverStrategy(fast=3, slow=9), DipBuyer()):
        assert_equal(*both_ways(strategy, {"SPY": PriceHistory(bars)}, config))


@dataclass(frozen=True)
class Restless:
    """In and out, more often and more of it than a careful guard lets pass."""

    warmup: int = 2

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Ask twice for the same, for too much of it on every third bar."""
        held = context.position(bar.symbol)
        if held:
            context.submit(bar.symbol, -held, reason="out")
            return
        many = 1 if bar.volume < 300_000 else 50 if bar.volume < 600_000 else 300
        context.submit(bar.symbol, many, reason="in")
        context.submit(bar.symbol, many, reason="in again")


@pytest.mark.parametrize("profile", ["paper", "first-day"])
def test_limits_veto_the_same(profile: str) -> None:
    history = PriceHistory(random_bars(7, 300, "1m", volatility=0.001))
    config = SimulationConfig(risk_profile=profile, benchmark="none", bar_frequency="1m")
    bench, session = both_ways(Restless(), {"SPY": history}, config)
    assert {"R5", "R16"} <= {refusal.rule for refusal in bench.record.refusals}
    first_buys = [fill.quantity for fill in bench.record.fills if fill.quantity > 0][:2]
    assert (first_buys == [1, 1]) is (profile == "first-day")
    assert_equal(bench, session)


def test_the_last_equity_is_cash_plus_holdings_at_the_last_close() -> None:
    history = read_sample("IBM")
    results, _ = both_ways(BuyAndHoldStrategy(), {"IBM": history}, SimulationConfig())
    held = sum(fill.quantity for fill in results.record.fills)
    worth = results.record.equity.cash[-1] + held * history.bars.close[-1]
    assert np.isclose(results.metrics["final_equity"] or 0, worth, atol=1e-6)
