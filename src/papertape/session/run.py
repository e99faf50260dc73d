"""Running: a session driven by a clock, a feed and whatever people ask, until its day is over."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from papertape.domain.clock import SECOND, Clock, Nanos
from papertape.domain.day import Commanded, Line, Verb
from papertape.domain.errors import PapertapeError
from papertape.domain.event import Moment
from papertape.domain.restraint import Cause, Sweep
from papertape.plugins.market_data.source import AmendedBar, Trouble
from papertape.session.control import CommandBox
from papertape.session.feed import Broken, Feed, News, Past, Unheard
from papertape.session.session import PaperSession

GLANCE: Nanos = SECOND // 50
"""How long a person waits at the most before the session looks up: a kill is to block in 50 ms."""
DRAIN: Nanos = 10 * SECOND
"""How long answers under way are waited for before the process leaves (fault-F46)."""
_FIRST_RETRY, _LONGEST_RETRY = 5 * SECOND, 300 * SECOND
"""A broken feed is begun anew at once, then after pauses, each twice as long."""
_SLEPT: Nanos = 30 * SECOND
"""Who wakes up so much later than it wanted was asleep with its machine (fault-F41)."""
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
        begin_feed: Begins a broken feed anew, which fetches what was missed; None in a replay.
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
        begin_feed: Callable[[], Feed] | None = None,
        glance: Nanos | None = GLANCE,
    ):
        self._session, self._feed, self._box, self._clock = session, feed, box, clock
        self._signals, self._observer, self._glance = signals, observer, glance
        self._begin_feed = begin_feed
        self._pause: Nanos = 0
        self._retry_at: Nanos = 0
        self._has_heard = False
        self._began = clock.now()
        self.refusal: PapertapeError | None = None
        """Why the provider let nobody in at all, where waiting does not mend it."""

    def until_over(self) -> bool:
        """Drive the session; whether its day ended in order, or the process leaves before."""
        while not self._session.is_closed:
            self._commands()
            if self._signals.is_leaving or self._is_stopped_now():
                return self._left()
            self._market()
            if self.refusal is not None:
                return self._left()
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
            self._hear(said, self._clock.now())
        self._begin_again()

    def _hear(self, said: News, now: Nanos) -> None:
        match said:
            case Moment():
                self._has_heard = True
                self._tell(self._session.see(said, now))
                self._pause = self._pause if self._session.state.lost_since else 0
            case Past(moments=moments):
                self._tell(self._session.show(moments[:-1], now))
                for newest in moments[-1:]:  # the last close is good until the open
                    self._hear(newest, now)
            case AmendedBar(bar=bar, revision=revision):
                self._tell(self._session.amend(bar, revision, now))
            case Trouble(part=part, reason=reason):
                self._tell(self._session.feed_troubled(now, part, reason))
            case Broken(reason=reason, refusal=refusal):
                self.refusal = None if self._has_heard else refusal
                self._lose_feed(now, reason)

    def _lose_feed(self, now: Nanos, reason: str) -> None:
        self._tell(self._session.feed_lost(now, reason))
        for part in list(self._session.state.troubles):
            self._tell(self._session.feed_troubled(now, part))
        self._feed.close()
        self._feed = Unheard()
        self._retry_at = now + self._pause
        self._pause = min(max(2 * self._pause, _FIRST_RETRY), _LONGEST_RETRY)

    def _begin_again(self) -> None:
        """Begin a broken feed anew, not more often than is polite."""
        if self._begin_feed is None or not isinstance(self._feed, Unheard):
            return
        if self._clock.now() >= self._retry_at:
            self._feed = self._begin_feed()

    def _is_over(self, now: Nanos, look: Nanos | None) -> bool:
        """Whether the exchange has closed and nothing more can come of its last bar."""
        closes = self._session.charter.closes
        if look is None and self._begin_feed is None:
            return True  # a replay that has told everything
        if now < closes:
            return False
        patience = _LAST_WORD + self._session.finality
        return (
            self._session.state.seen_until >= closes or now >= max(closes, self._began) + patience
        )

    def _rest(self, now: Nanos, look: Nanos | None) -> None:
        ahead = now + SECOND if look is None else look
        until = ahead if self._glance is None else min(ahead, now + self._glance)
        self._clock.wait_until(until)
        woke = self._clock.now()
        if self._begin_feed is not None and woke - until > _SLEPT:
            self._lose_feed(woke, f"this machine slept for {(woke - until) // SECOND} s")
            self._tell(self._session.tick(woke))  # compared with the broker before any decision

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
