"""Any mixture of crashes, lost messages, outages and commands leaves one truth and no double."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest
from tests.faults import invariants
from tests.faults.brokers import FaultyBroker
from tests.faults.simulation import Restless
from tests.generators import random_bars
from tests.sessions import Day, Power

from papertape import SimulationConfig
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Commanded, Line, Restrained, Verb
from papertape.domain.market import PriceHistory
from papertape.domain.restraint import Cause
from papertape.session.session import PaperSession


class Misfortune:
    """A day on which, at every moment, something may go wrong."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        config = SimulationConfig(
            benchmark="none",
            bar_frequency="1m",
            start=date(2015, 1, 5),
            latency=self.chance.choice([0.0, 0.0, 400.0]),
            risk_profile=self.chance.choice(["backtest", "paper"]),
        )
        bars = random_bars(seed, 390 + 20, "1m", volatility=0.001)
        self.day = Day(Restless(), {"SPY": PriceHistory(bars)}, config)
        self.commands = 0
        self.broker, self.session = self.started()

    def started(self) -> tuple[FaultyBroker, PaperSession]:
        broker = FaultyBroker(self.day.account())
        return broker, self.day.session(broker, strategy=Restless())

    def live(self) -> None:
        now = self.day.window.start - 1
        self.guarded(lambda: self.session.open(now), now)
        for moment in self.day.traded:
            now = moment.time
            self.spoil()
            self.guarded(lambda now=now, moment=moment: self.session.see(moment, now), now)
            for _ in range(self.chance.randrange(3)):
                now += self.chance.randrange(1, 20) * SECOND
                self.guarded(lambda now=now: self.session.tick(now), now)
            if self.chance.random() < 0.08:
                self.guarded(lambda now=now: self.command(now), now)
            invariants.check(self.session, self.broker.account, self.day.journal.kept)

    def spoil(self) -> None:
        broker, chance, day = self.broker, self.chance, self.day
        broker.lost_requests = int(chance.random() < 0.15)
        broker.lost_replies = int(chance.random() < 0.15)
        broker.is_down = chance.random() < (0.6 if broker.is_down else 0.1)
        broker.shuffles = chance.random() < 0.3
        for journal in (day.journal, day.log):
            if chance.random() < 0.05:
                journal.fuse = chance.randrange(6)
                journal.is_last_kept = chance.random() < 0.5

    def command(self, now: Nanos) -> None:
        self.commands += 1
        verb = self.chance.choice([*Verb, Verb.REARM, Verb.RESUME, Verb.ACCEPT])
        command = Commanded(now, f"c{self.commands}", verb, "me", "chance")
        self.session.command(command, now)
        self.session.command(command, now)

    def guarded(self, work: object, now: Nanos) -> None:
        """Do it; if the power fails meanwhile, start again, and again if need be."""
        try:
            work()  # type: ignore[operator]
        except Power:
            self.day.journal.fuse = self.day.log.fuse = None
            self.broker, self.session = self.started()
            begins = not self.day.journal.kept
            again = self.session.open if begins else self.session.resume
            self.guarded(lambda: again(now), now)

    def end(self) -> None:
        self.broker.lost_requests = self.broker.lost_replies = 0
        self.broker.is_down = False
        self.day.journal.fuse = self.day.log.fuse = None
        last = self.day.moments[-1].time
        for minute in range(1, 8):
            self.session.tick(last + minute * MINUTE)
            self.session.close(last + minute * MINUTE)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_one_truth_is_left(seed: int) -> None:
    misfortune = Misfortune(seed)
    misfortune.live()
    misfortune.end()
    session, account = misfortune.session, misfortune.broker.account
    invariants.check(session, account, misfortune.day.journal.kept)
    invariants.the_broker_agrees(session, account)
    invariants.each_intent_ended_once(session)
    assert not changes(misfortune.day.journal.kept), "the strategy repeats itself, so must we"


def changes(lines: list[Line]) -> list[Restrained]:
    """What was taken for a change of the code."""
    restrained = [line for line in lines if isinstance(line, Restrained)]
    return [line for line in restrained if line.restraint.cause is Cause.CHANGED]


def test_the_same_seed_gives_the_same_lines() -> None:
    first, second = Misfortune(5), Misfortune(5)
    for each in (first, second):
        each.live()
        each.end()
    assert first.day.journal.kept == second.day.journal.kept
    assert first.day.log.kept == second.day.log.kept
