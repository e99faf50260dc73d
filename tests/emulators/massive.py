"""Massive (formerly Polygon) on loopback: aggregates by pages, reference, last quote, stream."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar

from aiohttp import web
from tests.emulators.market import CALENDAR, FIRST, SYMBOLS, Row
from tests.emulators.server import KEY, Emulator

from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.market import Dividend, Split

Json = dict[str, Any]

MILLISECOND = 1_000_000
UNITS = {"minute": 1, "hour": 60}


class MassiveEmulator(Emulator):
    """Serves the market the way Massive does; `page` is the most rows of one answer."""

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
        ]

    def admits(self, request: web.Request) -> bool:
        return KEY in (
            request.headers.get("Authorization", "").removeprefix("Bearer "),
            request.query.get("apiKey"),
        )

    async def bars(self, request: web.Request) -> web.Response:
        asked = request.match_info
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
        symbol, now = request.match_info["symbol"], self.clock.now()
        known = self.market.minutes_known(symbol, CALENDAR.local_day(now), now)
        if not known:
            return _error(404, "NOT_FOUND", "Data not found.")
        price, stamp = known[-1].close, known[-1].end
        bid, ask = round(price - 0.01, 2), round(price + 0.01, 2)
        return _ok(
            results={"T": symbol, "p": bid, "s": 200, "P": ask, "S": 300, "t": stamp, "x": 11}
        )

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

    def _rows(self, symbol: str, minutes: int, first: date, last: date) -> Sequence[Row]:
        now = self.clock.now()
        if not minutes:
            return [row for row in self.market.daily(symbol, first, last) if row.end <= now]
        days = self.market.sessions(first, last)
        known = (row for day in days for row in self.market.minutes_known(symbol, day, now))
        return _grouped(list(known), minutes)

    def _page(self, request: web.Request, rows: list[Json], **also: Any) -> web.Response:
        """One page of rows, with an absolute address of the next one."""
        limit = min(int(request.query.get("limit", 5_000)), self.page)
        cursor = base64.b64decode(request.query.get("cursor", "")).decode()
        at = int(cursor) if cursor else 0
        page, rest = rows[at : at + limit], len(rows) - at - limit
        told: Json = {"resultsCount": len(page), "count": len(page)} | also
        if page:
            told["results"] = page
        if rest > 0:
            told["next_url"] = self._next(request, self.url, at + limit)
        return _ok(**told)

    @staticmethod
    def _next(request: web.Request, host: str, at: int) -> str:
        cursor = base64.b64encode(str(at).encode()).decode()
        url = request.url.update_query(cursor=cursor).without_query_params("apiKey")
        return host + url.raw_path_qs


def _grouped(rows: list[Row], minutes: int) -> list[Row]:
    """Minutes joined to longer bars, counted from midnight in New York."""
    found: dict[Nanos, list[Row]] = {}
    for row in rows:
        since = (row.start - _midnight(row.start)) // (minutes * MINUTE) * minutes * MINUTE
        found.setdefault(_midnight(row.start) + since, []).append(row)
    return [
        Row(
            start,
            start + minutes * MINUTE,
            part[0].open,
            max(row.high for row in part),
            min(row.low for row in part),
            part[-1].close,
            sum(row.volume for row in part),
            sum(row.trades for row in part),
        )
        for start, part in found.items()
    ]


def _aggregate(row: Row, *, daily: bool) -> Json:
    start = _midnight(row.start) if daily else row.start
    return {
        "t": start // MILLISECOND,
        "o": row.open,
        "h": row.high,
        "l": row.low,
        "c": row.close,
        "v": float(row.volume),
        "vw": row.vwap,
        "n": row.trades,
    }


def _midnight(moment: Nanos) -> Nanos:
    day = CALENDAR.local_day(moment)
    local = datetime.combine(day, datetime.min.time(), tzinfo=CALENDAR.zone)
    return int(local.timestamp()) * 1_000 * MILLISECOND


def _day(text: str) -> date:
    return (
        CALENDAR.local_day(int(text) * MILLISECOND)
        if text.isdecimal()
        else date.fromisoformat(text)
    )


def _within(day: date, request: web.Request, name: str) -> bool:
    first = request.query.get(f"{name}.gte", "0001-01-01")
    return first <= str(day) <= request.query.get(f"{name}.lte", "9999-12-31")


def _ok(**told: Any) -> web.Response:
    return web.json_response({"status": "OK", "request_id": "9f0c"} | told)


def _error(status: int, word: str, message: str) -> web.Response:
    told = {"status": word, "request_id": "9f0c", "message": message}
    return web.json_response(told, status=status)
