# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Tally: what a run amounts to, counted while it goes on, with nothing kept a bar.

The definitions are those of `papertape.engines.proofbench.metrics`. Equity in micro-dollars is a
whole number below 2**53 (the exchange sees to that), so float64 holds it exactly here.
"""

from __future__ import annotations

import numpy as np

from papertape.domain.market import FloatArray, IntArray
from papertape.engines.proofbench.kernel.columns import BLOCK as A_BLOCK
from papertape.engines.proofbench.kernel.columns import Columns, readable
from papertape.matching.fees import share_of

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

BLOCK = A_BLOCK
ROW, QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, AT_OPEN, FIELDS = range(9)
"""What a line of `record` holds, one for each fill."""
AFTER, CASH, HELD = range(3)
"""What a line of `stretches` holds: before which row it ends, and the account until then."""


class Tally:
    """Marks an account to market, follows its round trips, and records what is asked for.

    Args:
        columns: The bars.
        capital: Cash at the start, micro-dollars.
        record: Room for the fills, a line each; with more of them `filled` still counts on.
        stretches: Room for the stretches of marks between which the account only follows the price;
            likewise counted on in `stretched`.
    """

    def __init__(
        self,
        columns: Columns,
        capital: int,
        record: IntArray,
        stretches: IntArray,
    ):
        self.close = readable(columns.micros, compiled=cython.compiled)
        self.lowest = readable(columns.lowest, compiled=cython.compiled)
        self.highest = readable(columns.highest, compiled=cython.compiled)
        self.gains = np.zeros((2, BLOCK))
        self.record = record
        self.stretches = stretches
        self.stretched = self.cash_before = self.held_before = 0
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
        self._note(after, cash, held)
        self.marks += after - first
        if held != 0:
            self.busy += after - first
            self._step(first, after, float(cash), float(held))
        elif first < after:  # once flat, equity stands still: one step, and then none
            self._step(first, first + 1, float(cash), 0.0)
            self.is_ruined = self.is_ruined or (after - first > 1 and cash <= 0)

    def _step(self, first: int, after: int, cash: float, held: float) -> None:
        while first < after:
            place = first // BLOCK
            end = min(after, (place + 1) * BLOCK)
            one, other = cash + held * self.lowest[place], cash + held * self.highest[place]
            low, high = min(one, other), max(one, other)
            if high > self.peak or low <= 0.0:
                self._climb(first, end, cash, held)
            elif self.peak - low > self.depth * self.peak:
                self._sink(first, end, cash, held)
            self.is_ruined = self.is_ruined or self.last <= 0.0
            if not self.is_ruined:
                self._earn(first, end, cash, held)
            self.last = cash + held * self.close[end - 1]
            first = end

    @cython.cdivision(True)
    def _climb(self, first: int, after: int, cash: float, held: float) -> None:
        """Follow equity row by row where it may come to a new peak or a deeper valley."""
        peak, depth = self.peak, self.depth
        for row in range(first, after):
            equity = cash + held * self.close[row]
            if equity > peak:
                peak = equity
            elif peak - equity > depth * peak:
                depth = (peak - equity) / peak
            if equity <= 0.0 and row < after - 1:
                self.is_ruined = True
        self.peak, self.depth = peak, depth

    @cython.cdivision(True)
    def _sink(self, first: int, after: int, cash: float, held: float) -> None:
        """Look for a deeper valley where there is no new peak."""
        low = other = cash + held * self.close[first]
        for row in range(first, after - 1, 2):  # two lanes, none of which waits for the other
            low = min(low, cash + held * self.close[row])
            other = min(other, cash + held * self.close[row + 1])
        low = min(low, other, cash + held * self.close[after - 1])
        self.depth = max(self.depth, (self.peak - low) / self.peak)

    @cython.cdivision(True)
    def _earn(self, first: int, after: int, cash: float, held: float) -> None:
        """Sum the gains of a block's rows and their squares."""
        self.gains[0, 0] = (cash + held * self.close[first]) / self.last - 1.0
        for row in range(first + 1, after):
            equity, before = cash + held * self.close[row], cash + held * self.close[row - 1]
            self.gains[0, row - first] = equity / before - 1.0
        for row in range(after - first):
            self.gains[1, row] = self.gains[0, row] * self.gains[0, row]
        self.sum += float(self._total(0, after - first))
        self.squares += float(self._total(1, after - first))

    def _total(self, of: int, count: int) -> float:
        """The sum in four lanes, none of which waits for another; in plain Python the same four."""
        one = two = three = four = 0.0
        whole = count - count % 4
        for place in range(0, whole, 4):
            one += self.gains[of, place]
            two += self.gains[of, place + 1]
            three += self.gains[of, place + 2]
            four += self.gains[of, place + 3]
        for place in range(whole, count):
            one += self.gains[of, place]
        return (one + two) + (three + four)

    def _note(self, after: int, cash: int, held: int) -> None:
        if self.stretched == 0 or cash != self.cash_before or held != self.held_before:
            self.stretched += 1
            self.cash_before, self.held_before = cash, held
        if self.stretched <= len(self.stretches):
            self.stretches[self.stretched - 1, AFTER] = after
            self.stretches[self.stretched - 1, CASH] = cash
            self.stretches[self.stretched - 1, HELD] = held


def write_account(
    stretches: IntArray, close: FloatArray, first: int, cash: IntArray, equity: IntArray
) -> None:
    """Write cash and equity after each mark of stretches, the first of which was ``first``.

    What they were at the start stands in their first rows.
    """
    row = first
    for place in range(len(stretches)):
        while row < stretches[place, AFTER]:
            worth = cython.cast(cython.longlong, stretches[place, HELD] * close[row])
            cash[row - first + 1] = stretches[place, CASH]
            equity[row - first + 1] = stretches[place, CASH] + worth
            row += 1
