"""How far a zone is from UTC at a million moments, and the local times it skips or repeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from papertape.domain.clock import DAY, SECOND
from papertape.domain.errors import UsageError
from papertape.domain.market import IntArray

RepeatedHour = Literal["first", "second"]


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        UsageError: If nobody knows it.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"{name!r} is no time zone", hint="zones look like America/New_York or UTC"
        ) from None


def utc_offsets(moments: IntArray, zone: tzinfo) -> IntArray:
    """How far a zone is from UTC at moments."""

    def at(moment: int) -> int:
        return _nanos(datetime.fromtimestamp(moment // SECOND, UTC).astimezone(zone).utcoffset())

    return _by_day(moments, at)[0]


def local_offsets(
    local: IntArray, zone: tzinfo, repeated: RepeatedHour | None
) -> tuple[IntArray, dict[int, str]]:
    """How far a zone is from UTC at local times, and the times that it skips or repeats."""

    def at(moment: int, fold: int = 1 if repeated == "second" else 0) -> int:
        naive = datetime.fromtimestamp(moment // SECOND, UTC).replace(tzinfo=zone, fold=fold)
        return _nanos(naive.utcoffset())

    offsets, suspects = _by_day(local, at)
    faults = {}
    for row in suspects.tolist():
        before, after = at(int(local[row]), 0), at(int(local[row]), 1)
        if before < after:
            faults[row] = f"{clock_text(local[row])} does not exist in {zone}: clocks leap over it"
        elif before > after and repeated is None:
            why = f"{clock_text(local[row])} happens twice in {zone}"
            faults[row] = f"{why}: say repeated_hour='first' or 'second'"
    return offsets, faults


def _by_day(values: IntArray, at: Callable[[int], int]) -> tuple[IntArray, IntArray]:
    """Offsets asked once a day, once a row on days of change; and the rows on those days."""
    days, codes = np.unique(values // DAY, return_inverse=True)
    bounds = {int(day): at(int(day) * DAY) for day in np.union1d(days, days + 1)}
    starts = np.array([bounds[int(day)] for day in days], np.int64)
    ends = np.array([bounds[int(day) + 1] for day in days], np.int64)
    offsets = starts[codes]
    rows = np.flatnonzero((starts != ends)[codes])
    offsets[rows] = [at(int(value)) for value in values[rows]]
    return offsets, rows


def _nanos(offset: timedelta | None) -> int:
    return int((offset or timedelta()).total_seconds()) * SECOND


def clock_text(local: int) -> str:
    """A local time for people, given as nanoseconds since 1970 on its own clock."""
    return datetime.fromtimestamp(int(local) // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
