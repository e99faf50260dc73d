"""What Massive answers, as typed rows: another shape is an error, a missing price stays NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import numpy as np

from papertape.domain.calendar import Calendar
from papertape.domain.errors import ProviderError
from papertape.domain.market import Dividend, Frequency, Split
from papertape.domain.money import micros
from papertape.plugins.market_data.tables.rows import Rows

if TYPE_CHECKING:
    from papertape.plugins.market_data.transport import Answer, Web

MILLISECOND = 1_000_000
"""Nanoseconds in the unit of the aggregates' times."""

BARS_A_PAGE, ACTIONS_A_PAGE = 50_000, 1_000

_SAYS_YES = ("OK", "DELAYED")
_PAGES = 1_000
"""More pages than any history has."""


class Aggregate(msgspec.Struct, frozen=True):
    """A bar that starts at ``t`` milliseconds; ``T`` names the symbol where one answer has many."""

    t: float
    o: float | None = None
    h: float | None = None
    l: float | None = None  # noqa: E741 - the provider's name
    c: float | None = None
    v: float | None = None
    T: str = ""

    def numbers(self) -> tuple[float, ...]:
        """Open, high, low, close and volume; NaN where there is none."""
        told = (self.o, self.h, self.l, self.c, self.v)
        return tuple(np.nan if number is None else number for number in told)


class SplitRow(msgspec.Struct, frozen=True):
    """``split_from`` old shares became ``split_to`` new ones."""

    ticker: str
    execution_date: date
    split_from: float
    split_to: float


class DividendRow(msgspec.Struct, frozen=True):
    """Cash a share, as declared; the pay date may be unknown."""

    ticker: str
    ex_dividend_date: date
    cash_amount: float
    currency: str = "USD"
    dividend_type: str = ""
    pay_date: date | None = None


class LastQuote(msgspec.Struct, frozen=True):
    """Bid in small letters, ask in capitals, the time in nanoseconds; 0 is no quote."""

    t: int
    p: float | None = None
    s: float | None = None
    P: float | None = None
    S: float | None = None


class Ticker(msgspec.Struct, frozen=True):
    """What the reference knows of a symbol."""

    list_date: date | None = None
    delisted_utc: str | None = None


Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """A part of a list; without ``results`` it holds nothing."""

    status: str = "OK"
    results: list[Row] | None = None
    next_url: str | None = None
    adjusted: bool = False


class One(msgspec.Struct, Generic[Row], frozen=True):
    """An answer about one thing."""

    results: Row
    status: str = "OK"


async def all_rows(
    web: Web, path: str, parameters: Mapping[str, str], kind: type[Page[Row]]
) -> tuple[list[Row], list[Answer]]:
    """The rows of all pages, and the pages.

    Of the next page's address only path and query are used: no key follows it to another host.

    Raises:
        ProviderError: If a page has an unknown shape, or the pages go in a circle.
    """
    rows: list[Row] = []
    answers = [await web.get(path, parameters)]
    met: set[str] = set()
    while True:
        page = read(answers[-1], kind)
        if page.adjusted:
            raise odd("it adjusted the prices though raw ones were asked for")
        rows += page.results or ()
        if not page.next_url:
            return rows, answers
        parts = urlsplit(page.next_url)
        following = f"{parts.path}?{parts.query}"
        if following in met or len(met) == _PAGES:
            raise odd("its pages go in a circle")
        met.add(following)
        answers.append(await web.get(following))


Content = TypeVar("Content", bound=Page[Any] | One[Any])


def read(answer: Answer, kind: type[Content]) -> Content:
    """The answer as what it should be.

    Raises:
        ProviderError: If it has another shape or does not say that all is well.
    """
    try:
        content: Content = msgspec.json.decode(answer.body, type=kind)
    except msgspec.ValidationError as fault:
        raise odd(f"the answer has another shape ({fault})") from None
    if content.status not in _SAYS_YES:
        raise odd(f"its status is {content.status!r}")
    return content


def odd(why: str) -> ProviderError:
    """The error for an answer that nobody can use."""
    return ProviderError(f"massive: {why}", hint="try a shorter span, or the same one later")


def columns(rows: Sequence[Aggregate], frequency: Frequency, calendar: Calendar) -> Rows:
    """Aggregates as columns; what is missing is NaN, never 0."""
    start = np.array([row.t for row in rows]).astype(np.int64) * MILLISECOND
    numbers = np.array([row.numbers() for row in rows])
    unknown = np.full(len(rows), np.nan)
    return Rows(
        daily=frequency.is_daily,
        line=np.arange(1, len(rows) + 1),
        # A daily bar starts at midnight in New York: its date is the session's.
        when=calendar.local_days(start).astype(np.int64) if frequency.is_daily else start,
        open=numbers[:, 0],
        high=numbers[:, 1],
        low=numbers[:, 2],
        close=numbers[:, 3],
        volume=numbers[:, 4],
        dividend=unknown,
        split=unknown,
    )


def splits(symbol: str, rows: Sequence[SplitRow]) -> list[Split]:
    """The splits of one symbol, each once."""
    ratios = {
        row.execution_date: Fraction(str(row.split_to)) / Fraction(str(row.split_from))
        for row in rows
        if row.ticker == symbol and row.split_from > 0
    }
    return [Split(symbol, day, ratio) for day, ratio in ratios.items() if ratio not in (0, 1)]


def dividends(symbol: str, rows: Sequence[DividendRow]) -> list[Dividend]:
    """The cash dividends of one symbol, each once.

    Raises:
        ProviderError: If one is paid in another currency, which nothing here can convert.
    """
    found: dict[DividendRow, Dividend] = {}
    for row in rows:
        if row.ticker != symbol or row.cash_amount <= 0:
            continue
        if row.currency != "USD":
            raise odd(f"{symbol} pays a dividend in {row.currency}")
        # Assumption: where no pay date is told, the cash arrives on the ex-date.
        paid = max(row.pay_date or row.ex_dividend_date, row.ex_dividend_date)
        found[row] = Dividend(symbol, row.ex_dividend_date, micros(row.cash_amount), paid)
    return list(found.values())
