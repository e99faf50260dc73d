"""Rows as a provider tells them, made into checked bars, with a notice for whatever is odd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
import numpy as np

from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos, rfc3339
from papertape.domain.errors import DataError, ProviderError, UsageError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import Bars, Frequency
from papertape.plugins.market_data.source import Capabilities, no_bars

SKEW_SECONDS = 2.0
"""A provider's clock may differ from ours by this much before anybody is told."""

STALE_SECONDS = 60.0

_SHOWN = 5
_LATE = 30 * MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One row as a provider told it: None where it said nothing, which is never a zero."""

    start: Nanos
    end: Nanos
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a provider, checked before a call is spent on it; both dates included."""

    instrument: Instrument
    frequency: Frequency
    first: date
    last: date

    @property
    def symbol(self) -> str:
        """The canonical symbol."""
        return self.instrument.symbol

    @property
    def calendar(self) -> Calendar:
        """The calendar of the instrument's venue."""
        return calendar_of(self.instrument.venue)

    @property
    def span(self) -> tuple[Nanos, Nanos]:
        """The local midnights that begin the first day and end the last."""
        return midnight(self.first, self.calendar), midnight(
            self.last + timedelta(1), self.calendar
        )


def wanted(
    capabilities: Capabilities,
    symbol: str,
    span: tuple[date | None, date | None],
    frequency: str,
    earliest: date,
    now: Nanos,
) -> Wanted:
    """What somebody asks for, with the open ends filled in: ``earliest``, and today.

    Raises:
        UsageError: If the provider has no such bars, or the span is none.
    """
    length = Frequency.parse(frequency)
    if str(length) not in capabilities.frequencies:
        raise UsageError(
            f"{capabilities.name} has no bars of {frequency}",
            hint=f"it has {', '.join(capabilities.frequencies)}",
        )
    instrument = Instrument(canonical_symbol(symbol), venue=capabilities.venue)
    today = calendar_of(capabilities.venue).local_day(now)
    first, last = span[0] or earliest, min(span[1] or today, today)
    if first > last:
        raise UsageError(
            f"{instrument.symbol}: no bars can lie between {first} and {last}",
            hint=f"choose a first day up to the last, and none after today, {today}",
        )
    return Wanted(instrument, length, first, last)


def bars_of(
    asked: Wanted, rows: Sequence[PriceRow], capabilities: Capabilities, now: Nanos, likely: str
) -> tuple[Bars, list[str]]:
    """The rows as bars, and sentences about all that was odd with them.

    Identical repeats are dropped and rows are put in order. A price that misses, or a bar told
    twice with different figures, is an error: nobody can know which is true. A bar that has not
    ended yet is left out, and a session without a bar is named.

    Raises:
        DataError: If rows cannot be bars, or none is left.
    """
    here, notices = f"{asked.symbol}: {capabilities.name}", []
    kept = _within(asked, sorted(rows, key=lambda row: row.start))
    if len(kept) < len(rows):
        notices.append(f"{here} sent {len(rows) - len(kept)} rows outside the span; left out")
    if any(row.start < above.start for above, row in pairwise(rows)):
        notices.append(f"{here} sent rows out of order; they were put in order")
    once = _each_once(here, kept)
    if len(once) < len(kept):
        notices.append(f"{here} sent {len(kept) - len(once)} rows twice; they were read once")
    ended = [row for row in once if row.end <= now]
    if len(ended) < len(once):
        notices.append(f"{here}: {len(once) - len(ended)} bars had not ended yet; left out")
    if not ended:
        raise no_bars(capabilities, asked.symbol, asked.first, asked.last, likely)
    bars = _columns(asked, ended, here)
    return bars, notices + _absences(asked, bars, here, now, capabilities.finality_seconds)


def _within(asked: Wanted, rows: list[PriceRow]) -> list[PriceRow]:
    since, until = asked.span
    return [row for row in rows if since <= row.start < until]


def _each_once(here: str, rows: list[PriceRow]) -> list[PriceRow]:
    once: list[PriceRow] = []
    for row in rows:
        if once and once[-1].start == row.start:
            if once[-1] != row:
                raise DataError(
                    f"{here} sent the bar of {rfc3339(row.start)} twice, with different figures",
                    hint="fetch again later; it may be under correction",
                )
            continue
        once.append(row)
    return once


def _columns(asked: Wanted, rows: list[PriceRow], here: str) -> Bars:
    for row in rows:
        for name in ("open", "high", "low", "close"):
            if getattr(row, name) is None:
                raise DataError(
                    f"{here} sent the bar of {rfc3339(row.start)} without {name}",
                    hint="fetch again later, or from another provider",
                )
    open_, high, low, close = np.array(
        [(row.open, row.high, row.low, row.close) for row in rows], np.float64
    ).T
    volume = [math.nan if row.volume is None else row.volume for row in rows]
    return Bars(
        asked.instrument,
        asked.frequency,
        np.array([row.start for row in rows], np.int64),
        np.array([row.end for row in rows], np.int64),
        open_,
        high,
        low,
        close,
        np.array(volume, np.float64),
    )


def _absences(
    asked: Wanted, bars: Bars, here: str, now: Nanos, finality_seconds: float
) -> list[str]:
    """Sessions without a bar, in words; a hole is never filled and never kept quiet."""
    calendar, final, told = asked.calendar, int(finality_seconds * SECOND), list[str]()
    there = set(bars.days().tolist())
    if bars.end[-1] + final > now:
        told.append(f"{here}: the last bar may still be corrected")
    missing = [
        day
        for day in calendar.sessions(asked.first, asked.last)
        if day not in there and calendar.session(day).close + final <= now
    ]
    begins, ends = min(there), max(there)
    inside = [day for day in missing if begins < day < ends]
    if missing and missing[0] < begins:
        told.append(f"{here} has nothing before {begins}, though asked from {asked.first}")
    if inside:
        named = ", ".join(map(str, inside[:_SHOWN]))
        more = f" and {len(inside) - _SHOWN} more" if len(inside) > _SHOWN else ""
        told.append(f"{here} has no bar on {len(inside)} sessions: {named}{more}")
    if missing and missing[-1] > ends:
        told.append(f"{here} has nothing after {ends}, though asked to {asked.last}")
    told += _late_beginning(asked, bars, here)
    odd = sorted(day for day in there if calendar.covers(day) and not calendar.is_session(day))
    if odd:
        told.append(f"{here} has bars on {odd[0]}, when the exchange was closed by its calendar")
    return told


def _late_beginning(asked: Wanted, bars: Bars, here: str) -> list[str]:
    """Whether a first day of short bars begins so late that an answer may have been cut."""
    first, day = int(bars.start[0]), asked.calendar.local_day(int(bars.start[0]))
    late = first - asked.calendar.session(day).open
    if late <= max(_LATE, 2 * asked.frequency.nanos):
        return []
    return [f"{here} begins {late // MINUTE} minutes after the opening of {day}"]


def skew_notice(provider: str, skew_seconds: float | None) -> list[str]:
    """A sentence where the provider's clock is not ours."""
    if skew_seconds is None or abs(skew_seconds) <= SKEW_SECONDS:
        return []
    way = "ahead of" if skew_seconds > 0 else "behind"
    return [
        f"{provider}: its clock is {abs(skew_seconds):.0f} s {way} this machine's; "
        "times in bars are its own"
    ]


def refuse_stale(provider: str, skew_seconds: float | None) -> None:
    """Stop at an answer about live bars that somebody on the way kept for too long.

    Raises:
        ProviderError: If it is older than `STALE_SECONDS`.
    """
    if skew_seconds is not None and skew_seconds < -STALE_SECONDS:
        raise ProviderError(f"{provider}: an answer about live bars is {-skew_seconds:.0f} s old")


def moment(text: str) -> Nanos:
    """An RFC 3339 time as nanoseconds, to the microsecond; a time without a zone is none.

    Raises:
        DataError: If it cannot be read.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise DataError(f"{text!r} is no time with a zone", hint="the provider changed its form")
    return (when - _EPOCH) // timedelta(microseconds=1) * 1_000


def midnight(day: date, calendar: Calendar) -> Nanos:
    """The local moment at which an exchange's day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=calendar.zone).timestamp()) * SECOND


def shaped(provider: str, value: Any, kind: type[T]) -> T:
    """Decoded JSON as a record of ``kind``.

    Raises:
        ProviderError: If it has another shape.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        why = str(error)
    raise ProviderError(
        f"{provider}: an answer of another shape: {why}", hint="look for a newer papertape"
    )
