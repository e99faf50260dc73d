"""Tiingo on loopback: end-of-day prices, IEX bars cut to the last rows, reference prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from aiohttp import web
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Row, grouped
from tests.emulators.server import KEY, Emulator
from tests.emulators.spoiling import Rows, spoiled

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.market import Dividend, Split

NAMES = {"high": "high", "low": "low", "close": "close"}


@dataclass
class TiingoEmulator(Emulator):
    """Serves the market as Tiingo does; `agreement` shows bid and ask."""

    page: int = 2_000
    agreement: bool = False

    limit_body: ClassVar[dict[str, Any]] = {
        "detail": "Error: You have run over your hourly request allocation. Please upgrade."
    }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/tiingo/daily/{ticker}/prices", self._daily),
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
