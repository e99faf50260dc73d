"""SimulationEngine: drives a strategy over history, and puts the evidence beside the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from papertape.data.frames import from_frame
from papertape.data.moments import moments
from papertape.domain.errors import AmountTooLarge, DataError, LookaheadFound, UsageError
from papertape.domain.event import NoJournal
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import Bars, PriceHistory
from papertape.engines.proofbench.assembly import (
    assemble,
    is_signal_strategy,
    order_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import drive, drive_history
from papertape.engines.proofbench.evidence.lookahead import check_lookahead
from papertape.engines.proofbench.marks import value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, report
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.signalcore.answers import AskedOnce
from papertape.engines.signalcore.engine import SignalCore
from papertape.engines.signalcore.sizing import size_policy
from papertape.strategies.buy_and_hold import BuyAndHoldStrategy
from papertape.strategies.strategy import OrderStrategy, SignalStrategy, Strategy


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
        """Set what to run: a signal strategy or an order strategy.

        Raises:
            UsageError: If the object follows neither protocol.
        """
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
    """Drive one strategy over history; the window may be given, to share another run's."""
    if window is None:
        wanted = strategy.warmup if config.warmup == "before" else None
        window = cut(
            histories, config.start, config.end, wanted, config.compatibility, config.allow
        )
    instruments = {symbol: bars.instrument for symbol, bars in window.bars.items()}
    core, lookahead = _desk(strategy, window, instruments, config)
    rig = assemble(core, instruments, config, window.taped)
    try:
        if window.is_plain:
            times, logged = drive_history(rig.pipeline, window, NoJournal())
        else:
            stream = moments(window.bars, window.actions, window.ticks)
            times, logged = drive(rig.pipeline, stream, window, NoJournal())
        valuation = value(config.capital, window.start, times, logged, window.bars)
    except AmountTooLarge as error:
        if lookahead.status == "failed":  # a leak makes money without end; say that instead
            raise LookaheadFound(f"{lookahead.detail}; {error.message}") from error
        raise
    return Outcome(strategy, window, logged, rig.pipeline.orders, valuation, lookahead)


def _desk(
    strategy: Strategy,
    window: Window,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
) -> tuple[SignalCore, LookaheadVerdict]:
    if not is_signal_strategy(strategy):
        desk = order_desk(cast("OrderStrategy", strategy), instruments, config)
        why = "an order strategy sees bars one by one; papertape strategy check replays prefixes"
        return desk, LookaheadVerdict("not_run", 0, why)
    signals = cast("SignalStrategy", strategy)
    answers = AskedOnce(signals, window.bars, window.actions)
    bars, exposures = answers.signal_bars, answers.exposure
    verdict = check_lookahead(
        signals, list(bars.values()), [exposures[name] for name in bars], seed=config.seed
    )
    return signal_desk(signals, answers, instruments, config), verdict
