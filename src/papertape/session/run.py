"""Running: a session driven by a clock, a feed and whatever people ask, until its day is over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from papertape.domain.clock import SECOND, Clock, Nanos
from papertape.domain.day import Commanded, Line, Verb
from papertape.domain.event import Moment
from papertape.domain.restraint import Cause, Sweep
from papertape.plugins.market_data.source import AmendedBar
from papertape.session.control import CommandBox
from papertape.session.feed import Broken, Feed
from papertape.session.session import PaperSession

GLANCE: Nanos = SECOND // 50
"""How long a person waits at the most before the session looks up: a kill is to block in 50 ms."""
DRAIN: Nanos = 10 * SECOND
"""How long answers under way are waited for before the process leaves (fault-F46)."""
_RETRY: Nanos = 5 * SECOND
_LAST_WORD: Nanos = 120 * SECOND
"""How long after the close its last bar is waited for; the last minute may have had no trade."""


class Observer(Protocol):
    """Told what happened once it is durable, and that time has passed."""

    def happened(self, lines: Sequence[Line], now: Nanos) -> None:
        """Take what was recorded; empty when nothing was."""
        ...


class Signals:
    """What the system's signals ask of a session: USR1 kills, TERM and the first INT end calmly."""

    def __init__(self) -> None:
        self.asked: list[tuple[Verb, str]] = []
        self.is_leaving = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note the wish; the loop acts on it, for a handler must not."""
        name = signal.Signals(number).name
        if name == "SIGUSR1":
            self.asked.append((Verb.KILL, name))
        elif self.is_leaving and name == "SIGINT":
            raise KeyboardInterrupt("left at once; papertape resume goes on from the journal")
        elif not self.is_leaving:
            self.is_leaving = True
            self.asked.append((Verb.STOP_NOW, name))

    @contextmanager
    def heard(self) -> Iterator[Signals]:
        """Hear them while a session runs; afterwards everything is as it was."""
        names = ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP")
        known = [getattr(signal, name) for name in names if hasattr(signal, name)]
        before = {each: signal.signal(each, self) for each in known}
        try:
            yield self
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


class Run:
    """One process's share of a session's day.

    Args:
        session: Opened or resumed already.
        feed: Where moments come from.
        box: Where commands lie.
        clock: The session's time; it replays the past in a replay.
        signals: What the system asks.
        observer: Told what happened.
        begin_feed: Begins a broken feed anew, with what was missed; None if it cannot be.
        glance: Session time after which commands are looked for again; None rests until the feed
            has news, where time is jumped over.
    """

    def __init__(
        self,
        session: PaperSession,
        feed: Feed,
        box: CommandBox,
        clock: Clock,
        signals: Signals,
        observer: Observer,
        *,
        begin_feed: Callable[[], tuple[Feed, Sequence[Moment]]] | None = None,
        glance: Nanos | None = GLANCE,
    ):
        self._session, self._feed, self._box, self._clock = session, feed, box, clock
        self._signals, self._observer, self._glance = signals, observer, glance
        self._begin_feed = begin_feed
        self._retry_at: Nanos = 0

    def until_over(self) -> bool:
        """Drive the session; whether its day ended in order, or the process leaves before."""
        while not self._session.is_closed:
            self._commands()
            if self._signals.is_leaving or self._is_stopped_now():
                return self._left()
            self._market()
            now = self._clock.now()
            self._tell(self._session.tick(now))
            look = self._feed.next_look(now)
            if self._is_over(now, look):
                self._end()
                break
            self._rest(now, look)
        self._feed.close()
        return self._session.is_closed

    def _commands(self) -> None:
        now = self._clock.now()
        while self._signals.asked:
            verb, name = self._signals.asked.pop(0)
            command = Commanded(now, f"{name}-{now}", verb, f"signal {name}", "")
            self._tell(self._session.command(command, now))
        for taken in self._box.waiting():
            asked = taken.asked
            command = Commanded(now, asked.id, Verb(asked.verb), asked.by, asked.reason)
            self._tell(self._session.command(command, now))
            if taken.file is not None:  # it is in the journal now
                taken.file.unlink(missing_ok=True)

    def _is_stopped_now(self) -> bool:
        """Whether somebody asked to end at once, by `stop --now`."""
        stop = self._session.state.restraints[Cause.STOP]
        return stop is not None and stop.sweep is Sweep.ALL

    def _market(self) -> None:
        for said in self._feed.news(self._clock.now()):
            now = self._clock.now()
            match said:
                case Moment():
                    self._tell(self._session.see(said, now))
                case AmendedBar(bar=bar, revision=revision):
                    self._tell(self._session.amend(bar, revision, now))
                case Broken(reason=reason):
                    self._tell(self._session.feed_lost(now, reason))
                    self._feed.close()
        self._begin_again()

    def _begin_again(self) -> None:
        """Begin a broken feed anew, not more often than is polite, and fetch what was missed."""
        now = self._clock.now()
        begin, is_lost = self._begin_feed, bool(self._session.state.lost_since)
        if begin is None or not is_lost or self._feed.next_look(now) is not None:
            return
        if now < self._retry_at:
            return
        self._retry_at = now + _RETRY
        self._feed, missed = begin()
        self._tell(self._session.feed_restored(now, missed))

    def _is_over(self, now: Nanos, look: Nanos | None) -> bool:
        """Whether the exchange has closed and nothing more can come of its last bar."""
        closes = self._session.charter.closes
        if look is None and self._begin_feed is None:
            return True  # a replay that has told everything
        if now < closes:
            return False
        return self._session.state.seen_until >= closes or now >= closes + _LAST_WORD

    def _rest(self, now: Nanos, look: Nanos | None) -> None:
        ahead = now + SECOND if look is None else look
        self._clock.wait_until(ahead if self._glance is None else min(ahead, now + self._glance))

    def _end(self) -> None:
        """Close the day; messages under way have some time to arrive."""
        began = self._clock.now()
        while not self._session.is_closed and self._clock.now() <= began + DRAIN:
            now = self._clock.now()
            self._tell(self._session.close(now))
            if not self._session.is_closed:
                self._clock.wait_until(now + (self._glance or SECOND))

    def _left(self) -> bool:
        """Leave before the day is over: cancels are sent already, their answers are waited for."""
        began = self._clock.now()
        while self._session.state.unanswered and self._clock.now() <= began + DRAIN:
            now = self._clock.now()
            self._tell(self._session.tick(now))
            self._clock.wait_until(now + (self._glance or SECOND))
        self._feed.close()
        return False

    def _tell(self, lines: Sequence[Line]) -> None:
        self._observer.happened(lines, self._clock.now())
