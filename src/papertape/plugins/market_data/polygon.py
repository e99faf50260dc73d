"""Massive, formerly Polygon: bars as traded, splits and dividends, the last quote, and a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, NoBars, NotFound, UsageError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import Bar, CorporateAction, Frequency, PriceHistory, Quote
from papertape.plugins.market_data.massive import answers as told
from papertape.plugins.market_data.source import Capabilities, no_bars
from papertape.plugins.market_data.tables.rows import Claims, loaded

if TYPE_CHECKING:
    from papertape.plugins.market_data.transport import Answer, Transport, Web

HOST, OLD_HOST = "https://api.massive.com", "https://api.polygon.io"
KEY_NAMES = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
"""What the key's variable is called today and was before; whoever reads settings takes either."""

_YEARS = timedelta(days=2 * 365)
"""Assumption: a free plan reaches back about two years, so that much is asked for by default."""


class PolygonDataPlugin:
    """Massive as a source; old hosts and keys work as well as new ones."""

    def __init__(self, transport: Transport):
        self._transport = transport

    @property
    def capabilities(self) -> Capabilities:
        """Raw bars of the whole market, quotes where the plan has them."""
        return Capabilities(
            "massive",
            adjustment="raw",
            quotes=True,
            streams=True,
            needs_key=True,
            limits=str(self._transport.access.limits),
        )

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """Bars from the first to the last of two exchange dates, both included.

        Raises:
            DataError: If there are none, or one is no bar; the words name the cause.
            SettingsError: If the key or the plan is refused.
            ProviderError: If no usable answer comes in time.
        """
        length, instrument = Frequency.parse(frequency), Instrument(canonical_symbol(symbol))
        now = self._transport.timing.clock.now()
        last = end_date or calendar_of(instrument.venue).local_day(now)
        first = start_date or last - _YEARS
        if first > last:
            raise UsageError(f"{first} is after {last}", hint="give the earlier date first")
        async with self._transport.open() as web:
            rows, answers = await told.all_rows(
                web,
                _bars_path(instrument.symbol, length, first, last),
                {"adjusted": "false", "sort": "asc", "limit": str(told.BARS_A_PAGE)},
                told.Page[told.Aggregate],
            )
            if not rows:
                raise await _nothing(web, self.capabilities, instrument.symbol, first, last)
            actions, more = await _actions(web, instrument.symbol, first, last)
        return _history(rows, actions, [*answers, *more], instrument, length, now)

    async def fetch_quote(self, symbol: str) -> Quote:
        """The latest best bid and ask of all exchanges; only larger plans have it.

        Raises:
            SettingsError: If the plan does not include quotes.
            DataError: If the symbol is unknown, or there is no quote on one side.
        """
        symbol = canonical_symbol(symbol)
        async with self._transport.open() as web:
            try:
                answer = await web.get(f"/v2/last/nbbo/{quote(symbol)}")
            except NotFound:
                raise _unknown(symbol) from None
        found = told.read(answer, told.One[told.LastQuote]).results
        # Assumption: sizes are shares, as since the round-lot change of 2025.
        return Quote(
            symbol, found.t, found.p or 0, found.P or 0, int(found.s or 0), int(found.S or 0)
        )

    async def fetch_market_day(self, day: date) -> dict[str, Bar]:
        """The raw daily bar of every symbol that traded on a day, in one call.

        Symbols that papertape does not spell (preferred shares, warrants) are left out.

        Raises:
            DataError: If the exchange was closed, or a row is no bar.
        """
        async with self._transport.open() as web:
            rows, _ = await told.all_rows(
                web,
                f"/v2/aggs/grouped/locale/us/market/stocks/{day}",
                {"adjusted": "false"},
                told.Page[told.Aggregate],
            )
        calendar = calendar_of(self.capabilities.venue)
        if not rows:
            raise no_bars(self.capabilities, "any symbol", day, day, "the day is not over yet")
        session = calendar.session(day)
        return {
            row.T: Bar(row.T, session.open, session.close, *row.numbers())
            for row in rows
            if _is_spelled(row.T)
        }


def _is_spelled(symbol: str) -> bool:
    try:
        return canonical_symbol(symbol) == symbol
    except UsageError:
        return False


def _bars_path(symbol: str, length: Frequency, first: date, last: date) -> str:
    unit = "1/day" if length.is_daily else f"{length.minutes}/minute"
    return f"/v2/aggs/ticker/{quote(symbol)}/range/{unit}/{first}/{last}"


async def _actions(
    web: Web, symbol: str, first: date, last: date
) -> tuple[list[CorporateAction], list[Answer]]:
    splits, seen = await told.all_rows(
        web,
        "/v3/reference/splits",
        _between(symbol, "execution_date", first, last),
        told.Page[told.SplitRow],
    )
    paid, also = await told.all_rows(
        web,
        "/v3/reference/dividends",
        _between(symbol, "ex_dividend_date", first, last),
        told.Page[told.DividendRow],
    )
    return [*told.splits(symbol, splits), *told.dividends(symbol, paid)], [*seen, *also]


def _between(symbol: str, name: str, first: date, last: date) -> dict[str, str]:
    return {
        "ticker": symbol,
        f"{name}.gte": str(first),
        f"{name}.lte": str(last),
        "sort": name,
        "order": "asc",
        "limit": str(told.ACTIONS_A_PAGE),
    }


async def _nothing(
    web: Web, capabilities: Capabilities, symbol: str, first: date, last: date
) -> DataError:
    """Why there is not one bar; only the reference tells a typo from a quiet day."""
    missing = no_bars(
        capabilities,
        symbol,
        first,
        last,
        "the plan may not reach back so far (a free one: about two years), or nobody traded it",
    )
    if missing.confirmed:
        return missing
    try:
        answer = await web.get(f"/v3/reference/tickers/{quote(symbol)}", {"date": str(last)})
    except NotFound:
        return _unknown(symbol)
    listed = told.read(answer, told.One[told.Ticker]).results.list_date
    if listed and listed > last:
        return NoBars(
            f"massive: {symbol} is listed since {listed}", hint="choose later days", confirmed=True
        )
    return missing


def _fingerprint(answers: list[Answer]) -> str:
    from papertape.plugins.market_data.transport import fingerprint  # noqa: PLC0415 (see there)

    return fingerprint(answers)


def _unknown(symbol: str) -> DataError:
    return DataError(
        f"massive knows no symbol {symbol}",
        hint="check the spelling; share classes look like BRK.B",
    )


def _history(
    rows: Sequence[told.Aggregate],
    actions: Sequence[CorporateAction],
    answers: list[Answer],
    instrument: Instrument,
    length: Frequency,
    now: Nanos,
) -> PriceHistory:
    claims = Claims(
        instrument,
        source=f"{instrument.symbol} {length} massive, consolidated",
        fingerprint=_fingerprint(answers),
        adjusted="raw",
        frequency=length,
        until=now,
    )
    found = loaded(told.columns(rows, length, calendar_of(instrument.venue)), claims, ()).history
    return replace(found, actions=tuple(sorted(actions, key=lambda each: each.ex_date)))
