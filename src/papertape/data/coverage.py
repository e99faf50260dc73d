"""Coverage: how many of the bars that the calendar expects are there, session by session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np

from papertape.domain.market import Bars, IntArray


@dataclass(frozen=True, eq=False)
class Coverage:
    """The sessions from a series' first day to its last, and the regular bars of each.

    Attributes:
        days: The sessions, in order.
        expected, found: Bars that a full session has, and those that are there.
        outside: Bars outside every regular session.
    """

    days: tuple[date, ...]
    expected: IntArray
    found: IntArray
    outside: int

    def gaps(self) -> Iterator[tuple[date, date, int]]:
        """Runs of sessions with missing bars, as first day, last day and bars missing."""
        missing = (self.expected - self.found).tolist()
        for short, run in groupby(
            zip(self.days, missing, strict=True), key=lambda each: each[1] > 0
        ):
            if short:
                rows = list(run)
                yield rows[0][0], rows[-1][0], sum(count for _, count in rows)


def coverage(bars: Bars) -> Coverage:
    """What is there of what the exchange's calendar expects between the first and last day.

    A minute in which nobody trades has no bar at most sources, so that a quiet share lacks bars
    without a fault.
    """
    calendar = bars.calendar
    first, last = (bars.days()[place].item() for place in (0, -1))
    days = tuple(calendar.sessions(first, last))
    sessions = [calendar.session(day) for day in days]
    opens = np.array([session.open for session in sessions], np.int64)
    closes = np.array([session.close for session in sessions], np.int64)
    length = closes - opens if bars.frequency.is_daily else bars.frequency.nanos
    place = np.searchsorted(opens, bars.start, side="right") - 1
    inside = (place >= 0) & (bars.start < closes[place]) if days else bars.start < 0
    found = np.bincount(place[inside], minlength=len(days)).astype(np.int64)
    expected = -(-(closes - opens) // length)
    return Coverage(days, expected, found, int(np.sum(~inside)))
