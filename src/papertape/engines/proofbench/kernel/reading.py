"""Reading a kernel's run: its valuation and its round trips, off the columns it left.

They are those of `papertape.engines.proofbench.marks` and `papertape.engines.proofbench.trades`,
to the last bit, with no record made for any of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from papertape.domain.clock import Nanos
from papertape.domain.event import Entry, OrderFilled
from papertape.domain.kept import kept
from papertape.domain.market import Bars, IntArray
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.engines.proofbench.kernel.columns import Span
from papertape.engines.proofbench.kernel.serving import Run, Wish
from papertape.engines.proofbench.legs import (
    PRICE,
    QUANTITY,
    Cuts,
    Legs,
    lines_of,
    trips_of_legs,
)
from papertape.engines.proofbench.marks import Valuation
from papertape.engines.proofbench.trips import Trips

CASH = 1
"""The place of cash in a line of `Run.stretches`."""


def valuation_of(run: Run, start: Nanos, bars: Bars) -> Valuation:
    """The account at the start and after each close."""
    traded = np.sum(np.abs(run.fills[:, QUANTITY]) * run.fills[:, PRICE], dtype=object)
    return Valuation(_times(bars, start, run.kernel.span.marks), run.cash, run.equity, int(traded))


@kept
def _times(bars: Bars, start: Nanos, first: int) -> IntArray:
    return np.append(start, bars.end[first:])


def fills_of(log: Iterable[Entry], bars: Bars) -> list[list[int]]:
    """The fills of a log as the lines that a kernel writes of its own."""
    return lines_of([entry.fill for entry in log if isinstance(entry, OrderFilled)], bars)


def trips_of(run: Run, wish: Wish, bars: Bars) -> Trips | None:
    """The round trips of a run to which no targets and no trails were attached.

    None where the columns' 64 bits might not hold a sum: then they have to be told one by one.
    """
    if not len(run.fills):
        return Trips.of(())
    legs = Legs.of(run.fills)
    if legs is None:
        return None
    span = run.kernel.span
    risk = legs.risk(_stops(wish, legs, span))
    # What leaves within a bar is a stop; of what leaves at the open the bar is not looked at.
    by_stop = np.ones(len(legs.begin), np.bool_)
    return trips_of_legs(legs, bars, _financing(run, legs, span), risk, Cuts(by_stop, ~by_stop))


def _financing(run: Run, legs: Legs, span: Span) -> IntArray:
    """What was charged for borrowed shares and money: all that moved cash and was no fill."""
    charged = np.zeros(len(legs.begin), np.int64)
    if legs.held.min() >= 0 and run.stretches[:, CASH].min() >= 0:
        return charged  # nothing was borrowed
    moved = -np.diff(run.cash)
    np.subtract.at(moved, legs.row - span.marks, legs.quantity * legs.price + legs.fee)
    rows = np.flatnonzero(moved)
    trip = np.searchsorted(legs.row[legs.begin], rows + span.marks) - 1
    np.add.at(charged, trip, moved[rows])
    return charged


def _stops(wish: Wish, legs: Legs, span: Span) -> IntArray:
    """Micro-dollars a share from each leg's fill to its stop, 0 for none."""
    if not len(wish.stops):
        return np.zeros(len(legs.row), np.int64)
    first = max(span.decides, wish.warmup - 1)
    turns = np.append(first, np.flatnonzero(np.diff(wish.exposure[first:])) + first + 1)
    asked = turns[np.searchsorted(turns, legs.row) - 1]  # the decision that the fill goes back to
    stops = np.rint(wish.stops[asked] * MICROS_PER_DOLLAR).astype(np.int64)
    # What goes against the wish opens nothing that a stop could protect.
    return np.where(wish.exposure[asked] * legs.quantity > 0, stops, 0)
