"""Round trips counted in columns are those that are told one by one, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any

import numpy as np
import pytest
from tests.generators import random_bars

from papertape.domain.event import FillBusted, OrderFilled
from papertape.domain.market import Bar, PriceHistory
from papertape.domain.order import OrderKind
from papertape.engines.proofbench.bench import simulate_in_steps
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.legs import trips_of_log
from papertape.engines.proofbench.results import Outcome
from papertape.engines.proofbench.trips import Trips
from papertape.strategies.strategy import Exits


class Gambler:
    """Throws dice after each bar: trades either way, with and without exits, at a market or not."""

    warmup = 1

    def __init__(self, seed: int, *, sells_short: bool) -> None:
        self._dice, self._sells_short = Random(seed), sells_short

    def on_bar(self, context: Any, bar: Bar) -> None:
        dice, held = self._dice, context.position(bar.symbol)
        if dice.random() < 0.7:
            return
        sizes = [-held, 10, -2 * held, 5, -max(1, held // 2)] if held else [10, -10]
        size = dice.choice([each for each in sizes if each])
        if held + size < 0 and not self._sells_short:
            return
        terms: dict[str, Any] = {}
        if dice.random() < 0.4:
            side = 1 if size > 0 else -1
            price = round(bar.close * (1 + dice.choice([-0.01, 0.01])), 2)
            is_stop = (price - bar.close) * side > 0
            kind = OrderKind.STOP if is_stop else OrderKind.LIMIT
            terms = {"kind": kind, kind.value: price}
        if dice.random() < 0.4:
            terms["stop_distance"] = round(bar.close * 0.01, 2)
        elif dice.random() < 0.5:
            distance = round(bar.close * 0.012, 2)
            terms["exits"] = Exits(target_distance=distance, trail=distance)
        context.submit(bar.symbol, size, reason="the dice say so", **terms)


def gambled(seed: int, *, account: str = "cash", cost: str = "us-retail") -> Outcome:
    bars = random_bars(seed, 400, "5m", volatility=0.004)
    config = SimulationConfig(
        bar_frequency="5m", account=account, cost=cost, benchmark="none", warmup="inside"
    )
    strategy = Gambler(seed, sells_short=account == "margin")
    return simulate_in_steps(strategy, {bars.symbol: PriceHistory(bars)}, config)


def assert_same(found: Trips | None, expected: Trips) -> None:
    assert found is not None
    for item in fields(Trips):
        one, other = getattr(found, item.name), getattr(expected, item.name)
        assert one.dtype == other.dtype, item.name
        np.testing.assert_array_equal(one, other, err_msg=item.name)


def counted(outcome: Outcome) -> Trips | None:
    return trips_of_log(outcome.log, outcome.story.orders, outcome.window.bars)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("account", ["cash", "margin"])
def test_columns_say_what_trades_say(seed: int, account: str) -> None:
    outcome = gambled(seed, account=account, cost="percent:0.05")
    assert outcome.trades
    assert_same(counted(outcome), Trips.of(outcome.trades))


def test_exits_of_every_kind_are_among_them() -> None:
    kinds: set[OrderKind] = set()
    for seed in range(12):
        outcome = gambled(seed)
        orders = outcome.story.orders
        kinds |= {orders[trade.order_ids[-1]].order.kind for trade in outcome.trades}
    assert kinds >= {
        OrderKind.MARKET,
        OrderKind.LIMIT,
        OrderKind.STOP,
        OrderKind.TRAILING_STOP,
    }


def test_without_fills_there_are_none() -> None:
    outcome = gambled(1)
    assert_same(trips_of_log([], {}, outcome.window.bars), Trips.of(()))


def test_what_befell_a_holding_besides_fills_has_to_be_told_one_by_one() -> None:
    outcome = gambled(2)
    fill = next(entry.fill for entry in outcome.log if isinstance(entry, OrderFilled))
    log = [*outcome.log, FillBusted(fill.time, fill, "clearly erroneous")]
    assert trips_of_log(log, outcome.story.orders, outcome.window.bars) is None


def test_a_fill_within_a_bar_by_a_tape_has_to_be_told_one_by_one() -> None:
    outcome = gambled(2)
    log = [
        replace(entry, fill=replace(entry.fill, bar_start=entry.fill.bar_start + 1))
        if isinstance(entry, OrderFilled)
        else entry
        for entry in outcome.log
    ]
    assert trips_of_log(log, outcome.story.orders, outcome.window.bars) is None


def test_several_instruments_have_to_be_told_one_by_one() -> None:
    outcome = gambled(2)
    [(name, bars)] = outcome.window.bars.items()
    both: Mapping[str, Any] = {name: bars, "OTHER": bars}
    assert trips_of_log(outcome.log, outcome.story.orders, both) is None
