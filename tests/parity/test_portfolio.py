"""The portfolio kernel and the pipeline come to the same orders, fills, cash and equity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.domain.event import FinancingCharged, MarginCalled, OrderApproved, OrderFilled
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.domain.panel import Panel
from papertape.engines.proofbench.assembly import invested_part
from papertape.engines.proofbench.bench import simulate
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import portfolio_kernel
from papertape.engines.proofbench.marks import Valuation
from papertape.engines.proofbench.window import cut
from papertape.strategies import WeightMatrix

ALLOWED = ("D6", "D7", "D10", "D11", "D13", "D14")
"""Data rules that a wild walk with holes in it breaks."""
COSTS = ("none", "percent:0.05", "us-retail", "ibkr-fixed")


def random_panel(
    seed: int, symbols: int, rows: int, *, volatility: float = 0.02, thin: float = 1.0
) -> dict[str, Bars]:
    """Symbols of which some are listed late, some end early, and all miss a bar now and then."""
    random = np.random.default_rng(seed)
    panel: dict[str, Bars] = {}
    for number in range(symbols):
        name = f"S{number}"
        bars = random_bars(seed * 101 + number, rows, symbol=name, volatility=volatility)
        late, early = random.integers(0, rows // 3), random.integers(rows // 2, rows + 1)
        fate = random.random()
        kept = random.random(rows) > 0.05 * (fate < 0.8)
        kept &= np.arange(rows) >= (late if fate < 0.4 else 0)
        kept &= np.arange(rows) < (early if 0.2 < fate < 0.6 else rows)
        volume = np.floor(bars.volume * thin) * (random.random(rows) > 0.03)
        columns = (bars.start, bars.end, bars.open, bars.high, bars.low, bars.close, volume)
        panel[name] = Bars(bars.instrument, bars.frequency, *(each[kept] for each in columns))
    return panel


def random_weights(
    seed: int, rows: int, symbols: int, *, often: float, shorts: bool, most: float
) -> FloatArray:
    """Now and then a row of weights, some of them 0, some NaN, sometimes more than there is."""
    random = np.random.default_rng(seed + 7)
    weights = random.random((rows, symbols)) * (random.random((rows, symbols)) < 0.6)
    sums = np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    weights *= most * random.choice([0.5, 1.0], (rows, 1)) / sums
    if shorts:
        weights *= random.choice([1.0, 1.0, -0.7], weights.shape)
    weights = np.clip(weights, -1.0, 1.0)
    weights[random.random(weights.shape) < 0.05] = np.nan
    weights[random.random(rows) > often] = np.nan
    return weights


@dataclass(frozen=True)
class Told:
    """Orders, fills, charges and account by the pipeline, as the kernel counts them."""

    orders: list[list[int]]
    fills: list[list[int]]
    charges: list[list[int]]
    account: list[list[int]]
    calls: int


def account_of(valuation: Valuation) -> list[list[int]]:
    held = valuation.exposure(slice(None))
    columns = (valuation.time, valuation.cash, valuation.equity, held.gross, held.net)
    return [*(each.tolist() for each in columns), [valuation.traded]]


def by_pipeline(
    weights: FloatArray, histories: dict[str, PriceHistory], config: SimulationConfig, panel: Panel
) -> Told:
    outcome = simulate(WeightMatrix(weights), histories, config)
    log, symbols = outcome.log, panel.symbols
    approved = [each.approved.order for each in log if isinstance(each, OrderApproved)]
    numbers = {order.id: number for number, order in enumerate(approved)}

    def row_of(moment: int, side: str) -> int:
        return int(np.searchsorted(panel.time, moment, side))

    fills = [each.fill for each in log if isinstance(each, OrderFilled)]
    charges = [each for each in log if isinstance(each, FinancingCharged)]
    return Told(
        [
            [row_of(each.time, "left"), symbols.index(each.symbol), each.quantity]
            for each in approved
        ],
        [
            [
                row_of(each.bar_start, "right"),
                symbols.index(each.symbol),
                each.quantity,
                each.price,
                each.fee,
                each.reference,
                each.half_spread,
                each.slippage,
                numbers.get(each.order_id, -1),
            ]
            for each in fills
        ],
        [
            [
                row_of(each.time, "right"),
                symbols.index(each.symbol),
                each.value if each.what == "interest" else -each.value,
                each.total,
            ]
            for each in charges
        ],
        account_of(outcome.valuation),
        sum(isinstance(each, MarginCalled) for each in log),
    )


def assert_equal(weights: FloatArray, panel: dict[str, Bars], config: SimulationConfig) -> int:
    """Hold one against the other; the fills and charges in it, or -1 if the kernel gave up."""
    histories = {name: PriceHistory(bars) for name, bars in panel.items()}
    kernel = portfolio_kernel(cut(histories, None, None, 0, allow=config.allow), config)
    rows = np.flatnonzero(~np.isnan(weights).all(axis=1))
    wishes = [(row, weights[row]) for row in rows.tolist() if row >= kernel.first]
    run = kernel.run(wishes, invested_part(config))
    told = by_pipeline(weights, histories, config, kernel.panel)
    if run is None:
        assert told.calls, "the kernel gave up, and there was no margin call"
        return -1
    assert run.orders[:, [0, 1, 3]].tolist() == told.orders
    assert run.fills.tolist() == told.fills
    assert run.charges.tolist() == told.charges
    assert account_of(run.valuation) == told.account
    return len(told.fills) + len(told.charges)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    symbols=st.sampled_from([1, 2, 5, 9]),
    often=st.sampled_from([0.03, 0.2, 1.0]),
    most=st.sampled_from([0.9, 1.0, 1.7]),
    volatility=st.sampled_from([0.02, 0.002, 0.08]),
    thin=st.sampled_from([1.0, 0.001]),
    cost=st.sampled_from(COSTS),
    account=st.sampled_from(["cash", "margin"]),
    shorts=st.booleans(),
    capital=st.sampled_from([1_000.0, 100_000.0, 20_000_000.0]),
)
def test_random_weights_over_random_panels_trade_the_same(
    seed: int,
    symbols: int,
    often: float,
    most: float,
    volatility: float,
    thin: float,
    cost: str,
    account: str,
    shorts: bool,
    capital: float,
) -> None:
    panel = random_panel(seed, symbols, 60, volatility=volatility, thin=thin)
    rows = len(np.unique(np.concatenate([each.end for each in panel.values()])))
    shorts = shorts and account == "margin"
    weights = random_weights(seed, rows, symbols, often=often, shorts=shorts, most=most)
    config = SimulationConfig(
        initial_capital=capital,
        cost=cost,
        size="percent:98",
        account=account,
        benchmark="none",
        allow=ALLOWED,
    )
    done = assert_equal(weights, panel, config)
    event("a margin call" if done < 0 else f"fills and charges {min(done // 20, 5)}0 and more")


def test_what_was_borrowed_is_charged_the_same() -> None:
    charged = 0
    for seed in range(12):
        panel = random_panel(seed, 6, 60, volatility=0.005)
        rows = len(np.unique(np.concatenate([each.end for each in panel.values()])))
        weights = random_weights(seed, rows, 6, often=0.2, shorts=True, most=1.7)
        config = SimulationConfig(
            size="percent:98", account="margin", benchmark="none", allow=ALLOWED
        )
        assert assert_equal(weights, panel, config) >= 0
        histories = {name: PriceHistory(bars) for name, bars in panel.items()}
        kernel = portfolio_kernel(cut(histories, None, None, 0, allow=ALLOWED), config)
        told = by_pipeline(weights, histories, config, kernel.panel)
        assert {each[2] > 0 for each in told.charges} == {False, True}
        charged += len(told.charges)
    assert charged > 500
