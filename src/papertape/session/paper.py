"""Paper by replay: the bench's pipeline driven by a feed that knows no future."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast, get_args

from papertape.domain.clock import ReplayClock
from papertape.domain.day import DayOpened, Line, MomentSeen
from papertape.domain.day_state import DayState
from papertape.domain.event import Entry, NoJournal
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.assembly import assemble
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.drive import Notify, drive
from papertape.engines.proofbench.marks import Logged, value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, Story, report
from papertape.engines.proofbench.window import Window, cut
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


def journaled(
    lines: Sequence[Line],
    strategy: Strategy,
    window: Window,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
) -> SimulationResults:
    """A session's day as a run, from its journal.

    Args:
        lines: Of a session that began without holdings.
        strategy: What traded.
        window: The market it was to see.
        histories: Where that is from.
        config: Its settings.
    """
    state = DayState.of(lines)
    times: list[int] = []
    logged = Logged([], [])
    for line in lines:
        match line:
            case MomentSeen(moment=moment) if moment.time > window.start:
                times.append(moment.time)
            case _ if isinstance(line, get_args(Entry)):
                logged.add(max(0, len(times) - 1), [cast("Entry", line)])
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    valuation = value(opened.cash, window.start, times, logged, window.bars)
    verdict = LookaheadVerdict("not_run", 0, "a session cannot look ahead: its feed has no future")
    story = Story(logged, state.orders)
    outcome = Outcome.known(strategy, window, story, valuation, verdict)
    return report(outcome, None, histories, config)
