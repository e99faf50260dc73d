"""Tiingo: daily bars as traded with splits and dividends in line, IEX bars, a reference price."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, NotFound
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import CorporateAction, PriceHistory, Quote
from papertape.plugins.market_data.budget import Budget
from papertape.plugins.market_data.keys import Key, KeyHeader
from papertape.plugins.market_data.refined import (
    Wanted,
    bars_of,
    skew_notice,
    wanted,
)
from papertape.plugins.market_data.settings import budget_path, settled
from papertape.plugins.market_data.source import (
    Capabilities,
    Limits,
    MarketEvent,
    ReferencePrice,
    refuse,
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
_KEY_HINT = "check TIINGO_API_KEY; your token stands on the account page of tiingo.com"
_LIKELY = "check the symbol and the dates; intraday bars are those of IEX alone"


@dataclass(frozen=True, slots=True)
class TiingoSettings:
    """What a plugin is told; the key prints as stars.

    Attributes:
        api_key: The account's token.
        adjustment: ``raw`` keeps splits and dividends beside the bars; ``all`` takes the
            provider's adjusted columns, which change with every later dividend.
        base_url: Another address than the provider's.
        calls_per_hour, calls_per_day: What the plan allows.
        intraday_rows: Most rows of one intraday answer; a longer one is cut without a word.
        home: The folder of the call budget; the user's data folder if nobody says.
    """

    api_key: Key
    adjustment: Literal["raw", "all"] = "raw"
    base_url: str = "https://api.tiingo.com"
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
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        patience: Patience | None = None,
        timing: Timing | None = None,
    ):
        self.settings = settled(TiingoSettings, config, "tiingo")
        self._timing = timing or Timing()
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
            note="free accounts: 500 symbols a month",
        )

    @property
    def capabilities(self) -> Capabilities:
        """Decades of consolidated daily bars, some years of IEX bars, a reference price."""
        return Capabilities(
            "tiingo",
            adjustment=self.settings.adjustment,
            frequencies=tuple(_LENGTHS),
            quotes=True,
            needs_key=True,
            limits=self._limits,
            tape="consolidated (1d), IEX (shorter)",
            entitlements=("bid, ask and last: a market-data agreement with IEX",),
            terms="for your own or internal use; not to be passed on",
            finality_seconds=4 * 3_600.0,  # daily prices may be corrected until 20:00 in New York
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
        async with self._transport.open() as web:
            try:
                told = await self._answers(web, asked)
            except NotFound as error:
                unknown = str(error)
            else:
                return self._history(asked, told, now)
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

    def stream(self, symbols: Sequence[str]) -> AsyncIterator[MarketEvent]:
        """Nothing: without an agreement with IEX the socket tells reference prices, not bars.

        Raises:
            UsageError: Always.
        """
        del symbols
        refuse(self.capabilities, "streams")


def _between(first: date, last: date) -> dict[str, str]:
    return {"startDate": str(first), "endDate": str(last)}
