"""What every source of market data offers, and what it says about itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, NoReturn, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import SECOND, Nanos, rfc3339
from papertape.domain.errors import DataError, NoBars, UsageError
from papertape.domain.market import Adjustment, Bar, PriceHistory, Quote, Trade

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AmendedBar:
    """A bar that came or changed after its time; what was decided on the one before stands.

    Attributes:
        bar: The bar as it is now known.
        revision: How often it has changed; 0 if it is told for the first time, too late.
    """

    bar: Bar
    revision: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan allows, as numbers; None where it sets no limit or nobody knows it.

    Attributes:
        per_minute: Calls in any 60 seconds.
        per_hour: Calls from one full hour to the next.
        per_day: Calls from one midnight in New York to the next.
        stream_symbols: Symbols that one stream may carry.
        connections: Streams that an account may hold at once.
        note: What numbers cannot say, for people.
    """

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    stream_symbols: int | None = None
    connections: int | None = None
    note: str = ""

    def __str__(self) -> str:
        named = (
            (self.per_minute, "calls a minute"),
            (self.per_hour, "calls an hour"),
            (self.per_day, "calls a day"),
            (self.connections, "stream at once" if self.connections == 1 else "streams at once"),
            (self.stream_symbols, "symbols a stream"),
        )
        words = [f"{count} {what}" for count, what in named if count is not None]
        return "; ".join([*words, self.note] if self.note else words) or "none"


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
        limits: Its quotas: numbers where a provider counts, else a sentence for people.
        feed: Which of the provider's feeds is asked; empty if it has one.
        tape: Whose trades the prices are, ``consolidated`` or one venue, by bar length if they
            differ; empty if nobody says.
        entitlements: What needs more than a free key, a sentence each.
        terms: What the provider's terms ask for, in a sentence.
        finality_seconds: How long after a bar's end it may still be corrected.
        live_delay_seconds: How long after its end a live bar of one symbol comes at the latest.
    """

    name: str
    venue: str = "XNYS"
    adjustment: Adjustment | None = None
    frequencies: tuple[str, ...] = ()
    quotes: bool = False
    streams: bool = False
    needs_key: bool = False
    limits: Limits | str = "none"
    feed: str = ""
    tape: str = ""
    entitlements: tuple[str, ...] = ()
    terms: str = ""
    finality_seconds: float = 0.0
    live_delay_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class ReferencePrice:
    """What a share is worth by a provider that may not pass on bid and ask; in dollars."""

    symbol: str
    time: Nanos
    price: float

    def __post_init__(self) -> None:
        if not self.price > 0:
            raise DataError(f"{self.symbol} {rfc3339(self.time)}: a price of {self.price}")

    @property
    def bid(self) -> None:
        """None: it may not be passed on, and none is made up."""

    @property
    def ask(self) -> None:
        """None, as `bid`."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a live source cannot do now while it goes on by itself; no bar is lost by it yet.

    Attributes:
        part: ``stream`` or ``questions``.
        reason: The cause, as the end of a sentence; empty once it is over.
    """

    part: str
    reason: str = ""


MarketEvent: TypeAlias = Bar | AmendedBar | Quote | Trade | ReferencePrice | Trouble


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

    async def fetch_quote(self, symbol: str) -> Quote | ReferencePrice:
        """The latest bid and ask, or the one price of a provider that has no more."""
        ...

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Events as they happen, oldest first; bars from a moment on, where one is named."""
        ...


@runtime_checkable
class Polls(Protocol):
    """A source whose live bars may be asked for, too, where no stream is wanted."""

    def poll(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """The bars of `MarketData.stream`, by asking alone."""
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
    """`MarketData.fetch_historical_data` for code that awaits nothing."""
    return finished(
        source.fetch_historical_data(
            symbol=symbol, start_date=start_date, end_date=end_date, frequency=frequency
        )
    )


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, for code that awaits nothing; a notebook's loop may be running."""
    import asyncio  # noqa: PLC0415  (a file needs no event loop, and the import is felt)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  (as above)

    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, work).result()


def no_bars(
    capabilities: Capabilities, symbol: str, first: date | None, last: date | None, likely: str
) -> NoBars:
    """Why an answer without a row may be right, or what it most likely means.

    Args:
        capabilities: Whose answer it is.
        symbol: What was asked for.
        first: The first exchange date asked for.
        last: The last one.
        likely: The causes when the exchange did trade, as the end of a sentence.
    """
    span = f"from {first or 'the beginning'} to {last or 'today'}"
    calendar = calendar_of(capabilities.venue)
    if first and last and calendar.covers(first) and calendar.covers(last):
        traded = calendar.sessions(first, last)
        if not traded:
            return NoBars(
                f"{capabilities.name}: {symbol} has no bars {span}: the exchange was closed",
                hint=f"the next session is {calendar.next_session(last)}",
                confirmed=True,
            )
        span += f", {len(traded)} session{'s' if len(traded) > 1 else ''} of the exchange"
    return NoBars(
        f"{capabilities.name}: not one bar of {symbol} {span}",
        hint=likely,
        confirmed=False,
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
