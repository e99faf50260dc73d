"""From columns of numbers to a checked history: order, duplicates, gaps, sessions, actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from papertape.domain.calendar import Calendar, calendar_of, distinct
from papertape.domain.clock import DAY, MINUTE, Nanos, rfc3339
from papertape.domain.errors import BadRow, BadRows, DataError
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    DAILY,
    Adjustment,
    Bars,
    CorporateAction,
    Dividend,
    FloatArray,
    Frequency,
    IntArray,
    PriceHistory,
    Split,
    bar_faults,
    known_volume,
    quantised,
    session_times,
    split_ratio,
)
from papertape.domain.money import micros

OnConflict = Literal["error", "last"]

_EPOCH = date(1970, 1, 1).toordinal()
_PRICES = ("open", "high", "low", "close")
_COLUMNS = ("line", "when", *_PRICES, "volume", "dividend", "split", "adjusted_close", "gain")


@dataclass(frozen=True, eq=False)
class Rows:
    """What a file says, as columns of equal length; NaN where it says nothing.

    Attributes:
        daily: Whether ``when`` counts days since 1970 (session dates) or nanoseconds in UTC.
        line: Where each row stands in the file.
        when: When each bar starts.
        open, high, low, close, volume: As written.
        dividend: Dollars a share with this row's date as ex-date; NaN or 0 for none.
        split: New shares for an old one; NaN, 0 or 1 for none.
        adjusted_close: The source's own close adjusted for both, which is only compared.
        gain: The part of a fund's payment that is a capital gain, likewise.
    """

    daily: bool
    line: IntArray
    when: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dividend: FloatArray
    split: FloatArray
    adjusted_close: FloatArray
    gain: FloatArray

    def __len__(self) -> int:
        return len(self.line)

    def on_grid(self) -> Rows:
        """The same rows with prices rounded to 1e-6 dollars, as `Bars` will have them."""
        return replace(
            self,
            open=quantised(self.open),
            high=quantised(self.high),
            low=quantised(self.low),
            close=quantised(self.close),
        )

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Rows:
        """Some of the rows, in the order asked."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})


@dataclass(frozen=True, slots=True)
class Claims:
    """What is known about a file besides its rows.

    Attributes:
        instrument: Whose prices it holds.
        source: One line for people.
        fingerprint: SHA-256 of its bytes.
        adjusted: What its prices are adjusted for.
        frequency: Bar length; None to find it in the rows.
        until: No row can know of anything later than this moment.
        on_conflict: What to do with two different rows of one time.
        notices: What the reading has noticed so far.
        stated: Whether the user, the sidecar or the layout says what the prices are adjusted for.
    """

    instrument: Instrument
    source: str
    fingerprint: str
    adjusted: Adjustment
    frequency: Frequency | None
    until: Nanos
    on_conflict: OnConflict = "error"
    notices: tuple[str, ...] = ()
    stated: bool = False


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a file's rows.

    Attributes:
        read, kept: Rows in the file and bars made of them.
        dropped: Rows left out, by reason.
        first, last: Start of the first bar and end of the last.
        sessions_missing: Days the exchange traded between them without any bar.
        outside_session: Bars that start before the open or after the close (or on a day without).
        off_grid: Prices that had more than six decimals and were rounded to them.
        adjusted: What the prices are adjusted for.
        fingerprint: SHA-256 of the file.
    """

    read: int
    kept: int
    dropped: Mapping[str, int]
    first: Nanos
    last: Nanos
    sessions_missing: int
    outside_session: int
    off_grid: int
    adjusted: Adjustment
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A history and the account of how it was read."""

    history: PriceHistory
    report: LoadReport


@dataclass(eq=False)
class _Tally:
    """What was left out and noticed on the way."""

    dropped: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def drop(self, count: int, reason: str, sentence: str) -> None:
        if count:
            self.dropped[reason] = count
            self.notices.append(sentence)


def loaded(rows: Rows, claims: Claims, faults: tuple[BadRow, ...]) -> Loaded:
    """Rows as a history.

    Args:
        rows: What could be read.
        claims: What is known besides.
        faults: Rows that could not even be read; they are named together with those that
            cannot be bars.

    Raises:
        BadRows: If any row cannot be a bar; all of them at once.
        DataError: If two rows contradict each other, or nothing is left.
    """
    tally = _Tally(notices=list(claims.notices))
    calendar = calendar_of(claims.instrument.venue)
    read = len(rows) + len(faults)
    off_grid = sum(_off_grid(getattr(rows, name)) for name in _PRICES)
    rows = _without_empty(rows.on_grid(), tally)
    faults += _row_faults(rows, _future(rows, calendar, claims.until))
    if faults:
        raise BadRows(claims.source, tuple(sorted(faults, key=lambda fault: fault.line)))
    rows = _without_false_zeros(_once(_ordered(rows, tally), claims, tally), tally)
    frequency = frequency_of(rows, claims)
    start, end = spans(rows, frequency, calendar)
    over = _finished(end, claims.until, tally)
    rows = rows.only(over)
    if not len(rows):
        raise DataError(f"{claims.source}: no bar is left after what had to be left out")
    bars = _bars(rows, frequency, start[over], end[over], claims)
    _notice_calendar(rows, calendar, tally)
    history = PriceHistory(
        bars=bars,
        actions=_actions(rows, bars, claims.adjusted),
        adjusted=claims.adjusted,
        source=claims.source,
        fingerprint=claims.fingerprint,
        notices=tuple(tally.notices),
    )
    return Loaded(history, _report(history, read, off_grid, tally))


def dates(days: IntArray) -> list[date]:
    """Days since 1970 as dates."""
    return [date.fromordinal(day + _EPOCH) for day in days.tolist()]


def _off_grid(column: FloatArray) -> int:
    known = column[~np.isnan(column)]
    return int(np.count_nonzero(quantised(known) != known))


def _without_empty(rows: Rows, tally: _Tally) -> Rows:
    empty = np.all([np.isnan(getattr(rows, name)) for name in _PRICES], axis=0)
    count = int(np.count_nonzero(empty))
    tally.drop(count, "no prices", f"{_rows(count)} without any price left out")
    return rows.only(~empty) if count else rows


def spans(rows: Rows, frequency: Frequency, calendar: Calendar) -> tuple[IntArray, IntArray]:
    """When each row's bar begins and ends."""
    if rows.daily:
        return session_times(dates(rows.when), calendar)
    return rows.when, rows.when + frequency.nanos


def _future(rows: Rows, calendar: Calendar, until: Nanos) -> dict[int, Nanos]:
    """Rows that start after a moment, with their start."""
    unit = DAY if rows.daily else 1
    late = np.flatnonzero(rows.when * unit > until - DAY)
    start = rows.when[late]
    if rows.daily:
        start, _ = session_times(dates(start), calendar)
    return {row: at for row, at in zip(late.tolist(), start.tolist(), strict=True) if at > until}


def _row_faults(rows: Rows, future: Mapping[int, Nanos]) -> tuple[BadRow, ...]:
    found = dict(bar_faults(rows.open, rows.high, rows.low, rows.close, rows.volume))
    for name in _PRICES:
        for row in np.flatnonzero(np.isnan(getattr(rows, name))):
            found[int(row)] = f"{name} is missing"
        for row in np.flatnonzero(getattr(rows, name) == 0):
            found[int(row)] = f"{name} is 0, which is a missing price in disguise"
    for name in ("dividend", "split"):
        column = getattr(rows, name)
        for row in np.flatnonzero((column < 0) | (column >= 1_000_000)):
            found[int(row)] = f"{name} {column[row]} is not between 0 and a million"
    found |= {row: f"{rfc3339(start)} lies in the future" for row, start in future.items()}
    return tuple(BadRow(int(rows.line[row]), why) for row, why in found.items())


def _finished(end: IntArray, until: Nanos, tally: _Tally) -> NDArray[np.bool_]:
    """Assumption: a bar that had not ended when the file was fetched would still have changed."""
    over = end <= until
    count = int(np.count_nonzero(~over))
    tally.drop(count, "unfinished", f"{_rows(count)} left out: not finished when it was fetched")
    return over


def _ordered(rows: Rows, tally: _Tally) -> Rows:
    """Oldest first; a file that is newest first is only turned round."""
    steps = np.diff(rows.when)
    if bool(np.all(steps >= 0)):
        return rows
    if not bool(np.all(steps <= 0)):
        count = int(np.count_nonzero(steps < 0))
        tally.notices.append(f"{_rows(count)} out of order: sorted by time")
    return rows.only(np.lexsort((rows.line, rows.when)))


def _once(rows: Rows, claims: Claims, tally: _Tally) -> Rows:
    """One row a moment: a repetition goes, a contradiction is an error unless told otherwise."""
    twice = np.flatnonzero(np.diff(rows.when) == 0)
    if not len(twice):
        return rows
    same = np.ones(len(twice), np.bool_)
    for name in (*_PRICES, "volume"):
        one, other = getattr(rows, name)[twice], getattr(rows, name)[twice + 1]
        same &= (one == other) | (np.isnan(one) & np.isnan(other))
    contradicting = twice[~same]
    if len(contradicting) and claims.on_conflict == "error":
        _refuse_contradiction(rows, int(contradicting[0]), len(contradicting), claims.source)
    repeated, gone = len(twice) - len(contradicting), len(contradicting)
    tally.drop(repeated, "repeated", f"{_rows(repeated)} left out: an exact repetition")
    tally.drop(gone, "contradicted", f"{_rows(gone)} left out for a later line of the same time")
    keep = np.ones(len(rows), np.bool_)
    keep[twice] = False
    return rows.only(keep)


def _refuse_contradiction(rows: Rows, row: int, count: int, source: str) -> None:
    both = f"lines {int(rows.line[row])} and {int(rows.line[row + 1])}"
    more = f" (and {count - 1} more such pairs)" if count > 1 else ""
    raise DataError(
        f"{source}: {both} have one time and different prices{more}",
        hint="take one out, or in Python read_prices(..., on_conflict='last') believes the later",
    )


def _bars(rows: Rows, frequency: Frequency, start: IntArray, end: IntArray, claims: Claims) -> Bars:
    early = np.flatnonzero(start[1:] < end[:-1]) + 1
    if len(early):
        why = f"it begins before the {frequency} bar above it ended"
        raise BadRows(
            claims.source,
            tuple(BadRow(int(rows.line[row]), why) for row in early),
            hint=f"if the bars are not {frequency} long, say how long they are",
        )
    prices = (rows.open, rows.high, rows.low, rows.close)
    return Bars(claims.instrument, frequency, start, end, *prices, rows.volume)


def frequency_of(rows: Rows, claims: Claims) -> Frequency:
    """The length that was told, or the most common step between two rows, which are in order."""
    told = claims.frequency
    if told is not None and told.is_daily != rows.daily:
        kind = "dates only" if rows.daily else "times of day"
        raise DataError(f"{claims.source} holds {kind}, which are no {told} bars")
    if told is not None:
        return told
    if rows.daily:
        return DAILY
    steps, counts = np.unique(np.diff(rows.when), return_counts=True)
    if not len(steps):
        raise DataError(
            f"{claims.source} holds one bar only, so its length cannot be found",
            hint="say the frequency, like 1m",
        )
    step = int(steps[np.argmax(counts)])
    if step % MINUTE or not 0 < step <= 720 * MINUTE:
        raise DataError(
            f"{claims.source}: bars stand {step / 1e9:g} seconds apart; "
            "a bar is whole minutes long, 720 at most"
        )
    return Frequency(step // MINUTE)


def _without_false_zeros(rows: Rows, tally: _Tally) -> Rows:
    volume = known_volume(rows.volume)
    if volume is rows.volume:
        return rows
    tally.notices.append("volume is 0 in every row: it is taken as unknown")
    return replace(rows, volume=volume)


def _notice_calendar(rows: Rows, calendar: Calendar, tally: _Tally) -> None:
    if not rows.daily:
        return
    days = dates(rows.when)
    foreign = [day for day in days if not calendar.is_session(day)]
    if foreign:
        tally.notices.append(
            f"{len(foreign)} of {len(days)} dates are no session of {calendar.venue}, the first "
            f"{foreign[0]}; they were kept with its regular hours"
        )
    step = int(np.median(np.diff(rows.when))) if len(rows) > 1 else 1
    if step > 4:
        tally.notices.append(
            f"the dates lie {step} days apart; each row is taken as a bar of one session"
        )


def _actions(rows: Rows, bars: Bars, adjusted: Adjustment) -> tuple[CorporateAction, ...]:
    """What the prices do not contain yet: raw ones nothing, split-adjusted ones no dividend."""
    if not (np.any(rows.split > 0) or np.any(rows.dividend > 0)):
        return ()
    days = bars.days().tolist()
    actions: list[CorporateAction] = []
    if adjusted == "raw":
        splits = np.flatnonzero((rows.split > 0) & (rows.split != 1)).tolist()
        actions += [Split(bars.symbol, days[row], split_ratio(rows.split[row])) for row in splits]
    if adjusted != "all":
        # Assumption: a column of dividends tells no pay date, so cash arrives on the ex-date.
        actions += [
            Dividend(bars.symbol, days[row], micros(float(rows.dividend[row])), days[row])
            for row in np.flatnonzero(rows.dividend > 0).tolist()
        ]
    return tuple(sorted(actions, key=lambda action: (action.ex_date, type(action).__name__)))


def _report(history: PriceHistory, read: int, off_grid: int, tally: _Tally) -> LoadReport:
    bars = history.bars
    calendar = bars.calendar
    traded = distinct(bars.days()).tolist()
    return LoadReport(
        read=read,
        kept=len(bars),
        dropped=tally.dropped,
        first=int(bars.start[0]),
        last=int(bars.end[-1]),
        sessions_missing=len(set(calendar.sessions(traded[0], traded[-1])).difference(traded)),
        outside_session=_outside(bars, traded),
        off_grid=off_grid,
        adjusted=history.adjusted,
        fingerprint=history.fingerprint,
    )


def _outside(bars: Bars, days: list[date]) -> int:
    calendar = bars.calendar
    held = [day for day in days if calendar.is_session(day)]
    opens, closes = session_times(held, calendar)
    inside = np.searchsorted(bars.start, closes) - np.searchsorted(bars.start, opens)
    return len(bars) - int(inside.sum())


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
