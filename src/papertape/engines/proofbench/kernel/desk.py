# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Desk: turns a column of wanted exposure into orders, and drives an exchange over all its bars."""

from __future__ import annotations

import numpy as np

from papertape.domain.market import FloatArray
from papertape.engines.proofbench.kernel.columns import ByteArray, Sizing, Span, readable
from papertape.engines.proofbench.kernel.exchange import Exchange, product_over
from papertape.engines.proofbench.kernel.tally import Tally

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import rint
else:
    rint = round

MOST_SHARES = 2**31
FINEST = 2**61
"""A scale beyond which an exposure is not worked out here."""


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
        busy: Room to say in which rows something could happen; empty for nothing.
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
        busy: ByteArray,
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
        self.has_stops = len(stops) > 0
        self.busy = busy
        self.notes_busy = len(busy) > 0
        self.wanted = 0.0

    def run(self) -> bool:
        """Drive all rows, without the interpreter lock; False if the pipeline has to do it."""
        with cython.nogil:
            self._drive()
        return not self.exchange.has_failed

    def _drive(self):
        row = self.decides
        while row < self.rows and not self.exchange.has_failed:
            if row > 0:
                self.exchange.charge(row)
            self.exchange.meet(row)
            self.exchange.call_margin(row)
            if row >= self.warmup - 1 and self.exposure[row] != self.wanted:
                self._decide(row)
            if self.notes_busy:
                self.busy[row] = 1
            after = self.exchange.next_row(row + 1, self._next_wish(row + 1))
            first = max(row, self.marks)
            if first < after:
                self.tally.mark(first, after, self.exchange.cash, self.exchange.held)
            row = after

    def _next_wish(self, row):
        """The next row whose wish is another one, or the end."""
        row = max(row, self.warmup - 1)
        while row < self.rows and self.exposure[row] == self.wanted:
            row += 1
        return min(row, self.rows)

    def _decide(self, row):
        """Cancel what the old wish left open, and order what the new one lacks."""
        exchange, exposure = self.exchange, self.exposure[row]
        price, distance = exchange.close[row], self._stop_distance(row)
        if not -1.0 <= exposure <= 1.0:
            exchange.has_failed = True
            return
        self.wanted = exposure
        available = exchange.available(price)
        target = self._target(exposure, price, distance, available)
        if exchange.has_failed or abs(target) >= MOST_SHARES:
            exchange.has_failed = True
            return
        held = exchange.held
        exchange.clear((target > 0 and held > 0) or (target < 0 and held < 0))
        quantity = target - held
        if quantity == 0:
            return
        need = exchange.commits(held, quantity, price)
        if need > 0 and need > available:
            return  # RiskGuard refuses it
        opens = (exposure > 0 and quantity > 0) or (exposure < 0 and quantity < 0)
        exchange.place(quantity, distance if opens else 0, 0, 0, False)

    def _stop_distance(self, row):
        """Micro-dollars to the stop."""
        if not self.has_stops:
            return 0
        stop = self.stops[row]
        if not 0.0 <= stop < self.exchange.dollars[row] * 10:
            self.exchange.has_failed = True
            return 0
        return cython.cast(cython.longlong, rint(stop * 1e6))

    def _target(self, exposure, price, distance, available):
        """Shares to hold, signed."""
        exchange = self.exchange
        if exposure < 0 and not exchange.lends_shares:
            return 0
        if self.shares:
            return self._fraction(exposure, 1, self.shares, 1)
        if self.by_stop and distance == 0:
            return exchange.within(0, price, available)
        equity = exchange.cash + exchange.value(exchange.held, price)
        unit = self.part_unit * (distance if self.by_stop else price)
        wanted = self._fraction(exposure, self.part, max(0, equity), unit)
        return exchange.within(wanted, price, available)

    def _fraction(self, exposure, numerator, money, unit):
        """``exposure * numerator * money / unit`` cut towards zero, without any rounding."""
        size, scale = abs(exposure), 1
        whole = cython.cast(cython.longlong, size)
        while whole != size:
            if scale >= FINEST:
                self.exchange.has_failed = True
                return 0
            size, scale = size * 2.0, scale * 2
            whole = cython.cast(cython.longlong, size)
        shares = product_over(whole * numerator, money, scale) // unit
        return shares if exposure > 0 else -shares
