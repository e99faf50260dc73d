"""One seeded market that never was: every emulated provider serves it, so all must see the same."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cache

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.market import CorporateAction, Dividend, Split

FIRST = date(2024, 5, 1)
CALENDAR = calendar_of("XNYS")
CORRECTED_AFTER = 30 * SECOND
HALF_AN_HOUR = 30


@dataclass(frozen=True, slots=True)
class Row:
    """One bar as traded: prices in dollars on the cent, and what providers add."""

    start: Nanos
    end: Nanos
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int

    @property
    def vwap(self) -> float:
        """A price inside the bar; what providers call vwap."""
        return round((self.high + self.low + self.close) / 3, 4)


SPLITS = {"SPLT": Split("SPLT", date(2024, 6, 10), Fraction(4))}
DIVIDENDS = {
    "SPLT": Dividend("SPLT", date(2024, 6, 5), 400_000, date(2024, 6, 20)),
    "ACME": Dividend("ACME", date(2024, 6, 20), 270_000, date(2024, 6, 27)),
}
SYMBOLS = ("ACME", "SPLT", "QUIET", "BRK.B")


@dataclass(frozen=True)
class Market:
    """Shares that trade from `FIRST` on: ACME, SPLT (splits 4:1), QUIET (many minutes miss), BRK.B.

    Minute bars are the source of everything: a daily bar is what its regular minutes add up to.
    Every tenth minute is corrected some seconds after its end by a late trade.
    """

    seed: int = 20240501
    corrected_after: Nanos = CORRECTED_AFTER

    def actions(self, symbol: str) -> list[CorporateAction]:
        """The splits and dividends of a symbol, oldest first."""
        found = [table[symbol] for table in (DIVIDENDS, SPLITS) if symbol in table]
        return sorted(found, key=lambda action: action.ex_date)

    def sessions(self, first: date, last: date) -> list[date]:
        """The days traded between two dates that the market has, both included."""
        return CALENDAR.sessions(max(first, FIRST), last) if last >= FIRST else []

    def minutes(self, symbol: str, day: date) -> list[Row]:
        """A day's minutes as they are in the end, half an hour before and after it included."""
        return _minutes(self.seed, symbol, day) if day in self.sessions(day, day) else []

    def regular_minutes(self, symbol: str, day: date) -> list[Row]:
        """A day's minutes in regular hours."""
        session = CALENDAR.session(day)
        rows = self.minutes(symbol, day)
        return [row for row in rows if session.open <= row.start < session.close]

    def minutes_known(self, symbol: str, day: date, now: Nanos) -> list[Row]:
        """What can be known of a day's minutes at a moment: the late trades may still miss."""
        rows = self.minutes(symbol, day)
        ended = rows[: bisect_right([row.end for row in rows], now)]
        return [
            row if row.end + self.corrected_after <= now else as_first_told(row) for row in ended
        ]

    def minutes_told(self, symbol: str, day: date) -> list[Row]:
        """A day's minutes as they are told right after each one's end."""
        return [as_first_told(row) for row in self.minutes(symbol, day)]

    def last(self, symbol: str, now: Nanos) -> Row | None:
        """The last minute that is known at a moment, of that day or of the session before."""
        today = CALENDAR.local_day(now)
        for day in reversed(self.sessions(today - timedelta(7), today)):
            if rows := self.minutes_known(symbol, day, now):
                return rows[-1]
        return None

    def daily(self, symbol: str, first: date, last: date) -> list[Row]:
        """Daily bars between two dates, both included."""
        if symbol not in SYMBOLS:
            return []
        days = self.sessions(first, last)
        return [_day(self.seed, symbol, day) for day in days]

    def daily_known(self, symbol: str, first: date, last: date, now: Nanos) -> list[Row]:
        """Daily bars as far as they are known at a moment; today's may be of a day that goes on."""
        today = CALENDAR.local_day(now)
        rows = self.daily(symbol, first, min(last, today - timedelta(1)))
        if first <= today <= last and symbol in SYMBOLS:
            session = CALENDAR.session(today)
            known = self.minutes_known(symbol, today, now)
            regular = [row for row in known if session.open <= row.start < session.close]
            rows += [added_up(regular, session.open, session.close)] if regular else []
        return rows

    def adjusted(self, symbol: str, rows: Sequence[Row], splits_only: bool = False) -> list[Row]:
        """The rows as a provider adjusts them, for splits and (else) dividends as well."""
        scaled = []
        for row in rows:
            factor = 1.0
            for action in self.actions(symbol):
                if CALENDAR.local_day(row.start) >= action.ex_date:
                    continue
                if isinstance(action, Split):
                    factor /= float(action.ratio)
                elif not splits_only:
                    before = self.daily(symbol, FIRST, action.ex_date - timedelta(1))[-1]
                    factor *= 1 - action.amount / 1e6 / before.close
            prices = {
                name: round(getattr(row, name) * factor, 6)
                for name in ("open", "high", "low", "close")
            }
            scaled.append(replace(row, **prices))
        return scaled


def as_first_told(row: Row) -> Row:
    """A minute before its late trade is counted; most have none."""
    if row.trades % 10:
        return row
    close = row.open
    return replace(row, close=close, volume=row.volume - 50, trades=row.trades - 1)


@cache
def _minutes(seed: int, symbol: str, day: date) -> list[Row]:
    if symbol not in SYMBOLS:
        return []
    chance = np.random.default_rng((seed, zlib.crc32(symbol.encode()), day.toordinal()))
    session = CALENDAR.session(day)
    first = session.open - HALF_AN_HOUR * MINUTE
    count = (session.close - session.open) // MINUTE + 2 * HALF_AN_HOUR
    ends = _level(seed, symbol, day) * np.exp(np.cumsum(chance.normal(0, 4e-4, count + 1)))
    opens, closes = np.round(ends[:-1], 2), np.round(ends[1:], 2)
    wick = np.round(np.abs(chance.normal(0, 0.03, (2, count))), 2)
    volume, trades = chance.integers(100, 5_000, count), chance.integers(1, 60, count)
    traded = chance.random(count) < (0.6 if symbol == "QUIET" else 1.0)
    highs = np.round(np.maximum(opens, closes) + wick[0], 2)
    lows = np.round(np.minimum(opens, closes) - wick[1], 2)
    return [
        Row(
            first + n * MINUTE,
            first + (n + 1) * MINUTE,
            float(opens[n]),
            float(highs[n]),
            float(lows[n]),
            float(closes[n]),
            int(volume[n]),
            int(trades[n]),
        )
        for n in np.flatnonzero(traded).tolist()
    ]


def _level(seed: int, symbol: str, day: date) -> float:
    """Where a day begins, as traded: a slow wave, and fewer dollars a share after a split."""
    days = (day - FIRST).days
    name = zlib.crc32(symbol.encode()) % 97
    level = (400 if symbol in SPLITS else 60 + name) * (1 + 0.1 * np.sin((days + name + seed) / 9))
    split = SPLITS.get(symbol)
    return float(level / (split.ratio if split and day >= split.ex_date else 1))


@cache
def _day(seed: int, symbol: str, day: date) -> Row:
    session = CALENDAR.session(day)
    return added_up(Market(seed).regular_minutes(symbol, day), session.open, session.close)


def grouped(rows: Sequence[Row], minutes: int) -> list[Row]:
    """Minutes added up to longer bars, which begin on round times of the clock in UTC."""
    span = minutes * MINUTE
    found: dict[Nanos, list[Row]] = {}
    for row in rows:
        found.setdefault(row.start // span * span, []).append(row)
    return [added_up(inside, start, start + span) for start, inside in found.items()]


def added_up(rows: Sequence[Row], start: Nanos, end: Nanos) -> Row:
    """One bar of several."""
    return Row(
        start,
        end,
        rows[0].open,
        max(row.high for row in rows),
        min(row.low for row in rows),
        rows[-1].close,
        sum(row.volume for row in rows),
        sum(row.trades for row in rows),
    )


def midnight(moment: Nanos) -> Nanos:
    """The midnight in New York at or before a moment."""
    day = CALENDAR.local_day(moment)
    return int(datetime.combine(day, time(), tzinfo=CALENDAR.zone).timestamp()) * SECOND
