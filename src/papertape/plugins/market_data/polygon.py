"""Massive, formerly Polygon: bars as traded with the actions beside them, quotes, live bars."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import DataError, NoBars, NotFound, SettingsError, UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Bar, CorporateAction, PriceHistory, Quote
from papertape.plugins.market_data.budget import Budget
from papertape.plugins.market_data.keys import Key, KeyHeader
from papertape.plugins.market_data.live import Connect, Connection, Endurance, LiveStream
from papertape.plugins.market_data.massive import answers as told
from papertape.plugins.market_data.refined import (
    Wanted,
    bars_of,
    refuse_stale,
    skew_notice,
    wanted,
)
from papertape.plugins.market_data.settings import budget_path, settled, stream_lock
from papertape.plugins.market_data.source import Capabilities, Limits, MarketEvent, no_bars
from papertape.plugins.market_data.transport import (
    Access,
    Answer,
    Patience,
    Timing,
    Transport,
    Web,
)

OLD_HOST = "https://api.polygon.io"
"""The name before 2025-10-30; it still answers."""

KEY_NAMES = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
"""What the key's variable is called now, and was before; as settings both mean ``api_key``."""

_FREQUENCIES = ("1d", "1m", "2m", "5m", "10m", "15m", "30m", "60m")
_DELAY_SECONDS = 15 * 60.0
_FREE_REACH = timedelta(days=2 * 365 - 1)
_LIKELY = "the plan may not reach back so far (a free one: about two years); or nobody traded it"


@dataclass(frozen=True, slots=True)
class MassiveSettings:
    """What a plugin is told; the key prints as stars.

    Attributes:
        api_key: The account's key, of Massive or of Polygon before it.
        base_url, ws_url: Other addresses than today's, such as `OLD_HOST`.
        delayed: Whether the plan's data are 15 minutes late, so that live minutes come as late.
        calls_per_minute: What the plan allows; a free one 5.
        channels: What a stream carries: AM minutes, T trades, Q quotes, as the plan has them.
        home: The folder of the call budget; the user's data folder if nobody says.
    """

    api_key: Key
    base_url: str = "https://api.massive.com"
    ws_url: str = ""
    delayed: bool = False
    calls_per_minute: int = 5
    channels: tuple[str, ...] = ("AM",)
    home: Path | str | None = None


class PolygonDataPlugin:
    """Massive as a source of market data.

    Args:
        config: The fields of `MassiveSettings`; the key may be a text, under a name of `KEY_NAMES`.
        patience: How long and how often it asks.
        timing: Clock, sleep and chance.
        endurance: How patient a stream is.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        patience: Patience | None = None,
        timing: Timing | None = None,
        endurance: Endurance | None = None,
    ):
        self.settings = settled(MassiveSettings, _one_key(config), "massive")
        self._timing = timing or Timing()
        self._endurance = endurance or Endurance()
        self._transport = Transport(
            self._access(),
            Budget(budget_path(self.settings.home)),
            patience or Patience(),
            self._timing,
        )

    def _access(self) -> Access:
        return Access(
            provider="massive",
            base=self.settings.base_url,
            headers=(KeyHeader("Authorization", self.settings.api_key, scheme="Bearer"),),
            limits=self._limits,
            quota_words=("exceeded the maximum requests",),
            hints={
                "timeframe": "the plan does not reach back so far: begin later, or take a larger",
                "not entitled": "the plan does not include this; `entitlements` says which does",
            },
            key_hint=f"check {KEY_NAMES[0]} (formerly {KEY_NAMES[1]})",
        )

    @property
    def _limits(self) -> Limits:
        return Limits(
            per_minute=self.settings.calls_per_minute,
            connections=1,
            note="a free plan has two years; a second stream throws out the first",
        )

    @property
    def capabilities(self) -> Capabilities:
        """Raw bars of the whole market; quotes and live bars where the plan has them."""
        return Capabilities(
            "massive",
            adjustment="raw",
            frequencies=_FREQUENCIES,
            quotes=True,
            streams=True,
            needs_key=True,
            limits=self._limits,
            tape="consolidated",
            entitlements=(
                "streams: Starter (15 minutes late) or larger",
                "the last quote: Advanced",
            ),
            terms="personal use only; not to be passed on",
            finality_seconds=self._late,
            live_delay_seconds=self._late,
        )

    @property
    def _late(self) -> float:
        """Seconds after which a minute is final: it may be told again after late trades."""
        return 35.0 + (_DELAY_SECONDS if self.settings.delayed else 0.0)

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """Bars from the first to the last of two exchange dates, both included.

        Without a first date as much is asked for as a free plan has, about two years.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            DataError: If not one bar comes, or rows cannot be bars.
            ProviderError: If no usable answer comes in time.
            UsageError: If the question cannot mean anything.
        """
        now, says = self._timing.clock.now(), self.capabilities
        earliest = calendar_of(says.venue).local_day(now) - _FREE_REACH
        asked = wanted(says, symbol, (start_date, end_date), frequency, earliest, now)
        async with self._transport.open() as web:
            rows, pages = await _bars(web, asked, asked.first)
            if not rows:
                raise await _nothing(web, says, asked)
            prices = [row.priced(asked) for row in rows]
            bars, notices = bars_of(asked, prices, says, self._as_of(pages, now), _LIKELY)
            actions = await _actions(web, asked, *bars.days()[[0, -1]].tolist())
        return PriceHistory(
            bars,
            actions=tuple(actions),
            source=f"{asked.symbol} {asked.frequency} massive ({says.tape})",
            fingerprint=told.fingerprint(rows),
            notices=(*notices, *skew_notice("massive", pages[-1].skew_seconds)),
        )

    def _as_of(self, pages: list[Answer], now: Nanos) -> Nanos:
        """The moment up to which trades are in the bars: the one it cuts through is not whole."""
        is_late = self.settings.delayed or told.is_delayed(pages[-1])
        return now - int(_DELAY_SECONDS * SECOND) if is_late else now

    async def fetch_market_day(self, day: date) -> dict[str, Bar]:
        """The raw daily bar of every symbol that traded on a day, in one call.

        Symbols that papertape does not spell (preferred shares, warrants) are left out.

        Raises:
            DataError: If there is no bar, or a row is none.
        """
        async with self._transport.open() as web:
            rows, _ = await told.all_rows(
                web,
                f"/v2/aggs/grouped/locale/us/market/stocks/{day}",
                {"adjusted": "false"},
                told.Page[told.Aggregate],
            )
        if not rows:
            raise no_bars(self.capabilities, "any symbol", day, day, "the day may not be over")
        session = calendar_of(self.capabilities.venue).session(day)
        return {
            row.T: Bar(row.T, session.open, session.close, *row.numbers())
            for row in rows
            if _is_spelled(row.T)
        }

    async def fetch_quote(self, symbol: str) -> Quote:
        """The latest best bid and ask of all exchanges; only larger plans have it.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            DataError: If the symbol is unknown, or nobody quotes on one side.
            ProviderError: If no usable answer comes in time.
        """
        symbol = canonical_symbol(symbol)
        async with self._transport.open() as web:
            try:
                answer = await web.get(f"/v2/last/nbbo/{quote(symbol)}")
            except NotFound:
                raise _unknown(symbol) from None
        return told.read(answer, told.One[told.LastQuote]).results.quote(symbol)

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Final minutes as they come, trades and quotes at once where ``channels`` say so.

        A minute that the socket did not tell is asked for: one question a symbol and minute.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            LockHeld: If another session has the account's one stream, or takes it.
            ProviderError: If connections or questions keep failing.
        """
        settings, wanted_ = self.settings, [canonical_symbol(symbol) for symbol in symbols]
        channels = [f"{each}.{symbol}" for symbol in wanted_ for each in settings.channels]
        host = settings.ws_url or f"wss://{'delayed' if settings.delayed else 'socket'}.massive.com"
        address = f"{host.rstrip('/')}/stocks"

        def connect() -> AbstractAsyncContextManager[Connection]:
            from papertape.plugins.market_data.massive.stream import connected  # noqa: PLC0415

            return connected(address, settings.api_key, channels)

        return self._live(connect).events(wanted_, since)

    def poll(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """The same minutes as `stream`, by asking once a symbol and minute.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            ProviderError: If questions keep failing.
        """
        return self._live(None).events([canonical_symbol(symbol) for symbol in symbols], since)

    def _live(self, connect: Connect | None) -> LiveStream:
        says = self.capabilities
        return LiveStream(
            "massive",
            says.venue,
            connect,
            self._minutes_since,
            self._timing,
            self._endurance,
            says.finality_seconds,
            stream_lock(self.settings.home, "massive", self.settings.api_key),
        )

    async def _minutes_since(self, symbol: str, since: Nanos) -> list[Bar]:
        now, says = self._timing.clock.now(), self.capabilities
        day = calendar_of(says.venue).local_day(since)
        asked = wanted(says, symbol, (day, None), "1m", day, now)
        async with self._transport.open() as web:
            rows, pages = await _bars(web, asked, since // told.MILLISECOND)
        refuse_stale("massive", pages[-1].skew_seconds)
        if told.is_delayed(pages[-1]) and not self.settings.delayed:
            raise SettingsError(
                "massive: the plan's data are 15 minutes late",
                hint="say so by the setting delayed=True; live minutes then come as late",
            )
        prices = [row.priced(asked) for row in rows]
        try:
            return list(bars_of(asked, prices, says, self._as_of(pages, now), _LIKELY)[0])
        except NoBars:
            return []


MassivePlugin = PolygonDataPlugin


def _one_key(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the key under its own name; today's variable goes before the old one."""
    found = [config[name] for name in KEY_NAMES if config.get(name) is not None]
    key = {"api_key": found[0]} if found else {}
    return key | {name: value for name, value in config.items() if name not in KEY_NAMES}


async def _bars(
    web: Web, asked: Wanted, since: date | int
) -> tuple[list[told.Aggregate], list[Answer]]:
    """Raw rows from a day or a millisecond on, and the pages that they came by."""
    minutes = asked.frequency.minutes
    length = f"{minutes}/minute" if minutes else "1/day"
    return await told.all_rows(
        web,
        f"/v2/aggs/ticker/{quote(asked.symbol)}/range/{length}/{since}/{asked.last}",
        {"adjusted": "false", "sort": "asc", "limit": str(told.BARS_A_PAGE)},
        told.Page[told.Aggregate],
    )


async def _actions(web: Web, asked: Wanted, first: date, last: date) -> list[CorporateAction]:
    """The splits and dividends of the bars' days, oldest first."""

    def query(name: str) -> dict[str, str]:
        return {
            "ticker": asked.symbol,
            f"{name}.gte": str(first),
            f"{name}.lte": str(last),
            "sort": name,
            "order": "asc",
            "limit": str(told.ACTIONS_A_PAGE),
        }

    splits, _ = await told.all_rows(
        web, "/v3/reference/splits", query("execution_date"), told.Page[told.SplitRow]
    )
    paid, _ = await told.all_rows(
        web, "/v3/reference/dividends", query("ex_dividend_date"), told.Page[told.DividendRow]
    )
    actions: list[CorporateAction] = [*told.splits(asked.symbol, splits)]
    actions += told.dividends(asked.symbol, paid)
    return sorted(actions, key=lambda each: each.ex_date)


async def _nothing(web: Web, says: Capabilities, asked: Wanted) -> DataError:
    """Why there is not one bar; only the reference tells a typo from a quiet day."""
    missing = no_bars(says, asked.symbol, asked.first, asked.last, _LIKELY)
    if missing.confirmed:
        return missing
    try:
        answer = await web.get(
            f"/v3/reference/tickers/{quote(asked.symbol)}", {"date": str(asked.last)}
        )
    except NotFound:
        return _unknown(asked.symbol)
    listed = told.read(answer, told.One[told.Ticker]).results.list_date
    if listed and listed > asked.last:
        return NoBars(
            f"massive: {asked.symbol} is listed since {listed}",
            hint="choose later days",
            confirmed=True,
        )
    return missing


def _unknown(symbol: str) -> DataError:
    return DataError(
        f"massive knows no symbol {symbol}",
        hint="check the spelling; share classes look like BRK.B",
    )


def _is_spelled(symbol: str) -> bool:
    try:
        return canonical_symbol(symbol) == symbol
    except UsageError:
        return False
