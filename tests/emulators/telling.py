"""The part of an emulated stream that is the same for every provider: who is told what, when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Row
from tests.emulators.server import Emulator

from papertape.domain.clock import Nanos

Message = dict[str, Any]


@dataclass
class Telling:
    """One client's stream, which tells minutes as the market's clock lets them be known.

    A subclass says how a minute is told first, and again once a late trade has changed it.
    """

    emulator: Emulator
    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport | None
    symbols: set[str] = field(default_factory=set)
    looked: Nanos = 0

    def first(self, symbol: str, row: Row) -> Message:
        """A minute right after its end."""
        raise NotImplementedError

    def again(self, symbol: str, row: Row) -> Message | None:
        """A minute that changed, or None if the client did not ask for such."""
        raise NotImplementedError

    async def say(self, messages: list[Message]) -> None:
        """Send one frame."""
        await self.socket.send_json(messages)

    async def push(self) -> None:
        """Tell what has become known since the last look, a look every millisecond or so."""
        clock, shows = self.emulator.clock, self.emulator.switches.shows
        self.looked = clock.now()
        clock.audience.append(self)
        try:
            while not self.socket.closed:
                await asyncio.sleep(0.001)
                now = clock.now()
                told = self._known_between(self.looked, now)
                if told and not shows(Fault.MUTE):
                    await self._tell(told)
                self.looked = now
        finally:
            clock.audience.remove(self)

    async def _tell(self, told: list[Message]) -> None:
        shows = self.emulator.switches.shows
        if shows(Fault.NONSENSE):
            await self.socket.send_str("<html>not a message</html>")
        if shows(Fault.LOST_MESSAGES):
            told = told[1:]
        await self.say(told * 2 if shows(Fault.REPEATED_MESSAGES) else told)
        if shows(Fault.CLEAN_CLOSE):
            await self.socket.close(code=1000)
        if shows(Fault.DROP) and self.transport is not None:
            self.transport.abort()

    def _known_between(self, since: Nanos, now: Nanos) -> list[Message]:
        market, day = self.emulator.market, CALENDAR.local_day(now)
        told: list[tuple[Nanos, Message | None]] = []
        for symbol in sorted(self.symbols):
            firsts = {row.start: row for row in market.minutes_told(symbol, day)}
            for row in market.minutes(symbol, day):
                if since < row.end <= now:
                    told.append((row.end, self.first(symbol, firsts[row.start])))
                corrected = row.end + market.corrected_after
                if since < corrected <= now and firsts[row.start] != row:
                    told.append((corrected, self.again(symbol, row)))
        return [message for _, message in sorted(told, key=lambda pair: pair[0]) if message]
