# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Desk: turns a column of wanted exposure into orders, and drives an exchange over all its bars."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from papertape.domain.market import BoolArray, FloatArray
from papertape.engines.proofbench.kernel.columns import Sizing, Span, readable
from papertape.engines.proofbench.kernel.exchange import Exchange, product_over
from papertape.engines.proofbench.kernel.tally import Tally
from papertape.engines.signalcore.answers import turns_of
from papertape.engines.signalcore.sizing import exactly

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import rint
else:
    rint = round

MOST_SHARES = 2**31
FINEST = 10**15
"""Decimal places up to which an exposure in floating point has one spelling only."""
NARROWEST = 2**61
AHEAD = 32
"""Turns whose rows are looked up together."""


class Desk:
    """Follows a signal strategy: an order only when the wanted exposure changes.

    Args:
        exchange: Where orders meet bars.
        tally: Marks the account.
        sizing: How much full exposure is.
        span: Which rows count.
        warmup: Rows before the first wish counts.
        exposure: Wanted after each bar, from -1 to 1.
        stops: Dollars from an entry's fill to its stop, 0 for none; empty for no stops.
        targets, trails: Likewise to its target, and behind the best price.
    """

    def __init__(
        self,
        exchange: Exchange,
        tally: Tally,
        sizing: Sizing,
        span: Span,
        warmup: int,
        exposure: FloatArray | BoolArray,
        stops: FloatArray,
        targets: FloatArray,
        trails: FloatArray,
    ):
        self.exchange, self.tally = exchange, tally
        self.shares = sizing.shares
        self.part, self.part_unit = sizing.part
        self.by_stop = sizing.by_stop
        self.decides, self.marks = span.decides, span.marks
        self.rows = len(exposure)
        turns = turns_of(exposure, max(warmup, span.decides + 1))
        wishes = exposure[turns].astype(np.float64)
        self.turns = readable(turns, compiled=cython.compiled)
        self.wishes = readable(wishes, compiled=cython.compiled)
        self.stops = readable(stops, compiled=cython.compiled)
        self.targets = readable(targets, compiled=cython.compiled)
        self.trails = readable(trails, compiled=cython.compiled)
        self.known, self.wanted = 0, 0.0
        self.whole, self.scale = 0, 1

    def run(self) -> bool:
        """Drive all rows, without the interpreter lock; False if the pipeline has to do it."""
        with cython.nogil:
            self._drive()
        return not self.exchange.has_failed

    def _drive(self) -> None:
        row, number = self.decides, 0
        turn = self._turn(0)
        while row < self.rows and not self.exchange.has_failed:
            if row > 0:
                self.exchange.charge(row)
            self.exchange.meet(row)
            self.exchange.call_margin(row)
            if row == turn:
                if cython.compiled and number == self.known:
                    self._look_ahead()
                self.wanted, number = self.wishes[number], number + 1
                self._decide(row)
                turn = self._turn(number)
            after = self.exchange.next_row(row + 1, turn)
            first = max(row, self.marks)
            if first < after:
                self.tally.mark(first, after, self.exchange.cash, self.exchange.held)
            row = after

    def _turn(self, number: int) -> int:
        """The row in which the wish turns for the so manieth time, or the end."""
        return self.turns[number] if number < len(self.turns) else self.rows

    def _look_ahead(self) -> None:
        """Touch the rows of the next turns: memory answers many at once as soon as one."""
        first, self.known = self.known, min(self.known + AHEAD, len(self.turns))
        for number in range(first, self.known):
            self.exchange.touch(self.turns[number])

    def _decide(self, row: int) -> None:
        """Cancel what the old wish left open, and order what the new one lacks."""
        held = self.exchange.held
        price, distance = self.exchange.close(row), self._distance(self.stops, row)
        available, target = self.exchange.available(price), 0
        if -1.0 <= self.wanted <= 1.0:
            target = self._target(price, distance, available)
        else:
            self.exchange.has_failed = True
        self.exchange.has_failed |= abs(target) >= MOST_SHARES
        self.exchange.clear((target > 0 and held > 0) or (target < 0 and held < 0))
        quantity, need = target - held, self.exchange.commits(held, target - held, price)
        # RiskGuard refuses what available funds do not pay for.
        if quantity and (need <= 0 or need <= available):
            target_at, trail_at = (
                self._distance(self.targets, row),
                self._distance(self.trails, row),
            )
            if self.wanted == 0 or (self.wanted > 0) != (quantity > 0):
                distance = target_at = trail_at = 0  # it opens nothing that an exit could protect
            self.exchange.place(quantity, distance, target_at, trail_at, False)

    def _distance(self, column: FloatArray, row: int) -> int:
        """Micro-dollars to an exit; 0 for none."""
        if len(column) == 0:
            return 0
        if not 0.0 <= column[row] < self.exchange.dollars[row] * 10:
            self.exchange.has_failed = True
            return 0
        return cython.cast(cython.longlong, rint(column[row] * 1e6))

    def _target(self, price: int, distance: int, available: int) -> int:
        """Shares to hold, signed."""
        if self.wanted < 0 and not self.exchange.lends_shares:
            return 0
        if self.shares:
            return self._fraction(1, self.shares, 1)
        shares, unit = 0, self.part_unit * (distance if self.by_stop else price)
        if unit:
            equity = self.exchange.cash + self.exchange.value(self.exchange.held, price)
            shares = self._fraction(self.part, max(0, equity), unit)
        return self.exchange.within(shares, price, available)

    def _fraction(self, numerator: int, money: int, unit: int) -> int:
        """Exposure, as it is written, times ``numerator * money / unit``, cut towards zero."""
        size, scale = abs(self.wanted), 1
        whole = cython.cast(cython.longlong, rint(size))
        while whole / float(scale) != size and scale < FINEST:
            scale *= 10
            whole = cython.cast(cython.longlong, rint(size * scale))
        if whole / float(scale) == size:
            self.whole, self.scale = whole, scale
        else:
            self._spell()
        shares = product_over(self.whole * numerator, money, self.scale) // unit
        return shares if self.wanted > 0 else -shares

    # A method of its own, because a function that takes the lock anywhere takes it on every call.
    def _spell(self) -> None:
        """Write out an exposure of so many digits that only Python knows them."""
        exact = exactly(abs(self.wanted))
        if exact.denominator >= NARROWEST:
            self.exchange.has_failed = True
            exact = Fraction()
        self.whole, self.scale = exact.numerator, exact.denominator
