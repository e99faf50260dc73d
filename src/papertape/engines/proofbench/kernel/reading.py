"""Reading a kernel's run: its valuation and its round trips, off the columns it left.

They are those of `papertape.engines.proofbench.marks` and `papertape.engines.proofbench.trades`,
to the last bit, with no record made for any of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from papertape.domain.clock import Nanos
from papertape.domain.event import Entry, OrderFilled
from papertape.domain.kept import kept
from papertape.domain.market import Bars, FloatArray, IntArray
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR, micros
from papertape.engines.proofbench.kernel.columns import Span
from papertape.engines.proofbench.kernel.serving import Run, Wish
from papertape.engines.proofbench.marks import Valuation
from papertape.engines.proofbench.trips import Trips

ROW, QUANTITY, PRICE, FEE, REFERENCE, _, _, AT_OPEN = range(8)
"""What a line of `Run.fills` holds."""

CASH = 1
"""The place of cash in a line of `Run.stretches`."""

TOO_MUCH = 2.0**62
"""Sums and products below it fit into 64 bits."""


@dataclass(frozen=True, eq=False, slots=True)
class _Legs:
    """Fills cut up so that each part belongs to one trip: what turns a holding round is two.

    Attributes:
        row, quantity, price, fee, reference, at_open: As of the fills.
        held: Shares after each leg.
        begin, end: The first and the last leg of each trip.
    """

    row: IntArray
    quantity: IntArray
    price: IntArray
    fee: IntArray
    reference: IntArray
    at_open: NDArray[np.bool_]
    held: IntArray
    begin: IntArray
    end: IntArray

    @classmethod
    def of(cls, fills: IntArray) -> _Legs:
        quantity, fee = fills[:, QUANTITY], fills[:, FEE]
        before = np.cumsum(quantity) - quantity
        turns = (before != 0) & (np.sign(before) != np.sign(before + quantity))
        turns &= before + quantity != 0
        fill = np.repeat(np.arange(len(fills)), 1 + turns)
        second = np.append(False, fill[1:] == fill[:-1])
        first = np.append(second[1:], False)
        quantity, fee, before = quantity[fill], fee[fill], before[fill]
        closing = _half_even(fee * np.abs(before), np.abs(quantity))
        legs = np.where(first, -before, np.where(second, quantity + before, quantity))
        held = np.cumsum(legs)
        begin = np.flatnonzero(np.append(0, held[:-1]) == 0)
        return cls(
            row=fills[fill, ROW],
            quantity=legs,
            price=fills[fill, PRICE],
            fee=np.where(first, closing, np.where(second, fee - closing, fee)),
            reference=fills[fill, REFERENCE],
            at_open=fills[fill, AT_OPEN] != 0,
            held=held,
            begin=begin,
            end=np.append(begin[1:], len(held)) - 1,
        )

    def sums(self, column: IntArray) -> IntArray:
        """Of a column over the legs, for each trip."""
        sums: IntArray = np.add.reduceat(column, self.begin)
        return sums

    def of_trips(self, column: IntArray) -> IntArray:
        """A column over the trips, for each leg."""
        return np.repeat(column, np.diff(np.append(self.begin, len(self.row))))


def valuation_of(run: Run, start: Nanos, bars: Bars) -> Valuation:
    """The account at the start and after each close."""
    traded = np.sum(np.abs(run.fills[:, QUANTITY]) * run.fills[:, PRICE], dtype=object)
    return Valuation(_times(bars, start, run.kernel.span.marks), run.cash, run.equity, int(traded))


@kept
def _times(bars: Bars, start: Nanos, first: int) -> IntArray:
    return np.append(start, bars.end[first:])


def fills_of(log: Iterable[Entry], bars: Bars) -> list[list[int]]:
    """The fills of a log as the lines that a kernel writes of its own."""
    fills = [entry.fill for entry in log if isinstance(entry, OrderFilled)]
    rows = np.searchsorted(bars.start, [fill.bar_start for fill in fills]).tolist()
    return [
        [
            row,
            fill.quantity,
            fill.price,
            fill.fee,
            fill.reference,
            fill.half_spread,
            fill.slippage,
            int(fill.time == fill.bar_start),
        ]
        for row, fill in zip(rows, fills, strict=True)
    ]


def trips_of(run: Run, wish: Wish, bars: Bars) -> Trips | None:
    """The round trips of a run to which no targets and no trails were attached.

    None where the columns' 64 bits might not hold a sum: then they have to be told one by one.
    """
    if not len(run.fills):
        return Trips.of(())
    size, price = np.abs(run.fills[:, QUANTITY]), run.fills[:, PRICE]
    most = 2.0 * float(size.max()) * max(float(price.max()), float(run.fills[:, FEE].max()))
    if most * len(run.fills) >= TOO_MUCH:
        return None
    legs, span = _Legs.of(run.fills), run.kernel.span
    side = np.sign(legs.quantity[legs.begin])
    shares = legs.quantity * legs.of_trips(side)  # positive where they enter
    value = np.abs(shares) * legs.price
    entered, left = (legs.sums(np.where(mask, value, 0)) for mask in (shares > 0, shares < 0))
    if max(entered.max(), left.max()) >= LARGEST:
        return None
    bought, sold = legs.sums(np.maximum(shares, 0)), legs.sums(np.maximum(-shares, 0))
    fees, financing = legs.sums(legs.fee), _financing(run, legs, span)
    held = legs.held[legs.end]
    worth = held * micros(float(bars.close[-1]))
    pnl = side * (left - entered) + worth - fees - financing
    risk = _risk(wish, legs, shares, span)
    mae, mfe = _excursions(legs, side, entered / bought, bars)
    return Trips(
        is_open=held != 0,
        side=side,
        pnl=pnl,
        fees=fees,
        costs=fees + financing + legs.sums(legs.quantity * (legs.price - legs.reference)),
        entry_price=entered / bought,
        exit_price=_over(left, np.where(held == 0, sold, 0)),
        return_on_entry=pnl / entered,
        r_multiple=_over(pnl, risk),
        mae=mae,
        mfe=mfe,
    )


def _half_even(numerator: IntArray, denominator: IntArray) -> IntArray:
    quotient, rest = np.divmod(numerator, denominator)
    twice = 2 * rest
    return quotient + ((twice > denominator) | ((twice == denominator) & (quotient % 2 == 1)))


def _over(one: IntArray, other: IntArray) -> FloatArray:
    """The quotients; NaN where there is nothing to divide by."""
    return np.divide(one, other, out=np.full(len(one), np.nan), where=other != 0)


def _financing(run: Run, legs: _Legs, span: Span) -> IntArray:
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


def _risk(wish: Wish, legs: _Legs, shares: IntArray, span: Span) -> IntArray:
    """Micro-dollars between a trip's entries and their stops; 0 if any entry had none."""
    if not len(wish.stops):
        return np.zeros(len(legs.begin), np.int64)
    first = max(span.decides, wish.warmup - 1)
    turns = np.append(first, np.flatnonzero(np.diff(wish.exposure[first:])) + first + 1)
    asked = turns[np.searchsorted(turns, legs.row) - 1]  # the decision that the fill goes back to
    stops = np.rint(wish.stops[asked] * MICROS_PER_DOLLAR).astype(np.int64)
    # What goes against the wish opens nothing that a stop could protect.
    stops = np.where(wish.exposure[asked] * legs.quantity > 0, stops, 0)
    risks = np.maximum(shares, 0) * stops
    bare = legs.sums(((shares > 0) & (risks == 0)).astype(np.int64))
    return np.where(bare == 0, legs.sums(risks), 0)


def _excursions(
    legs: _Legs, side: IntArray, entry_price: FloatArray, bars: Bars
) -> tuple[FloatArray, FloatArray]:
    """Worst and best mark of each trip between fill and exit, as fractions of its entry price.

    Assumption: as in `papertape.engines.proofbench.trades`; what fills within a bar is a stop.
    """
    enters, leaves, last = legs.begin, legs.end, len(bars) - 1
    is_open = legs.held[leaves] != 0
    begin, end = legs.row[enters], np.where(is_open, last, legs.row[leaves])
    marks = {}
    for name, extreme, is_worst in (("low", np.minimum, side > 0), ("high", np.maximum, side < 0)):
        column = getattr(bars, name)
        into = np.where(legs.at_open[enters], column[begin], bars.close[begin])
        left_at = legs.reference[leaves] / MICROS_PER_DOLLAR
        is_within = (begin == end) & ~legs.at_open[enters]
        out = np.where(is_worst | is_within, left_at, column[end])
        out = np.where(legs.at_open[leaves], bars.open[end], out)
        out = np.where(is_open, np.where(begin == end, into, column[end]), out)
        into = np.where(begin == end, out, into)
        between = np.stack([np.minimum(begin + 1, last), end], axis=1)
        inner = extreme.reduceat(column, between.ravel())[::2]
        found = extreme(into, out)
        marks[name] = np.where(end > begin + 1, extreme(found, inner), found)
    scale = MICROS_PER_DOLLAR / entry_price
    worst = side * (np.where(side > 0, marks["low"], marks["high"]) * scale - 1)
    best = side * (np.where(side > 0, marks["high"], marks["low"]) * scale - 1)
    return np.where(worst < 0, worst, 0.0), np.where(best > 0, best, 0.0)
