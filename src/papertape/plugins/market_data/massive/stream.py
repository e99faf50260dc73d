"""Massive's stream: its greetings, what its frames hold, and what its statuses mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import numpy as np

from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.errors import DataError, LockHeld, SettingsError
from papertape.domain.market import Bar, Quote, Trade, quantised
from papertape.plugins.market_data.keys import Key
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.massive.answers import MILLISECOND
from papertape.plugins.market_data.sockets import Socket, opened
from papertape.plugins.market_data.source import AmendedBar, MarketEvent


class Status(msgspec.Struct, frozen=True):
    """A word about the connection itself."""

    status: str
    message: str = ""


class _Minute(msgspec.Struct, frozen=True):
    sym: str
    s: int
    o: float
    h: float
    l: float  # noqa: E741 - the provider's name
    c: float
    v: float

    def event(self) -> Bar:
        start = self.s * MILLISECOND
        o, h, low, c = quantised(np.array([self.o, self.h, self.l, self.c])).tolist()
        return Bar(self.sym, start, start + MINUTE, o, h, low, c, self.v)


class _Print(msgspec.Struct, frozen=True):
    sym: str
    p: float
    s: float
    t: int

    def event(self) -> Trade | None:
        # A fraction of a share is no share.
        size = int(self.s)
        return Trade(self.sym, self.t * MILLISECOND, self.p, size) if size else None


class _Quote(msgspec.Struct, frozen=True, rename={"as_": "as"}):
    sym: str
    t: int
    bp: float = 0
    ap: float = 0
    bs: float = 0
    as_: float = 0

    def event(self) -> Quote | None:
        if not (self.bp and self.ap):
            return None
        return Quote(self.sym, self.t * MILLISECOND, self.bp, self.ap, int(self.bs), int(self.as_))


_KINDS = {"status": Status, "AM": _Minute, "T": _Print, "Q": _Quote}


def read_frame(frame: str | bytes) -> list[Status | MarketEvent]:
    """What a frame says, in order; a side without a quote makes no quote.

    Raises:
        Lost: If it is no frame of Massive's.
    """
    try:
        rows = msgspec.json.decode(frame, type=list[dict[str, Any]])
        found = [msgspec.convert(row, _KINDS[row["ev"]]) for row in rows if row.get("ev") in _KINDS]
        events = [each if isinstance(each, Status) else each.event() for each in found]
    except (msgspec.DecodeError, DataError) as fault:
        raise Lost(f"a frame is none ({fault})") from None
    return [event for event in events if event is not None]


class MassiveConnection:
    """An open stream that has been let in and told what is wanted."""

    def __init__(self, socket: Socket):
        self._socket = socket
        self._latest: dict[str, Nanos] = {}

    async def receive(self) -> list[MarketEvent]:
        """The events of the next frame; a minute that was told before comes amended.

        Raises:
            Lost: If there will be no more.
            SettingsError: If a channel is refused.
            LockHeld: If another session took the stream.
        """
        events: list[MarketEvent] = []
        for each in read_frame(await self._socket.frame()):
            if isinstance(each, Status):
                heed(each)
            elif isinstance(each, Bar):
                events.append(self._placed(each))
            else:
                events.append(each)
        return events

    async def greet(self, key: Key, channels: Sequence[str]) -> None:
        """Show the key, then say what is wanted; a refused channel is heard of later.

        Raises:
            Lost: If the provider ends it.
            SettingsError: If the key is refused.
            LockHeld: If another session took the stream.
        """
        await self._wait_for("connected")
        await self._socket.send({"action": "auth", "params": key.reveal()})
        await self._wait_for("auth_success")
        await self._socket.send({"action": "subscribe", "params": ",".join(channels)})

    async def _wait_for(self, status: str) -> None:
        said: set[str] = set()
        while status not in said:
            for each in read_frame(await self._socket.frame()):
                if isinstance(each, Status):
                    heed(each)
                    said.add(each.status)

    def _placed(self, bar: Bar) -> Bar | AmendedBar:
        """A correction has the name of a minute that was told already, and no other mark."""
        latest = self._latest.get(bar.symbol, 0)
        self._latest[bar.symbol] = max(latest, bar.start)
        return bar if bar.start > latest else AmendedBar(bar, 1)


def heed(status: Status) -> None:
    """Go on, or not.

    Raises:
        SettingsError: If the key or a channel is refused.
        LockHeld: If another session took the stream; connecting again would only throw that out.
        Lost: If the provider is about to hang up.
    """
    match status.status:
        case "auth_failed":
            raise SettingsError(
                f"massive: the stream refuses the key ({status.message})",
                hint="check MASSIVE_API_KEY; a free plan has no stream",
            )
        case "error":
            raise SettingsError(
                f"massive: the stream refuses a channel ({status.message})",
                hint="the plan does not include it, or a symbol is wrong",
            )
        case "max_connections":
            raise LockHeld(
                "massive: another session connected with this key, and only one may stream",
                hint="stop the other session (it may run on another machine), then start again",
            )
        case "auth_timeout" | "slow_consumer" | "force_disconnect":
            raise Lost(f"{status.status}: {status.message}")


@asynccontextmanager
async def connected(
    address: str, key: Key, channels: Sequence[str]
) -> AsyncIterator[MassiveConnection]:
    """An open stream of some channels, like ``AM.AAPL``.

    Raises:
        Lost: If it cannot be opened, or breaks.
        SettingsError: If the address or the key is refused.
        LockHeld: If another session took the stream.
    """

    async def greet(socket: Socket) -> None:
        await MassiveConnection(socket).greet(key, channels)

    async with opened(address, (key,), "massive", greet) as socket:
        yield MassiveConnection(socket)
