"""Bars against the calendar: D6 gaps, D7 outside the session, D8 zone, D9 early close, D13 days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Days, Finding, Repair
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.usual import Usual
from papertape.domain.calendar import calendar_of, distinct
from papertape.domain.clock import MINUTE, utc
from papertape.domain.market import IntArray, session_times

_HOUR = 60 * MINUTE
_SESSION = 390 * MINUTE
"""A whole session, from 09:30 to 16:00."""

_FOREIGN = 0.02
"""Share of days that contradict a calendar from which the bars keep another one."""

_SPARSE_DAYS = 4
"""Assumption: dates that usually lie further apart than a long weekend are weeks or months."""

_DEAD_DAYS = 180
"""Assumption: who is silent for half a year and then trades again is somebody else, or should be
looked at as such: the halts of listed companies are shorter."""

_LONG_DAYS = 60
"""A silence after which another price level means another company, or an action never booked."""

_LEVEL = np.log(2.0)
"""Assumption: a silence of months that ends at twice or half the price is no continuation."""

_KEPT = 0.1
"""Share of days that begin with the session from which the other days are the shifted ones."""

_COVERED = 0.8
"""Share of a session's bars below which a source has bars only where something traded."""


@lru_cache(maxsize=64)
def _sessions(venue: str, first: date, last: date) -> Days:
    """The sessions between two days, found once for the many symbols that share them."""
    sessions = np.array(calendar_of(venue).sessions(first, last), "datetime64[D]")
    sessions.flags.writeable = False
    return sessions


@dataclass(frozen=True, eq=False)
class Timetable:
    """The sessions that a sheet, in order and each time once, should fill."""

    sheet: Sheet

    @cached_property
    def held(self) -> Days:
        """The days with bars that the calendar says something about."""
        days = distinct(self.sheet.days)
        calendar = self.sheet.calendar
        known = (days >= np.datetime64(calendar.first)) & (days <= np.datetime64(calendar.last))
        return days[known]

    @cached_property
    def due(self) -> Days:
        """The sessions from the first of these days to the last."""
        if not len(self.held):
            return self.held
        first, last = self.held[0].item(), self.held[-1].item()
        return _sessions(self.sheet.calendar.venue, first, last)

    @cached_property
    def hours(self) -> tuple[IntArray, IntArray]:
        """Opening and closing moment of each session due."""
        return session_times(self.due.tolist(), self.sheet.calendar)

    @cached_property
    def missing(self) -> Days:
        """Sessions without a bar."""
        return np.setdiff1d(self.due, self.held, assume_unique=True)

    @cached_property
    def foreign(self) -> Days:
        """Days with bars on which the exchange does not trade."""
        return np.setdiff1d(self.held, self.due, assume_unique=True)

    @cached_property
    def is_sparse(self) -> bool:
        """Whether the rows are weeks or months."""
        steps = np.diff(self.held).astype(np.int64)
        return len(steps) > 0 and float(np.median(steps)) > _SPARSE_DAYS

    @cached_property
    def fits(self) -> bool:
        """Whether the bars keep this calendar, so that it can be held against them.

        Assumption: who trades on its holidays and rests on its sessions keeps another calendar.
        One of the two alone is a flaw, unless it is frequent.
        """
        allowed = _FOREIGN * len(self.held)
        if len(self.foreign) > max(2.0, allowed):
            return False
        return not (len(self.foreign) and len(self.missing) > allowed)

    @cached_property
    def bounds(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First row in, and first row beyond, each session due; a bar belongs where it overlaps."""
        opens, closes = self.hours
        ends = self.sheet.start + self.sheet.frequency.nanos
        return np.searchsorted(ends, opens, side="right"), np.searchsorted(self.sheet.start, closes)

    @cached_property
    def wanted(self) -> IntArray:
        """Bars that each session due should have."""
        opens, closes = self.hours
        length = self.sheet.frequency.nanos
        return (closes - opens + length - 1) // length

    @cached_property
    def inside(self) -> IntArray:
        """Bars that each session due has."""
        begin, end = self.bounds
        inside: IntArray = np.maximum(end - begin, 0)
        return inside

    @cached_property
    def is_elsewhere(self) -> bool:
        """Whether most intraday bars lie outside the sessions, which they also leave empty."""
        open_days = np.isin(self.due, self.held)
        inside = int(self.inside.sum())
        away = len(self.sheet) - inside
        return away > inside and inside < _COVERED / 2 * float(self.wanted[open_days].sum())


def against_calendar(sheet: Sheet) -> list[Finding]:
    """D6, D7, D8, D9 and D13, whichever the length of the bars allows to be asked."""
    table = Timetable(sheet)
    if len(sheet) < 2 or table.is_sparse:
        return []
    if sheet.frequency.is_daily:
        return [*_not_this_calendar(table), *_days_missing(table), *_days_closed(table)]
    elsewhere = _elsewhere(table)
    if elsewhere:
        return elsewhere
    shifted = _shifted_days(table)
    return [*_gaps(table), *_outside(table), *shifted, *_early_closes(table)]


def silences(usual: Usual) -> list[Finding]:
    """D13, D10: a symbol that fell silent and came back as somebody else."""
    sheet = usual.sheet
    away = np.diff(sheet.days).astype(np.int64)
    level = np.abs(usual.moves[1:])
    back = np.flatnonzero((away >= _DEAD_DAYS) | ((away >= _LONG_DAYS) & (level > _LEVEL))) + 1
    if not len(back):
        return []
    first = int(back[0])
    what = f"follows {away[first - 1]} days without a bar: another company may have the symbol now"
    numbers = f"close {sheet.close[first - 1]:g} then {sheet.close[first]:g}"
    if not sheet.frequency.is_daily:  # minutes are often kept of chosen days only
        return [sheet.finding("D13", "warn", back, what, numbers=numbers)]
    repair = Repair(
        f"only what follows the last silence is kept, from {sheet.days[back[-1]]} on",
        kept=np.arange(int(back[-1]), len(sheet)),
    )
    return [sheet.finding("D13", "error", back, what, numbers=numbers, repair=repair)]


def _not_this_calendar(table: Timetable) -> list[Finding]:
    if table.fits or not len(table.foreign):
        return []
    rows = np.flatnonzero(table.sheet.on(table.foreign))
    venue = table.sheet.calendar.venue
    what = f"is no session of {venue}: the dates keep another calendar, so none are missed"
    return [table.sheet.finding("D7", "info", rows, what, todo="nothing: sessions are not judged")]


def _days_missing(table: Timetable) -> list[Finding]:
    days = table.missing
    if not table.fits or not len(days):
        return []
    sheet = table.sheet
    return [
        Finding(
            symbol=sheet.symbol,
            rule="D13",
            severity="warn",
            count=len(days),
            days=days,
            example=f"{days[0]}",
            what=f"{sheet.calendar.venue} traded and there is no bar",
            todo=f"papertape data get {sheet.symbol} --from {days[0]} --to {days[-1]}",
        )
    ]


def _days_closed(table: Timetable) -> list[Finding]:
    if not table.fits or not len(table.foreign):
        return []
    rows = table.sheet.on(table.foreign)
    what = f"is dated on a day without a session of {table.sheet.calendar.venue}"
    repair = Repair("these rows are left out", kept=np.flatnonzero(~rows))
    return [table.sheet.finding("D7", "warn", rows, what, repair=repair)]


def _elsewhere(table: Timetable) -> list[Finding]:
    if not table.is_elsewhere:
        return []
    sheet = table.sheet
    rows = np.arange(len(sheet))
    what = (
        f"most bars lie outside the sessions of {sheet.calendar.venue}: the zone is wrong, or "
        "they are another exchange's"
    )
    return [sheet.finding("D8", "warn", rows, what, todo="state the zone of the times with --tz")]


def _gaps(table: Timetable) -> list[Finding]:
    """Bars missing inside sessions; before the first bar and after the last none are due."""
    sheet, length = table.sheet, table.sheet.frequency.nanos
    opens, closes = table.hours
    begun = np.maximum(sheet.start[0] - opens, 0) // length
    ended = np.maximum(closes - sheet.start[-1] - length, 0) // length
    lacking = np.maximum(table.wanted - table.inside - begun - ended, 0)
    if not lacking.any():
        return []
    days = table.due[lacking > 0]
    first = int(np.argmax(lacking > 0))
    whole = table.inside[first] == 0
    place = "whole day" if whole else _first_hole(table, first)
    open_days = np.isin(table.due, table.held)
    thin = float(table.inside.sum()) < _COVERED * float(table.wanted[open_days].sum())
    return [
        Finding(
            symbol=sheet.symbol,
            rule="D6",
            severity="info" if thin else "warn",
            count=int(lacking.sum()),
            days=days,
            example=f"{days[0]} {place}",
            what="the source has bars only where something traded"
            if thin
            else "a bar is missing inside the session",
            todo=f"papertape data get {sheet.symbol} --from {days[0]} --to {days[-1]}",
        )
    ]


def _first_hole(table: Timetable, session: int) -> str:
    """The local time of the first bar that a session lacks."""
    sheet, length = table.sheet, table.sheet.frequency.nanos
    begin, end = (bound[session] for bound in table.bounds)
    there = sheet.start[begin:end]
    opening = int(table.hours[0][session])
    expected = max(opening, int(there[0]) - (int(there[0]) - opening) // length * length)
    for start in there.tolist():
        if start >= expected + length:
            break
        expected = start + length
    return f"{utc(expected).astimezone(sheet.calendar.zone):%H:%M}"


def _outside(table: Timetable) -> list[Finding]:
    sheet = table.sheet
    edges = np.zeros(len(sheet) + 1, np.int64)
    begin, end = table.bounds
    np.add.at(edges, begin[end > begin], 1)
    np.add.at(edges, end[end > begin], -1)
    away = np.cumsum(edges[:-1]) == 0
    closed = away & sheet.on(table.foreign)
    extended = away & ~closed
    found = []
    if closed.any():
        what = f"is dated on a day without a session of {sheet.calendar.venue}"
        repair = Repair("these rows are left out", kept=np.flatnonzero(~closed))
        found.append(sheet.finding("D7", "warn", closed, what, repair=repair))
    if extended.any():
        what = "lies before the open or after the close"
        todo = "nothing: a backtest leaves them out unless told --extended"
        found.append(sheet.finding("D7", "info", extended, what, todo=todo))
    return found


def _shifted_days(table: Timetable) -> list[Finding]:
    """D8: days that begin and end whole hours off the others, as under another zone or season."""
    sheet = table.sheet
    change = np.flatnonzero(np.diff(sheet.days) != np.timedelta64(0, "D"))
    first, last = np.concatenate([[0], change + 1]), np.concatenate([change, [len(sheet) - 1]])
    begins, ends = _of_day(sheet, first), _of_day(sheet, last)
    # Bars of the regular session begin at its opening, however many days were shifted off it.
    at_open = begins == 0
    right = at_open if at_open.mean() > _KEPT else np.ones(len(begins), np.bool_)
    usual_begin, usual_end = _mode(begins[right]), _mode(ends[right])
    off = begins - usual_begin
    shifted = (off != 0) & (off % _HOUR == 0) & (ends - usual_end == off)
    if not shifted.any():
        return []
    rows = np.flatnonzero(np.repeat(shifted, last - first + 1))
    hours = int(off[shifted][0]) // _HOUR
    what = f"lies {abs(hours)} h {'later' if hours > 0 else 'earlier'} than on other days, all day"
    todo = "state the zone of the times with --tz, and import the file again"
    return [sheet.finding("D8", "error", rows, what, todo=todo)]


def _of_day(sheet: Sheet, rows: NDArray[np.intp]) -> IntArray:
    """Nanoseconds from the opening of a regular session to the start of some rows, one a day."""
    opens, _ = session_times(sheet.days[rows].tolist(), sheet.calendar)
    return sheet.start[rows] - opens


def _mode(values: IntArray) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[np.argmax(counts)])


def _early_closes(table: Timetable) -> list[Finding]:
    """D9: half days; whether the bars keep them, or go on as on any other day."""
    sheet, length = table.sheet, table.sheet.frequency.nanos
    opens, closes = table.hours
    short = _SESSION - (closes - opens)
    early = np.flatnonzero((short > 0) & (table.inside > 0))
    if not len(early):
        return []
    fulls = np.setdiff1d(np.flatnonzero(table.inside > 0), early)
    after = np.searchsorted(sheet.start, closes + 3 * _HOUR) - np.searchsorted(sheet.start, closes)
    goes_on = after[early] * length >= _COVERED * short[early]
    keeps_hours = not len(fulls) or float(np.median(after[fulls])) == 0
    days = table.due[early]
    if keeps_hours and goes_on.any():
        rows = np.flatnonzero(sheet.on(days[goes_on]))
        what = "goes on after the early close as if the day were whole"
        return [sheet.finding("D9", "warn", rows, what, todo="get the day from another source")]
    rows = table.bounds[1][early] - 1
    return [sheet.finding("D9", "info", rows, "early close: calendar agrees", todo="nothing")]
