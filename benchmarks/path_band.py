"""Is the band honest? Trades on bars of a day, held against the same trades minute by minute.

Run it by ``make bench`` or alone: ``python benchmarks/path_band.py``. It needs real one-minute
bars in ``../shared/data/intraday`` and writes what it counted, and nothing of the bars, to
``docs/path-band.md``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import duckdb

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE
from papertape.domain.event import OrderFilled, PathUncertain
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bar, Frequency, quantised
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, micros, tick_up
from papertape.domain.order import Attached, Order, OrderKind
from papertape.matching.book import Book
from papertape.matching.costs import free_of_cost

PROJECT = Path(__file__).parents[1]
DATA = PROJECT.parent / "shared" / "data" / "intraday"
PAGE = PROJECT / "docs" / "path-band.md"
FILES = {
    "spy_1min_polygon_20240220_20240418.parquet": "'SPY', epoch_ns(bar_start_utc)",
    "lean_minute_trades.parquet": "symbol, epoch_ns(timezone('America/New_York', bar_start_et))",
}
SHARES, CASH, CENT = 100, 1_000_000, 10_000
MINUTES = Frequency.parse("1m")
WIDTHS = (0.2, 0.5, 1.0)
"""Distances, in parts of the range of the day before."""


class Session(NamedTuple):
    """One symbol's day, as one bar and as minutes."""

    symbol: str
    day: date
    whole: Bar
    minutes: list[Bar]


class Verdict(NamedTuple):
    """One trade, played both ways; micro-dollars of equity at the end.

    Attributes:
        entry, exits: What kind of orders made it.
        booked: What the coarse run booked.
        better, worse: How far its band reaches up and down from there.
        truth: What the minutes made of it.
        unit: The range of the day before, for all the shares.
    """

    entry: str
    exits: str
    booked: Micros
    better: Micros
    worse: Micros
    truth: Micros
    unit: Micros

    @property
    def is_inside(self) -> bool:
        """Whether the truth lies inside the band."""
        return self.booked - self.worse <= self.truth <= self.booked + self.better


def sessions(folder: Path) -> list[Session]:
    """All regular sessions of the real minutes, in order."""
    calendar, found = calendar_of("XNYS"), defaultdict[tuple[str, date], list[Bar]](list)
    for file, key in FILES.items():
        rows = duckdb.execute(
            f"select {key}, open, high, low, close, volume from read_parquet(?) order by 1, 2",
            [str(folder / file)],
        ).fetchall()
        for symbol, start, *prices, volume in rows:
            day = calendar.local_day(start)
            session = calendar.session(day) if calendar.is_session(day) else None
            if session and session.open <= start < session.close:
                bar = Bar(symbol, start, start + MINUTE, *quantised(prices).tolist(), float(volume))
                found[symbol, day].append(bar)
    return [
        Session(symbol, day, _whole(minutes), minutes)
        for (symbol, day), minutes in sorted(found.items())
    ]


def _whole(minutes: list[Bar]) -> Bar:
    calendar, first = calendar_of("XNYS"), minutes[0]
    session = calendar.session(calendar.local_day(first.start))
    high, low = max(bar.high for bar in minutes), min(bar.low for bar in minutes)
    volume = sum(bar.volume for bar in minutes)
    return replace(
        first,
        start=session.open,
        end=session.close,
        high=high,
        low=low,
        close=minutes[-1].close,
        volume=volume,
    )


def stretches(days: Sequence[Session], length: int) -> Iterator[Sequence[Session]]:
    """Each session and the ``length`` that follow it, where none of them is missing."""
    calendar = calendar_of("XNYS")
    for at in range(len(days) - length):
        stretch = days[at : at + length + 1]
        steps = pairwise(stretch)
        if all(a.symbol == b.symbol and calendar.next_session(a.day) == b.day for a, b in steps):
            yield stretch


def orders(before: Bar) -> Iterator[Order]:
    """Entries of every kind with exits of every kind, sent after the close of a day."""
    reach, close = before.high - before.low, before.close

    def cents(amount: float) -> Micros:
        return tick_up(micros(amount), CENT)

    entries = [(OrderKind.MARKET, None, None)]
    entries += [(OrderKind.LIMIT, cents(close - k * reach), None) for k in (0.1, 0.4)]
    entries += [(OrderKind.STOP, None, cents(close + k * reach)) for k in (0.1, 0.4)]
    stops, targets, trails = (
        [Attached(kind, distance=cents(width * reach)) for width in WIDTHS]
        for kind in (OrderKind.STOP, OrderKind.LIMIT, OrderKind.TRAILING_STOP)
    )
    exits: list[tuple[Attached, ...]] = [(each,) for each in (*stops, *targets, *trails)]
    exits += [(guard, target) for guard in (*stops, *trails) for target in targets]
    for kind, limit, stop in entries:
        for attached in exits:
            yield Order(
                "o",
                before.symbol,
                SHARES,
                kind,
                before.end,
                "",
                limit=limit,
                stop=stop,
                attached=attached,
                triggers_at_once=True,
            )


class Played(NamedTuple):
    """What bars made of an order."""

    equity: Micros
    fills: list[Fill]
    uncertain: list[PathUncertain]


def played(order: Order, bars: Iterable[Bar], frequency: Frequency) -> Played:
    """Let bars meet one order; costs are left out, as both runs would pay the same."""
    book = Book({order.symbol: Instrument(order.symbol)}, frequency, free_of_cost())
    account, log, close = Account.opened(CASH * MICROS_PER_DOLLAR), [], 0.0
    book.accept(order, order.time)
    for bar in bars:
        events, account = book.match(bar, account)
        book.observe(bar)
        log += events
        close = bar.close
    return Played(
        account.cash + account.quantity(order.symbol) * micros(close),
        [event.fill for event in log if isinstance(event, OrderFilled)],
        [event for event in log if isinstance(event, PathUncertain)],
    )


def judged(stretch: Sequence[Session]) -> Iterator[Verdict]:
    """Each order sent after the first session, over the sessions that follow it."""
    before, *days = stretch
    for order in orders(before.whole):
        coarse = played(order, (day.whole for day in days), DAILY)
        fine = played(order, (bar for day in days for bar in day.minutes), MINUTES)
        if not coarse.fills and not fine.fills:
            continue
        yield Verdict(
            order.kind.value.replace("_", " "),
            " and ".join(each.kind.value.replace("_", " ") for each in order.attached),
            coarse.equity,
            sum(each.band_canonical for each in coarse.uncertain),
            sum(each.band_trail for each in coarse.uncertain),
            fine.equity,
            SHARES * micros(before.whole.high - before.whole.low),
        )


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """Counts and shares, a line for each kind of entry and of exits."""
    kinds = dict.fromkeys((each.entry, each.exits) for each in verdicts)
    rows = [(f"{a} | {b}", [v for v in verdicts if (v.entry, v.exits) == (a, b)]) for a, b in kinds]
    return [
        "| entry | exits | trades | inside | no band at all | median width of the others |",
        "|---|---|---|---|---|---|",
        *(_row(words, each) for words, each in [*rows, ("**all** | ", list(verdicts))]),
    ]


def _row(words: str, verdicts: Sequence[Verdict]) -> str:
    count = len(verdicts)
    widths = [(each.better + each.worse) / each.unit for each in verdicts]
    wide = [width for width in widths if width]
    inside = sum(each.is_inside for each in verdicts) / count
    narrow = 1 - len(wide) / count
    return (
        f"| {words} | {count:,} | {inside:.1%} | {narrow:.0%} | "
        f"{f'{median(wide):.2f}' if wide else '-'} |"
    )


def page(days: int, one: Sequence[Verdict], three: Sequence[Verdict]) -> str:
    """The page as it stands in the documentation."""
    missed = [each.booked - each.worse - each.truth for each in one if not each.is_inside]
    return PAGE_TEXT.format(
        days=days,
        share=f"{sum(each.is_inside for each in one) / len(one):.1%}",
        trades=f"{len(one):,}",
        one="\n".join(table(one)),
        three="\n".join(table(three)),
        missed=len(missed),
        lower=sum(each > 0 for each in missed),
        higher=sum(each < 0 for each in missed),
        widest=f"{max(map(abs, missed), default=0) / SHARES / MICROS_PER_DOLLAR:.2f}",
    )


PAGE_TEXT = """\
# How honest the band is

Real one-minute bars of {days} sessions (SPY, IBM, AAPL; 2013, 2014, 2023 and 2024) were put
together to bars of a day. The same order with the same exits was then played on both; the minutes
say what truly happened, the day's bar says what could have been: from its booked result up by
`band_canonical` and down by `band_trail`. `benchmarks/path_band.py` counts and writes this page: do
not edit it here.

**{share} of {trades} trades** of one session end inside the band.

Entries stand 0, 0.1 or 0.4 of the last day's range from its close, exits 0.2, 0.5 or 1.0 of it from
the fill. *Width* is the whole band in parts of that range; where there is no band the day's bar
allows one result only.

{one}

Of the {missed} trades outside, {lower} ended lower and {higher} higher than the band allows, by at
most {widest} dollars a share: from one minute to the next the price jumped over a stop, which a bar
of a day does not show. That is what a triggered stop's second slippage (fill-C2) is for; costs were
left out here.

## Held for three sessions

A band ends with its bar. Where the day's bar booked an exit that did not happen, the minutes go on
with a position that the coarse run no longer has, and what becomes of it on later days is in no
band. So the share is lower when a trade may last:

{three}
"""


def main() -> None:
    """Count, and write the page."""
    if not DATA.is_dir():
        sys.exit("path_band: there are no real minutes in ../shared/data/intraday")
    days = sessions(DATA)
    one, three = (
        [verdict for stretch in stretches(days, length) for verdict in judged(stretch)]
        for length in (1, 3)
    )
    PAGE.write_text(page(len(days), one, three), encoding="utf-8")
    inside = sum(each.is_inside for each in one) / len(one)
    sys.stdout.write(f"{inside:.1%} of {len(one):,} trades inside the band: {PAGE.name}\n")


if __name__ == "__main__":
    main()
