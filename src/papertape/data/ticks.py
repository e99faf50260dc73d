"""Ticks: tapes put into one order, and quotes whose sides come one at a time put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import pairwise
from typing import NamedTuple

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError
from papertape.domain.market import Quote, Tick, Trade, Unquoted


class Side(NamedTuple):
    """A message that tells one side of a quote, or both; a price of 0 says nothing of its side."""

    time: Nanos
    bid: float = 0.0
    bid_size: int = 0
    ask: float = 0.0
    ask_size: int = 0


def two_sided(symbol: str, sides: Iterable[Side]) -> Iterator[Quote | Unquoted]:
    """Quotes from messages that carry one side each: the other side is as it was last told.

    While a side has not been told, or the two cross, there is no quote, and that is said once.
    """
    bid = ask = 0.0
    bid_size = ask_size = 0
    is_quoted = True
    for side in sides:
        if side.bid > 0:
            bid, bid_size = side.bid, side.bid_size
        if side.ask > 0:
            ask, ask_size = side.ask, side.ask_size
        if 0 < bid <= ask:
            yield Quote(symbol, side.time, bid, ask, bid_size, ask_size)
            is_quoted = True
        elif is_quoted:
            yield Unquoted(symbol, side.time)
            is_quoted = False


def merged(tapes: Sequence[Sequence[Tick]], start: Nanos = 0) -> Sequence[Tick]:
    """Several tapes as one in time order, from a moment on.

    Raises:
        DataError: If one of them goes back in time.

    Assumption: at equal times a quote was there before a trade; within a tape its order holds.
    """
    told = [tape for tape in tapes if tape]
    if not told:
        return ()
    for tape in told:
        if any(later.time < tick.time for tick, later in pairwise(tape)):
            raise DataError(f"{tape[0].symbol}: the tape goes back in time")
    ordered = list(merge(*told, key=lambda tick: (tick.time, isinstance(tick, Trade))))
    return [tick for tick in ordered if tick.time >= start]
