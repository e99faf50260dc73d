"""What every source of market data offers, and what it says about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal, NoReturn, Protocol, TypeAlias, runtime_checkable

import numpy as np

from papertape.domain.clock import SECOND, Nanos, rfc3339
from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import Adjustment, Bar, PriceHistory, Quote, Trade

MarketEvent: TypeAlias = Bar | Quote | Trade


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source can do, as data, so that nobody has to try it to know.

    Attributes:
        name: The plugin's name, as the command line spells it.
        venue: ISO 10383 code of the exchange whose sessions its bars keep.
        adjustment: What its prices are adjusted for; None if each file says it itself.
        frequencies: Bar lengths it serves; empty if each file has its own.
        quotes, streams: Whether `fetch_quote` and `stream` answer.
        needs_key: Whether it asks for an account's key.
        limits: Its quotas, in a sentence for people.
    """

    name: str
    venue: str = "XNYS"
    adjustment: Adjustment | None = None
    frequencies: tuple[str, ...] = ()
    quotes: bool = False
    streams: bool = False
    needs_key: bool = False
    limits: str = "none"


@runtime_checkable
class MarketData(Protocol):
    """A source of bars, and of quotes and live events where `capabilities` says so."""

    @property
    def capabilities(self) -> Capabilities:
        """What this source can do."""
        ...

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """Bars from the first to the last of two exchange dates, both included."""
        ...

    async def fetch_quote(self, symbol: str) -> Quote:
        """The latest bid and ask."""
        ...

    def stream(self, symbols: Sequence[str]) -> AsyncIterator[MarketEvent]:
        """Events as they happen, oldest first."""
        ...


def refuse(capabilities: Capabilities, wanted: Literal["quotes", "streams"]) -> NoReturn:
    """Say that a source has no quotes or no stream.

    Raises:
        UsageError: Always.
    """
    raise UsageError(
        f"the source {capabilities.name!r} has no {wanted}, only bars of the past",
        hint="fetch_historical_data has its bars; for live prices choose a source with a stream",
    )


def load(
    source: MarketData,
    *,
    symbol: str,
    start_date: date | None = None,
    end_date: date | None = None,
    frequency: str = "1d",
) -> PriceHistory:
    """`MarketData.fetch_historical_data` for code that does not run in an event loop."""
    import asyncio  # noqa: PLC0415  (a file needs no event loop, and the import is felt)

    return asyncio.run(
        source.fetch_historical_data(
            symbol=symbol, start_date=start_date, end_date=end_date, frequency=frequency
        )
    )


def between(history: PriceHistory, first: date | None, last: date | None) -> PriceHistory:
    """The part of a history from one exchange date to another, both included.

    Raises:
        DataError: If no bar lies between them.
    """
    bars, zone = history.bars, history.bars.calendar.zone
    start = np.searchsorted(bars.start, _midnight(first, zone)) if first else 0
    stop = np.searchsorted(bars.start, _midnight(last + timedelta(1), zone)) if last else len(bars)
    if start >= stop:
        raise DataError(
            f"{bars.symbol}: no bars from {first or 'the beginning'} to {last or 'the end'}; "
            f"{history.source} runs from {rfc3339(int(bars.start[0]))} "
            f"to {rfc3339(int(bars.end[-1]))}",
            hint="choose dates within that span",
        )
    earliest, latest = first or date.min, last or date.max
    actions = tuple(each for each in history.actions if earliest <= each.ex_date <= latest)
    return replace(history, bars=bars[int(start) : int(stop)], actions=actions)


def _midnight(day: date, zone: tzinfo) -> Nanos:
    return int(datetime.combine(day, time(), tzinfo=zone).timestamp()) * SECOND
