"""What the market says: one bar, quote or trade, many bars as columns, and corporate actions.

Prices are dollars as float64, quantised once to 1e-6 (`quantised`) when they enter the house and
never rounded to the tick: a traded price keeps its digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from itertools import chain, repeat
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from papertape.domain.bar import Bar, Reel, bar_fault, trusted_bar
from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.calm import Calm
from papertape.domain.clock import MINUTE, Nanos, rfc3339
from papertape.domain.errors import DataError, UsageError, require
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR, Micros, half_even

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

Adjustment = Literal["raw", "split", "all"]
"""What a price column has been adjusted for: nothing, splits, or splits and dividends."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """How long a bar is: a number of minutes, or one session (``minutes`` is 0)."""

    minutes: int

    @classmethod
    def parse(cls, text: str) -> Frequency:
        """Read ``1d``, ``1m``, ``5m``, ``1h``.

        Raises:
            UsageError: If it is none of these shapes, or does not divide a day.
        """
        found = re.fullmatch(r"(\d{1,4})([mhd])", text)
        count, unit = (int(found[1]), found[2]) if found else (0, "")
        minutes = {"m": count, "h": count * 60, "d": 0}.get(unit, -1)
        if minutes < 0 or (unit == "d" and count != 1) or (unit != "d" and not 0 < minutes <= 720):
            raise UsageError(f"{text!r} is no bar length", hint="use 1d, 1h, 5m or 1m")
        return cls(minutes)

    def __str__(self) -> str:
        return f"{self.minutes}m" if self.minutes else "1d"

    @property
    def is_daily(self) -> bool:
        """Whether one bar is one session."""
        return self.minutes == 0

    @property
    def nanos(self) -> Nanos:
        """Length of a bar; a daily one is taken as a session of six and a half hours."""
        return (self.minutes or 390) * MINUTE

    @property
    def per_session(self) -> float:
        """Bars in a regular session of 390 minutes."""
        return 390 / self.minutes if self.minutes else 1.0

    @property
    def per_year(self) -> float:
        """Periods a year, from 252 sessions."""
        return 252 * self.per_session


DAILY = Frequency(0)


def bar_faults(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray
) -> list[tuple[int, str]]:
    """The rows of five equal columns that cannot be bars, as (row, why), in order."""
    with np.errstate(invalid="ignore"):
        good = (
            (low > 0)
            & (high * MICROS_PER_DOLLAR < LARGEST)
            & (low <= open_)
            & (open_ <= high)
            & (low <= close)
            & (close <= high)
            & ~((volume < 0) | (volume >= LARGEST))
        )
    return [
        (int(i), bar_fault(*(float(column[i]) for column in (open_, high, low, close, volume))))
        for i in np.flatnonzero(~good)
    ]


def quantised(prices: FloatArray) -> FloatArray:
    """Prices on the 1e-6 dollar grid, so that dollars and micro-dollars say the same."""
    return np.rint(np.asarray(prices, np.float64) * MICROS_PER_DOLLAR) / MICROS_PER_DOLLAR


def known_volume(volume: FloatArray) -> FloatArray:
    """The column itself, or NaN throughout where it says 0 in every row.

    Assumption: a source whose every bar has volume 0 (an index, say) does not know the volume.
    """
    return volume if np.any(volume != 0) else np.full(len(volume), np.nan)


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask at a moment; prices in dollars, sizes in shares."""

    symbol: str
    time: Nanos
    bid: float
    ask: float
    bid_size: int
    ask_size: int

    def __post_init__(self) -> None:
        if not 0 < self.bid <= self.ask:
            raise DataError(f"{self.symbol} {rfc3339(self.time)}: bid {self.bid}, ask {self.ask}")


@dataclass(frozen=True, slots=True)
class Trade:
    """One print on the tape; price in dollars, size in shares."""

    symbol: str
    time: Nanos
    price: float
    size: int

    def __post_init__(self) -> None:
        if not (self.price > 0 and self.size > 0):
            raise DataError(f"{self.symbol} {rfc3339(self.time)}: {self.size} at {self.price}")


@dataclass(frozen=True, slots=True)
class Unquoted:
    """From here on nobody knows both sides: one is missing, or they cross."""

    symbol: str
    time: Nanos


@dataclass(frozen=True, slots=True)
class TradingStatus:
    """Trading in an instrument was halted, or goes on."""

    symbol: str
    time: Nanos
    is_halted: bool


Tick: TypeAlias = Quote | Trade | Unquoted | TradingStatus
"""One message of the tape."""


@dataclass(frozen=True, eq=False)
class Bars:
    """Many bars of one instrument, oldest first, as read-only columns of equal length.

    Attributes:
        instrument: Whose bars these are.
        frequency: How long each bar is.
        start, end: int64 nanoseconds in UTC. A daily bar runs from its session's open to its close.
        open, high, low, close: float64 dollars on the 1e-6 grid.
        volume: float64 shares; NaN where unknown.

    Raises:
        DataError: If any row is no bar, or the rows do not ascend without overlap.
    """

    instrument: Instrument
    frequency: Frequency
    start: IntArray
    end: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        for name in _COLUMNS:
            given = getattr(self, name)
            column: NDArray[Any] = np.array(given, np.int64 if name in _TIMES else np.float64)
            if name in _PRICES:
                column = quantised(column)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
            if column.shape != self.start.shape:
                raise DataError(f"{self.symbol}: column {name} has another length than start")
        faults = bar_faults(self.open, self.high, self.low, self.close, self.volume)
        unordered = np.flatnonzero(self.start[1:] < self.end[:-1]) + 1
        faults += [(int(i), "it begins before the bar above it ended") for i in unordered]
        faults += [
            (int(i), "it ends before it began") for i in np.flatnonzero(self.end <= self.start)
        ]
        if faults:
            row, why = min(faults)
            raise DataError(
                f"{self.symbol}: {len(faults)} rows are no bars; "
                f"the first is row {row} ({rfc3339(int(self.start[row]))}): {why}"
            )

    @classmethod
    def trusted(cls, instrument: Instrument, frequency: Frequency, *columns: NDArray[Any]) -> Bars:
        """Columns that come from checked `Bars` need no second look."""
        bars = object.__new__(cls)
        object.__setattr__(bars, "instrument", instrument)
        object.__setattr__(bars, "frequency", frequency)
        for name, column in zip(_COLUMNS, columns, strict=True):
            column.flags.writeable = False
            object.__setattr__(bars, name, column)
        return bars

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, rows: slice) -> Bars:
        """Some of the rows, as views."""
        part = object.__new__(Bars)
        mine, its = self.__dict__, part.__dict__
        its["instrument"], its["frequency"] = self.instrument, self.frequency
        for name in _COLUMNS:  # a view of what is read-only is read-only
            its[name] = mine[name][rows]
        return part

    def of(self, **terms: Any) -> Bars:
        """The same rows of an instrument that differs in these fields, such as a multiplier."""
        columns = (getattr(self, name) for name in _COLUMNS)
        return Bars.trusted(replace(self.instrument, **terms), self.frequency, *columns)

    def followed_by(self, later: Bars) -> Bars:
        """These rows and then those of the later bars, whose instrument it is."""
        pairs = ((getattr(self, name), getattr(later, name)) for name in _COLUMNS)
        columns = (np.concatenate(pair) for pair in pairs)
        return Bars.trusted(later.instrument, later.frequency, *columns)

    def detached(self) -> Bars:
        """The same rows in arrays of their own, which lead back to no longer ones."""
        columns = (getattr(self, name).copy() for name in _COLUMNS)
        return Bars.trusted(self.instrument, self.frequency, *columns)

    def scaled(self, factor: FloatArray) -> Bars:
        """The same bars with each row's prices times ``factor`` (and its volume left alone).

        The scaled prices are quantised again, so that sums of them stay exact.
        """
        require(len(factor) == len(self) and bool(np.all(factor > 0)), "one positive factor a row")
        prices = (quantised(getattr(self, name) * factor) for name in _PRICES)
        return Bars.trusted(
            self.instrument, self.frequency, self.start, self.end, *prices, self.volume
        )

    def bar(self, row: int) -> Bar:
        """One row as a `Bar`, unchecked because the columns were checked."""
        return trusted_bar(
            self.instrument.symbol,
            self.start.item(row),
            self.end.item(row),
            self.open.item(row),
            self.high.item(row),
            self.low.item(row),
            self.close.item(row),
            self.volume.item(row),
        )

    def reel(self) -> Reel:
        """The rows as what hands them out one at a time."""
        return Reel(self.symbol, *(memoryview(getattr(self, name)) for name in _COLUMNS))

    def between(self, first: int, last: int) -> Iterator[Bar]:
        """The rows from one to another, the last left out; for few enough to hold them twice."""
        columns = (getattr(self, name)[first:last].tolist() for name in _COLUMNS)
        return map(trusted_bar, repeat(self.symbol), *columns)

    def __iter__(self) -> Iterator[Bar]:
        pieces = range(0, len(self), _PIECE)
        return chain.from_iterable(self.between(row, row + _PIECE) for row in pieces)

    @property
    def calendar(self) -> Calendar:
        """The calendar of the instrument's venue."""
        return calendar_of(self.instrument.venue)

    def days(self) -> NDArray[np.datetime64]:
        """The exchange's date of each bar, as ``datetime64[D]``."""
        return self.calendar.local_days(self.start)


def calm_pieces(bars: Bars, first: int, stop: int, calm: Calm) -> Iterator[tuple[int, int]]:
    """The calm rows from ``first`` on, in pieces of first row and row after the last.

    The pieces grow from a few rows to many, because the end of a calm is often near.
    """
    above, below = calm.above / MICROS_PER_DOLLAR, calm.below / MICROS_PER_DOLLAR
    size, has_levels = _FIRST_PIECE, calm.above > 0 or calm.below < LARGEST
    while first < stop:
        end = min(first + size, stop)
        if not has_levels and bars.end[end - 1] < calm.until:
            yield first, end
            first, size = end, min(2 * size, _PIECE)
            continue
        rows = slice(first, end)
        stirs = (bars.end[rows] >= calm.until) | (bars.low[rows] <= above)
        stirred = np.flatnonzero(stirs | (bars.high[rows] >= below))
        if len(stirred):
            if stirred[0]:
                yield first, first + int(stirred[0])
            return
        yield first, end
        first, size = end, min(2 * size, _PIECE)


_FIRST_PIECE = 16
_PIECE = 4096
"""Rows that are turned into Python numbers at once."""

_PRICES = ("open", "high", "low", "close")
_TIMES = ("start", "end")
_COLUMNS = (*_TIMES, *_PRICES, "volume")


def session_times(days: Sequence[date], calendar: Calendar) -> tuple[IntArray, IntArray]:
    """Opening and closing moments of daily bars, as two int64 columns."""
    return calendar.times(days)


@dataclass(frozen=True, slots=True)
class Split:
    """From ``ex_date`` on a share is ``ratio`` new ones: 7 for a 7:1, 1/10 for a reverse."""

    symbol: str
    ex_date: date
    ratio: Fraction

    def __post_init__(self) -> None:
        if self.ratio <= 0 or self.ratio == 1:
            raise DataError(f"{self.symbol} {self.ex_date}: {self.ratio} is no split ratio")


def split_ratio(factor: float) -> Fraction:
    """A split's ratio from its decimal form; 0.333333 is 1:3."""
    return Fraction(float(factor)).limit_denominator(10_000)


@dataclass(frozen=True, slots=True)
class Dividend:
    """Cash a share, owed to who holds at the open of ``ex_date``, paid on ``pay_date``."""

    symbol: str
    ex_date: date
    amount: Micros
    pay_date: date

    def __post_init__(self) -> None:
        if self.amount <= 0 or self.pay_date < self.ex_date:
            raise DataError(f"{self.symbol} {self.ex_date}: no dividend pays {self.amount} micros")


@dataclass(frozen=True, slots=True)
class Renaming:
    """From ``ex_date`` on the same shares trade as ``new_symbol``."""

    symbol: str
    ex_date: date
    new_symbol: str

    def __post_init__(self) -> None:
        if canonical_symbol(self.new_symbol) != self.new_symbol or self.new_symbol == self.symbol:
            raise DataError(f"{self.symbol} {self.ex_date}: {self.new_symbol!r} is no new symbol")


@dataclass(frozen=True, slots=True)
class Delisting:
    """The shares do not trade from ``ex_date`` on; holders are paid out (fill-K4).

    Attributes:
        symbol: The instrument.
        ex_date: The first day without trading.
        consideration: Cash a share, micro-dollars; None where nothing is stated.
        haircut: Share of the last price that is lost, where no cash is stated; None if that is
            not known either.
    """

    symbol: str
    ex_date: date
    consideration: Micros | None = None
    haircut: Fraction | None = None

    def __post_init__(self) -> None:
        if self.consideration is not None and (self.consideration < 0 or self.haircut is not None):
            raise DataError(
                f"{self.symbol} {self.ex_date}: a delisting pays cash or loses a share of the "
                f"price, not {self.consideration} micros and {self.haircut}"
            )
        if self.haircut is not None and not 0 <= self.haircut <= 1:
            raise DataError(
                f"{self.symbol} {self.ex_date}: {self.haircut} of a price is no haircut"
            )

    def paid(self, last: Micros, side: int) -> Micros:
        """What a share brings (or, short, costs), micro-dollars.

        Assumption: where nothing is known a long holding is lost whole, and a short one is bought
        back at the last price, so that neither gains by what nobody knows.
        """
        if self.consideration is not None:
            return self.consideration
        if self.haircut is None:
            return 0 if side > 0 else last
        kept = last * (1 - self.haircut)
        return half_even(kept.numerator, kept.denominator)


CorporateAction: TypeAlias = Split | Dividend | Renaming | Delisting


def ends_symbol(action: CorporateAction) -> bool:
    """Whether nothing trades under the symbol from the ex-date on."""
    return isinstance(action, Renaming | Delisting)


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """What a source hands over: bars as traded, what happened to the shares, and where from.

    Attributes:
        bars: The bars, with the adjustment named beside them.
        actions: Splits and dividends in the bars' span that the prices do *not* contain yet, and
            how the symbol ends, if it does.
        adjusted: What the prices have been adjusted for already.
        source: One line for people: provider, file or package.
        fingerprint: Hash of the content the bars were read from, hexadecimal.
        notices: Sentences a user should read once (assumptions taken, rows dropped).
        ticks: The tape in time order, where there is one: orders then meet it and not the bars.
    """

    bars: Bars
    actions: tuple[CorporateAction, ...] = ()
    adjusted: Adjustment = "raw"
    source: str = ""
    fingerprint: str = ""
    notices: tuple[str, ...] = field(default=())
    ticks: Sequence[Tick] = field(default=())
