"""Alpaca: bars as traded with the corporate actions beside them, the latest quote, live bars."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos, rfc3339
from papertape.domain.errors import NoBars, ProviderError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import (
    Adjustment,
    Bar,
    CorporateAction,
    PriceHistory,
    Quote,
)
from papertape.plugins.market_data.alpaca_answers import (
    LIKELY,
    Paged,
    bar_rows,
    corporate_actions,
    in_todays_shares,
    latest_quote,
)
from papertape.plugins.market_data.budget import Budget
from papertape.plugins.market_data.keys import Key, KeyHeader
from papertape.plugins.market_data.live import Connect, Connection, Endurance, LiveStream
from papertape.plugins.market_data.refined import (
    Wanted,
    bars_of,
    refuse_stale,
    shaped,
    skew_notice,
    wanted,
)
from papertape.plugins.market_data.settings import budget_path, settled, stream_lock
from papertape.plugins.market_data.source import Capabilities, Limits, MarketEvent
from papertape.plugins.market_data.transport import (
    Access,
    Answer,
    Patience,
    Timing,
    Transport,
    Web,
    fingerprint,
)

Feed = Literal["sip", "iex", "delayed_sip", "boats", "overnight"]

_TAPES = {"sip": "consolidated", "delayed_sip": "consolidated", "iex": "IEX"}
_TIMEFRAMES = {
    "1d": "1Day",
    "1m": "1Min",
    "5m": "5Min",
    "15m": "15Min",
    "30m": "30Min",
    "60m": "1Hour",
}
_EARLIEST = date(2016, 1, 1)
_FREE_AFTER = 16 * MINUTE
_MINUTE_IS_FINAL = 35.0
"""Seconds: a minute is told again some 30 s later if late trades came."""

_MOST_PAGES = 100_000
_KEY_HINT = "check ALPACA_API_KEY and ALPACA_SECRET_KEY; the keys of a paper account will do"


@dataclass(frozen=True, slots=True)
class AlpacaSettings:
    """What a plugin is told; the keys print as stars.

    Attributes:
        api_key, api_secret: The key pair of an account; a paper account's will do.
        feed: For history. ``sip`` is consolidated, and free once it is 15 minutes old.
        live_feed: For quotes and streams. ``iex`` is free and one venue.
        adjustment: What the provider shall adjust prices for. Raw bars keep their splits and
            dividends beside them and are what should be stored.
        base_url, ws_url: Other addresses than the provider's.
        calls_per_minute: What the plan allows.
        home: The folder of the call budget; the user's data folder if nobody says.
    """

    api_key: Key
    api_secret: Key
    feed: Feed = "sip"
    live_feed: Feed = "iex"
    adjustment: Adjustment = "raw"
    base_url: str = "https://data.alpaca.markets"
    ws_url: str = "wss://stream.data.alpaca.markets"
    calls_per_minute: int = 200
    home: Path | str | None = None


class AlpacaDataPlugin:
    """Alpaca as a source of market data.

    Args:
        config: The fields of `AlpacaSettings`; keys may be texts.
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
        self.settings = settled(AlpacaSettings, config, "alpaca")
        self._timing = timing or Timing()
        self._endurance = endurance or Endurance()
        self._transport = Transport(
            self._access(),
            Budget(budget_path(self.settings.home)),
            patience or Patience(),
            self._timing,
        )

    def _access(self) -> Access:
        settings = self.settings
        return Access(
            provider="alpaca",
            base=settings.base_url,
            headers=(
                KeyHeader("APCA-API-KEY-ID", settings.api_key),
                KeyHeader("APCA-API-SECRET-KEY", settings.api_secret),
            ),
            limits=self._limits,
            hints={
                "subscription does not permit": "your plan lacks recent data of this feed: use "
                "feed=iex, or end at least 16 minutes ago"
            },
            key_hint=_KEY_HINT,
        )

    @property
    def _limits(self) -> Limits:
        return Limits(
            per_minute=self.settings.calls_per_minute,
            connections=1,
            note="history from 2016; a free stream carries 30 symbols of trades and quotes",
        )

    @property
    def capabilities(self) -> Capabilities:
        """Bars since 2016, quotes and live bars."""
        feed = self.settings.feed
        return Capabilities(
            "alpaca",
            adjustment=self.settings.adjustment,
            frequencies=tuple(_TIMEFRAMES),
            quotes=True,
            streams=True,
            needs_key=True,
            limits=self._limits,
            feed=feed,
            tape=_TAPES.get(feed, feed),
            entitlements=(
                "sip of the last 15 minutes, and sip streams: Algo Trader Plus",
                "iex in real time: any account",
            ),
            terms="for your own use; not to be passed on",
            finality_seconds=_MINUTE_IS_FINAL,
            live_delay_seconds=_MINUTE_IS_FINAL,
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
            SettingsError: If the key or the plan does not allow it.
            DataError: If not one bar comes, or rows cannot be bars.
            ProviderError: If no usable answer comes in time.
            UsageError: If the question cannot mean anything.
        """
        now, says = self._timing.clock.now(), self.capabilities
        asked = wanted(says, symbol, (start_date, end_date), frequency, _EARLIEST, now)
        async with self._transport.open() as web:
            told = await _pages(web, "/v2/stocks/bars", self._bars_query(asked, now))
            rows = [row for answer in told for row in bar_rows(answer.value, asked)]
            bars, notices = bars_of(asked, rows, says, self._as_of(now), LIKELY)
            days = bars.days().tolist()
            actions, others = await self._actions(web, asked, days[0], days[-1], now)
        return PriceHistory(
            bars,
            actions=actions,
            adjusted=self.settings.adjustment,
            source=f"{asked.symbol} {asked.frequency} alpaca feed={says.feed} ({says.tape})",
            fingerprint=fingerprint(told),
            notices=(*notices, *others, *skew_notice("alpaca", told[-1].skew_seconds)),
        )

    def _bars_query(self, asked: Wanted, now: Nanos) -> dict[str, str]:
        since, until = asked.span
        until = min(until, self._as_of(now))
        return {
            "symbols": asked.symbol,
            "timeframe": _TIMEFRAMES[str(asked.frequency)],
            "start": rfc3339(since),
            "end": rfc3339(max(until - 1_000_000_000, since)),  # the end is included
            "limit": "10000",
            "adjustment": self.settings.adjustment,
            "feed": self.settings.feed,
            "sort": "asc",
        }

    def _as_of(self, now: Nanos) -> Nanos:
        """The moment up to which trades are asked for: a free plan sees sip 15 minutes late."""
        return now - _FREE_AFTER if self.settings.feed == "sip" else now

    async def _actions(
        self, web: Web, asked: Wanted, first: date, last: date, now: Nanos
    ) -> tuple[tuple[CorporateAction, ...], list[str]]:
        """What happened to the shares that the prices do not contain yet, and other events."""
        if self.settings.adjustment == "all":
            return (), []
        today = asked.calendar.local_day(now)
        query = {
            "symbols": asked.symbol,
            "start": str(first),
            "end": str(today),
            "limit": "1000",
            "sort": "asc",
        }
        told = await _pages(web, "/v1/corporate-actions", query)
        actions, others = corporate_actions([answer.value for answer in told], asked.symbol)
        if self.settings.adjustment == "split":
            actions = in_todays_shares(actions)
        return tuple(each for each in actions if first <= each.ex_date <= last), [
            f"{asked.symbol}: {name} on {day} is not booked; prices may jump there"
            for name, day in others
            if first <= day <= last
        ]

    async def fetch_quote(self, symbol: str) -> Quote:
        """The latest bid and ask of the live feed.

        Raises:
            DataError: If there is no bid or no ask now.
            SettingsError: If the key or the plan does not allow it.
            ProviderError: If no usable answer comes in time.
        """
        symbol = canonical_symbol(symbol)
        query = {"symbols": symbol, "feed": self.settings.live_feed}
        async with self._transport.open() as web:
            answer = await web.get("/v2/stocks/quotes/latest", query)
        return latest_quote(answer.value, symbol)

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Final minutes of the live feed as they come, whatever happens to the socket.

        A minute that the socket did not tell is asked for: one question a symbol and minute.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            LockHeld: If another process has the account's stream.
            ProviderError: If connections or questions keep failing.
        """
        settings, wanted_ = self.settings, [canonical_symbol(symbol) for symbol in symbols]
        address = f"{settings.ws_url.rstrip('/')}/v2/{settings.live_feed}"
        keys = (settings.api_key, settings.api_secret)

        def connect() -> AbstractAsyncContextManager[Connection]:
            from papertape.plugins.market_data.alpaca_stream import connected  # noqa: PLC0415

            return connected(address, keys, wanted_)

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
            "alpaca",
            says.venue,
            connect,
            self._minutes_since,
            self._timing,
            self._endurance,
            says.finality_seconds,
            stream_lock(self.settings.home, "alpaca", self.settings.api_key),
        )

    async def _minutes_since(self, symbol: str, since: Nanos) -> list[Bar]:
        now, says = self._timing.clock.now(), self.capabilities
        day = calendar_of(says.venue).local_day(since)
        asked = wanted(says, symbol, (day, None), "1m", day, now)
        query = self._bars_query(asked, now) | {
            "start": rfc3339(since),
            "end": rfc3339(now),
            "adjustment": "raw",
            "feed": self.settings.live_feed,
        }
        async with self._transport.open() as web:
            told = await _pages(web, "/v2/stocks/bars", query)
        refuse_stale("alpaca", told[-1].skew_seconds)
        rows = [row for answer in told for row in bar_rows(answer.value, asked)]
        try:
            return list(bars_of(asked, rows, says, now, LIKELY)[0])
        except NoBars:
            return []


async def _pages(web: Web, path: str, query: Mapping[str, str]) -> list[Answer]:
    """All pages of an answer; the token alone says whether there is another.

    Raises:
        ProviderError: If a token comes again, which would never end.
    """
    told: list[Answer] = []
    tokens: set[str] = set()
    token: str | None = None
    while len(told) < _MOST_PAGES:
        answer = await web.get(path, {**query, **({"page_token": token} if token else {})})
        told.append(answer)
        token = shaped("alpaca", answer.value, Paged).next_page_token
        if not token:
            return told
        if token in tokens:
            break
        tokens.add(token)
    raise ProviderError(
        f"alpaca: the pages of {path} lead back to one that was read already",
        hint="run the same command again later",
    )
