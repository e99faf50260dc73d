# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Desk: turns a column of wanted exposure into orders, and drives an exchange over all its bars."""

from __future__ import annotations

from papertape.domain.market import FloatArray
from papertape.engines.proofbench.kernel.columns import Sizing, Span, readable
from papertape.engines.proofbench.kernel.exchange import Exchange, product_over
from papertape.engines.proofbench.kernel.tally import Tally
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
        exposure: FloatArray,
        stops: FloatArray,
        targets: FloatArray,
        trails: FloatArray,
    ):
        self.exchange, self.tally = exchange, tally
        self.shares = sizing.shares
        self.part, self.part_unit = sizing.part
        self.by_stop = sizing.by_stop
        self.decides, self.marks = span.decides, span.marks
        self.warmup = warmup
        self.rows = len(exposure)
        self.exposure = readable(exposure, compiled=cython.compiled)
        self.stops = readable(stops, compiled=cython.compiled)
        self.targets = readable(targets, compiled=cython.compiled)
        self.trails = readable(trails, compiled=cython.compiled)
        self.wanted = 0.0

    def run(self) -> bool:
        """Drive all rows, without the interpreter lock; False if the pipeline has to do it."""
        with cython.nogil:
            self._drive()
        return not self.exchange.has_failed

    def _drive(self) -> None:
        row = self.decides
        turn = self._next_wish(row)
        while row < self.rows and not self.exchange.has_failed:
            if row > 0:
                self.exchange.charge(row)
            self.exchange.meet(row)
            self.exchange.call_margin(row)
            if row == turn:
                self._decide(row)
                turn = self._next_wish(row + 1)
            after = self.exchange.next_row(row + 1, turn)
            first = max(row, self.marks)
            if first < after:
                self.tally.mark(first, after, self.exchange.cash, self.exchange.held)
            row = after

    def _next_wish(self, row: int) -> int:
        """The next row whose wish is another one, or the end."""
        row = max(row, self.warmup - 1)
        while row < self.rows and self.exposure[row] == self.wanted:
            row += 1
        return min(row, self.rows)

    def _decide(self, row: int) -> None:
        """Cancel what the old wish left open, and order what the new one lacks."""
        self.wanted, held = self.exposure[row], self.exchange.held
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
        if whole / float(scale) != size:  # so many digits that only Python knows them
            with cython.gil:
                exact = exactly(size)
                if exact.denominator >= NARROWEST:
                    self.exchange.has_failed = True
                    return 0
                whole, scale = exact.numerator, exact.denominator
        shares = product_over(whole * numerator, money, scale) // unit
        return shares if self.wanted > 0 else -shares
