"""From text to moments: dates, clocks, offsets, epoch numbers; nothing here is guessed.

Millions of stamps repeat few dates and few clocks, so each distinct text is read once, carefully.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from itertools import compress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from papertape.domain.clock import DAY, MINUTE, SECOND
from papertape.domain.errors import DataError
from papertape.domain.market import Frequency, IntArray
from papertape.plugins.market_data.tables.zones import (
    RepeatedHour,
    clock_text,
    local_offsets,
    utc_offsets,
    zone_of,
)

DateOrder = Literal["day", "month"]

HOUR = 60 * MINUTE
_YEARS = range(1800, 2101)
_EPOCH = date(1970, 1, 1).toordinal()

_EPOCH_NUMBER = re.compile(r"[0-9]{1,18}|[1-4][0-9]{18}")
_YEAR_FIRST = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})")
_CLOCK = re.compile(
    r"([0-9]{1,2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"\s*([AaPp][Mm])?\s*(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)


@dataclass(frozen=True, slots=True)
class ClockRules:
    """How to read stamps that do not say everything themselves.

    Attributes:
        source: The file's name, for errors.
        exchange: Zone of the exchange, whose midnight makes a session date.
        zone: Zone of naive times; None refuses them.
        date_first: What ``03/04/2026`` begins with; None wants proof.
        usual: The same as a layout's habit, which the file's own proof beats.
        repeated_hour: Which of the two a time in the repeated hour is; None refuses it.
        frequency: Bar length, if it is known.
    """

    source: str
    exchange: tzinfo
    zone: str | None = None
    date_first: DateOrder | None = None
    usual: DateOrder | None = None
    repeated_hour: RepeatedHour | None = None
    frequency: Frequency | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """One number a row: days since 1970 if ``daily`` (a session date), else nanoseconds in UTC."""

    when: IntArray
    daily: bool
    faults: Mapping[int, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def read_times(stamps: Sequence[str], clocks: Sequence[str] | None, rules: ClockRules) -> Times:
    """The times of a column of text, and of the column of clocks beside it if there is one.

    Raises:
        DataError: If the zone, the order of day and month or the unit cannot be known.
    """
    first = next(iter(stamps), "").strip()
    if clocks is None and first.isdecimal() and len(first) > len("20240102"):
        return _epoch_text_times(stamps, rules)
    if clocks is None:
        stamps, clocks = _cut(stamps, first)
    return _text_times(stamps, clocks, rules)


def since_midnight(stamps: Sequence[str], day: date, rules: ClockRules) -> Times:
    """Milliseconds since the exchange's midnight of one day."""
    clocks, faults = _each_text(stamps, _milliseconds)
    local = (day.toordinal() - _EPOCH) * DAY + clocks
    return _of_good(len(stamps), faults, lambda good: local_times(local[good], rules))


def moment_times(moments: IntArray, rules: ClockRules) -> Times:
    """Moments in UTC, or the session dates they stand for if all are some midnight."""
    told = rules.frequency is not None and rules.frequency.is_daily
    # No zone is off by less than a quarter of an hour, so other moments are nobody's midnight.
    if not told and (rules.frequency or bool(np.any(moments % (15 * MINUTE)))):
        return Times(moments, daily=False)
    utc_midnight = bool(np.all(moments % DAY == 0))
    local = moments if utc_midnight else moments + utc_offsets(moments, rules.exchange)
    daily = told or bool(np.all(local % DAY == 0))
    return Times(local // DAY if daily else moments, daily)


def epoch_times(counted: IntArray, rules: ClockRules) -> Times:
    """Counts since 1970 in whichever unit makes them plausible.

    Raises:
        DataError: If none does.
    """
    unit = _unit(rules.source, int(counted.min()), int(counted.max()))
    return moment_times(counted * unit, rules)


def local_times(local: IntArray, rules: ClockRules) -> Times:
    """Naive times as moments, or as session dates if all are midnight or one fixed clock."""
    daily = rules.frequency.is_daily if rules.frequency else _one_a_day(local)
    if daily:
        return Times(local // DAY, daily=True, notices=_odd_clocks(local))
    if rules.zone is None:
        raise DataError(
            f"{rules.source}: the times name no zone, such as {clock_text(local[0])}",
            hint="say it with --tz, like --tz America/New_York or --tz UTC",
        )
    zone = zone_of(rules.zone)
    offsets, gaps = local_offsets(local, zone, rules.repeated_hour)
    return Times(local - offsets, daily=False, faults=gaps)


def _epoch_text_times(stamps: Sequence[str], rules: ClockRules) -> Times:
    texts = [stamp.strip() for stamp in stamps]
    counts = [int(text) if _EPOCH_NUMBER.fullmatch(text) else -1 for text in texts]
    counted = np.array(counts, np.int64)
    faults = {
        row: f"{_clipped(stamps[row])} is no epoch number, as the first time is"
        for row in np.flatnonzero(counted < 0).tolist()
    }
    return _of_good(len(stamps), faults, lambda good: epoch_times(counted[good], rules))


def _unit(source: str, least: int, most: int) -> int:
    """Nanoseconds one count stands for.

    Assumption: prices dated by an epoch number lie between 1971 and 2100. Then one unit fits at
    most, because the spans in seconds, milli-, micro- and nanoseconds do not overlap.
    """
    start, stop = 365 * DAY, 131 * 365 * DAY
    for unit in (SECOND, 1_000_000, 1_000, 1):
        if start <= least * unit and most * unit < stop:
            return unit
    raise DataError(
        f"{source}: the times {least} to {most} are no seconds, milli-, micro- or nanoseconds "
        "between 1971 and 2100",
        hint="write times as text, like 2024-01-02T14:30:00Z",
    )


def _cut(stamps: Sequence[str], first: str) -> tuple[list[str], list[str]]:
    """Dates and clocks of stamps; the cut lies where the first one's does, if it can."""
    divider = "T" if first[10:11] == "T" else " "
    width = first.find(divider)
    if width > 0 and {stamp[width : width + 1] for stamp in stamps} == {divider}:
        return [stamp[:width] for stamp in stamps], [stamp[width + 1 :] for stamp in stamps]
    parts = [stamp.strip().partition(divider) for stamp in stamps]
    return [part[0] for part in parts], [part[2] for part in parts]


def _text_times(stamps: Sequence[str], clocks: Sequence[str], rules: ClockRules) -> Times:
    days, bad_days = _each_text(stamps, _day_reader(set(stamps), rules))
    times, bad_clocks = _each_text(clocks, _clock)
    faults = {**bad_clocks, **bad_days}
    local = days * DAY + times

    def read(good: NDArray[np.bool_]) -> Times:
        offsets = _offsets(list(compress(clocks, good)) if faults else clocks, rules.source)
        if offsets is None:
            return local_times(local[good], rules)
        return _aware_times(local[good], offsets, rules)

    return _of_good(len(stamps), faults, read)


def _of_good(
    count: int, faults: dict[int, str], read: Callable[[NDArray[np.bool_]], Times]
) -> Times:
    """Times of the good rows, read as if there were no others, put back among the bad ones."""
    good = np.ones(count, np.bool_)
    good[list(faults)] = False
    when = np.zeros(count, np.int64)
    if not good.any():
        return Times(when, daily=False, faults=faults)
    found = read(good)
    when[good] = found.when
    rows = np.flatnonzero(good)
    moved = {int(rows[row]): why for row, why in found.faults.items()}
    return Times(when, found.daily, {**moved, **faults}, found.notices)


def _offsets(clocks: Sequence[str], source: str) -> IntArray | None:
    """Each clock's distance from UTC, or None if none of them says it."""
    known = {clock: _offset(clock) for clock in set(clocks)}
    if set(known.values()) == {None}:
        return None
    if None in known.values():
        raise _mixed(source, "some times name their zone and some do not")
    return np.fromiter(map(known.__getitem__, clocks), np.int64, len(clocks))


def _aware_times(local: IntArray, offsets: IntArray, rules: ClockRules) -> Times:
    moments = local - offsets
    _refuse_mixture(moments, offsets, rules.source)
    intraday = rules.frequency is not None and not rules.frequency.is_daily
    if not intraday and bool(np.all(local % DAY == 0)):
        return Times(local // DAY, daily=True)
    found = moment_times(moments, rules)
    if found.daily or intraday or not _one_a_day(local):
        return found
    return Times(local // DAY, daily=True, notices=_odd_clocks(local))


def _one_a_day(local: IntArray) -> bool:
    """Whether these are days: all midnight, or one row a date and most of them at one clock.

    Assumption: a file of days may end with a row that was taken while the day was running.
    """
    clocks, counts = np.unique(local % DAY, return_counts=True)
    if len(clocks) == 1 and clocks[0] == 0:
        return True
    if 2 * counts.max() <= counts.sum():
        return False
    days = len(np.unique(local // DAY))
    return days > 1 and days == len(np.unique(local))


def _odd_clocks(local: IntArray) -> tuple[str, ...]:
    _, codes, counts = np.unique(local % DAY, return_inverse=True, return_counts=True)
    odd = np.flatnonzero(codes != np.argmax(counts))
    if not len(odd):
        return ()
    return (
        f"{len(odd)} of {len(local)} daily rows carry another time of day than the others, the "
        f"first {clock_text(local[odd[0]])}; such a row may have been taken before the close",
    )


def _refuse_mixture(moments: IntArray, offsets: IntArray, source: str) -> None:
    """Assumption: one zone explains two offsets an hour apart that change twice a year at most."""
    if offsets.min() == offsets.max():
        return
    distinct = np.unique(offsets)
    ordered = offsets[np.argsort(moments, kind="stable")]
    years = 1 + (int(moments.max()) - int(moments.min())) // (365 * DAY)
    changes = int(np.count_nonzero(np.diff(ordered)))
    if len(distinct) > 2 or distinct[1] - distinct[0] != HOUR or changes > 2 * years:
        shown = ", ".join(f"{offset / HOUR:+g} h" for offset in distinct[:4])
        raise _mixed(source, f"no single zone is {shown} away from UTC, changing {changes} times")


def _mixed(source: str, why: str) -> DataError:
    return DataError(
        f"{source} mixes time zones: {why}", hint="write all times in one zone, best in UTC"
    )


def _each_text(texts: Sequence[str], read: Callable[[str], int]) -> tuple[IntArray, dict[int, str]]:
    """A number for each text, each distinct one read once; and the rows that cannot be read."""
    known: dict[str, int] = {}
    unread: dict[str, str] = {}
    for text in set(texts):
        try:
            known[text] = read(text.strip())
        except ValueError as error:
            known[text] = 0
            unread[text] = f"{_clipped(text)}: {error}"
    column = np.fromiter(map(known.__getitem__, texts), np.int64, len(texts))
    if not unread:
        return column, {}
    return column, {row: unread[text] for row, text in enumerate(texts) if text in unread}


def _day_reader(texts: Iterable[str], rules: ClockRules) -> Callable[[str], int]:
    order = _date_order([text.strip() for text in texts], rules)

    def day(text: str) -> int:
        if found := _YEAR_FIRST.fullmatch(text):
            year, month, day = found[1], found[3], found[4]
        elif found := _YEAR_LAST.fullmatch(text):
            year = found[4]
            month, day = (found[1], found[3]) if order == "month" else (found[3], found[1])
        else:
            raise ValueError("not a date we can read")
        if int(year) not in _YEARS:
            raise ValueError(f"the year {year} is not between {_YEARS[0]} and {_YEARS[-1]}")
        try:
            return date(int(year), int(month), int(day)).toordinal() - _EPOCH
        except ValueError:
            raise ValueError("there is no such date") from None

    return day


def _date_order(texts: Sequence[str], rules: ClockRules) -> DateOrder | None:
    """Whether day or month comes first, proven over all dates of the file."""
    found = [match for text in texts if (match := _YEAR_LAST.fullmatch(text))]
    if not found:
        return None
    day_first = next((match[0] for match in found if int(match[1]) > 12), None)
    month_first = next((match[0] for match in found if int(match[3]) > 12), None)
    proven: DateOrder | None = "day" if day_first else "month" if month_first else None
    if day_first and month_first:
        why = f"{day_first} begins with the day and {month_first} with the month"
    elif proven and rules.date_first and proven != rules.date_first:
        why = f"{day_first or month_first} does not begin with the {rules.date_first}"
    elif order := proven or rules.date_first or rules.usual:
        return order
    else:
        why = f"{found[0][0]} may begin with the day or the month, and no date of the file tells"
    raise DataError(f"{rules.source}: {why}", hint="say date_first='day' or date_first='month'")


def _clock(text: str) -> int:
    """Nanoseconds since midnight; an empty text is midnight."""
    if not text:
        return 0
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError("not a time of day we can read")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[5]:
        if not 1 <= hour <= 12:
            raise ValueError("no clock shows that before or after noon")
        hour = hour % 12 + (12 if found[5].upper() == "PM" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("there is no such time of day")
    fraction = int((found[4] or "").ljust(9, "0"))
    return hour * HOUR + minute * MINUTE + second * SECOND + fraction


def _milliseconds(text: str) -> int:
    count = int(text) if _EPOCH_NUMBER.fullmatch(text) else DAY
    if count * 1_000_000 >= DAY:
        raise ValueError("no number of milliseconds within a day")
    return count * 1_000_000


def _offset(text: str) -> int | None:
    found = _CLOCK.fullmatch(text.strip())
    if not found or not found[6]:
        return None
    if found[6] in {"Z", "UTC"}:
        return 0
    sign = -1 if found[6][0] == "-" else 1
    return sign * (int(found[6][1:3]) * HOUR + int(found[6][-2:]) * MINUTE)


def _clipped(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
