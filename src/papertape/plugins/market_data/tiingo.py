"""Tiingo: daily bars as traded with splits and dividends in line, IEX bars, live prices.

Its socket tells prices and no bars, and no bar is made of them: a reference price may be no trade,
and carries no volume. Live minutes are therefore asked for, as often as the plan allows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, NoBars, NotFound, SettingsError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Bar, CorporateAction, PriceHistory, Quote
from papertape.plugins.market_data.budget import Budget
from papertape.plugins.market_data.keys import Key, KeyHeader
from papertape.plugins.market_data.live import Connect, Connection, Endurance, LiveStream
from papertape.plugins.market_data.refined import (
    Wanted,
    bars_of,
    refuse_stale,
    skew_notice,
    wanted,
)
from papertape.plugins.market_data.settings import budget_path, settled, stream_lock
from papertape.plugins.market_data.source import (
    Capabilities,
    Limits,
    MarketEvent,
    ReferencePrice,
)
from papertape.plugins.market_data.tiingo_answers import (
    daily_actions,
    daily_rows,
    intraday_rows,
    latest_price,
    spelled,
)
from papertape.plugins.market_data.transport import (
    Access,
    Answer,
    Patience,
    Timing,
    Transport,
    Web,
    fingerprint,
)

_LENGTHS = {
    "1d": "daily",
    "1m": "1min",
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "60m": "1hour",
}
_EARLIEST = date(1962, 1, 2)
_EARLIEST_INTRADAY = date(2016, 12, 12)
_MINUTE_IS_FINAL = 35.0
"""Seconds. Assumption: late trades enter a minute of IEX as soon as they do elsewhere."""

_SESSION_HOURS = 7
_KEY_HINT = "check TIINGO_API_KEY; your token stands on the account page of tiingo.com"
_LIKELY = "check the symbol and the dates; intraday bars are those of IEX alone"


@dataclass(frozen=True, slots=True)
class TiingoSettings:
    """What a plugin is told; the key prints as stars.

    Attributes:
        api_key: The account's token.
        adjustment: ``raw`` keeps splits and dividends beside the bars; ``all`` takes the
            provider's adjusted columns, which change with every later dividend.
        threshold: What the stream tells: 6 reference prices; with a market-data agreement with IEX
            5, trades and quotes where they change, or 0, all of them.
        base_url, ws_url: Other addresses than the provider's.
        calls_per_hour, calls_per_day: What the plan allows.
        intraday_rows: Most rows of one intraday answer; a longer one is cut without a word.
        home: The folder of the call budget; the user's data folder if nobody says.
    """

    api_key: Key
    adjustment: Literal["raw", "all"] = "raw"
    threshold: Literal[6, 5, 0] = 6
    base_url: str = "https://api.tiingo.com"
    ws_url: str = "wss://api.tiingo.com"
    calls_per_hour: int = 50
    calls_per_day: int = 1000
    intraday_rows: int = 2000
    home: Path | str | None = None


class TiingoDataPlugin:
    """Tiingo as a source of market data.

    Args:
        config: The fields of `TiingoSettings`; the key may be a text.
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
        self.settings = settled(TiingoSettings, config, "tiingo")
        self._timing = timing or Timing()
        self._endurance = endurance or Endurance()
        self._transport = Transport(
            Access(
                provider="tiingo",
                base=self.settings.base_url,
                headers=(KeyHeader("Authorization", self.settings.api_key, scheme="Token"),),
                limits=self._limits,
                quota_words=("run over your",),
                key_hint=_KEY_HINT,
            ),
            Budget(budget_path(self.settings.home)),
            patience or Patience(),
            self._timing,
        )

    @property
    def _limits(self) -> Limits:
        return Limits(
            per_hour=self.settings.calls_per_hour,
            per_day=self.settings.calls_per_day,
            connections=1,
            note="free accounts: 500 symbols a month; live minutes of n symbols come every "
            f"60 n / {self._live_calls} minutes",
        )

    @property
    def capabilities(self) -> Capabilities:
        """Decades of consolidated daily bars, some years of IEX bars, live prices."""
        return Capabilities(
            "tiingo",
            adjustment=self.settings.adjustment,
            frequencies=tuple(_LENGTHS),
            quotes=True,
            streams=True,
            needs_key=True,
            limits=self._limits,
            tape="consolidated (1d), IEX (shorter)",
            entitlements=(
                "bid, ask and last, at once or streamed: a market-data agreement with IEX",
                "reference prices: any account",
            ),
            terms="for your own or internal use; not to be passed on",
            finality_seconds=4 * 3_600.0,  # daily prices may be corrected until 20:00 in New York
            live_delay_seconds=60.0 * (59 // max(1, self._live_calls)) + _MINUTE_IS_FINAL,
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
            ProviderError: If no usable answer comes in time, or the plan's calls are used up.
            UsageError: If the question cannot mean anything.
        """
        now, says = self._timing.clock.now(), self.capabilities
        earliest = _EARLIEST if frequency == "1d" else _EARLIEST_INTRADAY
        asked = wanted(says, symbol, (start_date, end_date), frequency, earliest, now)
        return self._history(asked, await self._told(asked), now)

    async def _told(self, asked: Wanted) -> list[Answer]:
        async with self._transport.open() as web:
            try:
                return await self._answers(web, asked)
            except NotFound as error:
                unknown = str(error)
        raise DataError(f"tiingo knows no {asked.symbol} ({unknown})", hint="check the symbol")

    async def _answers(self, web: Web, asked: Wanted) -> list[Answer]:
        ticker = spelled(asked.symbol)
        if asked.frequency.is_daily:
            query = _between(asked.first, asked.last) | {
                "resampleFreq": "daily",
                "sort": "date",
                "format": "json",
            }
            return [await web.get(f"/tiingo/daily/{ticker}/prices", query)]
        query = {
            "resampleFreq": _LENGTHS[str(asked.frequency)],
            "afterHours": "false",
            "forceFill": "false",  # it would invent bars
            "columns": "open,high,low,close,volume",
            "format": "json",
        }
        return [
            await web.get(f"/iex/{ticker}/prices", _between(first, last) | query)
            for first, last in self._parts(asked)
        ]

    def _parts(self, asked: Wanted) -> Iterator[tuple[date, date]]:
        """Spans short enough for one answer, because a longer one is cut without a word."""
        days = asked.calendar.sessions(asked.first, asked.last) or [asked.first]
        # Assumption: a session has at most 390 minutes, and an answer one bar more a session.
        size = max(1, self.settings.intraday_rows // (390 // asked.frequency.minutes + 1))
        for start in range(0, len(days), size):
            part = days[start : start + size]
            yield part[0], part[-1]

    def _history(self, asked: Wanted, told: list[Answer], now: Nanos) -> PriceHistory:
        says, actions, tape = self.capabilities, list[CorporateAction](), "IEX only"
        if asked.frequency.is_daily:
            rows = daily_rows(told[0].value, asked, adjusted=says.adjustment == "all")
            tape = "consolidated"
            if says.adjustment == "raw":
                actions = daily_actions(told[0].value, asked.symbol)
        else:
            rows = [row for answer in told for row in intraday_rows(answer.value, asked)]
        bars, notices = bars_of(asked, rows, says, now, _LIKELY)
        days = bars.days().tolist()
        if not asked.frequency.is_daily:
            notices.append(
                f"{asked.symbol}: tiingo's bars of {asked.frequency} are trades on IEX only, some "
                "3 % of the market's volume, and bring no splits or dividends"
            )
        return PriceHistory(
            bars,
            actions=tuple(each for each in actions if days[0] <= each.ex_date <= days[-1]),
            adjusted=self.settings.adjustment if asked.frequency.is_daily else "raw",
            source=f"{asked.symbol} {asked.frequency} tiingo ({tape})",
            fingerprint=fingerprint(told),
            notices=(*notices, *skew_notice("tiingo", told[-1].skew_seconds)),
        )

    async def fetch_quote(self, symbol: str) -> Quote | ReferencePrice:
        """Bid and ask where the account may see them, else the provider's reference price.

        Raises:
            DataError: If the symbol is unknown or has no price now.
            SettingsError: If the key or the plan does not allow it.
            ProviderError: If no usable answer comes in time, or the plan's calls are used up.
        """
        symbol = canonical_symbol(symbol)
        async with self._transport.open() as web:
            answer = await web.get("/iex/", {"tickers": spelled(symbol)})
        return latest_price(answer.value, symbol)

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Prices at once as ``threshold`` says, and between them the same minutes as `poll`.

        Without an agreement with IEX a price is a `ReferencePrice`; with one there are trades and
        quotes; broken trades and halts are not told. Prices that a lost connection missed stay
        missed, minutes do not.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            LockHeld: If another process has the account's stream.
            ProviderError: If connections or questions keep failing.
        """
        from papertape.plugins.market_data.tiingo_stream import Prices, connected  # noqa: PLC0415

        settings, wanted_ = self.settings, [canonical_symbol(symbol) for symbol in symbols]
        address = f"{settings.ws_url.rstrip('/')}/iex"
        prices = Prices(wanted_, settings.threshold)

        def connect() -> AbstractAsyncContextManager[Connection]:
            return connected(address, settings.api_key, prices)

        return self._live(connect, wanted_, since)

    def poll(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Minutes of trades on IEX, several at once where the plan's calls are few.

        Raises:
            SettingsError: If the key or the plan does not allow it.
            ProviderError: If questions keep failing.
        """
        return self._live(None, [canonical_symbol(symbol) for symbol in symbols], since)

    def _live(
        self, connect: Connect | None, symbols: list[str], since: Nanos | None
    ) -> AsyncIterator[MarketEvent]:
        pace = self._pace(len(symbols))
        # A minute that was just asked for may have been told of so long ago, and not again since.
        silence = 60.0 * (pace + 1) + _MINUTE_IS_FINAL
        return LiveStream(
            "tiingo",
            self.capabilities.venue,
            connect,
            self._minutes_since,
            self._timing,
            replace(self._endurance, silence=max(silence, self._endurance.silence)),
            _MINUTE_IS_FINAL,
            stream_lock(self.settings.home, "tiingo", self.settings.api_key),
            pace,
        ).events(symbols, since)

    @property
    def _live_calls(self) -> int:
        """Calls of an hour that live minutes may take; a tenth stays for whatever else is asked."""
        settings = self.settings
        hour = min(settings.calls_per_hour, settings.calls_per_day // _SESSION_HOURS)
        return hour * 9 // 10

    def _pace(self, count: int) -> int:
        """Minutes between two questions for each of some symbols.

        Raises:
            SettingsError: If the plan does not allow one an hour.
        """
        calls = self._live_calls // max(count, 1)
        if not calls:
            raise SettingsError(
                f"tiingo: the plan's calls carry live minutes of {self._live_calls} symbols, "
                f"not of {count}",
                hint="name fewer symbols, or say by calls_per_hour and calls_per_day what the "
                "plan allows",
            )
        return -(-60 // calls)

    async def _minutes_since(self, symbol: str, since: Nanos) -> list[Bar]:
        now, says = self._timing.clock.now(), self.capabilities
        day = calendar_of(says.venue).local_day(since)
        asked = wanted(says, symbol, (day, None), "1m", day, now)
        told = await self._told(asked)
        refuse_stale("tiingo", told[-1].skew_seconds)
        rows = [row for answer in told for row in intraday_rows(answer.value, asked)]
        try:
            return [
                bar for bar in bars_of(asked, rows, says, now, _LIKELY)[0] if bar.start >= since
            ]
        except NoBars:
            return []


def _between(first: date, last: date) -> dict[str, str]:
    return {"startDate": str(first), "endDate": str(last)}
