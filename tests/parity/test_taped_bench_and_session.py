"""With a tape, too, bench and session are one program: the same fills, and no later quote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.domain.clock import MILLISECOND, SECOND
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, PriceHistory, Quote, Tick, Trade
from papertape.domain.order import OrderKind
from papertape.engines.proofbench.bench import simulate
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.results import SimulationResults, report
from papertape.session.paper import replay
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.strategy import Exits


class Quoter:
    """Buys at the bid with a bracket while flat, and notes every quote that it could see."""

    warmup = 3

    def __init__(self) -> None:
        self.seen: list[tuple[int, Quote]] = []
        self.told = 0

    def on_quote(self, context: Any, quote: Quote) -> None:
        self.told += 1
        assert quote == context.quote("SPY")

    def on_bar(self, context: Any, bar: Any) -> None:
        quote = context.quote("SPY")
        if quote is None:
            return
        self.seen.append((context.now, quote))
        if context.position("SPY") == 0 and not context.working("SPY"):
            context.submit(
                "SPY",
                50,
                reason="at the bid",
                kind=OrderKind.LIMIT,
                limit=quote.bid,
                exits=Exits(stop_distance=0.10, target_distance=0.10),
            )


def taped(bars: Bars, seed: int) -> PriceHistory:
    """A tape that goes through each bar: quotes about every price, and trades at either side."""
    random, ticks = np.random.default_rng(seed), list[Tick]()
    for bar in bars:
        turns = [bar.open, bar.high, bar.low, bar.close]
        path = np.concatenate(
            [np.linspace(turns[n], turns[n + 1], 6, endpoint=False) for n in range(3)]
        )
        for number, price in enumerate(np.round([*path, bar.close], 2).tolist()):
            time = bar.start + number * SECOND
            ticks.append(Quote("SPY", time, price, round(price + 0.01, 2), 100, 100))
            at = round(price + 0.01 * int(random.integers(2)), 2)
            ticks.append(Trade("SPY", time + MILLISECOND, at, int(random.integers(1, 400))))
    return PriceHistory(bars, ticks=ticks)


def run_both(
    strategy: Any, config: SimulationConfig
) -> tuple[SimulationResults, SimulationResults]:
    histories = {"SPY": taped(random_bars(5, 200, "1m", volatility=0.0006), 5)}
    bench = report(simulate(strategy(), histories, config), None, histories, config)
    return bench, replay(strategy(), histories, config)


@pytest.mark.parametrize("latency", [0, 5, 250])
@pytest.mark.parametrize("cost", ["none", "us-retail"])
@pytest.mark.parametrize("strategy", [Quoter, lambda: MovingAverageCrossoverStrategy(3, 9)])
def test_bench_and_session_fill_the_same_on_a_tape(
    strategy: Any, cost: str, latency: float
) -> None:
    config = SimulationConfig(
        bar_frequency="1m", cost=cost, latency=latency, size="shares:40", warmup="inside"
    )
    bench, session = run_both(strategy, config)
    assert bench.record.fills == session.record.fills
    assert bench.record.orders == session.record.orders
    assert bench.record.equity.equity == session.record.equity.equity
    assert len(bench.record.fills) > 5
    assert all(fill.tape for fill in bench.record.fills)


def test_a_strategy_sees_the_last_quote_and_never_a_later_one() -> None:
    history = taped(random_bars(5, 50, "1m", volatility=0.0006), 5)
    strategy = Quoter()
    config = SimulationConfig(bar_frequency="1m", warmup="inside")
    simulate(strategy, {"SPY": history}, config)
    quotes = [tick for tick in history.ticks if isinstance(tick, Quote)]
    assert strategy.told > 40
    for now, quote in strategy.seen:
        assert quote == [each for each in quotes if each.time <= now][-1]


def test_ticks_in_another_order_are_refused() -> None:
    history = taped(random_bars(5, 5, "1m"), 5)
    broken = replace(history, ticks=list(reversed(history.ticks)))
    with pytest.raises(DataError, match="goes back in time"):
        simulate(Quoter(), {"SPY": broken}, SimulationConfig(bar_frequency="1m"))


def test_why_tells_the_message_behind_a_fill() -> None:
    bench, _ = run_both(Quoter, SimulationConfig(bar_frequency="1m", warmup="inside"))
    first = bench.record.fills[0]
    assert first.tape in bench.why(first.id)
    assert first.tape.startswith(("trade of", "quote"))
