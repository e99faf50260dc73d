"""Whatever is traded on whatever terms: money adds up, and nobody lends more than was agreed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.generators import random_bars

from papertape import SimulationConfig, SimulationEngine
from papertape.data.moments import moments
from papertape.domain.event import LedgerEvent, OrderFilled
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bar, Bars, CorporateAction, Dividend, PriceHistory, Split
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.terms import ACCOUNTS, account_terms
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.matching.tariffs import cost_model
from papertape.session.paper import replay
from papertape.strategies.strategy import Context, Exits

ROWS = 40
COSTS = ("none", "us-retail", "ibkr-fixed", "percent:0.1")
FUTURE = Instrument("SPY", tick=10_000, multiplier=50, margin=micros(500))


@dataclass(frozen=True)
class Dice:
    """Trades at random, both ways, often too much; the same throws whenever it is run."""

    seed: int
    warmup: int = 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Throw the dice of this bar."""
        dice = np.random.default_rng((self.seed, bar.end // 10**9))
        if dice.random() < 0.4:
            return
        quantity = int(dice.integers(-2_500, 2_500)) or 1
        exits = Exits(stop_distance=round(bar.close * 0.02, 2)) if dice.random() < 0.3 else None
        if dice.random() < 0.3:
            limit = round(bar.close * float(dice.uniform(0.98, 1.02)), 2)
            context.submit(
                bar.symbol, quantity, kind="limit", limit=limit, exits=exits, reason="dice"
            )
        else:
            context.submit(bar.symbol, quantity, exits=exits, reason="dice")


def history_of(seed: int, future: bool) -> PriceHistory:
    bars = random_bars(seed, ROWS, volatility=0.03)
    day = [each.item() for each in bars.days()]
    if future:
        columns = (bars.start, bars.end, bars.open, bars.high, bars.low, bars.close, bars.volume)
        return PriceHistory(Bars(FUTURE, bars.frequency, *columns))
    actions: tuple[CorporateAction, ...] = (
        Dividend("SPY", day[10], micros(0.75), day[13]),
        Split("SPY", day[20], Fraction(2)),
        Dividend("SPY", day[30], micros(0.3), day[30] + timedelta(1)),
    )
    return PriceHistory(bars, actions)


runs = given(
    seed=some.integers(0, 10_000),
    account=some.sampled_from(ACCOUNTS),
    cost=some.sampled_from(COSTS),
    future=some.booleans(),
)


@settings(max_examples=40, deadline=None)
@runs
def test_the_profits_of_all_trades_are_the_change_of_equity_and_session_is_bench(
    seed: int, account: str, cost: str, future: bool
) -> None:
    history = history_of(seed, future)
    # The split is booked on prices that do not know of it, which the quality rules would refuse.
    config = SimulationConfig(account=account, cost=cost, benchmark="none", allow=("D11",))
    engine = SimulationEngine(config)
    engine.load_data("SPY", history)
    engine.set_strategy(Dice(seed))
    bench = engine.run().record
    gained = bench.equity.equity[-1] - 100_000
    assert abs(sum(trade.pnl for trade in bench.trades) - gained) < 1e-6
    session = replay(Dice(seed), {"SPY": history}, config).record
    for table in ("orders", "fills", "refusals", "bookings", "trades", "equity"):
        assert getattr(bench, table) == getattr(session, table), table


@settings(max_examples=60, deadline=None)
@runs
def test_a_broker_lends_no_more_than_its_terms(
    seed: int, account: str, cost: str, future: bool
) -> None:
    dice, terms = np.random.default_rng(seed), account_terms(account)
    history = history_of(seed, future)
    symbols = {"SPY": history.bars.instrument}
    broker = PaperBroker(micros(100_000), symbols, history.bars.frequency, cost_model(cost), terms)
    running = broker.account
    for moment in moments({"SPY": history.bars}, {"SPY": history.actions}):
        [bar] = moment.bars
        for number in range(int(dice.integers(0, 3))):
            quantity = int(dice.integers(-3_000, 3_000)) or 1
            order_id = f"o{moment.time}.{number}"
            order = Order(order_id, "SPY", quantity, OrderKind.MARKET, bar.start, "dice")
            broker.submit_order(Approved(order))
        broker.collect(moment)
        for event in broker.reports():
            if not isinstance(event, get_args(LedgerEvent)):
                continue
            held, running = running.quantity("SPY"), running.after(event)
            if isinstance(event, OrderFilled):
                now_held = running.quantity("SPY")
                if abs(now_held) > abs(held) or now_held * held < 0:
                    assert terms.available(running, {"SPY": event.fill.price}) >= 0
                assert terms.lends_shares or future or now_held >= 0
        assert running.balances == broker.account.balances
        trial: Counter[str] = Counter()
        for (_, asset), amount in running.balances.items():
            trial[asset] += amount
        assert not any(trial.values())
