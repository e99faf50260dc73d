"""Calendar: which days an exchange trades, and from when to when.

The sessions lie in a table beside this file (made from exchange_calendars by
``scripts/refresh_calendar.py``), so that asking costs nothing and needs no heavy import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from papertape.domain.clock import DAY, MINUTE, SECOND, Nanos, utc
from papertape.domain.errors import UsageError

MONDAY_TO_FRIDAY = range(5)
_HOUR = 60 * MINUTE
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of an exchange, from the opening to the closing auction."""

    day: date
    open: Nanos
    close: Nanos
    early_close: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The sessions of one exchange between two dates.

    Attributes:
        venue: ISO 10383 code.
        zone: The exchange's time zone.
        first, last: The days the table covers, both included.
        closed: Weekdays within them without a session.
        hours: Sessions with other than the regular hours, as local opening and closing time.
        regular: The regular local opening and closing time.
    """

    venue: str
    zone: ZoneInfo
    first: date
    last: date
    closed: frozenset[date]
    hours: Mapping[date, tuple[time, time]]
    regular: tuple[time, time]

    def covers(self, day: date) -> bool:
        """Whether the table says anything about this day."""
        return self.first <= day <= self.last

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on this day; a weekday outside the table counts as one."""
        return day.weekday() in MONDAY_TO_FRIDAY and day not in self.closed

    def session(self, day: date) -> Session:
        """The hours of a day, regular ones where the table knows no session (see `is_session`)."""
        opens, closes = self.hours.get(day, self.regular)
        begin, end = _moment(self.zone, day, opens), _moment(self.zone, day, closes)
        return Session(day, begin, end, closes < self.regular[1])

    def times(self, days: Sequence[date]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Opening and closing moments of many days, each as `session` says, as two columns."""
        dates = np.fromiter(map(date.toordinal, days), np.int64, len(days))
        # Assumption: clocks change early on Sundays, so that day's noon serves a week.
        sundays, place = np.unique(dates - dates % 7, return_inverse=True)
        ahead = [_ahead(self.zone, date.fromordinal(each)) for each in sundays.tolist()]
        midnight = (dates - _EPOCH) * DAY - np.array(ahead, np.int64)[place]
        hours = np.tile([[_since_midnight(each)] for each in self.regular], len(days))
        for row, day in enumerate(days):
            if day in self.hours:
                hours[:, row] = [_since_midnight(each) for each in self.hours[day]]
        return midnight + hours[0], midnight + hours[1]

    def sessions(self, first: date, last: date) -> list[date]:
        """The days traded between two dates, both included, in order."""
        days = (first + timedelta(n) for n in range((last - first).days + 1))
        return [day for day in days if self.is_session(day)]

    def next_session(self, day: date) -> date:
        """The first day traded after ``day``."""
        following = day + timedelta(1)
        while not self.is_session(following):
            following += timedelta(1)
        return following

    def local_day(self, moment: Nanos) -> date:
        """The exchange's date at a moment."""
        return _local_day(self.zone, moment // _HOUR)

    def local_days(self, moments: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """The exchange's date at each of many moments."""
        hours = moments // _HOUR
        # Bars stand in the order of time, so the hours come in runs: one look-up for each.
        starts = np.concatenate([[0], np.flatnonzero(np.diff(hours)) + 1])[: len(hours)]
        days = [_local_day(self.zone, hour).toordinal() for hour in hours[starts].tolist()]
        runs = np.diff(np.append(starts, len(hours)))
        return np.repeat((np.array(days, np.int64) - _EPOCH).astype("datetime64[D]"), runs)


def distinct(days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Each day once, in order."""
    # Asked for nothing else, `unique` loads masked arrays: longer than a small run takes.
    once, _ = np.unique(days[begins_day(days)], return_counts=True)
    return once


def begins_day(days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Rows whose day is not that of the row above: rows of a day mostly stand together."""
    turns = np.ones(len(days), np.bool_)
    np.not_equal(days[1:], days[:-1], out=turns[1:])
    return turns


@cache
def _moment(zone: ZoneInfo, day: date, local: time) -> Nanos:
    return int(datetime.combine(day, local, tzinfo=zone).timestamp()) * SECOND


def _ahead(zone: ZoneInfo, day: date) -> Nanos:
    """How far a zone's clocks are ahead of UTC on a day."""
    offset = datetime.combine(day, time(12), tzinfo=zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds()) * SECOND


def _since_midnight(local: time) -> Nanos:
    return (60 * local.hour + local.minute) * MINUTE


@cache
def _local_day(zone: ZoneInfo, hour: int) -> date:
    # Zones of exchanges change their offset on the hour, so one answer serves the whole of it.
    return utc(hour * _HOUR).astimezone(zone).date()


@cache
def calendar_of(venue: str) -> Calendar:
    """The calendar of an exchange, read once from its table.

    Raises:
        UsageError: If no table is shipped for the venue.
    """
    path = Path(__file__).parent / f"sessions_{venue.lower() if venue.isalnum() else ''}.json"
    if not path.exists():
        raise UsageError(f"no session table for venue {venue!r}", hint="known: XNYS")
    table = json.loads(path.read_text(encoding="utf-8"))
    opens, closes = (time.fromisoformat(text) for text in table["regular"])
    return Calendar(
        venue=venue,
        zone=ZoneInfo(table["zone"]),
        first=date.fromisoformat(table["first"]),
        last=date.fromisoformat(table["last"]),
        closed=frozenset(map(date.fromisoformat, table["closed"])),
        hours={
            date.fromisoformat(day): (time.fromisoformat(pair[0]), time.fromisoformat(pair[1]))
            for day, pair in table["hours"].items()
        },
        regular=(opens, closes),
    )
