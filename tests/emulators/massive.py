"""Massive (formerly Polygon) on loopback: aggregates by pages, reference, last quote, stream."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from aiohttp import WSCloseCode, WSMsgType, web
from tests.emulators.faults import Fault
from tests.emulators.market import (
    CALENDAR,
    FIRST,
    SYMBOLS,
    Row,
    grouped,
    midnight,
)
from tests.emulators.server import KEY, OTHER_HOST, Emulator
from tests.emulators.spoiling import Rows, spoiled
from tests.emulators.telling import Telling

from papertape.domain.market import Dividend, Split

Json = dict[str, Any]

MILLISECOND = 1_000_000
UNITS = {"minute": 1, "hour": 60}


@dataclass
class MassiveEmulator(Emulator):
    """Serves the market as Massive does; `has_quotes` is a matter of the plan.

    Where `answer` is set, the next `answers_left` questions for bars get that.
    """

    has_quotes: bool = True
    answer: Any = None
    answers_left: int = 1_000
    connected: int = 0
    streaming: _Session | None = None

    limit_body: ClassVar[Json] = {
        "status": "ERROR",
        "request_id": "9f0c",
        "error": "You've exceeded the maximum requests per minute, please wait or upgrade",
    }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/aggs/ticker/{symbol}/range/{count}/{unit}/{first}/{last}", self.bars),
            web.get("/v2/aggs/grouped/locale/us/market/stocks/{day}", self.grouped),
            web.get("/v2/last/nbbo/{symbol}", self.last_quote),
            web.get("/v3/reference/splits", self.splits),
            web.get("/v3/reference/dividends", self.dividends),
            web.get("/v3/reference/tickers/{symbol}", self.ticker),
            web.get("/stocks", self.stream),
        ]

    def admits(self, request: web.Request) -> bool:
        return KEY in (
            request.headers.get("Authorization", "").removeprefix("Bearer "),
            request.query.get("apiKey"),
        )

    async def bars(self, request: web.Request) -> web.Response:
        asked = request.match_info
        if self.answer is not None and self.answers_left > 0:
            self.answers_left -= 1
            return web.json_response(self.answer)
        symbol, adjusted = asked["symbol"], request.query.get("adjusted") != "false"
        rows = self._rows(
            symbol,
            int(asked["count"]) * UNITS.get(asked["unit"], 0),
            _day(asked["first"]),
            _day(asked["last"]),
        )
        if adjusted:
            rows = self.market.adjusted(symbol, rows, splits_only=True)
        told = [_aggregate(row, daily=asked["unit"] == "day") for row in rows]
        told = spoiled([row for row in told if row["t"] >= _since(asked["first"])], self.switches)
        return self._page(request, told, ticker=symbol, adjusted=adjusted, queryCount=len(told))

    async def grouped(self, request: web.Request) -> web.Response:
        day = date.fromisoformat(request.match_info["day"])
        told = [
            {"T": symbol} | _aggregate(row, daily=True)
            for symbol in SYMBOLS
            for row in self.market.daily(symbol, day, day)
        ]
        return _ok(adjusted=False, resultsCount=len(told), **({"results": told} if told else {}))

    async def last_quote(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if not self.has_quotes:
            words = "You are not entitled to this data. Please upgrade your plan"
            return _error(403, "NOT_AUTHORIZED", words)
        last = self.market.last(symbol, self.clock.now())
        if last is None or self.switches.shows(Fault.EMPTY):
            return _error(404, "NOT_FOUND", "Data not found.")
        bid, ask = round(last.close - 0.01, 2), round(last.close + 0.01, 2)
        if self.switches.shows(Fault.NULL_FIELDS):
            bid = 0
        told = {"T": symbol, "p": bid, "s": 200, "P": ask, "S": 300, "t": last.end, "x": 11}
        return _ok(results=told)

    async def splits(self, request: web.Request) -> web.Response:
        told = [
            {
                "id": f"E{number}",
                "ticker": each.symbol,
                "execution_date": str(each.ex_date),
                "split_from": each.ratio.denominator,
                "split_to": each.ratio.numerator,
            }
            for number, each in enumerate(self.market.actions(request.query["ticker"]))
            if isinstance(each, Split) and _within(each.ex_date, request, "execution_date")
        ]
        return self._page(request, told)

    async def dividends(self, request: web.Request) -> web.Response:
        told = [
            {
                "id": f"E{number}",
                "ticker": each.symbol,
                "ex_dividend_date": str(each.ex_date),
                "pay_date": str(each.pay_date),
                "cash_amount": each.amount / 1e6,
                "currency": "USD",
                "dividend_type": "CD",
                "frequency": 4,
            }
            for number, each in enumerate(self.market.actions(request.query["ticker"]))
            if isinstance(each, Dividend) and _within(each.ex_date, request, "ex_dividend_date")
        ]
        return self._page(request, told)

    async def ticker(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if symbol not in SYMBOLS:
            return _error(404, "NOT_FOUND", "Ticker not found.")
        return _ok(results={"ticker": symbol, "active": True, "list_date": str(FIRST)})

    def _rows(self, symbol: str, minutes: int, first: date, last: date) -> list[Row]:
        now = self.clock.now()
        if not minutes:
            return self.market.daily_known(symbol, first, last, now)
        days = self.market.sessions(first, last)
        known = [row for day in days for row in self.market.minutes_known(symbol, day, now)]
        return grouped(known, minutes)

    def _page(self, request: web.Request, rows: Rows, **also: Any) -> web.Response:
        """One page of rows, with an absolute address of the next one."""
        shows = self.switches.shows
        size = min(int(request.query.get("limit", 5_000)), self.page)
        at, _, again = base64.b64decode(request.query.get("cursor", "MC4=")).decode().partition(".")
        start = int(at)
        page, following = rows[start : start + size], start + size
        if shows(Fault.PAGE_LOOP):
            following = start
        elif start and shows(Fault.PAGE_OVERLAP):
            page = rows[start - 1 : start + size]
        elif shows(Fault.EMPTY_PAGE):
            page, following, again = [], start, f"{again}x"  # the same place by another cursor
        told: Json = {"resultsCount": len(page), "count": len(page)} | also
        if page:
            told["results"] = page
        if following < len(rows):
            host = OTHER_HOST if shows(Fault.FOREIGN_NEXT) else self.url
            cursor = base64.b64encode(f"{following}.{again}".encode()).decode()
            query = {name: each for name, each in request.query.items() if name != "apiKey"}
            told["next_url"] = host + request.url.with_query(query | {"cursor": cursor}).raw_path_qs
        return _ok(**told)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session = _Session(self, socket, request.transport)
        with suppress(ConnectionError, asyncio.CancelledError):
            await session.run()
        return socket


@dataclass
class _Session(Telling):
    """One client's stream: greetings, then minutes."""

    emulator: MassiveEmulator

    async def run(self) -> None:
        shows = self.emulator.switches.shows
        await self._status("connected", "Connected Successfully")
        hello = await self._hear()
        if hello is None:
            return
        if hello["params"] != KEY or shows(Fault.KEY_REFUSED):
            await self._status("auth_failed", "authentication failed")
            await self.socket.close()
            return
        await self._status("auth_success", "authenticated")
        self.emulator.connected += 1
        await self._evict()
        pushing = asyncio.create_task(self.push())
        try:
            while (message := await self._hear()) is not None:
                await self._subscribe(message["params"].split(","))
        finally:
            pushing.cancel()

    async def _evict(self) -> None:
        """Throw out whoever was connected before: the newer connection stays."""
        older, self.emulator.streaming = self.emulator.streaming, self
        if self.emulator.switches.shows(Fault.CONNECTION_LIMIT):
            older = self
        if older is not None and not older.socket.closed:
            await older._status("max_connections", "Maximum number of websocket connections")
            await older.socket.close(code=WSCloseCode.POLICY_VIOLATION)

    async def _subscribe(self, channels: list[str]) -> None:
        for channel in channels:
            kind, _, symbol = channel.partition(".")
            if kind != "AM" or self.emulator.switches.shows(Fault.PLAN_REFUSED):
                await self._status("error", f"not authorized: {channel}")
            else:
                self.symbols.add(symbol)
                await self._status("success", f"subscribed to: {channel}")

    def first(self, symbol: str, row: Row) -> Json:
        span = {"s": row.start // MILLISECOND, "e": row.end // MILLISECOND}
        return {"ev": "AM", "sym": symbol, **span, **_figures(row), "vw": row.vwap, "z": 88}

    def again(self, symbol: str, row: Row) -> Json:
        return self.first(symbol, row)  # by the same name, without any mark

    async def _status(self, word: str, message: str) -> None:
        await self.say([{"ev": "status", "status": word, "message": message}])

    async def _hear(self) -> Json | None:
        message = await self.socket.receive()
        return dict(json.loads(message.data)) if message.type is WSMsgType.TEXT else None


def _aggregate(row: Row, *, daily: bool) -> Json:
    start = midnight(row.start) if daily else row.start
    return {"t": start // MILLISECOND, **_figures(row), "vw": row.vwap, "n": row.trades}


def _figures(row: Row) -> Json:
    return {"o": row.open, "h": row.high, "l": row.low, "c": row.close, "v": float(row.volume)}


def _day(text: str) -> date:
    if text.isdecimal():
        return CALENDAR.local_day(int(text) * MILLISECOND)
    return date.fromisoformat(text)


def _since(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _within(day: date, request: web.Request, name: str) -> bool:
    first = request.query.get(f"{name}.gte", "0001-01-01")
    return first <= str(day) <= request.query.get(f"{name}.lte", "9999-12-31")


def _ok(**told: Any) -> web.Response:
    return web.json_response({"status": "OK", "request_id": "9f0c"} | told)


def _error(status: int, word: str, message: str) -> web.Response:
    told = {"status": word, "request_id": "9f0c", "message": message}
    return web.json_response(told, status=status)
