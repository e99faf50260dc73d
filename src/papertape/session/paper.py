"""Paper by replay: the bench's pipeline driven by a feed that knows no future."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from papertape.domain.clock import ReplayClock
from papertape.domain.event import Entry, Journal, NoJournal
from papertape.domain.instrument import Instrument
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.assembly import (
    Rig,
    assemble,
    is_signal_strategy,
    order_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.marks import Logged, value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, report
from papertape.engines.proofbench.window import cut
from papertape.engines.signalcore.answers import AskedEachBar
from papertape.engines.signalcore.engine import SignalCore
from papertape.session.feed import Feed, ReplayFeed
from papertape.strategies.strategy import OrderStrategy, SignalStrategy, Strategy

Notify: TypeAlias = Callable[[Sequence[Entry]], None]


class PaperSession:
    """A strategy on a paper account, from the first moment of a feed to its last.

    Args:
        rig: The pipeline and its broker.
        feed: The market.
        journal: Where entries are recorded before anything is sent.
        notify: Told what happened, after it is recorded.
    """

    def __init__(self, rig: Rig, feed: Feed, journal: Journal, notify: Notify):
        self._rig = rig
        self._feed = feed
        self._journal = journal
        self._notify = notify
        self.logged = Logged([], [])
        self.times: list[int] = []

    def run(self, start: int) -> None:
        """Warm up, then trade; moments after ``start`` are marked to market."""
        for moment in self._feed.history():
            self._rig.pipeline.warm(moment)
        for moment in self._feed.live():
            entries = self._rig.pipeline.step(moment, self._journal)
            self.logged.add(len(self.times), entries)
            if moment.time > start:
                self.times.append(moment.time)
            if entries:
                self._notify(entries)
        self._rig.pipeline.finish()


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
    window = cut(histories, config.start, config.end, wanted)
    instruments = {symbol: bars.instrument for symbol, bars in window.bars.items()}
    rig = assemble(_desk(strategy, instruments, config), instruments, config)
    feed = ReplayFeed(window, ReplayClock(speed=speed))
    session = PaperSession(rig, feed, NoJournal(), notify or (lambda entries: None))
    session.run(window.start)
    valuation = value(config.capital, window.start, session.times, session.logged, window.bars)
    verdict = LookaheadVerdict("not_run", 0, "a session cannot look ahead: its feed has no future")
    outcome = Outcome(strategy, window, session.logged, rig.pipeline.orders, valuation, verdict)
    return report(outcome, None, histories, config)


def _desk(
    strategy: Strategy, instruments: Mapping[str, Instrument], config: SimulationConfig
) -> SignalCore:
    if not is_signal_strategy(strategy):
        return order_desk(cast("OrderStrategy", strategy), instruments, config)
    signals = cast("SignalStrategy", strategy)
    answers = AskedEachBar(signals, instruments, config.frequency)
    return signal_desk(signals, answers, instruments, config)
