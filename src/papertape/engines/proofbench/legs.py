"""Legs: the fills of a run as columns, cut up by round trip, and what the trips come to.

Those of `papertape.engines.proofbench.trades`, to the last bit, with no record made for any of
them; so they serve runs in which nothing but fills and charges befell a holding of shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from papertape.domain.event import (
    DividendAccrued,
    Entry,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    HoldingDelisted,
    OrderFilled,
    SplitApplied,
    SymbolChanged,
)
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bars, FloatArray, IntArray
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR, micros
from papertape.domain.order import OrderId, OrderKind
from papertape.engines.proofbench.trips import Trips

BoolArray = NDArray[np.bool_]

ROW, QUANTITY, PRICE, FEE, REFERENCE, _, _, AT_OPEN = range(8)
"""What a line of fills holds: see `lines_of`."""

TOO_MUCH = 2.0**62
"""Sums and products below it fit into 64 bits."""

_NO_PLAIN_FILLS = frozenset(
    {
        FillBusted,
        FillCorrected,
        SplitApplied,
        DividendAccrued,
        HoldingDelisted,
        SymbolChanged,
        FinancingCharged,
    }
)
_STOPS = (OrderKind.STOP, OrderKind.TRAILING_STOP)


@dataclass(frozen=True, eq=False, slots=True)
class Legs:
    """Fills cut up so that each part belongs to one trip: what turns a holding round is two.

    Attributes:
        fill: Which line of the fills each leg comes from.
        row, quantity, price, fee, reference, at_open: As of the fills.
        held: Shares after each leg.
        begin, end: The first and the last leg of each trip.
    """

    fill: IntArray
    row: IntArray
    quantity: IntArray
    price: IntArray
    fee: IntArray
    reference: IntArray
    at_open: BoolArray
    held: IntArray
    begin: IntArray
    end: IntArray

    @classmethod
    def of(cls, fills: IntArray) -> Legs | None:
        """The legs of lines of fills; None where 64 bits might not hold a sum over them."""
        size, price = np.abs(fills[:, QUANTITY]), fills[:, PRICE]
        most = 2.0 * float(size.max()) * max(float(price.max()), float(fills[:, FEE].max()))
        if most * len(fills) >= TOO_MUCH:
            return None
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
            fill=fill,
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

    @property
    def side(self) -> IntArray:
        """Of each trip, 1 for a long one and -1 for a short one."""
        side: IntArray = np.sign(self.quantity[self.begin])
        return side

    @property
    def shares(self) -> IntArray:
        """Of each leg, positive where it enters."""
        return self.quantity * np.repeat(self.side, np.diff(np.append(self.begin, len(self.row))))

    def sums(self, column: IntArray) -> IntArray:
        """Of a column over the legs, for each trip."""
        sums: IntArray = np.add.reduceat(column, self.begin)
        return sums

    def risk(self, stops: IntArray) -> IntArray:
        """Micro-dollars between each trip's entries and their stops; 0 if any entry had none.

        Args:
            stops: Micro-dollars a share from each leg's fill to its stop, 0 for none.
        """
        shares = self.shares
        risks = np.maximum(shares, 0) * stops
        bare = self.sums(((shares > 0) & (risks == 0)).astype(np.int64))
        return np.where(bare == 0, self.sums(risks), 0)


class Cuts(NamedTuple):
    """What each trip left by: nothing worse was seen before a stop, nothing better before a limit.

    Both are false where it left by neither.
    """

    by_stop: BoolArray
    by_limit: BoolArray


def lines_of(fills: Sequence[Fill], bars: Bars) -> list[list[int]]:
    """The fills of a run as the lines that a kernel writes of its own."""
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


def trips_of_log(
    log: Sequence[Entry], orders: Mapping[OrderId, OrderState], bars: Mapping[str, Bars]
) -> Trips | None:
    """The round trips of a run; None where they have to be told one by one.

    Args:
        log: What happened, in order.
        orders: The orders of the run.
        bars: Prices as traded.
    """
    fills = [entry.fill for entry in log if type(entry) is OrderFilled]
    if not fills:
        return Trips.of(())
    [only, *others] = bars.values()
    if others or only.instrument.is_future or not _NO_PLAIN_FILLS.isdisjoint(map(type, log)):
        return None
    lines = np.array(lines_of(fills, only), np.int64)
    rows = np.minimum(lines[:, ROW], len(only) - 1)
    if not np.array_equal(only.start[rows], [fill.bar_start for fill in fills]):
        return None  # a tape filled some of it
    legs = Legs.of(lines)
    if legs is None:
        return None
    asked = [orders[fill.order_id].order for fill in fills]
    stops = np.array([order.stop_distance for order in asked], np.int64)
    last = [asked[fill].kind for fill in legs.fill[legs.end].tolist()]
    cuts = Cuts(
        np.array([kind in _STOPS for kind in last]),
        np.array([kind is OrderKind.LIMIT for kind in last]),
    )
    uncharged = np.zeros(len(legs.begin), np.int64)
    return trips_of_legs(legs, only, uncharged, legs.risk(stops[legs.fill]), cuts)


def trips_of_legs(
    legs: Legs, bars: Bars, financing: IntArray, risk: IntArray, cuts: Cuts
) -> Trips | None:
    """The round trips of legs; None where the columns' 64 bits might not hold a sum.

    Args:
        legs: What was filled.
        bars: Prices as traded.
        financing: What was charged for borrowed shares and money, of each trip.
        risk: See `Legs.risk`.
        cuts: By what each trip left.
    """
    side, shares = legs.side, legs.shares
    value = np.abs(shares) * legs.price
    entered, left = (legs.sums(np.where(mask, value, 0)) for mask in (shares > 0, shares < 0))
    if max(entered.max(), left.max()) >= LARGEST:
        return None
    bought, sold = legs.sums(np.maximum(shares, 0)), legs.sums(np.maximum(-shares, 0))
    fees, held = legs.sums(legs.fee), legs.held[legs.end]
    pnl = side * (left - entered) + held * micros(float(bars.close[-1])) - fees - financing
    mae, mfe = _excursions(legs, entered / bought, bars, cuts)
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
    ups = (twice > denominator) | ((twice == denominator) & (quotient % 2 == 1))
    rounded: IntArray = quotient + ups
    return rounded


def _over(one: IntArray, other: IntArray) -> FloatArray:
    """The quotients; NaN where there is nothing to divide by."""
    quotients: FloatArray = np.full(len(one), np.nan)
    return np.divide(one, other, out=quotients, where=other != 0)


def _excursions(
    legs: Legs, entry_price: FloatArray, bars: Bars, cuts: Cuts
) -> tuple[FloatArray, FloatArray]:
    """Worst and best mark of each trip between fill and exit, as fractions of its entry price.

    Assumption: as in `papertape.engines.proofbench.trades`.
    """
    enters, leaves, last, side = legs.begin, legs.end, len(bars) - 1, legs.side
    is_open = legs.held[leaves] != 0
    begin, end = legs.row[enters], np.where(is_open, last, legs.row[leaves])
    marks = {}
    for name, extreme, is_worst in (("low", np.minimum, side > 0), ("high", np.maximum, side < 0)):
        column = getattr(bars, name)
        into = np.where(legs.at_open[enters], column[begin], bars.close[begin])
        left_at = legs.reference[leaves] / MICROS_PER_DOLLAR
        is_within = (begin == end) & ~legs.at_open[enters]
        is_cut = np.where(is_worst, cuts.by_stop, cuts.by_limit)
        out = np.where(is_cut | is_within, left_at, column[end])
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
