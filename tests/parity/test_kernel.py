"""The kernel and the pipeline come to the same fills, the same cash and the same equity."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import msgspec
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from tests.generators import random_bars

from papertape.data.moments import moments
from papertape.domain.errors import InvariantBroken
from papertape.domain.event import MarginCalled, NoJournal
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.domain.money import micros
from papertape.domain.order import Attached, Order, OrderKind
from papertape.domain.signal import Signal
from papertape.domain.terms import account_terms
from papertape.engines.proofbench.assembly import assemble
from papertape.engines.proofbench.bench import (
    WORTH_A_KERNEL,
    simulate,
    simulate_in_columns,
    simulate_in_steps,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import drive
from papertape.engines.proofbench.kernel import Run, Wish, kernel_for
from papertape.engines.proofbench.kernel.reading import fills_of
from papertape.engines.proofbench.marks import Logged, Valuation, value
from papertape.engines.proofbench.results import report
from papertape.engines.proofbench.trips import Trips
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.signalcore.answers import AskedOnce, ask
from papertape.engines.signalcore.engine import SignalDesk
from papertape.engines.signalcore.sizing import size_policy
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
)
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.strategy import SignalStrategy

EXPOSURES = (0.0, 1.0, -1.0, 0.5, -0.25, 0.3, -0.7, 1 / 3)


@dataclass(frozen=True)
class Exits:
    """Dollars to a target and behind a trail, by the dice of each bar; 0 for none."""

    target: float
    trail: float


@dataclass(frozen=True)
class Dice:
    """Wants what the dice say, which are thrown for each bar by its time; long runs of the same.

    A stop lies so many dollars away, sometimes none.
    """

    seed: int
    sides: int = 12
    stop: float = 0.0
    exits: Exits = Exits(0.0, 0.0)
    warmup: int = 3

    def _throw(self, bars: Bars, salt: int) -> FloatArray:
        mixed = (bars.start // 60_000_000_000 + self.seed * 7_919 + salt) * 2_654_435_761
        return ((mixed >> 7) % 1_000_003).astype(np.float64) / 1_000_003

    def exposure(self, bars: Bars) -> FloatArray:
        turns = self._throw(bars, 1) < 1 / self.sides
        turns[:1] = True
        last = np.maximum.accumulate(np.where(turns, np.arange(len(bars)), 0))
        chosen = (self._throw(bars, 2) * len(EXPOSURES)).astype(np.int64)
        return np.array(EXPOSURES)[chosen[last]]

    def stop_distance(self, bars: Bars) -> FloatArray:
        return np.round(self._throw(bars, 3) * self.stop, 3) * (self._throw(bars, 4) < 0.8)

    def target_distance(self, bars: Bars) -> FloatArray:
        return np.round(self._throw(bars, 5) * self.exits.target, 3)

    def trail_distance(self, bars: Bars) -> FloatArray:
        return np.round(self._throw(bars, 6) * self.exits.trail, 3)

    def reason(self, bars: Bars) -> str:
        return "the dice say so"


def wish_of(strategy: SignalStrategy, bars: Bars) -> Wish:
    exposure, stops = ask(strategy, bars)
    attached = hasattr(strategy, "stop_distance")
    return Wish(strategy.warmup, exposure, stops if attached else np.zeros(0))


def window_of(strategy: SignalStrategy, bars: Bars, config: SimulationConfig) -> Window:
    wanted = strategy.warmup if config.warmup == "before" else None
    return cut({bars.symbol: PriceHistory(bars)}, config.start, config.end, wanted)


class DeskWithExits(SignalDesk):
    """Attaches a target and a trailing stop, too, where the dice say so."""

    def __init__(self, strategy: Dice, bars: Bars, *settings: object):
        super().__init__(*settings)
        self._targets, self._trails = strategy.target_distance(bars), strategy.trail_distance(bars)
        self._rows = {int(end): row for row, end in enumerate(bars.end)}

    def _order(self, signal: Signal, quantity: int) -> Order:
        order, row = super()._order(signal, quantity), self._rows[signal.time]
        if signal.exposure * quantity <= 0:
            return order
        distances = [
            (OrderKind.LIMIT, {"distance": micros(self._targets[row])}),
            (OrderKind.TRAILING_STOP, {"distance": micros(self._trails[row])}),
        ]
        attached = [Attached(kind, **far) for kind, far in distances if far["distance"]]
        return replace(order, attached=tuple(attached))


def by_pipeline_with_exits(
    strategy: Dice, bars: Bars, config: SimulationConfig
) -> tuple[Logged, Valuation, Bars]:
    window = window_of(strategy, bars, config)
    [traded], instruments = window.bars.values(), {bars.symbol: bars.instrument}
    desk = DeskWithExits(
        strategy,
        traded,
        AskedOnce(strategy, window.bars, {}),
        size_policy(config.size),
        instruments,
        account_terms(config.account),
    )
    stream = moments(window.bars, window.actions, window.ticks)
    times, logged = drive(assemble(desk, instruments, config).pipeline, stream, window, NoJournal())
    return logged, value(config.capital, window.start, times, logged, window.bars), traded


def by_kernel(strategy: SignalStrategy, bars: Bars, config: SimulationConfig) -> Run:
    window = window_of(strategy, bars, config)
    wish, seen = wish_of(strategy, window.bars[bars.symbol]), window.bars[bars.symbol]
    with_exits = isinstance(strategy, Dice) and strategy.exits != Exits(0.0, 0.0)
    if with_exits:
        wish = wish._replace(
            targets=strategy.target_distance(seen), trails=strategy.trail_distance(seen)
        )
    run = kernel_for(window, config, exits=with_exits).run(wish)
    assert run is not None, "the kernel gave up"
    return run


def assert_equal(strategy: SignalStrategy, bars: Bars, config: SimulationConfig) -> int:
    """Hold one against the other; how many fills there were."""
    run = by_kernel(strategy, bars, config)
    if isinstance(strategy, Dice) and strategy.exits != Exits(0.0, 0.0):
        logged, valuation, window_bars = by_pipeline_with_exits(strategy, bars, config)
    else:
        outcome = simulate_in_steps(strategy, {bars.symbol: PriceHistory(bars)}, config)
        logged, valuation = outcome.story.logged, outcome.valuation
        window_bars = outcome.window.bars[bars.symbol]
    expected = fills_of(logged.entries, window_bars)
    assert run.fills.tolist() == expected
    assert run.cash.tolist() == valuation.cash.tolist()
    assert run.equity.tolist() == valuation.equity.tolist()
    return len(expected)


COSTS = ("none", "percent:0.1", "us-retail", "ibkr-fixed")
SIZES = ("percent:95", "percent:100", "shares:70", "percent:33.3", "risk:1")
SHIPPED: list[SignalStrategy] = [
    BuyAndHoldStrategy(),
    MovingAverageCrossoverStrategy(fast=3, slow=9),
    MovingAverageCrossoverStrategy(fast=3, slow=9, entry="cross"),
    MomentumBreakoutStrategy(enter_bars=5, leave_bars=3),
    RSIMeanReversionStrategy(period=3, stop_period=3, enter_below=45.0, leave_above=55.0),
]


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    stop=st.sampled_from([0.0, 0.5, 3.0, 20.0]),
    sides=st.sampled_from([2, 6, 30]),
    frequency=st.sampled_from(["1d", "5m"]),
    volatility=st.sampled_from([0.01, 0.001, 0.06]),
    tick=st.sampled_from([0.01, 1.0, 0.000001]),
    cost=st.sampled_from(COSTS),
    size=st.sampled_from(SIZES),
    account=st.sampled_from(["cash", "margin"]),
    capital=st.sampled_from([1_000.0, 100_000.0, 50_000_000.0]),
)
def test_random_wishes_over_random_bars_trade_the_same(
    seed: int,
    stop: float,
    sides: int,
    frequency: str,
    volatility: float,
    tick: float,
    cost: str,
    size: str,
    account: str,
    capital: float,
) -> None:
    bars = random_bars(seed, 150, frequency, volatility=volatility, tick=tick)
    config = SimulationConfig(
        initial_capital=capital,
        bar_frequency=frequency,
        cost=cost,
        size=size,
        account=account,
        benchmark="none",
    )
    fills = assert_equal(Dice(seed, sides, stop), bars, config)
    event(f"fills {min(fills // 10, 5)}0")


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    stop=st.sampled_from([0.0, 1.0, 6.0]),
    exits=st.sampled_from([Exits(2.0, 0.0), Exits(0.0, 2.0), Exits(5.0, 3.0), Exits(0.3, 0.3)]),
    sides=st.sampled_from([4, 15]),
    frequency=st.sampled_from(["1d", "5m"]),
    volatility=st.sampled_from([0.01, 0.001, 0.05]),
    tick=st.sampled_from([0.01, 1.0, 0.000001]),
    cost=st.sampled_from(COSTS),
    size=st.sampled_from(SIZES),
    account=st.sampled_from(["cash", "margin"]),
    capital=st.sampled_from([1_000.0, 100_000.0, 50_000_000.0]),
)
def test_stops_targets_and_trails_are_met_the_same(
    seed: int,
    stop: float,
    exits: Exits,
    sides: int,
    frequency: str,
    volatility: float,
    tick: float,
    cost: str,
    size: str,
    account: str,
    capital: float,
) -> None:
    bars = random_bars(seed, 120, frequency, volatility=volatility, tick=tick)
    config = SimulationConfig(
        initial_capital=capital,
        bar_frequency=frequency,
        cost=cost,
        size=size,
        account=account,
        benchmark="none",
    )
    assert_equal(Dice(seed, sides, stop, exits), bars, config)


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("account", ["cash", "margin"])
def test_shipped_strategies_trade_the_same(
    strategy: SignalStrategy, cost: str, account: str
) -> None:
    for seed, frequency in enumerate(("1d", "1m", "5m")):
        bars = random_bars(seed, 400, frequency, volatility=0.02)
        config = SimulationConfig(
            bar_frequency=frequency, cost=cost, account=account, benchmark="none"
        )
        assert assert_equal(strategy, bars, config) > 0


def test_margin_calls_close_the_same() -> None:
    calls = 0
    for seed in range(30):
        bars = random_bars(seed, 120, volatility=0.08)
        config = SimulationConfig(
            initial_capital=4_000.0,
            cost="us-retail",
            size="shares:70",
            account="margin",
            benchmark="none",
        )
        strategy = Dice(seed, 20, 3.0 * (seed % 2))
        assert_equal(strategy, bars, config)
        log = simulate_in_steps(strategy, {bars.symbol: PriceHistory(bars)}, config).log
        calls += sum(isinstance(each, MarginCalled) for each in log)
    assert calls > 5


def test_what_a_cap_leaves_is_carried_over_with_exits_of_its_own() -> None:
    for seed in range(4):
        bars = random_bars(seed, 150, volatility=0.01)
        columns = (bars.start, bars.end, bars.open, bars.high, bars.low, bars.close)
        thin = Bars(bars.instrument, bars.frequency, *columns, np.floor(bars.volume / 20_000))
        config = SimulationConfig(initial_capital=500_000.0, benchmark="none", account="margin")
        fills = assert_equal(Dice(seed, 40, 1.0), thin, config)
        assert fills > 60


def test_a_window_with_history_trades_the_same() -> None:
    bars = random_bars(8, 300, volatility=0.02)
    for warmup in ("before", "inside"):
        for strategy in SHIPPED:
            config = SimulationConfig(
                start=bars.days()[90].item(),
                end=bars.days()[280].item(),
                warmup=warmup,
                benchmark="none",
            )
            assert_equal(strategy, bars, config)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    stop=st.sampled_from([0.0, 0.5, 3.0]),
    sides=st.sampled_from([2, 6, 30]),
    frequency=st.sampled_from(["1d", "5m"]),
    volatility=st.sampled_from([0.01, 0.05]),
    cost=st.sampled_from(COSTS),
    size=st.sampled_from(SIZES),
    account=st.sampled_from(["cash", "margin"]),
    capital=st.sampled_from([1_000.0, 100_000.0]),
)
def test_random_wishes_have_the_same_results(
    seed: int,
    stop: float,
    sides: int,
    frequency: str,
    volatility: float,
    cost: str,
    size: str,
    account: str,
    capital: float,
) -> None:
    bars = random_bars(seed, 150, frequency, volatility=volatility)
    config = SimulationConfig(
        initial_capital=capital,
        bar_frequency=frequency,
        cost=cost,
        size=size,
        account=account,
        benchmark="none",
    )
    assert_same_results(Dice(seed, sides, stop), bars, config)


@pytest.mark.parametrize("strategy", SHIPPED, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("account", ["cash", "margin"])
@pytest.mark.parametrize("cost", ["us-retail", "ibkr-fixed"])
def test_shipped_strategies_have_the_same_results(
    strategy: SignalStrategy, account: str, cost: str
) -> None:
    for seed, frequency in enumerate(("1d", "5m")):
        bars = random_bars(seed, 300, frequency, volatility=0.02)
        size = "risk:1" if hasattr(strategy, "stop_distance") else "percent:95"
        config = SimulationConfig(bar_frequency=frequency, account=account, cost=cost, size=size)
        assert_same_results(strategy, bars, config)


def assert_same_results(strategy: SignalStrategy, bars: Bars, config: SimulationConfig) -> None:
    """The same figures, and a record and frames of the same bytes."""
    histories = {bars.symbol: PriceHistory(bars)}
    quick = simulate_in_columns(strategy, histories, config)
    slow = simulate_in_steps(strategy, histories, config)
    assert quick is not None, "the kernel refused"
    assert quick.counted is not None
    assert slow.counted is None
    plain = replace(config, size="percent:95")
    held = simulate(BuyAndHoldStrategy(), histories, plain, quick.window)
    by_kernel, by_pipeline = (report(each, held, histories, config) for each in (quick, slow))
    one_by_one = Trips.of(slow.trades)
    for item in fields(Trips):
        columns = (getattr(each, item.name) for each in (quick.counted, one_by_one))
        np.testing.assert_array_equal(*columns, err_msg=item.name)
    # Before any record: that has the pipeline tell the story.
    assert msgspec.json.encode(by_kernel.metrics) == msgspec.json.encode(by_pipeline.metrics)
    assert by_kernel.metrics.reasons == by_pipeline.metrics.reasons
    for name, figure in msgspec.structs.asdict(by_pipeline.figures).items():
        expected = figure if figure is None else pytest.approx(figure, rel=1e-9)
        assert getattr(by_kernel.figures, name) == expected, name
    for name in ("time", "cash", "equity", "gross", "traded"):
        one, other = getattr(quick.valuation, name), getattr(slow.valuation, name)
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert msgspec.json.encode(by_kernel.record) == msgspec.json.encode(by_pipeline.record)


def test_a_story_that_disagrees_with_the_kernel_is_not_told() -> None:
    bars = random_bars(3, 200, volatility=0.02)
    config = SimulationConfig(benchmark="none")
    outcome = simulate_in_columns(Dice(3, 6), {bars.symbol: PriceHistory(bars)}, config)
    assert outcome is not None
    assert outcome.counted is not None
    assert len(outcome.counted) > 3
    outcome.valuation.cash[-1] += 1
    with pytest.raises(InvariantBroken, match="different results"):
        _ = outcome.log


def test_a_long_backtest_is_served_by_the_kernel_and_a_short_one_is_not() -> None:
    bars = random_bars(1, WORTH_A_KERNEL, "1m", volatility=0.001)
    strategy = MovingAverageCrossoverStrategy(fast=300, slow=900)
    config = SimulationConfig(bar_frequency="1m")
    long, short = (
        simulate(strategy, {bars.symbol: PriceHistory(each)}, config) for each in (bars, bars[1:])
    )
    assert long.counted is not None
    assert short.counted is None
    assert_same_results(strategy, bars, config)
