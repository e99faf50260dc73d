"""Tiingo's stream of IEX: its greeting, what its frames hold, and what its errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import msgspec

from papertape.domain.errors import DataError, SettingsError
from papertape.domain.market import Quote, Trade
from papertape.plugins.market_data.keys import Key
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.refined import moment
from papertape.plugins.market_data.sockets import Socket, opened
from papertape.plugins.market_data.source import MarketEvent, ReferencePrice
from papertape.plugins.market_data.tiingo_answers import spelled

_REFERENCE = 6
_SLOT_IS_TAKEN = 30.0
"""Seconds after which another session's slot may be free again."""

Price: TypeAlias = ReferencePrice | Quote | Trade
_Number: TypeAlias = float | None
_Flag: TypeAlias = int | None


class _Said(msgspec.Struct, frozen=True):
    code: int
    message: str = ""


class _Frame(msgspec.Struct, frozen=True, rename="camel"):
    message_type: str
    response: _Said | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


_Reference: TypeAlias = tuple[str, str, _Number]
_Top: TypeAlias = tuple[
    str, str, int, str, _Number, _Number, _Number, _Number, _Number, _Number, _Number,
    _Flag, _Flag, _Flag, _Flag, _Flag,
]  # fmt: skip


class Prices:
    """What is asked of a stream, and what it has told: nothing twice, nothing out of order.

    Args:
        symbols: Whose prices are wanted.
        threshold: The provider's ``thresholdLevel``.
    """

    def __init__(self, symbols: Sequence[str], threshold: int):
        self._symbols = {spelled(symbol).lower(): symbol for symbol in symbols}
        self._threshold = threshold
        self._newest: dict[tuple[type[Price], str], list[Price]] = {}

    @property
    def wanted(self) -> dict[str, object]:
        """What a subscription asks for."""
        return {"thresholdLevel": self._threshold, "tickers": list(self._symbols)}

    def read(self, frame: str | bytes) -> list[MarketEvent]:
        """The news of a frame; none if it is a heartbeat.

        Raises:
            Lost: If it is no frame of Tiingo's, or another connection may do better.
            SettingsError: If the key or the plan is refused.
        """
        told = _frame(frame)
        if told.message_type not in ("A", "U"):
            return []
        try:
            event = self._price(told.data)
        except (msgspec.DecodeError, DataError) as fault:
            raise Lost(f"a frame is none ({fault})") from None
        return [event] if event is not None and self._is_news(event) else []

    def _price(self, data: msgspec.Raw) -> Price | None:
        if self._threshold == _REFERENCE:
            time, ticker, price = msgspec.json.decode(data, type=_Reference)
            symbol = self._symbols.get(ticker)
            return ReferencePrice(symbol, moment(time), price) if symbol and price else None
        return self._top(msgspec.json.decode(data, type=_Top))

    def _top(self, told: _Top) -> Quote | Trade | None:
        """A trade, or a quote that has both sides; a break names no trade of ours."""
        kind, _, time, ticker, bid_size, bid, _, ask, ask_size, last, last_size, *_ = told
        symbol = self._symbols.get(ticker)
        if symbol is None:
            return None
        if kind == "Q" and bid and ask:
            return Quote(symbol, time, bid, ask, int(bid_size or 0), int(ask_size or 0))
        if kind == "T" and last and last_size:
            return Trade(symbol, time, last, int(last_size))
        return None

    def _is_news(self, price: Price) -> bool:
        """Whether it is no older than its like, and not the same again.

        Assumption: equal trades of one nanosecond are one trade that was told twice.
        """
        key = type(price), price.symbol
        newest = self._newest.get(key, [])
        if newest and (price.time < newest[0].time or price in newest):
            return False
        is_later = not newest or price.time > newest[0].time
        self._newest[key] = [price] if is_later else [*newest, price]
        return True


class TiingoConnection:
    """An open stream that has been let in and told what is wanted."""

    def __init__(self, socket: Socket, prices: Prices):
        self._socket = socket
        self._prices = prices

    async def receive(self) -> list[MarketEvent]:
        """The next news; a heartbeat is none, and a stream of nothing else is silent.

        Raises:
            Lost: If there will be no more.
            SettingsError: If the key or the plan is refused.
        """
        while not (news := self._prices.read(await self._socket.frame())):
            pass
        return news

    async def greet(self, key: Key) -> None:
        """Say who asks for what; a heartbeat may come before the answer.

        Raises:
            Lost: If the provider ends it.
            SettingsError: If the key or the plan is refused.
        """
        await self._socket.send(
            {
                "eventName": "subscribe",
                "authorization": key.reveal(),
                "eventData": self._prices.wanted,
            }
        )
        kind = ""
        while kind != "I":
            kind = _frame(await self._socket.frame()).message_type


def _frame(frame: str | bytes) -> _Frame:
    try:
        told = msgspec.json.decode(frame, type=_Frame)
    except (msgspec.DecodeError, UnicodeError) as fault:
        raise Lost(f"a frame is none ({fault})") from None
    if told.response is not None:
        heed(told.response)
    return told


def heed(said: _Said) -> None:
    """Go on, or not.

    Raises:
        SettingsError: If the key or the plan is refused.
        Lost: If another connection may do better, now or later.
    """
    says = f"error {said.code}, {said.message}"
    match said.code:
        case code if code < 400:
            return
        case 401:
            raise SettingsError(
                f"tiingo: the stream refuses the key ({says})",
                hint="check TIINGO_API_KEY",
            )
        case 400 | 403:
            raise SettingsError(
                f"tiingo: the plan does not include this stream ({says})",
                hint="threshold=6 needs no more than a key; 5 and 0 need a market-data agreement "
                "with IEX",
            )
        case 429:
            raise Lost(
                f"another session may hold the account's one stream ({says}); look for another "
                "papertape or bot with this key",
                wait=_SLOT_IS_TAKEN,
            )
    raise Lost(says)


@asynccontextmanager
async def connected(address: str, key: Key, prices: Prices) -> AsyncIterator[TiingoConnection]:
    """An open stream of prices.

    Raises:
        Lost: If it cannot be opened, or breaks.
        SettingsError: If the address, the key or the plan is refused.
    """

    async def greet(socket: Socket) -> None:
        await TiingoConnection(socket, prices).greet(key)

    async with opened(address, (key,), "tiingo", greet) as socket:
        yield TiingoConnection(socket, prices)
