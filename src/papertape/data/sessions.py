"""Sessions and bars: which bars of a day were traded in the exchange's regular hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from papertape.domain.calendar import Calendar
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, IntArray, PriceHistory

_COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")


def regular_hours(history: PriceHistory) -> PriceHistory:
    """The history without bars that begin outside the regular session, and a notice of them.

    Daily bars are sessions already and stay as they are. A split or dividend keeps its date.

    Raises:
        DataError: If no bar is left.
    """
    bars = history.bars
    if bars.frequency.is_daily or len(bars) == 0:
        return history
    days, place = np.unique(bars.days(), return_inverse=True)
    opens, closes = _hours(days, bars.calendar)
    opens, closes = opens[place], closes[place]
    # Assumption: a bar is traded where it begins; one that begins before the opening auction
    # mixes both, and its prices cannot be taken apart.
    inside = (opens <= bars.start) & (bars.start < closes)
    if inside.all():
        return history
    if not inside.any():
        raise DataError(
            f"{bars.symbol}: all {len(bars):,} bars lie outside the regular session",
            hint="state the zone of the times with --tz, or keep them all with --extended",
        )
    notice = _notice(bars.symbol, inside, opens == closes)
    return replace(history, bars=_only(bars, inside), notices=(*history.notices, notice))


def _hours(days: np.ndarray, calendar: Calendar) -> tuple[IntArray, IntArray]:
    """Opening and closing moment of each day; a day without a session has no time between them."""
    sessions = [
        calendar.session(day) if calendar.is_session(day) else None for day in days.tolist()
    ]
    opens = np.array([session.open if session else 0 for session in sessions], np.int64)
    return opens, np.array([session.close if session else 0 for session in sessions], np.int64)


def _notice(symbol: str, inside: np.ndarray, closed: np.ndarray) -> str:
    away, on_closed_days = int(np.sum(~inside)), int(np.sum(closed))
    also = f", {on_closed_days:,} of them on days without a session" if on_closed_days else ""
    return (
        f"{symbol}: {away:,} of {len(inside):,} bars lie outside the regular session and were "
        f"dropped{also}; --extended keeps them"
    )


def _only(bars: Bars, rows: np.ndarray) -> Bars:
    columns = (getattr(bars, name)[rows] for name in _COLUMNS)
    return Bars.trusted(bars.instrument, bars.frequency, *columns)
