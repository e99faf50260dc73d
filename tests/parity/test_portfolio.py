"""The portfolio kernel and the pipeline come to the same orders, fills, cash and equity."""

from __future__ import annotations

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.domain.event import MarginCalled, OrderApproved, OrderFilled
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.engines.proofbench.assembly import invested_part
from papertape.engines.proofbench.bench import simulate
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import PortfolioRun, portfolio_kernel
from papertape.engines.proofbench.window import cut
from papertape.strategies import WeightMatrix

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


def both(
    weights: FloatArray, panel: dict[str, Bars], config: SimulationConfig
) -> tuple[PortfolioRun | None, list[list[int]], list[list[int]], list[list[int]], int]:
    """The kernel's run; then orders, fills and account by the pipeline, and its margin calls."""
    histories = {name: PriceHistory(bars) for name, bars in panel.items()}
    window = cut(histories, config.start, config.end, 0, allow=config.allow)
    kernel = portfolio_kernel(window, config)
    rows = np.flatnonzero(~np.isnan(weights).all(axis=1))
    wishes = [(row, weights[row]) for row in rows.tolist() if row >= kernel.first]
    run = kernel.run(wishes, invested_part(config))
    outcome = simulate(WeightMatrix(weights), histories, config)
    log, symbols, time = outcome.logged.entries, kernel.panel.symbols, kernel.panel.time
    approved = [each.approved.order for each in log if isinstance(each, OrderApproved)]
    numbers = {order.id: number for number, order in enumerate(approved)}
    orders = [
        [int(np.searchsorted(time, order.time)), symbols.index(order.symbol), order.quantity]
        for order in approved
    ]
    fills = [
        [
            int(np.searchsorted(time, each.bar_start, "right")),
            symbols.index(each.symbol),
            each.quantity,
            each.price,
            each.fee,
            each.reference,
            each.half_spread,
            each.slippage,
            numbers.get(each.order_id, -1),
        ]
        for entry in log
        if isinstance(entry, OrderFilled)
        for each in [entry.fill]
    ]
    valuation = outcome.valuation
    names = ("time", "cash", "equity", "gross", "net", "traded")
    account = [getattr(valuation, name).tolist() for name in names]
    return run, orders, fills, account, sum(isinstance(each, MarginCalled) for each in log)


def assert_equal(weights: FloatArray, panel: dict[str, Bars], config: SimulationConfig) -> int:
    """Hold one against the other; how many fills there were, or -1 if the kernel passed."""
    run, orders, fills, account, calls = both(weights, panel, config)
    if run is None:
        assert calls, "the kernel gave up, and there was no margin call"
        return -1
    assert run.orders[:, [0, 1, 3]].tolist() == orders
    assert run.fills.tolist() == fills
    names = ("time", "cash", "equity", "gross", "net", "traded")
    assert [getattr(run.valuation, name).tolist() for name in names] == account
    return len(fills)


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
        allow=("D6", "D7", "D10", "D11", "D13", "D14"),
    )
    fills = assert_equal(weights, panel, config)
    event(f"fills {min(fills // 20, 5)}")
