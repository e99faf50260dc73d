"""Tiingo on loopback: end-of-day prices, IEX bars cut to the last rows, prices and their stream."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from aiohttp import WSMsgType, web
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Row, grouped
from tests.emulators.server import KEY, Emulator
from tests.emulators.spoiling import Rows, spoiled
from tests.emulators.telling import Message, Telling

from papertape.domain.clock import SECOND, Nanos, rfc3339, utc
from papertape.domain.market import Dividend, Split

HEARTBEAT = {"messageType": "H", "response": {"code": 200, "message": "HeartBeat"}}
NAMES = {"high": "high", "low": "low", "close": "close"}


@dataclass
class TiingoEmulator(Emulator):
    """Serves the market as Tiingo does; `agreement` shows bid and ask, and streams them."""

    page: int = 2_000
    agreement: bool = False
    connected: int = 0

    limit_body: ClassVar[dict[str, Any]] = {
        "detail": "Error: You have run over your hourly request allocation. Please upgrade."
    }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/tiingo/daily/{ticker}/prices", self._daily),
            web.get("/iex", self._stream),
            web.get("/iex/", self._prices),
            web.get("/iex/{ticker}/prices", self._intraday),
        ]

    def admits(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Token {KEY}"

    async def _daily(self, request: web.Request) -> web.Response:
        symbol = _symbol(request.match_info["ticker"])
        first, last = _span(request)
        rows = self.market.daily_known(symbol, first, last, self.clock.now())
        if not self.market.last(symbol, self.clock.now()):
            return web.json_response({"detail": "Not found."}, status=404)
        adjusted = self.market.adjusted(symbol, rows)
        told = [self._row(symbol, *pair) for pair in zip(rows, adjusted, strict=True)]
        return web.json_response(spoiled(told, self.switches, **NAMES))

    def _row(self, symbol: str, row: Row, adjusted: Row) -> dict[str, Any]:
        day = CALENDAR.local_day(row.start)
        today = [each for each in self.market.actions(symbol) if each.ex_date == day]
        paid = sum(each.amount / 1e6 for each in today if isinstance(each, Dividend))
        splits = [float(each.ratio) for each in today if isinstance(each, Split)]
        return {
            "date": f"{day}T00:00:00.000Z",
            **_figures(row),
            "adjOpen": adjusted.open,
            "adjHigh": adjusted.high,
            "adjLow": adjusted.low,
            "adjClose": adjusted.close,
            "adjVolume": adjusted.volume,
            "divCash": paid,
            "splitFactor": splits[0] if splits else 1.0,
        }

    async def _intraday(self, request: web.Request) -> web.Response:
        symbol, query = _symbol(request.match_info["ticker"]), request.query
        first, last = _span(request)
        now = self.clock.now()
        known: list[Row] = []
        for day in self.market.sessions(first, last):
            session = CALENDAR.session(day)
            known += [
                row
                for row in self.market.minutes_known(symbol, day, now)
                if session.open <= row.start < session.close
            ]
        rows = grouped(known, _minutes(query["resampleFreq"]))[-self.page :]
        told: Rows = [{"date": _stamp(row.start), **_figures(row)} for row in rows]
        if "volume" not in query.get("columns", ""):
            for each in told:
                del each["volume"]
        return web.json_response(spoiled(told, self.switches, **NAMES))

    async def _prices(self, request: web.Request) -> web.Response:
        told = []
        for ticker in request.query["tickers"].split(","):
            last = self.market.last(_symbol(ticker), self.clock.now())
            if last is None:
                continue
            price: dict[str, Any] = {
                "ticker": ticker.upper(),
                "timestamp": _stamp(last.end),
                "tngoLast": None if self.switches.shows(Fault.NULL_FIELDS) else last.close,
                **dict.fromkeys(("quoteTimestamp", "bidPrice", "bidSize", "askPrice", "askSize")),
            }
            if self.agreement:
                price |= {
                    "quoteTimestamp": _stamp(last.end).replace("Z", "+00:00"),
                    "bidPrice": round(last.close - 0.01, 2),
                    "bidSize": 200,
                    "askPrice": round(last.close + 0.01, 2),
                    "askSize": 100,
                }
            told.append(price)
        return web.json_response([] if self.switches.shows(Fault.EMPTY) else told)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        with suppress(ConnectionError, asyncio.CancelledError):
            await _Session(self, socket, request.transport).run()
        return socket


@dataclass
class _Session(Telling):
    """One client's stream: heartbeats, and a price or a trade and a quote a minute."""

    emulator: TiingoEmulator
    reference: bool = True

    async def run(self) -> None:
        shows = self.emulator.switches.shows
        hello = await self._hear()
        if hello is None or hello["eventName"] != "subscribe":
            return None
        await self.socket.send_json(HEARTBEAT)  # one may come before the answer
        level = hello["eventData"]["thresholdLevel"]
        if hello["authorization"] != KEY or shows(Fault.KEY_REFUSED):
            return await self._refuse(401, "Invalid token.")
        if shows(Fault.CONNECTION_LIMIT):
            return await self._refuse(429, "too many connections")
        if (level != 6 and not self.emulator.agreement) or shows(Fault.PLAN_REFUSED):
            return await self._refuse(400, "thresholdLevel not valid for this subscription")
        self.reference = level == 6
        self.symbols |= {_symbol(ticker) for ticker in hello["eventData"]["tickers"]}
        said = {"response": {"code": 200, "message": "Success"}, "data": {"subscriptionId": 61}}
        await self.socket.send_json({"messageType": "I"} | said)
        self.emulator.connected += 1
        tasks = [asyncio.create_task(work) for work in (self.push(), self._beat())]
        try:
            while await self._hear() is not None:
                pass
        finally:
            for task in tasks:
                task.cancel()

    async def _beat(self) -> None:
        clock = self.emulator.clock
        last = clock.now()
        while not self.socket.closed:
            if clock.now() >= last + 30 * SECOND:
                last = clock.now()
                await self.socket.send_json(HEARTBEAT)
            await asyncio.sleep(0.001)

    def first(self, symbol: str, row: Row) -> Message:
        time = utc(row.end).astimezone(CALENDAR.zone).isoformat(timespec="microseconds")
        stamp, ticker = time[:-6] + "000" + time[-6:], symbol.lower().replace(".", "-")
        if self.reference:
            return {"frames": [[stamp, ticker, row.close]]}
        bid, ask = round(row.close - 0.01, 2), round(row.close + 0.01, 2)
        quote = [200, bid, row.close, ask, 100, None, None, 0, 0, None, None, None]
        trade = [None, None, None, None, None, row.close, row.volume, None, 0, 0, 0, 0]
        head = [stamp, row.end, ticker]
        return {"frames": [["Q", *head, *quote], ["T", *head, *trade]]}

    def again(self, symbol: str, row: Row) -> Message:
        return self.first(symbol, row)

    async def say(self, messages: list[Message]) -> None:
        for message in messages:
            for data in message["frames"]:
                await self.socket.send_json({"messageType": "A", "service": "iex", "data": data})

    async def _refuse(self, code: int, words: str) -> None:
        said = {"code": code, "message": words}
        await self.socket.send_json({"messageType": "E", "response": said})
        await self.socket.close()

    async def _hear(self) -> dict[str, Any] | None:
        message = await self.socket.receive()
        return dict(json.loads(message.data)) if message.type is WSMsgType.TEXT else None


def _figures(row: Row) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume")
    return {name: getattr(row, name) for name in names}


def _symbol(ticker: str) -> str:
    return ticker.upper().replace("-", ".")


def _span(request: web.Request) -> tuple[date, date]:
    query = request.query
    return date.fromisoformat(query["startDate"]), date.fromisoformat(query["endDate"])


def _minutes(length: str) -> int:
    return int(length.removesuffix("hour")) * 60 if "hour" in length else int(length[:-3])


def _stamp(moment: Nanos) -> str:
    return rfc3339(moment).replace("Z", ".000Z")
