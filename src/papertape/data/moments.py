"""History told as a stream: what became known, instant by instant, of all instruments at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.clock import Nanos
from papertape.domain.event import Moment
from papertape.domain.market import Bars, CorporateAction, IntArray, Tick


def moments(
    bars: Mapping[str, Bars],
    actions: Mapping[str, Sequence[CorporateAction]],
    ticks: Sequence[Tick] = (),
) -> Iterator[Moment]:
    """All instruments' bars merged by closing time, each with what the tape said until then.

    The stated rule for equal times: one `Moment` holds them all, sorted by symbol, so that nobody
    decides before every bar that closes now has been seen.
    """
    symbols = sorted(bars)
    acting = {symbol: rows_of(bars[symbol], actions.get(symbol, ())) for symbol in symbols}
    rows = dict.fromkeys(symbols, 0)
    heard = 0
    for time in closing_times(bars).tolist():
        now = [s for s in symbols if rows[s] < len(bars[s]) and bars[s].end[rows[s]] == time]
        taking_effect = [action for s in now for action in acting[s].get(rows[s], ())]
        until = bisect_right(ticks, time, heard, key=_time_of)
        new = tuple(ticks[heard:until])
        yield Moment(time, tuple(bars[s].bar(rows[s]) for s in now), tuple(taking_effect), new)
        heard = until
        for symbol in now:
            rows[symbol] += 1


def _time_of(tick: Tick) -> Nanos:
    return tick.time


def closing_times(bars: Mapping[str, Bars]) -> IntArray:
    """Every instant at which a bar closes, ascending, each once."""
    return np.unique(np.concatenate([column.end for column in bars.values()]))
