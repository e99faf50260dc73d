"""Live minute bars that mend themselves: polled, or streamed and checked by asking.

No provider's stream replays what a client missed, an open one may deliver nothing, and a clean
close may be no end. So every minute of the session that a stream did not tell is asked for by
REST before anything later is handed out: a stream only saves questions, and polling is a stream
that says nothing. Both feed one `BarBuilder`, so both hand out the same bars. Where a plan allows
fewer questions than there are minutes, several minutes are asked for at once, and come later.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    aclosing,
    nullcontext,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.clock import DAY, MINUTE, SECOND, Nanos
from papertape.domain.errors import ProviderError
from papertape.domain.market import Bar
from papertape.plugins.market_data.ownership import sole_owner
from papertape.plugins.market_data.source import AmendedBar, MarketEvent, Trouble
from papertape.plugins.market_data.transport import Timing

_BEFORE_THE_OPEN = 2 * MINUTE
"""How long before a session a lost stream is connected again."""


class Lost(Exception):
    """A connection that ended, fell silent or spoke nonsense; another one may do better.

    Args:
        why: The reason, as the end of a sentence.
        wait: Seconds before which another try is of no use.
    """

    def __init__(self, why: str, wait: float = 0.0):
        super().__init__(why)
        self.wait = wait


class Connection(Protocol):
    """An open stream, past its greetings."""

    async def receive(self) -> list[MarketEvent]:
        """The next events, a bar told again as `AmendedBar`; raises `Lost` when there are none."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Endurance:
    """How patient a stream is; seconds.

    Attributes:
        silence: A stream that was silent for so long, though the market was not, is left.
        first_wait: The pause before the first new connection; each one after may be twice as long.
        longest_wait: No pause is longer.
        attempts: Failures in a row, without an event between them, before the stream gives up.
        audit: So often a stream's bars are compared with those of REST.
    """

    silence: float = 90.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    attempts: int = 10
    audit: float = 300.0


@dataclass(frozen=True, slots=True)
class LiveStream:
    """One provider's live bars of some symbols.

    Attributes:
        provider: Its name, for errors.
        venue: Whose sessions the bars keep.
        connect: Opens a connection and subscribes; None polls.
        missed: Bars by REST of a symbol that begin at or after a moment.
        timing: Clock, sleep and chance.
        endurance: How patient to be.
        finality: Seconds after a minute's end at which its bar is taken as it is.
        lock: The file that one owner of the account's stream holds; None locks nothing.
        pace: Minutes that one question asks for.
    """

    provider: str
    venue: str
    connect: Connect | None
    missed: Callable[[str, Nanos], Awaitable[Sequence[Bar]]]
    timing: Timing
    endurance: Endurance = field(default_factory=Endurance)
    finality: float = 5.0
    lock: Path | None = None
    pace: int = 1

    async def events(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncGenerator[MarketEvent]:
        """Bars of regular hours once they are final, in order, and each once; it never ends.

        What is told about a bar later comes as `AmendedBar`; quotes, trades, prices and what it
        has trouble with come at once.

        Args:
            symbols: Whose bars.
            since: The first bar is the one that begins then; the present minute's if None.

        Raises:
            SettingsError: If the key or the plan is refused.
            LockHeld: If another session has the account's stream.
            ProviderError: If failures do not stop.
        """
        with self._owned():
            async with aclosing(self._events(symbols, since)) as events:
                async for event in events:
                    yield event

    def _owned(self) -> AbstractContextManager[None]:
        if self.connect is None or self.lock is None:
            return nullcontext()
        return sole_owner(self.lock, self.provider, self.timing.clock.now())

    async def _events(
        self, symbols: Sequence[str], since: Nanos | None
    ) -> AsyncGenerator[MarketEvent]:
        clock, calendar = self.timing.clock, calendar_of(self.venue)
        finality = int(self.finality * SECOND)
        begun = clock.now() if since is None else since
        builder = BarBuilder(symbols, calendar, begun, finality, self.pace)
        asking, connecting = _Troubles(self, "questions"), _Troubles(self, "stream")
        async with aclosing(_Line(self, calendar, connecting)) as line:
            await line.join()  # whoever is not let in hears of it before any bar
            while True:
                found = await self._asked(builder, asking)
                for trouble in asking.news():
                    yield trouble
                for bar in builder.due():
                    yield bar
                for amended in found.amended:
                    yield amended
                if found.is_news and line.is_mute():
                    await line.leave(Lost("it was silent while the market was not"))
                for event in await line.heard(builder.next_moment(clock.now())):
                    connecting.are_over()
                    for news in builder.tell(event):
                        yield news
                for trouble in connecting.news():
                    yield trouble

    async def _asked(self, builder: BarBuilder, troubles: _Troubles) -> _Found:
        """What REST says about minutes that were not told, and at times about all of them."""
        now, found = self.timing.clock.now(), _Found()
        if now < troubles.until:
            return found
        # A correction that a stream lost leaves no hole, so now and then everything is asked.
        is_audit = self.connect is not None and builder.unaudited(now) >= self.endurance.audit
        questions = builder.everything() if is_audit else builder.holes(now)
        try:
            for symbol, since in questions.items():
                for bar in await self.missed(symbol, since):
                    found.is_news |= not builder.knows(bar)
                    found.amended += builder.fill(bar, now)
        except ProviderError as failure:
            # What could not be asked stays open: nothing later is handed out before it is known.
            # A stream's prices go on meanwhile, and must not make it ask more often.
            troubles.pause_after(failure.message)
            return found
        troubles.are_over()
        builder.confirm(now, is_audit=is_audit)
        return found


@dataclass
class _Found:
    """What questions brought: whether any bar was unknown, and which had been handed out."""

    is_news: bool = False
    amended: list[AmendedBar] = field(default_factory=list)


class BarBuilder:
    """Bars from whoever tells them, handed out in order, each once, when they are final.

    The key is (symbol, start). A bar told again as it was changes nothing, an older telling never
    replaces a newer one, and one that changes after it was handed out becomes an `AmendedBar`.

    Args:
        symbols: Whose bars are built.
        calendar: Says which minutes are to be expected.
        begun: The first minute handed out is the one that holds this moment.
        finality: Nanoseconds after a minute's end at which it is taken as it is.
        pace: Minutes that become known at once.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        calendar: Calendar,
        begun: Nanos,
        finality: Nanos,
        pace: int = 1,
    ):
        self._bars: dict[str, dict[Nanos, _Known]] = {symbol: {} for symbol in symbols}
        self._calendar = calendar
        self._finality = finality
        self._pace = pace * MINUTE
        self._begun = begun // MINUTE * MINUTE
        self._confirmed = self._handed = self._audited = self._begun

    def tell(self, event: MarketEvent) -> Iterator[MarketEvent]:
        """Take what a stream says; whatever is to be handed on at once comes back."""
        match event:
            case Bar():
                yield from self._take(event, is_final=False)
            case AmendedBar():
                yield from self._take(event.bar, is_final=True)
            case _:
                yield event

    def fill(self, bar: Bar, now: Nanos) -> list[AmendedBar]:
        """Take a bar that was asked for; one that differs from what was handed out comes back.

        One that is not final yet is not taken, so that it is asked for again.
        """
        if bar.end + self._finality > now:
            return []
        return list(self._take(bar, is_final=True))

    def knows(self, bar: Bar) -> bool:
        """Whether a bar of this key was told, or would not be taken."""
        return bar.start in self._bars[bar.symbol] or not self._is_wanted(bar)

    def unaudited(self, now: Nanos) -> float:
        """Seconds in which there were final minutes that were not asked for as a whole."""
        horizon = self._horizon(now)
        is_night = next(self._minutes(self._audited, horizon), None) is None
        return 0.0 if is_night else (horizon - self._audited) / SECOND

    def everything(self) -> dict[str, Nanos]:
        """By symbol, the moment up to which everything was asked for."""
        return dict.fromkeys(self._bars, self._audited)

    def holes(self, now: Nanos) -> dict[str, Nanos]:
        """By symbol, the first minute that is final by the clock and was not told."""
        expected = list(self._minutes(self._confirmed, self._horizon(now)))
        missing = {
            symbol: next((start for start in expected if start not in bars), None)
            for symbol, bars in self._bars.items()
        }
        return {symbol: start for symbol, start in missing.items() if start is not None}

    def confirm(self, now: Nanos, *, is_audit: bool = False) -> None:
        """Say that all minutes final by ``now`` are known; one without a bar had no trade."""
        self._confirmed = max(self._confirmed, self._horizon(now))
        if is_audit:
            self._audited = self._confirmed

    def due(self) -> list[Bar]:
        """The bars that are final and were not handed out yet, by time, then by symbol."""
        ready = [
            known.bar
            for bars in self._bars.values()
            for known in bars.values()
            if self._handed < known.bar.end <= self._confirmed
        ]
        self._handed = self._confirmed
        for bars in self._bars.values():
            for start in [start for start in bars if start < self._handed - DAY]:
                del bars[start]
        return sorted(ready, key=lambda bar: (bar.end, bar.symbol))

    def next_moment(self, now: Nanos) -> Nanos:
        """When the next minutes become final; the first ones of the next session at night."""
        horizon = self._horizon(now)
        session = self._calendar.session(self._calendar.local_day(horizon))
        if not self._calendar.is_session(session.day) or horizon >= session.close:
            session = self._calendar.session(self._calendar.next_session(session.day))
        return max(horizon + self._pace, session.open + MINUTE) + self._finality

    def _take(self, bar: Bar, is_final: bool) -> Iterator[AmendedBar]:
        bars = self._bars.get(bar.symbol)
        if bars is None or not self._is_wanted(bar):
            return
        known = bars.get(bar.start)
        if known and (known.bar == bar or (known.is_final and not is_final)):
            return
        late = bar.end <= self._handed
        revision = known.revision + 1 if known else 0
        bars[bar.start] = _Known(bar, is_final, revision)
        if late:
            yield AmendedBar(bar, revision)

    def _horizon(self, now: Nanos) -> Nanos:
        return (now - self._finality) // self._pace * self._pace

    def _is_wanted(self, bar: Bar) -> bool:
        """Whether it is a full minute of regular hours; whatever else is told is asked for."""
        if bar.start < self._begun:
            return False
        day = self._calendar.local_day(bar.start)
        session = self._calendar.session(day)
        full = bar.start % MINUTE == 0 and bar.end == bar.start + MINUTE
        return full and self._calendar.is_session(day) and session.open <= bar.start < session.close

    def _minutes(self, since: Nanos, until: Nanos) -> Iterator[Nanos]:
        """The minutes of regular hours that lie within a span, by their starts."""
        if since >= until:
            return
        first, last = self._calendar.local_day(since), self._calendar.local_day(until)
        for day in self._calendar.sessions(first, last):
            session = self._calendar.session(day)
            yield from range(max(session.open, since), min(session.close, until), MINUTE)


@dataclass(frozen=True, slots=True)
class _Known:
    bar: Bar
    is_final: bool
    revision: int


class _Troubles:
    """Failures in a row, and the pause after each: full jitter over a span that doubles."""

    def __init__(self, stream: LiveStream, part: str):
        self._stream = stream
        self._part = part
        self._count = 0
        self._news: list[Trouble] = []
        self.until: Nanos = 0  # the end of the pause

    def news(self) -> list[Trouble]:
        """What is new about them: that they began, or are over."""
        news, self._news = self._news, []
        return news

    def are_over(self) -> None:
        """Something came: what failed before is forgotten."""
        if self._count:
            self._news.append(Trouble(self._part))
        self._count = 0

    def pause_after(self, why: str) -> float:
        """Seconds to wait after one more failure.

        Raises:
            ProviderError: If there were too many.
        """
        stream, endurance = self._stream, self._stream.endurance
        self._count += 1
        if self._count == 1:
            self._news.append(Trouble(self._part, why))
        if self._count > endurance.attempts:
            raise ProviderError(
                f"{stream.provider}: live data failed {self._count} times in a row, "
                f"at last because {why}",
                hint="check the network and the provider's status, then start the session again",
            )
        span = endurance.first_wait * 2.0 ** (self._count - 1)
        pause = stream.timing.chance() * min(span, endurance.longest_wait)
        self.until = stream.timing.clock.now() + int(pause * SECOND)
        return pause


class _Line:
    """The connection of a stream: opened when it is due, left when it is no use."""

    def __init__(self, stream: LiveStream, calendar: Calendar, troubles: _Troubles):
        self._stream = stream
        self._calendar = calendar
        self._troubles = troubles
        self._stack = AsyncExitStack()
        self._connection: Connection | None = None
        self._next_try: Nanos = 0
        self._last_word: Nanos = 0

    async def heard(self, until: Nanos) -> list[MarketEvent]:
        """What comes first before a moment, or nothing."""
        timing, now = self._stream.timing, self._stream.timing.clock.now()
        if self._stream.connect is None or (self._connection is None and now < self._next_try):
            end = until if self._stream.connect is None else min(until, self._next_try)
            await timing.sleep(max(0, end - now) / SECOND)
            return []
        await self.join()
        if self._connection is None:
            return []
        try:
            words: list[MarketEvent] = await timing.within(
                self._connection.receive(), max(0, until - now) / SECOND
            )
        except TimeoutError:
            return []
        except Lost as loss:
            await self.leave(loss)
            return []
        self._last_word = timing.clock.now()
        return words

    async def join(self) -> None:
        """Open the connection, unless it is open or nobody wants one."""
        connect = self._stream.connect
        if connect is None or self._connection is not None:
            return
        try:
            self._connection = await self._stack.enter_async_context(connect())
            self._last_word = self._stream.timing.clock.now()
        except Lost as loss:
            await self.leave(loss)

    def is_mute(self) -> bool:
        """Whether there is a connection that has said nothing for long."""
        silent = self._stream.timing.clock.now() - self._last_word
        return self._connection is not None and silent >= self._stream.endurance.silence * SECOND

    async def leave(self, loss: Lost) -> None:
        """Close the connection, and say when the next one is due."""
        await self.aclose()
        now = self._stream.timing.clock.now()
        pause = max(self._troubles.pause_after(str(loss)), loss.wait)
        self._next_try = max(now + int(pause * SECOND), self._soonest(now))

    def _soonest(self, now: Nanos) -> Nanos:
        """Now in regular hours; else shortly before the next ones."""
        day = self._calendar.local_day(now)
        session = self._calendar.session(day)
        if not self._calendar.is_session(day) or now >= session.close:
            session = self._calendar.session(self._calendar.next_session(day))
        return session.open - _BEFORE_THE_OPEN

    async def aclose(self) -> None:
        """Close the connection if there is one."""
        self._connection = None
        await self._stack.aclose()
