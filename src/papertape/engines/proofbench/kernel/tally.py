# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Tally: what a run amounts to, counted while it goes on, with nothing kept a bar.

The definitions are those of `papertape.engines.proofbench.metrics`. Equity in micro-dollars is a
whole number below 2**53 (the exchange sees to that), so float64 holds it exactly here.
"""

from __future__ import annotations

from papertape.domain.market import IntArray
from papertape.engines.proofbench.kernel.columns import Columns, readable
from papertape.matching.fees import share_of

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

ROW, QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, AT_OPEN, FIELDS = range(9)
"""What a line of `record` holds, one for each fill."""


class Tally:
    """Marks an account to market, follows its round trips, and records what is asked for.

    Args:
        columns: The bars.
        capital: Cash at the start, micro-dollars.
        first: The first row that is marked.
        record: Room for the fills, a line each; with more of them `filled` still counts on.
        cash, equity: Room for these after each mark, micro-dollars; empty for nothing.
    """

    def __init__(
        self,
        columns: Columns,
        capital: int,
        first: int,
        record: IntArray,
        cash: IntArray,
        equity: IntArray,
    ):
        self.close = readable(columns.micros, compiled=cython.compiled)
        self.first = first
        self.record = record
        self.cash_after = cash
        self.equity_after = equity
        self.capital = self.last = self.peak = float(capital)
        self.sum = self.squares = self.depth = 0.0
        self.marks = self.busy = 0
        self.is_ruined = False
        self.filled = self.fees = 0
        self.held = self.result = 0
        self.closed = self.won = self.lost = 0
        self.gain = self.loss = 0

    # Round trips, flat to flat

    def fill(
        self,
        row: int,
        quantity: int,
        price: int,
        fee: int,
        reference: int,
        half_spread: int,
        slippage: int,
        at_open: int,
    ) -> None:
        """Book a fill to the trade that runs; what turns the holding round begins the next one."""
        if self.filled < len(self.record):
            self.record[self.filled, ROW] = row
            self.record[self.filled, QUANTITY] = quantity
            self.record[self.filled, PRICE] = price
            self.record[self.filled, FEE] = fee
            self.record[self.filled, REFERENCE] = reference
            self.record[self.filled, HALF_SPREAD] = half_spread
            self.record[self.filled, SLIPPAGE] = slippage
            self.record[self.filled, AT_OPEN] = at_open
        self.filled += 1
        self.fees += fee
        closing = -self.held
        if self.held != 0 and (quantity > 0) == (closing > 0) and abs(quantity) > abs(closing):
            share = share_of(fee, abs(closing), abs(quantity))
            self._exchange(closing, price, share)
            quantity, fee = quantity - closing, fee - share
        self._exchange(quantity, price, fee)

    def charge(self, total: int) -> None:
        """Book what borrowed shares or money cost to the trade that runs."""
        self.result -= total

    def _exchange(self, quantity: int, price: int, fee: int) -> None:
        self.result -= quantity * price + fee
        self.held += quantity
        if self.held != 0:
            return
        self.closed += 1
        if self.result > 0:
            self.won += 1
            self.gain += self.result
        elif self.result < 0:
            self.lost += 1
            self.loss -= self.result
        self.result = 0

    # Marks

    def mark(self, first: int, after: int, cash: int, held: int) -> None:
        """Mark the rows from ``first`` to before ``after``, between which nothing is traded."""
        if len(self.equity_after):
            self._write(first, after, cash, held)
        self.marks += after - first
        if held != 0:
            self.busy += after - first
            self._step(first, after, float(cash), float(held))
        elif first < after:  # once flat, equity stands still: one step, and then none
            self._step(first, first + 1, float(cash), 0.0)
            self.is_ruined = self.is_ruined or (after - first > 1 and cash <= 0)

    @cython.cdivision(True)
    def _step(self, first: int, after: int, cash: float, held: float) -> None:
        last, peak, depth, total, squares = self.last, self.peak, self.depth, self.sum, self.squares
        for row in range(first, after):
            if last <= 0.0:
                self.is_ruined = True
                last = 1.0
            equity = cash + held * self.close[row]
            gain = equity / last - 1.0
            total += gain
            squares += gain * gain
            last = equity
            if equity > peak:
                peak = equity
            elif peak - equity > depth * peak:
                depth = (peak - equity) / peak
        self.last, self.peak, self.depth, self.sum, self.squares = last, peak, depth, total, squares

    def _write(self, first: int, after: int, cash: int, held: int) -> None:
        for row in range(first, after):
            self.cash_after[row - self.first + 1] = cash
            self.equity_after[row - self.first + 1] = cash + cython.cast(
                cython.longlong, held * self.close[row]
            )
