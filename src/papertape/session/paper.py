"""Paper by replay: the bench's pipeline driven by a feed that knows no future."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from papertape.domain.clock import ReplayClock
from papertape.domain.event import NoJournal
from papertape.domain.instrument import Instrument
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.assembly import (
    assemble,
    is_cross_section,
    is_signal_strategy,
    order_desk,
    portfolio_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import Notify, drive
from papertape.engines.proofbench.marks import value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, report
from papertape.engines.proofbench.window import cut
from papertape.engines.signalcore.allocation import AskedOnEachDay
from papertape.engines.signalcore.answers import AskedEachBar
from papertape.engines.signalcore.engine import SignalCore
from papertape.session.feed import replayed
from papertape.strategies.strategy import CrossSection, OrderStrategy, SignalStrategy, Strategy


def replay(
    strategy: Strategy,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    *,
    speed: float | None = None,
    notify: Notify | None = None,
) -> SimulationResults:
    """Replay stored bars as a paper session.

    Args:
        strategy: What to trade.
        histories: Prices by symbol; what lies before ``config.start`` warms up.
        config: The same settings a backtest takes.
        speed: Seconds of the past a real second; None as fast as it goes.
        notify: Told what happened after each moment in which something did.
    """
    wanted = strategy.warmup if config.warmup == "before" else None
    window = cut(histories, config.start, config.end, wanted, config.compatibility, config.allow)
    instruments = {symbol: bars.instrument for symbol, bars in window.bars.items()}
    rig = assemble(_desk(strategy, instruments, config), instruments, config, window.taped)
    stream = replayed(window, ReplayClock(speed=speed))
    times, logged = drive(rig.pipeline, stream, window, NoJournal(), notify)
    valuation = value(config.capital, window.start, times, logged, window.bars)
    verdict = LookaheadVerdict("not_run", 0, "a session cannot look ahead: its feed has no future")
    outcome = Outcome(strategy, window, logged, rig.pipeline.orders, valuation, verdict)
    return report(outcome, None, histories, config)


def _desk(
    strategy: Strategy, instruments: Mapping[str, Instrument], config: SimulationConfig
) -> SignalCore:
    if is_cross_section(strategy):
        ranks = cast("CrossSection", strategy)
        allocation = AskedOnEachDay(ranks, instruments, config.frequency)
        return portfolio_desk(allocation, instruments, config)
    if not is_signal_strategy(strategy):
        return order_desk(cast("OrderStrategy", strategy), instruments, config)
    signals = cast("SignalStrategy", strategy)
    answers = AskedEachBar(signals, instruments, config.frequency)
    return signal_desk(signals, answers, instruments, config)
