"""Alpaca's stream v2: its greetings, what its frames hold, and what its error codes mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import numpy as np

from papertape.domain.clock import MINUTE
from papertape.domain.errors import DataError, SettingsError
from papertape.domain.market import Bar, quantised
from papertape.plugins.market_data.keys import Key
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.refined import moment
from papertape.plugins.market_data.sockets import Socket, opened
from papertape.plugins.market_data.source import AmendedBar, MarketEvent

_SLOT_IS_TAKEN = 30.0
"""Seconds after which another session's slot may be free again."""


class Word(msgspec.Struct, frozen=True):
    """A control message: a success, a subscription or an error."""

    T: str
    msg: str = ""
    code: int = 0


class _Minute(msgspec.Struct, frozen=True):
    T: str
    S: str
    t: str
    o: float
    h: float
    l: float  # noqa: E741  (the provider's name)
    c: float
    v: float

    def event(self) -> MarketEvent:
        start = moment(self.t)
        o, h, low, c = quantised(np.array([self.o, self.h, self.l, self.c])).tolist()
        bar = Bar(self.S, start, start + MINUTE, o, h, low, c, self.v)
        return AmendedBar(bar, 1) if self.T == "u" else bar


_KINDS: dict[str, type[Word] | type[_Minute]] = {
    "success": Word,
    "subscription": Word,
    "error": Word,
    "b": _Minute,
    "u": _Minute,
}


def read_frame(frame: str | bytes) -> list[Word | MarketEvent]:
    """What a frame says, in order; kinds that nobody subscribed to are left out.

    Raises:
        Lost: If it is no frame of Alpaca's.
    """
    try:
        rows = msgspec.json.decode(frame, type=list[dict[str, Any]])
        found = [msgspec.convert(row, _KINDS[row["T"]]) for row in rows if row.get("T") in _KINDS]
        return [each if isinstance(each, Word) else each.event() for each in found]
    except (msgspec.DecodeError, DataError, UnicodeError) as fault:
        raise Lost(f"a frame is none ({fault})") from None


class AlpacaConnection:
    """An open stream that has been let in and told what is wanted."""

    def __init__(self, socket: Socket):
        self._socket = socket

    async def receive(self) -> list[MarketEvent]:
        """The events of the next frame.

        Raises:
            Lost: If there will be no more.
            SettingsError: If the key or the plan is refused.
        """
        events: list[MarketEvent] = []
        for each in await self._frame():
            if isinstance(each, Word):
                heed(each)
            else:
                events.append(each)
        return events

    async def greet(self, key: Key, secret: Key, symbols: Sequence[str]) -> None:
        """Show the keys, then say what is wanted: minutes, and minutes that changed.

        Raises:
            Lost: If the provider ends it.
            SettingsError: If the key or the plan is refused.
        """
        await self._answer("connected")
        await self._socket.send({"action": "auth", "key": key.reveal(), "secret": secret.reveal()})
        await self._answer("authenticated")
        await self._socket.send(
            {"action": "subscribe", "bars": list(symbols), "updatedBars": list(symbols)}
        )
        await self._answer("")

    async def _answer(self, words: str) -> None:
        for each in await self._frame():
            if isinstance(each, Word):
                heed(each)
                if each.msg == words:
                    return
        raise Lost(f"it did not say {words or 'what is subscribed'}")

    async def _frame(self) -> list[Word | MarketEvent]:
        return read_frame(await self._socket.frame())


def heed(word: Word) -> None:
    """Go on, or not.

    Raises:
        SettingsError: If the key, the plan or the number of symbols is refused.
        Lost: If another connection may do better, now or later.
    """
    if word.T != "error" or word.code == 403:  # already authenticated
        return
    says = f"error {word.code}, {word.msg}"
    match word.code:
        case 402:
            raise SettingsError(
                f"alpaca: the stream refuses the key ({says})",
                hint="check ALPACA_API_KEY and ALPACA_SECRET_KEY",
            )
        case 405 | 408 | 409 | 410:
            raise SettingsError(
                f"alpaca: the plan does not include this stream ({says})",
                hint="use live_feed=iex, and at most 30 symbols on a free plan",
            )
        case 406:
            raise Lost(
                f"another session holds the account's one stream ({says}); look for another "
                "papertape or bot with this key",
                wait=_SLOT_IS_TAKEN,
            )
    raise Lost(says)


@asynccontextmanager
async def connected(
    address: str, keys: tuple[Key, Key], symbols: Sequence[str]
) -> AsyncIterator[AlpacaConnection]:
    """An open stream of minutes.

    Raises:
        Lost: If it cannot be opened, or breaks.
        SettingsError: If the address, the key or the plan is refused.
    """

    async def greet(socket: Socket) -> None:
        await AlpacaConnection(socket).greet(*keys, symbols)

    async with opened(address, keys, "alpaca", greet) as socket:
        yield AlpacaConnection(socket)
