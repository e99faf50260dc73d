"""A live stream that mends itself: whatever ends it in the session, what was missed is asked for.

No provider's stream replays what a client missed, an open one may deliver nothing, and a clean
close may be no end. So silence is probed, every loss in session hours leads to a new connection,
and each connection is followed by a question to the REST interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.errors import ProviderError
from papertape.domain.market import Bar
from papertape.plugins.market_data.source import MarketEvent
from papertape.plugins.market_data.transport import Timing

_LAST_BARS = 5 * MINUTE
"""How long after the close a stream may still have something to say."""


_CORRECTED_WITHIN = 5 * MINUTE


class Lost(Exception):
    """A connection that ended, fell silent or spoke nonsense; another one may do better."""


class Connection(Protocol):
    """An open stream, past its greetings."""

    async def receive(self) -> list[MarketEvent]:
        """The next events; raises `Lost` when there will be none."""
        ...


@dataclass(frozen=True, slots=True)
class Endurance:
    """How patient a stream is; seconds.

    Attributes:
        silence: Without a word for so long, REST is asked whether there was something to say.
        first_wait: The pause before the first new connection; each one after may be twice as long.
        longest_wait: No pause is longer.
        attempts: New connections in a row that bring nothing before the stream gives up.
    """

    silence: float = 90.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    attempts: int = 10


@dataclass(frozen=True, slots=True)
class LiveStream:
    """One provider's stream of some symbols.

    Attributes:
        provider: Its name, for errors.
        venue: Whose sessions say when silence is odd.
        connect: Opens a connection and subscribes.
        missed: Bars by REST of a symbol that begin at or after a moment.
        timing: Clock, sleep and chance.
        endurance: How patient to be.
    """

    provider: str
    venue: str
    connect: Callable[[], AbstractAsyncContextManager[Connection]]
    missed: Callable[[str, Nanos], Awaitable[Sequence[Bar]]]
    timing: Timing
    endurance: Endurance = field(default_factory=Endurance)

    async def events(self, symbols: Sequence[str]) -> AsyncGenerator[MarketEvent]:
        """Events as they happen; a bar that was corrected comes again, a repeated one does not.

        Raises:
            SettingsError: If the key or the plan is refused.
            LockHeld: If another session took the account's stream.
            ProviderError: If connections keep failing.
        """
        told = Told(self.timing.clock.now() // MINUTE * MINUTE)
        failures, why = 0, ""
        while failures <= self.endurance.attempts:
            try:
                async with self.connect() as connection:
                    async for event in self._spoken(connection, symbols, told, failures > 0):
                        failures = 0
                        yield event
            except Lost as loss:
                why = str(loss)
            if not self._in_session():
                return
            failures += 1
            await self.timing.sleep(self._pause(failures))
        raise ProviderError(
            f"{self.provider}: its stream broke {failures} times in a row, at last because {why}",
            hint="check the network, then start the session again",
        )

    async def _spoken(
        self, connection: Connection, symbols: Sequence[str], told: Told, is_again: bool
    ) -> AsyncIterator[MarketEvent]:
        """What one connection says, after what was missed before it."""
        if is_again:
            for bar in await self._missed(symbols, told):
                yield bar
        while True:
            heard = await self._heard(connection)
            for event in heard:
                for each in await self._news(event, told):
                    yield each
            if heard or not self._in_session():
                continue
            missed = await self._missed(symbols, told)
            for bar in missed:
                yield bar
            if missed:
                raise Lost("it was silent while the market was not")

    async def _heard(self, connection: Connection) -> list[MarketEvent]:
        """What the connection says next; nothing after a silence."""
        try:
            async with asyncio.timeout(self.endurance.silence):
                while not (heard := await connection.receive()):
                    pass
        except TimeoutError:
            return []
        return heard

    async def _news(self, event: MarketEvent, told: Told) -> list[MarketEvent]:
        """An event, after the minutes before it that the stream did not tell."""
        missed: list[MarketEvent] = []
        if told.is_gap_before(event):
            missed += await self._missed([event.symbol], told)
        return [*missed, event] if told.is_news(event) else missed

    async def _missed(self, symbols: Sequence[str], told: Told) -> list[Bar]:
        found = [bar for each in symbols for bar in await self.missed(each, told.since(each))]
        return [bar for bar in sorted(found, key=lambda bar: bar.end) if told.is_news(bar)]

    def _in_session(self) -> bool:
        now, calendar = self.timing.clock.now(), calendar_of(self.venue)
        day = calendar.local_day(now)
        session = calendar.session(day)
        return calendar.is_session(day) and session.open <= now < session.close + _LAST_BARS

    def _pause(self, failures: int) -> float:
        """Full jitter: a random part of a span that doubles."""
        span = self.endurance.first_wait * 2.0 ** (failures - 1)
        return self.timing.chance() * min(span, self.endurance.longest_wait)


class Told:
    """The bars a stream has handed on, so that none comes twice and a corrected one does."""

    KEPT = 2_000

    def __init__(self, begun: Nanos):
        self._begun = begun
        self._bars: dict[str, dict[Nanos, Bar]] = {}

    def is_news(self, event: MarketEvent) -> bool:
        """Whether the event is no repetition; from now on it would be."""
        if not isinstance(event, Bar):
            return True
        bars = self._bars.setdefault(event.symbol, {})
        if event.start < self._begun or bars.get(event.start) == event:
            return False
        bars[event.start] = event
        if len(bars) > self.KEPT:
            del bars[min(bars)]
        return True

    def is_gap_before(self, event: MarketEvent) -> bool:
        """Whether minutes are missing before a bar: nobody traded, or the stream lost them."""
        return isinstance(event, Bar) and event.start > self._next(event.symbol)

    def since(self, symbol: str) -> Nanos:
        """From when on to ask what was missed; a little back, for bars corrected meanwhile."""
        return max(self._begun, self._next(symbol) - _CORRECTED_WITHIN)

    def _next(self, symbol: str) -> Nanos:
        bars = self._bars.get(symbol)
        return bars[max(bars)].end if bars else self._begun
