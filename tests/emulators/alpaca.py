"""Alpaca's market data on loopback: bars by pages, corporate actions, quotes, the v2 stream."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgpack
from aiohttp import WSMsgType, web
from tests.emulators.faults import Fault
from tests.emulators.market import Row, grouped, midnight
from tests.emulators.server import KEY, SECRET, Emulator
from tests.emulators.spoiling import Rows, spoiled
from tests.emulators.telling import Telling

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos, rfc3339, utc
from papertape.domain.market import Split

CALENDAR = calendar_of("XNYS")
LENGTHS = {"Min": 1, "T": 1, "Hour": 60, "H": 60}


@dataclass
class AlpacaEmulator(Emulator):
    """Serves the market as Alpaca does."""

    connected: int = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/stocks/bars", self._bars),
            web.get("/v2/stocks/quotes/latest", self._quotes),
            web.get("/v1/corporate-actions", self._actions),
            web.get("/v2/{feed}", self._stream),
        ]

    def admits(self, request: web.Request) -> bool:
        sent = request.headers
        return (sent.get("APCA-API-KEY-ID"), sent.get("APCA-API-SECRET-KEY")) == (KEY, SECRET)

    async def _bars(self, request: web.Request) -> web.Response:
        query = request.query
        now = self.clock.now()
        start, end = _time(query["start"]), _time(query.get("end") or rfc3339(now))
        if query.get("feed") == "sip" and end > now - 15 * MINUTE:
            words = "subscription does not permit querying recent SIP data"
            return web.json_response({"code": 42210000, "message": words}, status=403)
        told: list[tuple[str, dict[str, Any]]] = []
        for symbol in sorted(query["symbols"].split(",")):
            rows = self.rows(symbol, query["timeframe"], start, end, query.get("adjustment", "raw"))
            told += [(symbol, row) for row in spoiled(rows, self.switches)]
        page, token = self._page(told, query.get("page_token"), int(query.get("limit", "1000")))
        bars: dict[str, Rows] = {}
        for symbol, row in page:
            bars.setdefault(symbol, []).append(row)
        return web.json_response(
            {"bars": bars or None, "next_page_token": token, "currency": "USD"}
        )

    def _page(self, told: list[Any], token: str | None, limit: int) -> tuple[list[Any], str | None]:
        start = int(base64.b64decode(token)) if token else 0
        end = start + min(limit, self.page)
        page = told[start:end]
        if start and self.switches.shows(Fault.PAGE_OVERLAP):
            page = told[start - 1 : end]
        if self.switches.shows(Fault.PAGE_LOOP):
            return page, _token(str(start))
        if self.switches.shows(Fault.EMPTY_PAGE):
            return [], _token(f"{start:05d}")
        return page, _token(str(end)) if end < len(told) else None

    def rows(self, symbol: str, timeframe: str, start: Nanos, end: Nanos, adjustment: str) -> Rows:
        """Bars that begin within a span, as Alpaca writes them."""
        first, last = CALENDAR.local_day(start), CALENDAR.local_day(end)
        now = self.clock.now()
        if timeframe in ("1Day", "1D"):
            rows = self.market.daily_known(symbol, first, last, now)
        else:
            count = int("".join(c for c in timeframe if c.isdigit()))
            minutes = count * LENGTHS["".join(c for c in timeframe if c.isalpha())]
            days = self.market.sessions(first, last)
            known = [row for day in days for row in self.market.minutes_known(symbol, day, now)]
            rows = grouped(known, minutes)
        if adjustment != "raw":
            rows = self.market.adjusted(symbol, rows, splits_only=adjustment == "split")
        daily = timeframe in ("1Day", "1D")
        stamped = [(midnight(row.start) if daily else row.start, row) for row in rows]
        return [
            {"t": rfc3339(stamp), **figures(row)} for stamp, row in stamped if start <= stamp <= end
        ]

    async def _quotes(self, request: web.Request) -> web.Response:
        quotes = {}
        for symbol in request.query["symbols"].split(","):
            last = self.market.last(symbol, self.clock.now())
            if last is not None:
                quotes[symbol] = {
                    "t": rfc3339(last.end),
                    "ax": "V",
                    "ap": round(last.close + 0.01, 2),
                    "as": 100,
                    "bx": "V",
                    "bp": round(last.close - 0.01, 2),
                    "bs": 200,
                    "c": ["R"],
                    "z": "C",
                }
                if self.switches.shows(Fault.NULL_FIELDS):
                    quotes[symbol]["bp"] = 0
        return web.json_response({"quotes": {} if self.switches.shows(Fault.EMPTY) else quotes})

    async def _actions(self, request: web.Request) -> web.Response:
        query = request.query
        first, last = date.fromisoformat(query["start"]), date.fromisoformat(query["end"])
        splits, dividends = [], []
        for symbol in query["symbols"].split(","):
            for action in self.market.actions(symbol):
                day = str(action.ex_date)
                if not first <= action.ex_date <= last:
                    continue
                common = {
                    "id": str(uuid5(NAMESPACE_OID, symbol + day)),
                    "symbol": symbol,
                    "cusip": "000000000",
                }
                common |= {"process_date": day, "ex_date": day}
                if isinstance(action, Split):
                    ratio = action.ratio
                    splits.append(
                        {**common, "new_rate": ratio.numerator, "old_rate": ratio.denominator}
                    )
                else:
                    paid = {"payable_date": str(action.pay_date), "rate": action.amount / 1e6}
                    dividends.append({**common, **paid, "special": False, "foreign": False})
        groups = {"forward_splits": splits, "cash_dividends": dividends}
        return web.json_response({"corporate_actions": groups, "next_page_token": None})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        packed = request.headers.get("Content-Type") == "application/msgpack"
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        session = _Session(self, socket, request.transport, packed=packed)
        with suppress(ConnectionError, asyncio.CancelledError):
            await session.run()
        return socket


@dataclass
class _Session(Telling):
    """One client's stream: control messages, then bars."""

    emulator: AlpacaEmulator
    packed: bool = False
    updates: set[str] = field(default_factory=set)

    async def run(self) -> None:
        shows = self.emulator.switches.shows
        await self.say([{"T": "success", "msg": "connected"}])
        hello = await self._hear()
        if hello is None:
            return None
        if (hello.get("key"), hello.get("secret")) != (KEY, SECRET) or shows(Fault.KEY_REFUSED):
            return await self._refuse(402, "auth failed")
        if shows(Fault.CONNECTION_LIMIT):
            return await self._refuse(406, "connection limit exceeded")
        if shows(Fault.PLAN_REFUSED):
            return await self._refuse(409, "insufficient subscription")
        await self.say([{"T": "success", "msg": "authenticated"}])
        self.emulator.connected += 1
        pushing = asyncio.create_task(self.push())
        try:
            while (message := await self._hear()) is not None:
                if message.get("action") == "subscribe":
                    self.symbols |= set(message.get("bars", []))
                    self.updates |= set(message.get("updatedBars", []))
                    sets = {"bars": sorted(self.symbols), "updatedBars": sorted(self.updates)}
                    await self.say([{"T": "subscription", "trades": [], "quotes": [], **sets}])
        finally:
            pushing.cancel()

    def first(self, symbol: str, row: Row) -> dict[str, Any]:
        return self._bar("b", symbol, row)

    def again(self, symbol: str, row: Row) -> dict[str, Any] | None:
        return self._bar("u", symbol, row) if symbol in self.updates else None

    def _bar(self, kind: str, symbol: str, row: Row) -> dict[str, Any]:
        stamp: Any = rfc3339(row.start)
        if self.packed:
            stamp = msgpack.Timestamp.from_datetime(utc(row.start))
        return {"T": kind, "S": symbol, **figures(row), "t": stamp}

    async def say(self, messages: list[dict[str, Any]]) -> None:
        if self.packed:
            await self.socket.send_bytes(msgpack.packb(messages))
        else:
            await self.socket.send_str(json.dumps(messages))

    async def _refuse(self, code: int, words: str) -> None:
        await self.say([{"T": "error", "code": code, "msg": words}])
        await self.socket.close()

    async def _hear(self) -> dict[str, Any] | None:
        message = await self.socket.receive()
        if message.type is WSMsgType.BINARY:
            return dict(msgpack.unpackb(message.data))
        return dict(json.loads(message.data)) if message.type is WSMsgType.TEXT else None


def figures(row: Row) -> dict[str, Any]:
    """A bar's numbers by Alpaca's names."""
    return {
        "o": row.open, "h": row.high, "l": row.low, "c": row.close,
        "v": row.volume, "n": row.trades, "vw": row.vwap,
    }  # fmt: skip


def _token(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _time(text: str) -> Nanos:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND
