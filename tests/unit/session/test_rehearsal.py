"""A rehearsal tells strategy and RiskGuard what the day told them: each thing, and each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.faults.brokers import FaultyBroker, fill_of
from tests.generators import random_bars
from tests.sessions import Day
from tests.unit.session.test_broker_faults import BUY, Scripted, started, walk

from papertape import SimulationConfig
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Heard
from papertape.domain.event import OrderApproved, OrderFilled
from papertape.domain.market import PriceHistory
from papertape.domain.restraint import Cause
from papertape.session.session import PaperSession
from papertape.strategies import MovingAverageCrossoverStrategy


def again(day: Day, broker: FaultyBroker, now: Nanos) -> tuple[Scripted, PaperSession]:
    """The session of a new process, resumed, and the strategy that relived the day in it."""
    strategy = Scripted(dict(BUY))
    session = day.session(broker, strategy=strategy)
    session.resume(now)
    return strategy, session


def test_a_fill_that_came_between_two_moments_is_heard_once() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 3)
    broker.is_down = True
    now = walk(day, session, 3, 5)  # the market order fills meanwhile
    broker.is_down = False
    session.tick(now + 40 * SECOND)
    kinds = [type(line) for line in day.journal.kept]
    assert Heard in kinds[kinds.index(OrderFilled) :]
    now = walk(day, session, 5, 9)
    relived, resumed = again(day, broker, now + MINUTE)
    lived = day.strategy
    assert isinstance(lived, Scripted)
    assert relived.heard == lived.heard == ["O1", "O2"]
    assert Cause.CHANGED not in resumed.state.restraints


def test_a_loss_that_was_found_between_two_moments_stays_in_the_evidence() -> None:
    day, broker, session = started(BUY, "paper")
    now = walk(day, session, 0, 6)
    price = day.traded[5].bars[0].close
    # Somebody buys 100 shares at 40 dollars above the market: 4,000 of 100,000 are gone, 3 % may.
    dear = fill_of("ghost", "SPY", 100, round((price + 40) * 1e6), now)
    broker.says.append(replace(dear, number=len(broker.account.reports_after(0)) + 1))
    session.tick(now + 40 * SECOND)
    found = [line for line in session.tally.restrained if line.restraint.cause is Cause.DAILY_LOSS]
    assert len(found) == 1
    _, resumed = again(day, broker, now + MINUTE)
    before = session.tally.restrained
    assert resumed.tally.restrained[: len(before)] == before


def test_what_was_missed_is_history_in_the_rehearsal_too() -> None:
    bars = random_bars(3, 390 + 60, "1m", volatility=0.001)
    config = SimulationConfig(benchmark="none", bar_frequency="1m", start=date(2015, 1, 5))
    day = Day(MovingAverageCrossoverStrategy(fast=3, slow=8), {"SPY": PriceHistory(bars)}, config)
    session = day.session()
    session.open(day.window.start - 1)
    session.show(day.history, day.window.start - 1)
    walk(day, session, 0, 20)
    now = day.traded[29].time
    session.feed_lost(day.traded[20].time, "the line is dead")
    session.feed_restored(now, day.traded[20:30])
    walk(day, session, 30, 40)
    resumed = day.session()
    resumed.resume(day.traded[39].time + 10 * SECOND)
    assert any(isinstance(line, OrderApproved) for line in day.journal.kept)
    assert Cause.CHANGED not in resumed.state.restraints
