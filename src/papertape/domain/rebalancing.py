"""Rebalancing: the sessions at whose close a portfolio is put right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.errors import UsageError

Days = NDArray[np.datetime64]

_SPEC = re.compile(r"(weekly|monthly|quarterly)(?::(first|last))?|every:([1-9]\d{0,3})")


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """The last or first session of each week, month or quarter, every so many sessions, or days.

    The exchange's calendar says which session is the first or the last. Where there is no bar on
    it, the next session that has one stands in, so that no period is left out; nothing but the
    calendar is known ahead.

    Attributes:
        period: ``weekly``, ``monthly``, ``quarterly``, or empty.
        is_first: Whether its first session is meant, not its last.
        every: Sessions from one to the next, the first session of the run being one; or 0.
        days: The days themselves, where they are stated.
    """

    period: str = ""
    is_first: bool = False
    every: int = 0
    days: frozenset[date] = frozenset()

    @classmethod
    def parse(cls, spec: str | Iterable[date]) -> Rebalancing:
        """Read ``monthly`` (its last session), ``weekly:first``, ``every:21``, or take days.

        Raises:
            UsageError: If it is none of these.
        """
        if not isinstance(spec, str):
            return cls(days=frozenset(spec))
        found = _SPEC.fullmatch(spec)
        if found is None:
            raise UsageError(
                f"{spec!r} names no days to rebalance on",
                hint="use weekly, monthly or quarterly (the last session; monthly:first for the "
                "first), or every:21 for every 21 sessions",
            )
        period, at, every = found.groups()
        return cls(period or "", at == "first", int(every or 0))

    def due(self, days: Days, calendar: Calendar) -> NDArray[np.bool_]:
        """Which of the days of a run are due; they ascend, and are those that have a bar."""
        if not self.period:
            return self._stated(days)
        sessions = _sessions(calendar.venue)
        before = np.busday_offset(days[:1], 0, roll="forward", busdaycal=sessions)
        before = np.busday_offset(before, -1, busdaycal=sessions)
        counted = np.concatenate([before, days])
        if not self.is_first:  # the last one of a period is followed by the next one's first
            counted = np.busday_offset(counted, 0, roll="backward", busdaycal=sessions)
            counted = np.busday_offset(counted, 1, busdaycal=sessions)
        due: NDArray[np.bool_] = np.diff(_number_of(self.period, counted)) != 0
        return due

    def _stated(self, days: Days) -> NDArray[np.bool_]:
        if self.every:
            numbers = np.unique(days, return_inverse=True)[1]
            due: NDArray[np.bool_] = numbers % self.every == 0
            return due
        return np.isin(days, np.array(sorted(self.days), "datetime64[D]"))


def _number_of(period: str, days: Days) -> NDArray[np.int64]:
    """The number of the period that each day lies in."""
    if period == "weekly":
        return (days.astype(np.int64) + 3) // 7  # day 0 was a Thursday; weeks begin on Mondays
    months = days.astype("datetime64[M]").astype(np.int64)
    return months if period == "monthly" else months // 3


@cache
def _sessions(venue: str) -> np.busdaycalendar:
    return np.busdaycalendar(holidays=sorted(calendar_of(venue).closed))
