# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Portfolio: many instruments on one account, brought to their weights now and then, in numbers.

The order of things in a row is the pipeline's: nights are charged, bars meet the orders in the
order of symbols, the account is marked, and what is wanted now is ordered for the next bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from papertape.domain.market import FloatArray, IntArray
from papertape.domain.money import LARGEST
from papertape.engines.proofbench.kernel.columns import readable
from papertape.engines.proofbench.kernel.exchange import product_over
from papertape.engines.proofbench.kernel.rulebook import Rulebook
from papertape.engines.signalcore.allocation import LEFT_ALONE as NO_WISH
from papertape.engines.signalcore.sizing import part_of, shares_towards
from papertape.matching.fees import share_of
from papertape.matching.liquidity import mean_of_known, mean_value, volatility

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import rint
else:
    rint = round

ROW, SYMBOL, QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, ORDER, FILL_FIELDS = range(10)
"""What a line of `fills` holds; ORDER is a line of `orders`."""

CHARGED, CHARGED_OF, CHARGED_ON, CHARGE, CHARGE_FIELDS = range(5)
"""What a line of `charges` holds: the row, the symbol, what was borrowed (money,
or negative: shares), and what it cost."""

DECIDED, OF, SHARE, ASKED, FILLED, PAID, STATUS, ORDER_FIELDS = range(8)
"""What a line of `orders` holds: the row of the decision, the symbol, the billionths of
equity that were wanted, and what came of it."""

WORKING, COMPLETE, TAKEN_BACK, CUT = range(4)
"""Where an order stands at the end; CUT is one that funds paid for in part or not at all."""

LEFT_ALONE = NO_WISH
TOO_MUCH = float(LARGEST)


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """What a portfolio reads: matrices flattened row by row, and each symbol's own bars.

    Attributes:
        count: Symbols.
        rows: Moments.
        open, close, volume: Dollars and shares; NaN where there is no bar, or no volume known.
        nights: Calendar days since the row before.
        tariff: Which row of the regulators' rates holds in a row.
        place: Number of each bar among its symbol's own; empty where that is the row, or where
            nothing asks for the past.
        first: Where the own bars of each symbol begin in `closes` and `volumes`, and where the
            last ones end; these are empty where nothing asks for the past.
    """

    count: int
    rows: int
    open: FloatArray
    close: FloatArray
    volume: FloatArray
    nights: IntArray
    tariff: IntArray
    place: IntArray
    first: IntArray
    closes: FloatArray
    volumes: FloatArray


class Portfolio:
    """An account over the cells; `advance` lives through rows, `rebalance` asks for weights.

    Args:
        cells: The prices.
        rules: The terms.
        capital: Cash at the start, micro-dollars.
        sizes_at_fill: Whether shares are counted at the opens that they are bought at, and what is
            sold at an open pays for what is bought at it (`size_at_fill`).
    """

    def __init__(self, cells: Cells, rules: Rulebook, capital: int, sizes_at_fill: bool):
        count = self.count = cells.count
        self.rows = cells.rows
        self.open = readable(cells.open, compiled=cython.compiled)
        self.close = readable(cells.close, compiled=cython.compiled)
        self.volume = readable(cells.volume, compiled=cython.compiled)
        self.nights = readable(cells.nights, compiled=cython.compiled)
        self.tariff = readable(cells.tariff, compiled=cython.compiled)
        self.place = readable(cells.place, compiled=cython.compiled)
        self.first = readable(cells.first, compiled=cython.compiled)
        self.closes = readable(cells.closes, compiled=cython.compiled)
        self.volumes = readable(cells.volumes, compiled=cython.compiled)
        self.rules = rules
        self.sizes_at_fill = sizes_at_fill
        self.lends = self.rules.lends_money or self.rules.lends_shares
        self.held = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.marked = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.share = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.wanted = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.unfilled = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.number = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.holding = readable(np.zeros(count, np.int64), compiled=cython.compiled)
        self.orders = np.zeros((4 * count, ORDER_FIELDS), np.int64)
        self.fills = np.zeros((4 * count, FILL_FIELDS), np.int64)
        self.charges = np.zeros((count, CHARGE_FIELDS), np.int64)
        self.cash_after = np.zeros(self.rows, np.int64)
        self.net_after = np.zeros(self.rows, np.int64)
        self.gross_after = np.zeros(self.rows, np.int64)
        self.cash = capital
        self.net = self.loans = self.free = 0
        self.row = self.holdings = self.working = self.ordered = 0
        self.filled = self.charged = self.traded = 0
        self.asks_after = self.rows
        self.is_due = False

    @property
    def has_failed(self) -> bool:
        """Whether the pipeline has to do it, for an amount may not be countable, or for a call."""
        return bool(self.rules.has_failed)

    def advance(self, until: int) -> None:
        """Live through the rows before that one, without the interpreter lock."""
        with cython.nogil:
            self._drive(until)

    def rebalance(self, shares: IntArray) -> None:
        """Bring every holding near to its share of equity after the row lived through last.

        Args:
            shares: Billionths, one a symbol; `LEFT_ALONE` for one that is to be left alone.
        """
        given = readable(shares, compiled=cython.compiled)
        for each in range(self.count):
            self.share[each] = given[each]
        with cython.nogil:
            self._put_right()

    def finish(self) -> None:
        """Ask for what is still to be asked for after the last row."""
        with cython.nogil:
            if self.row > self.asks_after:
                self._ask_again()

    def _drive(self, until: int) -> None:
        while self.row < until and not self.rules.has_failed:
            if self.row > self.asks_after:  # a row after the wish
                self._ask_again()
            if self.nights[self.row]:
                self._charge()
            if self.is_due:
                self._count_at_open()
            if self.working:
                self._meet()
            self._mark()
            self.row += 1

    # What is wanted

    def _put_right(self) -> None:
        for each in range(self.count):
            if self.unfilled[each]:
                self._end(each, TAKEN_BACK)
        self.asks_after = self.rows
        if self.sizes_at_fill:
            self.is_due = True
        else:
            self._ask()

    def _ask(self) -> None:
        """Order reductions, and then what opens as far as free funds go."""
        self._want(self.row - 1, self.cash + self.net, False)
        self._lend()
        self.free = self.cash + self.loans
        for each in range(self.count):
            if self.wanted[each] and self._reduces(each):
                self._order(each, self.wanted[each])
                self.wanted[each] = 0
        for each in range(self.count):
            if self.wanted[each]:
                self._open(each)

    def _want(self, row: int, equity: int, at_open: bool) -> None:
        """Which trades bring the holdings to their shares, at the closes or opens of a row."""
        equity = max(0, equity)
        for each in range(self.count):
            self.wanted[each] = 0
            cell = row * self.count + each
            price = self.open[cell] if at_open else self.close[cell]
            if self.share[each] != LEFT_ALONE and price == price:
                self.marked[each] = cython.cast(cython.longlong, rint(price * 1e6))
                self.rules.value(self.held[each], self.marked[each])  # is it still countable?
                value = part_of(equity, self.share[each])
                self.wanted[each] = shares_towards(self.held[each], value, self.marked[each])

    def _reduces(self, each: int) -> bool:
        held, wanted = self.held[each], self.wanted[each]
        return (held > 0) != (wanted > 0) and abs(wanted) <= abs(held)

    def _open(self, each: int) -> None:
        """Order what free funds pay for, and keep in mind what they do not."""
        held, wanted, price = self.held[each], self.wanted[each], self.marked[each]
        if not self._reduces(each):
            wanted = self.rules.within(held, held + wanted, price, self.free) - held
            self.free -= max(0, self.rules.commits(held, wanted, price))
        self.wanted[each] -= wanted
        if self.wanted[each]:
            self.asks_after = self.row
        if wanted:
            self._order(each, wanted)

    def _ask_again(self) -> None:
        """Ask once more for what free funds did not pay for."""
        self._lend()
        self.free = self.cash + self.loans
        for each in range(self.count):
            if self.unfilled[each]:
                need = self.rules.commits(self.held[each], self.unfilled[each], self.marked[each])
                self.free -= max(0, need)
        for each in range(self.count):
            close = self.close[(self.row - 1) * self.count + each]
            if self.wanted[each] and close == close and not self.unfilled[each]:
                self.marked[each] = cython.cast(cython.longlong, rint(close * 1e6))
                self._open(each)
        self.asks_after = self.rows

    def _order(self, each: int, quantity: int) -> None:
        if self.ordered == len(self.orders):
            with cython.gil:
                self.orders = doubled(self.orders)
        self.orders[self.ordered, DECIDED] = self.row - 1
        self.orders[self.ordered, OF] = each
        self.orders[self.ordered, SHARE] = self.share[each]
        self.orders[self.ordered, ASKED] = quantity
        self.unfilled[each] = quantity
        self.number[each] = self.ordered
        self.ordered += 1
        self.working += 1

    def _end(self, each: int, status: int) -> None:
        self.orders[self.number[each], STATUS] = status
        self.unfilled[each] = 0
        self.working -= 1

    # A row

    def _charge(self) -> None:
        """Charge the nights since the row before for what was borrowed through them."""
        cash, shorts, longs, last = self.cash, 0, 0, -1
        for place in range(self.holdings):
            each = self.holding[place]
            value = self.rules.value(self.held[each], self.marked[each])
            if value < 0:
                shorts -= value
                self._note_charge(each, value, self.rules.borrow, self.rules.borrow_unit)
            else:
                longs += value
                last = place
        debit = shorts - cash
        left = debit
        for place in range(last + 1):
            each = self.holding[place]
            value = self.held[each] * self.marked[each]
            if debit > 0 and value > 0:
                part = left if place == last else product_over(debit, value, longs)
                left -= part
                self._note_charge(each, part, self.rules.interest, self.rules.interest_unit)

    def _note_charge(self, each: int, value: int, rate: int, unit: int) -> None:
        """Take what so much borrowed costs from cash, and write it down if it is anything."""
        total = share_of(abs(value), rate * self.nights[self.row], unit)
        if total:
            self.cash -= total
            if self.charged == len(self.charges):
                with cython.gil:
                    self.charges = doubled(self.charges)
            self.charges[self.charged, CHARGED] = self.row
            self.charges[self.charged, CHARGED_OF] = each
            self.charges[self.charged, CHARGED_ON] = value
            self.charges[self.charged, CHARGE] = total
            self.charged += 1

    def _count_at_open(self) -> None:
        """Count shares at the opens, and trade them there: reductions first."""
        self.is_due = False
        worth = self.cash
        for place in range(self.holdings):
            each = self.holding[place]
            open_ = self.open[self.row * self.count + each]
            if open_ == open_:
                self.marked[each] = cython.cast(cython.longlong, rint(open_ * 1e6))
            worth += self.rules.value(self.held[each], self.marked[each])
        self._want(self.row, worth, True)
        self._lend()
        for reducing in range(2):
            for each in range(self.count):
                if self.wanted[each] and (reducing == 1 or self._reduces(each)):
                    self._order(each, self.wanted[each])
                    self.wanted[each] = 0
                    self._serve(each, 0)

    def _lend(self) -> None:
        """Sum up what the holdings add to available funds."""
        self.loans = 0
        if self.lends:
            for place in range(self.holdings):
                each = self.holding[place]
                value = self.rules.value(self.held[each], self.marked[each])
                self.loans += self.rules.loan(value)

    def _meet(self) -> None:
        """Let the row's bars meet the orders, in the order of symbols.

        What one bar sets free pays for another only from the next row on; nobody knows which of
        the two came first.
        """
        self._lend()
        withheld, before = 0, self.cash + self.loans
        for each in range(self.count):
            if self.unfilled[each]:
                self._serve(each, withheld)
                after = self.cash + self.loans
                withheld += max(0, after - before)
                before = after

    def _serve(self, each: int, withheld: int) -> None:
        """Give an order what it gets at the open: within the cap, and as far as funds go."""
        cell, size = self.row * self.count + each, 0
        open_, volume = self.open[cell], self.volume[cell]
        if open_ == open_ and volume != 0:
            size = self.rules.within_cap(abs(self.unfilled[each]), volume)
        if size and not self.rules.has_failed:
            if self.rules.asks_the_past:
                self._look_back(each, cell)
            self._trade(each, size, cython.cast(cython.longlong, rint(open_ * 1e6)), withheld)

    def _trade(self, each: int, size: int, reference: int, withheld: int) -> None:
        """Fill as many shares as funds pay for; an order that they cut is over."""
        side = 1 if self.unfilled[each] > 0 else -1
        price, tried = self.rules.price(reference, side, size), size
        fits = self._affordable(each, side * size, price, withheld)
        while 0 < fits < tried:  # fewer shares slip less, and a dearer short binds more
            tried = fits
            price = self.rules.price(reference, side, tried)
            fits = self._affordable(each, side * tried, price, withheld)
        if fits:
            self._book(each, side * fits, price, reference)
        if fits < size:
            self._end(each, CUT)

    def _look_back(self, each: int, cell: int) -> None:
        """Tell the rules of the symbol's bars before this one."""
        first, after = self.first[each], self.first[each + 1]
        until = self.place[cell] if len(self.place) else self.row
        volumes, closes = self.volumes[first:after], self.closes[first:after]
        self.rules.know(
            mean_of_known(volumes, until),
            mean_value(volumes, closes, until),
            volatility(closes, until),
        )

    def _affordable(self, each: int, quantity: int, price: int, withheld: int) -> int:
        """The most shares of a fill that available funds pay for, fees included (fill-Q5)."""
        held, size, side = self.held[each], abs(quantity), 1 if quantity > 0 else -1
        closing = min(size, max(0, -side * held))
        if closing == size:
            return size
        available = self.cash - withheld
        if self.lends:
            before = self.rules.loan(self.rules.value(held, self.marked[each]))
            available += self.loans - before + self.rules.loan(self.rules.value(held, price))
        size = abs(self.rules.within(held, held + quantity, price, available) - held)
        while size > closing and not self.rules.has_failed:
            need = self.rules.commits(held, side * size, price)
            if need + self._fee(each, side * size, price) <= available:
                return size
            size -= 1
        return closing

    def _fee(self, each: int, quantity: int, price: int) -> int:
        order = self.number[each]
        return self.rules.next_fee(
            self.orders[order, FILLED],
            self.orders[order, PAID],
            quantity,
            self.rules.value(quantity, price),
            self.tariff[self.row],
        )

    def _book(self, each: int, quantity: int, price: int, reference: int) -> None:
        """Move cash and shares, and write it down."""
        fee, value = self._fee(each, quantity, price), self.rules.value(quantity, price)
        before, order = self.held[each], self.number[each]
        self.rules.has_failed |= fee < 0 or price <= 0
        self.cash -= value + fee
        self.held[each] += quantity
        if self.lends:
            self.loans -= self.rules.loan(self.rules.value(before, self.marked[each]))
            self.loans += self.rules.loan(self.rules.value(self.held[each], self.marked[each]))
        if before == 0:
            self.holding[self.holdings] = each
            self.holdings += 1
        elif self.held[each] == 0:
            self._drop(each)
        self.unfilled[each] -= quantity
        self.orders[order, FILLED] += quantity
        self.orders[order, PAID] += value
        self.traded += abs(value)
        self._note(each, quantity, price, fee, reference)
        if self.unfilled[each] == 0:
            self._end(each, COMPLETE)

    def _drop(self, each: int) -> None:
        """Take a symbol out of those held, the others in their order."""
        kept = 0
        for place in range(self.holdings):
            if self.holding[place] != each:
                self.holding[kept] = self.holding[place]
                kept += 1
        self.holdings = kept

    def _note(self, each: int, quantity: int, price: int, fee: int, reference: int) -> None:
        if self.filled == len(self.fills):
            with cython.gil:
                self.fills = doubled(self.fills)
        self.fills[self.filled, ROW] = self.row
        self.fills[self.filled, SYMBOL] = each
        self.fills[self.filled, QUANTITY] = quantity
        self.fills[self.filled, PRICE] = price
        self.fills[self.filled, FEE] = fee
        self.fills[self.filled, REFERENCE] = reference
        self.fills[self.filled, HALF_SPREAD] = self.rules.half_spread
        self.fills[self.filled, SLIPPAGE] = self.rules.slippage
        self.fills[self.filled, ORDER] = self.number[each]
        self.filled += 1

    def _mark(self) -> None:
        """Value the account at the row's closes; what has none keeps its last one."""
        first, net, gross = self.row * self.count, 0, 0
        for place in range(self.holdings):
            each = self.holding[place]
            close = self.close[first + each]
            if close == close:
                self.marked[each] = cython.cast(cython.longlong, rint(close * 1e6))
            value = self.rules.value(self.held[each], self.marked[each])
            net += value
            gross += abs(value)
        if self.working:
            for each in range(self.count):
                close = self.close[first + each]
                if self.unfilled[each] and close == close:
                    self.marked[each] = cython.cast(cython.longlong, rint(close * 1e6))
        self.net = net
        self.cash_after[self.row] = self.cash
        self.net_after[self.row] = net
        self.gross_after[self.row] = gross
        # What nobody can count is for the pipeline, and so is a margin call; who owes nothing gets
        # none.
        self.rules.has_failed |= abs(float(self.cash) + float(net)) >= TOO_MUCH
        if self.cash < 0 or net != gross:
            self.rules.has_failed |= self._is_called()

    def _is_called(self) -> bool:
        """Whether equity is below what the holdings must keep."""
        required = 0
        for place in range(self.holdings):
            each = self.holding[place]
            value = self.rules.value(self.held[each], self.marked[each])
            required += self.rules.required(value)
        return self.cash + self.net < required


def doubled(lines: IntArray) -> IntArray:
    """The same lines, and room for as many again."""
    return np.concatenate([lines, np.zeros(np.shape(lines), np.int64)])
