"""Sheet: bars as a source tells them, before anybody believes a number of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from papertape.data.actions import rows_of
from papertape.data.quality.finding import Days, Finding, Repair, Severity
from papertape.domain.calendar import Calendar, begins_day, calendar_of, distinct
from papertape.domain.clock import Nanos, utc
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    Adjustment,
    Dividend,
    FloatArray,
    Frequency,
    IntArray,
    PriceHistory,
    Split,
    known_volume,
)

PRICES = ("open", "high", "low", "close")
_NUMBERS = (*PRICES, "volume", "dividend", "split", "adjusted_close", "gain")


@dataclass(frozen=True, eq=False)
class Sheet:
    """Bars as columns of equal length, in which anything may be wrong.

    Attributes:
        instrument: Whose bars these are.
        frequency: How long each bar is.
        start: int64 nanoseconds in UTC; a daily bar's is its session's opening.
        open, high, low, close: Dollars; NaN where the source says nothing.
        volume: Shares; NaN where unknown.
        dividend: Dollars a share with this row's date as ex-date; NaN or 0 for none.
        split: New shares for an old one; NaN, 0 or 1 for none.
        adjusted_close: The source's own close, adjusted for splits and dividends; NaN for none.
        gain: The part of a fund's payment that is a capital gain; NaN or 0 for none.
        adjusted: What the prices are said to be adjusted for.
        stated: Whether somebody said so, rather than nobody.
    """

    instrument: Instrument
    frequency: Frequency
    start: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    dividend: FloatArray
    split: FloatArray
    adjusted_close: FloatArray
    gain: FloatArray
    adjusted: Adjustment = "raw"
    stated: bool = False

    @classmethod
    def of(cls, history: PriceHistory, *, stated: bool = False) -> Sheet:
        """The sheet of bars that are believed already; their actions stand in columns."""
        bars = history.bars
        dividend, split = np.zeros(len(bars)), np.ones(len(bars))
        for row, actions in rows_of(bars, history.actions).items():
            for action in actions:
                if isinstance(action, Split):
                    split[row] *= float(action.ratio)
                elif isinstance(action, Dividend):
                    dividend[row] += action.amount / 1e6
        nothing = np.full(len(bars), np.nan)
        return cls(
            instrument=bars.instrument,
            frequency=bars.frequency,
            start=bars.start,
            open=bars.open,
            high=bars.high,
            low=bars.low,
            close=bars.close,
            volume=bars.volume,
            dividend=dividend,
            split=split if np.any(split != 1) else nothing,
            adjusted_close=nothing,
            gain=nothing,
            adjusted=history.adjusted,
            stated=stated,
        )

    def __len__(self) -> int:
        return len(self.start)

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    @property
    def calendar(self) -> Calendar:
        """The calendar of the instrument's venue."""
        return calendar_of(self.instrument.venue)

    @cached_property
    def days(self) -> Days:
        """The exchange's date of each row."""
        return self.calendar.local_days(self.start)

    @cached_property
    def shares(self) -> FloatArray:
        """The volume, or NaN throughout where it is 0 in every row."""
        return known_volume(self.volume)

    @cached_property
    def booked(self) -> NDArray[np.bool_]:
        """Rows that begin with a split which the prices show, because they are raw."""
        there: NDArray[np.bool_] = (self.split > 0) & (self.split != 1)
        return there if self.adjusted == "raw" else np.zeros(len(self), np.bool_)

    @property
    def books_splits(self) -> bool:
        """Whether the source tells splits at all, so that an untold one is an omission."""
        return not np.isnan(self.split).all()

    def only(self, rows: IntArray | NDArray[np.bool_] | slice) -> Sheet:
        """Some of the rows, in the order asked."""
        chosen = {name: getattr(self, name)[rows] for name in ("start", *_NUMBERS)}
        return replace(self, **chosen)

    def mended(self, repair: Repair) -> Sheet:
        """The sheet after a repair; this one stays as it is."""
        changed = {}
        for name, (rows, numbers) in repair.cells.items():
            column = getattr(self, name).copy()
            column[rows] = numbers
            changed[name] = column
        sheet = replace(self, **changed)
        return sheet if repair.kept is None else sheet.only(repair.kept)

    def on(self, days: Days) -> NDArray[np.bool_]:
        """The rows of some days."""
        first = np.flatnonzero(begins_day(self.days))
        lengths = np.diff(np.append(first, len(self)))
        chosen: NDArray[np.bool_] = np.repeat(np.isin(self.days[first], days), lengths)
        return chosen

    def end(self, row: int) -> Nanos:
        """When a row's bar is over."""
        if not self.frequency.is_daily:
            return int(self.start[row]) + self.frequency.nanos
        return self.calendar.session(self.days[row].item()).close

    def time(self, row: int) -> str:
        """A row's time as people say it, by the exchange's clock."""
        if self.frequency.is_daily:
            return str(self.days[row])
        return f"{utc(int(self.start[row])).astimezone(self.calendar.zone):%Y-%m-%d %H:%M}"

    def finding(
        self,
        rule: str,
        severity: Severity,
        rows: IntArray | NDArray[np.intp] | NDArray[np.bool_],
        what: str,
        *,
        numbers: str = "",
        todo: str = "",
        repair: Repair | None = None,
    ) -> Finding:
        """A finding on some rows, of which there is at least one.

        Args:
            rule: Which rule found it.
            severity: How bad it is.
            rows: Row numbers, ascending, or a mask.
            what: What is wrong.
            numbers: The first row's, where its four prices are not the point.
            todo: The next thing to type; a repair brings its own.
            repair: What mends it.
        """
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        first = int(rows[0])
        prices = "/".join(f"{getattr(self, name)[first]:g}" for name in PRICES)
        days = distinct(self.days[rows])
        fix = f"papertape data fix {self.symbol} --rule {rule} --write"
        again = f"papertape data get {self.symbol} --from {days[0]} --to {days[-1]}"
        return Finding(
            symbol=self.symbol,
            rule=rule,
            severity=severity,
            count=len(rows),
            days=days,
            example=f"{self.time(first)} {numbers or prices}",
            what=what,
            todo=fix if repair else todo or again,
            repair=repair,
        )
