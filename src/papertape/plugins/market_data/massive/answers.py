"""What Massive answers, as typed rows: another shape is an error, a missing price stays NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec

from papertape.domain.errors import DataError, ProviderError
from papertape.domain.market import Dividend, Quote, Split
from papertape.domain.money import micros
from papertape.plugins.market_data.refined import PriceRow, Wanted
from papertape.plugins.market_data.transport import Answer, Web

MILLISECOND = 1_000_000
"""Nanoseconds in the unit of the aggregates' times."""

BARS_A_PAGE, ACTIONS_A_PAGE = 50_000, 1_000

_SAYS_YES = ("OK", "DELAYED")
_EMPTY_PAGES = 100
"""So many pages without a row, one after the other, are more than any gap in a history."""


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
        return tuple(math.nan if number is None else number for number in told)

    def priced(self, asked: Wanted) -> PriceRow:
        """The bar as asked for; a daily one starts at midnight in New York and is a session's."""
        start = int(self.t) * MILLISECOND
        end = start + asked.frequency.nanos
        if asked.frequency.is_daily:
            session = asked.calendar.session(asked.calendar.local_day(start))
            start, end = session.open, session.close
        return PriceRow(start, end, self.o, self.h, self.l, self.c, self.v)


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

    def quote(self, symbol: str) -> Quote:
        """The quote.

        Raises:
            DataError: If nobody quotes on one side.
        """
        if not (self.p and self.P):
            raise DataError(
                f"massive: nobody quotes {'an ask' if self.p else 'a bid'} for {symbol}",
                hint="ask again in regular trading hours",
            )
        # Assumption: sizes are shares, as since the round-lot change of 2025.
        return Quote(symbol, self.t, self.p, self.P, int(self.s or 0), int(self.S or 0))


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
    empty = 0
    while True:
        page = read(answers[-1], kind)
        if page.adjusted:
            raise odd("it adjusted the prices though raw ones were asked for")
        rows += page.results or ()
        if not page.next_url:
            return rows, answers
        # A page counts the minutes it looked at, so one without a row is no end.
        empty = 0 if page.results else empty + 1
        parts = urlsplit(page.next_url)
        following = f"{parts.path}?{parts.query}"
        if following in met or empty == _EMPTY_PAGES:
            raise odd("its pages lead nowhere")
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


def is_delayed(answer: Answer) -> bool:
    """Whether the plan's data are late, by its own word."""
    return read(answer, Page[Any]).status == "DELAYED"


def odd(why: str) -> ProviderError:
    """The error for an answer that nobody can use."""
    return ProviderError(f"massive: {why}", hint="try a shorter span, or the same one later")


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
