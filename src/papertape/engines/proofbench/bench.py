"""SimulationEngine: drives a strategy over history, and puts the evidence beside the result."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from papertape.data.actions import signal_bars
from papertape.data.frames import from_frame
from papertape.data.moments import moments
from papertape.domain.errors import AmountTooLarge, DataError, LookaheadFound, UsageError, require
from papertape.domain.event import NoJournal
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.domain.panel import Panel
from papertape.engines.proofbench.assembly import (
    assemble,
    is_cross_section,
    is_signal_strategy,
    order_desk,
    portfolio_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import drive, drive_history
from papertape.engines.proofbench.evidence.cross_sections import check_cross_section
from papertape.engines.proofbench.evidence.lookahead import check_lookahead
from papertape.engines.proofbench.marks import Valuation, value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, Story, report
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.signalcore.allocation import Planned, planned
from papertape.engines.signalcore.answers import AskedOnce
from papertape.engines.signalcore.engine import SignalCore
from papertape.engines.signalcore.sizing import size_policy
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.cross_section import WeightMatrix
from papertape.strategies.strategy import CrossSection, OrderStrategy, SignalStrategy, Strategy

if TYPE_CHECKING:
    from papertape.engines.proofbench.kernel import Run, Wish

WORTH_A_KERNEL = 20_000
"""Bars below which the pipeline is done before the kernel's modules are read."""


class SimulationEngine:
    """The bench: load prices, set a strategy, run.

    Args:
        config: The settings of the run.
    """

    def __init__(self, config: SimulationConfig | None = None):
        self.config = config or SimulationConfig()
        self._histories: dict[str, PriceHistory] = {}
        self._strategy: Strategy | None = None

    def load_data(self, symbol: str, prices: Any) -> None:
        """Load one instrument's prices; call it once for each.

        Args:
            symbol: The instrument.
            prices: A `PriceHistory`, `Bars`, a pandas frame or anything that speaks Arrow.

        Raises:
            DataError: If the prices are no bars, or bars of another length than the run's.
            UsageError: If the symbol is none, or is loaded already.
        """
        symbol = canonical_symbol(symbol)
        if symbol in self._histories:
            raise UsageError(f"{symbol} is loaded already")
        history = self._history(symbol, prices)
        if history.bars.symbol != symbol:
            raise UsageError(f"these are the bars of {history.bars.symbol}, not of {symbol}")
        if history.bars.frequency != self.config.frequency:
            raise DataError(
                f"{symbol}: these bars are {history.bars.frequency}, the run is set to "
                f"{self.config.frequency}",
                hint=f"set bar_frequency (--bar) to {history.bars.frequency}",
            )
        self._histories[symbol] = history

    def _history(self, symbol: str, prices: Any) -> PriceHistory:
        match prices:
            case PriceHistory():
                return prices
            case Bars():
                return PriceHistory(prices, source="bars")
            case _:
                return from_frame(prices, symbol, self.config.frequency)

    @property
    def histories(self) -> Mapping[str, PriceHistory]:
        """What was loaded, by symbol."""
        return self._histories

    def set_strategy(self, strategy: Strategy) -> None:
        """Set what to run: a signal strategy, an order strategy or a cross-section.

        Raises:
            UsageError: If the object follows none of the protocols.
        """
        if not is_cross_section(strategy):
            is_signal_strategy(strategy)
        self._strategy = strategy

    def run(self) -> SimulationResults:
        """Run the strategy over the loaded prices.

        Raises:
            UsageError: If there is no strategy or no data.
            DataError: If no bar lies in the window.
            StrategyError: If the strategy answers nonsense.
        """
        if self._strategy is None:
            raise UsageError("no strategy is set", hint="engine.set_strategy(...)")
        if not self._histories:
            raise UsageError("no prices are loaded", hint="engine.load_data(symbol, frame)")
        outcome = simulate(self._strategy, self._histories, self.config)
        held = None
        if self.config.benchmark == "hold":
            size = "percent:95" if size_policy(self.config.size).needs_stop else self.config.size
            config = replace(self.config, size=size, risk_profile="backtest", limits=())
            held = simulate(BuyAndHoldStrategy(), self._histories, config, outcome.window)
        return report(outcome, held, self._histories, self.config)


def simulate(
    strategy: Strategy,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    window: Window | None = None,
) -> Outcome:
    """Drive one strategy over history; the window may be given, to share another run's.

    A long one is done by the kernel where it knows the run; the pipeline then tells the story.
    """
    case = _case(strategy, window or _window(strategy, histories, config), config)
    rows = sum(len(bars) for bars in case.window.bars.values())
    outcome = _by_kernel(case) if rows >= WORTH_A_KERNEL else None
    return outcome or _by_pipeline(case)


def simulate_in_steps(
    strategy: Strategy,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    window: Window | None = None,
) -> Outcome:
    """The same by the pipeline alone, moment by moment."""
    return _by_pipeline(_case(strategy, window or _window(strategy, histories, config), config))


def simulate_in_columns(
    strategy: Strategy,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    window: Window | None = None,
) -> Outcome | None:
    """The same by the kernel, however short; None for what only the pipeline knows."""
    return _by_kernel(_case(strategy, window or _window(strategy, histories, config), config))


@dataclass(frozen=True, eq=False, slots=True)
class _Case:
    """A strategy about to be driven over a window.

    ``answers`` are a signal strategy's, ``planned`` what a cross-section means to hold.
    """

    strategy: Strategy
    window: Window
    config: SimulationConfig
    core: SignalCore
    answers: AskedOnce | None = None
    planned: tuple[Panel, FloatArray] | None = None

    def judge(self) -> LookaheadVerdict:
        """Whether the strategy uses what lies ahead."""
        if self.planned is not None:
            return self._judge_cross_section(*self.planned)
        if self.answers is None:
            why = (
                "an order strategy sees bars one by one; papertape strategy check replays prefixes"
            )
            return LookaheadVerdict("not_run", 0, why)
        bars, exposures = self.answers.signal_bars, self.answers.exposure
        return check_lookahead(
            cast("SignalStrategy", self.strategy),
            list(bars.values()),
            [exposures[name] for name in bars],
            seed=self.config.seed,
        )

    def _judge_cross_section(self, panel: Panel, weights: FloatArray) -> LookaheadVerdict:
        if isinstance(self.strategy, WeightMatrix):
            why = "nobody knows what weights that are given rest on"
            return LookaheadVerdict("not_run", 0, why)
        strategy = cast("CrossSection", self.strategy)
        return check_cross_section(strategy, panel, weights, seed=self.config.seed)


def _window(
    strategy: Strategy, histories: Mapping[str, PriceHistory], config: SimulationConfig
) -> Window:
    wanted = strategy.warmup if config.warmup == "before" else None
    return cut(histories, config.start, config.end, wanted, config.compatibility, config.allow)


def _case(strategy: Strategy, window: Window, config: SimulationConfig) -> _Case:
    instruments = {symbol: bars.instrument for symbol, bars in window.bars.items()}
    if is_cross_section(strategy):
        crossed = cast("CrossSection | WeightMatrix", strategy)
        bars = {name: signal_bars(raw, window.actions[name]) for name, raw in window.bars.items()}
        panel = Panel(bars)
        weights = planned(crossed, panel, window.first_row(panel))
        crossing = portfolio_desk(Planned(weights), instruments, config)
        return _Case(strategy, window, config, crossing, planned=(panel, weights))
    if not is_signal_strategy(strategy):
        desk = order_desk(cast("OrderStrategy", strategy), instruments, config)
        return _Case(strategy, window, config, desk)
    signals = cast("SignalStrategy", strategy)
    answers = AskedOnce(signals, window.bars, window.actions)
    core = signal_desk(signals, answers, instruments, config)
    return _Case(strategy, window, config, core, answers)


def _by_pipeline(case: _Case) -> Outcome:
    try:
        story, valuation = _driven(case)
    except AmountTooLarge as error:
        verdict = case.judge()
        if verdict.status == "failed":  # a leak makes money without end; say that instead
            raise LookaheadFound(f"{verdict.detail}; {error.message}") from error
        raise
    return Outcome(case.strategy, case.window, lambda: valuation, lambda: story, case.judge)


def _driven(case: _Case) -> tuple[Story, Valuation]:
    window, config = case.window, case.config
    instruments = {symbol: bars.instrument for symbol, bars in window.bars.items()}
    rig = assemble(case.core, instruments, config, window.taped)
    if window.is_plain:
        times, logged = drive_history(rig.pipeline, window, NoJournal())
    else:
        stream = moments(window.bars, window.actions, window.ticks)
        times, logged = drive(rig.pipeline, stream, window, NoJournal())
    valuation = value(config.capital, window.start, times, logged, window.bars)
    return Story(logged, rig.pipeline.orders), valuation


def _by_kernel(case: _Case) -> Outcome | None:
    """What the kernel makes of a case; None if that is one for the pipeline."""
    if case.answers is None:
        return None
    from papertape.engines.proofbench.kernel import Refusal, Wish, kernel_for  # noqa: PLC0415

    symbol = next(iter(case.answers.exposure))
    attached = hasattr(case.strategy, "stop_distance")
    exposure = case.answers.exposure[symbol]
    stops = case.answers.stops[symbol][: None if attached else 0]
    with suppress(Refusal):
        kernel = kernel_for(case.window, case.config)
        wish = Wish(case.strategy.warmup, exposure, np.ascontiguousarray(stops))
        run = kernel.run(wish)
        if run is not None:
            return _told_by_pipeline(case, wish, run)
    return None


def _told_by_pipeline(case: _Case, wish: Wish, run: Run) -> Outcome:
    """A kernel's run, whose story the pipeline tells when asked, if it comes to the same."""
    from papertape.engines.proofbench.kernel.reading import (  # noqa: PLC0415
        fills_of,
        trips_of,
        valuation_of,
    )

    [bars] = case.window.bars.values()

    def tell() -> Story:
        story, again = _driven(case)
        require(
            np.array_equal(again.cash, run.cash)
            and np.array_equal(again.equity, run.equity)
            and fills_of(story.logged.entries, bars) == run.fills.tolist(),
            f"{bars.symbol}: the kernel and the pipeline come to different results",
        )
        return story

    return Outcome(
        case.strategy,
        case.window,
        lambda: valuation_of(run, case.window.start, bars),
        tell,
        case.judge,
        lambda: trips_of(run, wish, bars),
        run.tally,
    )
