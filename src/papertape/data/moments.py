"""History told as a stream: what became known, instant by instant, of all instruments at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.calendar import Calendar
from papertape.domain.clock import Nanos
from papertape.domain.event import Moment
from papertape.domain.market import Bars, CorporateAction, IntArray, Tick, ends_symbol


def moments(
    bars: Mapping[str, Bars],
    actions: Mapping[str, Sequence[CorporateAction]],
    ticks: Sequence[Tick] = (),
) -> Iterator[Moment]:
    """All instruments' bars merged by closing time, each with what the tape said until then.

    The stated rule for equal times: one `Moment` holds them all, sorted by symbol, so that nobody
    decides before every bar that closes now has been seen.

    What ends a symbol has no bar of its own on its day: it takes effect in the first moment of
    that day or later, and at the close of its session where no bar comes any more.
    """
    symbols = sorted(bars)
    acting = {symbol: rows_of(bars[symbol], actions.get(symbol, ())) for symbol in symbols}
    rows = dict.fromkeys(symbols, 0)
    film = {symbol: iter(bars[symbol]) for symbol in symbols}
    ends, heard = _ends(bars, actions), 0
    for time in closing_times(bars).tolist():
        now = [s for s in symbols if rows[s] < len(bars[s]) and bars[s].end[rows[s]] == time]
        taking_effect = [action for s in now for action in acting[s].get(rows[s], ())]
        while ends and ends[0].ex_date <= bars[symbols[0]].calendar.local_day(time):
            taking_effect.append(ends.pop(0))
        until = bisect_right(ticks, time, heard, key=_time_of)
        new, heard = tuple(ticks[heard:until]), until
        yield Moment(time, tuple(next(film[s]) for s in now), tuple(taking_effect), new)
        for symbol in now:
            rows[symbol] += 1
    for day, group in groupby(ends, lambda action: action.ex_date):
        yield Moment(_close(bars[symbols[0]].calendar, day), (), tuple(group))


def _ends(
    bars: Mapping[str, Bars], actions: Mapping[str, Sequence[CorporateAction]]
) -> list[CorporateAction]:
    """What ends one of the symbols, in order."""
    found = (action for symbol in sorted(bars) for action in actions.get(symbol, ()))
    return sorted(filter(ends_symbol, found), key=lambda action: action.ex_date)


def _close(calendar: Calendar, day: date) -> Nanos:
    """The close of the session on, or next after, a day."""
    return calendar.session(day if calendar.is_session(day) else calendar.next_session(day)).close


def _time_of(tick: Tick) -> Nanos:
    return tick.time


def closing_times(bars: Mapping[str, Bars]) -> IntArray:
    """Every instant at which a bar closes, ascending, each once."""
    ends = [column.end for column in bars.values()]
    return ends[0] if len(ends) == 1 else np.unique(np.concatenate(ends))
