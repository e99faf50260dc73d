"""The deterministic simulation: a session's day under everything that may go wrong, from one seed.

The whole session runs over the real SQLite on a simulated disk, on a virtual clock, against an
account whose log lies on another disk (another machine's: it never loses power with ours). What
goes wrong, and when, is drawn from the seed alone; the same seed is the same day to the last row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from tests.disk import Crash, SimulatedDisk, Step
from tests.faults import invariants
from tests.faults.brokers import FaultyBroker
from tests.generators import random_bars
from tests.sessions import Day

from papertape import SimulationConfig
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Commanded, Line, Verb
from papertape.domain.errors import PapertapeError
from papertape.domain.event import Moment
from papertape.domain.market import Bar, PriceHistory
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.engines.flowroute.core import BrokerSilent
from papertape.monitoring.journal import LINES, Journal
from papertape.session.session import PaperSession
from papertape.strategies.strategy import Context, Exits

BARS = 12
"""Of a day; each makes about three lines and up to a dozen steps of the disk."""
_PROTOTYPES: dict[int, Day] = {}


@dataclass
class Restless:
    """Asks for something at most bars: brackets, changes in place, cancels and market orders."""

    warmup: int = 2
    count: int = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        """A stream of wishes that depends on nothing but the bars and what became of it."""
        self.count += 1
        working = [each for each in context.working(bar.symbol) if each.order.parent is None]
        if working and self.count % 3 == 0:
            context.cancel(working[0].order.id)
        elif working and working[0].order.limit is not None:
            context.replace(working[0].order.id, limit=round(bar.close * 0.9995, 2))
        elif context.position(bar.symbol) == 0:
            context.submit(
                bar.symbol,
                5 + self.count % 7,
                kind="limit",
                limit=round(bar.close * 0.9999, 2),
                exits=Exits(stop_distance=0.05, target_distance=0.05),
                reason=f"bar {self.count}",
            )
        elif self.count % 5 == 0:
            context.submit(bar.symbol, -context.position(bar.symbol), reason="enough")


def a_day(kind: int) -> Day:
    """A short day of one of a few kinds; the prices are made once."""
    if kind not in _PROTOTYPES:
        bars = random_bars(kind, 390 + BARS, "1m", volatility=0.001)
        config = SimulationConfig(
            benchmark="none",
            bar_frequency="1m",
            start=date(2015, 1, 5),
            latency=(0.0, 250.0)[kind % 2],
            risk_profile=("backtest", "paper")[kind // 2 % 2],
        )
        _PROTOTYPES[kind] = Day(Restless(), {"SPY": PriceHistory(bars)}, config)
    return _PROTOTYPES[kind].opened_again()


@dataclass
class Simulation:
    """One day from one seed.

    Attributes:
        seed: Of everything.
        faults: What went wrong, in its order, for whoever has to understand a failure.
    """

    seed: int
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.day = a_day(self.seed % 4)
        self.disk, self.exchange_disk = SimulatedDisk(), SimulatedDisk()
        self.crashes = self.random.randint(1, 4)
        self.now: Nanos = self.day.window.start - 1
        self.broker: FaultyBroker | None = None

    def run(self) -> list[Line]:
        """Live the day to its end, over as many processes as it takes; the journal's lines."""
        with Journal.opened(self.exchange_disk.place("account"), LINES, self.now) as log:
            self.day.log = log  # type: ignore[assignment]
            while True:
                self._set_fuse()
                try:
                    return self._process()
                except (Crash, PapertapeError):
                    # SQLite hands a crash on as an error of its own; the disk knows better.
                    if not self.disk.is_dead:
                        raise
                    self.crashes -= 1
                    self._note("crash")
                    lost = self.random.random() < 0.5
                    # The dead process's disk, as the machine or the power left it.
                    self.disk = (
                        self.disk.after_power_loss(self.random) if lost else self.disk.after_kill()
                    )
                    self.now += self.random.choice((1, SECOND, 30 * SECOND))

    def _set_fuse(self) -> None:
        self.disk.before = lambda step: None
        if self.crashes:
            self._fuse = self.random.randint(1, 220)
            self.disk.before = self._burn

    def _burn(self, step: Step) -> None:
        self._fuse -= 1
        if self._fuse < 0:
            raise Crash(self.random.randint(0, 3))

    def _process(self) -> list[Line]:
        """One process: opened or resumed, and driven as far as it lives."""
        with Journal.opened(self.disk.place("day"), LINES, self.now) as journal:
            self.day.journal = journal  # type: ignore[assignment]
            account = self.day.account()
            self.broker = broker = self._around(account)
            session = self.day.session(broker, strategy=Restless())
            if journal.count:
                self._persist(lambda: session.resume(self.now))
            else:
                self._persist(lambda: session.open(self.now))
            self._check(session, account, journal)
            self._live(session, account, journal)
            lines = list(journal.lines())
        self._final(session, account, lines)
        return lines

    def _around(self, account: SimAccount) -> FaultyBroker:
        """The same misbehaviour goes on with the next process: it is the broker's."""
        broker = FaultyBroker(account)
        if self.broker is not None:
            broker.shuffles, broker.is_down = self.broker.shuffles, self.broker.is_down
        return broker

    def _live(self, session: PaperSession, account: SimAccount, journal: Journal[Line]) -> None:
        moments = [each for each in self.day.moments if each.time > session.state.seen_until]
        history = [each for each in moments if each.time < self.day.window.decides_from]
        self._persist(lambda: session.show(history, self.now))
        for moment in (each for each in moments if each.time >= self.day.window.decides_from):
            self.now = max(self.now, moment.time)
            self._misbehave(session, moment)
            session.see(moment, self.now)
            session.tick(self.now)
            self._check(session, account, journal)
        self._recover(session)
        for _ in range(40):
            self.now += 61 * SECOND  # longer than the longest pause before a broker is asked again
            session.tick(self.now)
            session.close(self.now)
            if session.is_closed:
                return
        raise AssertionError(f"the day does not end: {session.state.unanswered}")

    def _recover(self, session: PaperSession) -> None:
        """In the evening everything that was wrong with others is over."""
        assert self.broker is not None
        self.broker.is_down = self.broker.shuffles = False
        self.broker.lost_requests = self.broker.lost_replies = self.broker.skew = 0

    def _misbehave(self, session: PaperSession, moment: Moment) -> None:
        if self.random.random() < 0.45:
            fault = self.random.choice(FAULTS)
            self._note(fault.__name__)
            fault(self, session, moment)

    def _persist(self, work: Callable[[], Any]) -> None:
        """What a shell does about a broker that does not answer at the start: try again."""
        for _ in range(50):
            try:
                work()
            except BrokerSilent:
                assert self.broker is not None
                self.broker.is_down = False
                self.now += SECOND
            else:
                return
        raise AssertionError("a session that cannot begin")

    def _check(self, session: PaperSession, account: SimAccount, journal: Journal[Line]) -> None:
        # All of them after each moment would cost more than the day itself: a part, drawn.
        if self.random.random() < 0.15:
            invariants.check(session, account, list(journal.lines()))

    def _final(self, session: PaperSession, account: SimAccount, lines: Sequence[Line]) -> None:
        invariants.check(session, account, lines)
        invariants.each_intent_ended_once(session)
        invariants.the_broker_agrees(session, account)

    def _note(self, fault: str) -> None:
        self.faults.append(fault)


Fault = Callable[[Simulation, PaperSession, Moment], None]


def a_request_is_lost(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F18: it never arrives."""
    assert day.broker is not None
    day.broker.lost_requests = 1


def a_reply_is_lost(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F17, F19: it arrives, and nobody says so."""
    assert day.broker is not None
    day.broker.lost_replies = day.random.randint(1, 2)


def the_broker_is_down(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F54: nothing gets through; the exchange goes on."""
    assert day.broker is not None
    day.broker.is_down = not day.broker.is_down


def reports_come_twice_and_backwards(
    day: Simulation, session: PaperSession, moment: Moment
) -> None:
    """fault-F20, F21."""
    assert day.broker is not None
    day.broker.shuffles = not day.broker.shuffles


def a_moment_comes_again(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F32, F34, F44: an old one, or the last one twice."""
    old = [each for each in day.day.traded if each.time < moment.time]
    if old:
        session.see(day.random.choice(old), day.now)


def a_bar_is_corrected(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F33: after its decision."""
    old = [each for each in day.day.traded if each.time < moment.time and each.bars]
    if old:
        session.amend(day.random.choice(old).bars[0], day.random.randint(0, 2), day.now)


def the_feed_is_lost(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F28 to F31: for as long as the next moment takes."""
    session.feed_lost(day.now, "the line is dead")
    if day.random.random() < 0.5:
        session.feed_restored(day.now, [])


def the_clock_jumps(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F39: time is handed in, and may be nonsense for a moment."""
    session.tick(day.now - day.random.choice((SECOND, 60 * MINUTE)))


def somebody_kills(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """risk-R1, fault-F53; often somebody re-arms at once."""
    verb = day.random.choice((Verb.KILL, Verb.FLATTEN))
    session.command(Commanded(day.now, f"k{day.now}", verb, "ann", "odd fills"), day.now)
    if day.random.random() < 0.7:
        session.command(Commanded(day.now, f"r{day.now}", Verb.REARM, "ann", "well"), day.now)


def somebody_stops(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """A calm end, and on again."""
    session.command(Commanded(day.now, f"s{day.now}", Verb.STOP, "ann", "lunch"), day.now)
    session.command(Commanded(day.now, f"g{day.now}", Verb.RESUME, "ann", "back"), day.now)


def holdings_differ(day: Simulation, session: PaperSession, moment: Moment) -> None:
    """fault-F27: the broker's word is wrong by a share, until it is asked again in the evening."""
    assert day.broker is not None
    day.broker.skew = day.random.choice((0, 1))


FAULTS: Sequence[Fault] = (
    a_request_is_lost,
    a_reply_is_lost,
    the_broker_is_down,
    reports_come_twice_and_backwards,
    a_moment_comes_again,
    a_bar_is_corrected,
    the_feed_is_lost,
    the_clock_jumps,
    somebody_kills,
    somebody_stops,
    holdings_differ,
)


def rows_of(lines: Sequence[Line]) -> str:
    """A hash of a journal's exported rows: two runs of one seed have to have the same."""
    digest = hashlib.sha256()
    for line in lines:
        tag, body = LINES.write(line)
        digest.update(f"{tag} {body!r}\n".encode())
    return digest.hexdigest()
