"""Paper by replay: the bench's pipeline driven by a feed that knows no future."""

from __future__ import annotations

from collections.abc import Mapping

from papertape.domain.clock import ReplayClock
from papertape.domain.event import NoJournal
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.assembly import assemble
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import Notify, drive
from papertape.engines.proofbench.marks import value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, Story, report
from papertape.engines.proofbench.window import cut
from papertape.session.assembly import desk
from papertape.session.feed import replayed
from papertape.strategies.strategy import Strategy


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
    rig = assemble(desk(strategy, instruments, config), instruments, config, window.taped)
    stream = replayed(window, ReplayClock(speed=speed))
    times, logged = drive(rig.pipeline, stream, window, NoJournal(), notify)
    valuation = value(config.capital, window.start, times, logged, window.bars)
    verdict = LookaheadVerdict("not_run", 0, "a session cannot look ahead: its feed has no future")
    story = Story(logged, rig.pipeline.orders)
    outcome = Outcome.known(strategy, window, story, valuation, verdict)
    return report(outcome, None, histories, config)
