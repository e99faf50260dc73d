# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Exchange: one instrument's orders, met by its bars on one account, in numbers alone.

The rules are those of `papertape.matching`, in the same order; what is spelled again here is only
the walk over them, with rows of an array for orders. It runs without the interpreter lock.

Amounts are int64 micro-dollars. A product is made only once a float has shown that it stays below
2**53, else `has_failed` is set and the run is left to the pipeline: Cython's own overflow check
raises without the lock, and crashes.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from papertape.domain.money import LARGEST, against_trader, tick_up
from papertape.engines.proofbench.kernel.columns import Columns, Terms, readable
from papertape.engines.proofbench.kernel.tally import Tally
from papertape.matching.costs import impact, part_of_day, shares_within, taker_price
from papertape.matching.fees import CENT as A_CENT
from papertape.matching.fees import capped_fee, per_share_fee, share_of
from papertape.matching.liquidity import mean_of_known, mean_value, volatility
from papertape.matching.rules import (
    auction_limit_reference,
    beyond_limit,
    cross_point,
    is_marketable,
    ratcheted,
    resting_limit_reference,
    stop_reference,
    trail_level,
    worse,
)
from papertape.matching.spreads import half_spread_at

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

MARKET, STOP, TARGET, TRAIL = range(4)
"""Kinds of order; their order is that of their ids."""

(
    KIND,
    NUMBER,
    OPEN,
    FILLED,
    PAID,
    LEVEL,
    ANCHOR,
    FILLS,
    BIRTH,
    BORN,
    REDUCES,
    TRIGGERED,
    ARRIVING,
    SERVED,
    STOP_AT,
    TARGET_AT,
    TRAIL_AT,
    FIELDS,
) = range(18)
"""What a row of `orders` holds.

LEVEL is a stop's trigger, a target's limit or a trail's distance; BIRTH the number of the entry's
fill that brought an exit to life, BORN the bar; the three last are the distances of the exits that
an entry brings, 0 for none.
"""

QUANTITY, PRICE, FEE, REFERENCE, HALF_SPREAD, SLIPPAGE, AT_OPEN, NOTES = range(8)
"""What a row of `fills` holds."""

BEFORE, AFTER = range(2)
UP_FIRST, DOWN_FIRST = range(2)
CENT = A_CENT
TOO_MUCH = float(LARGEST)
NEVER = 2**62
TINY = 1e-9


class Exchange:
    """Orders and an account; a bar is met by `meet`, an order is placed by `place`.

    Args:
        columns: The bars.
        terms: What trading costs and what the account may do.
        capital: Cash at the start, micro-dollars.
        tally: Told of every fill.
        room: Orders that can be held at once; with more the run fails.
    """

    def __init__(self, columns: Columns, terms: Terms, capital: int, tally: Tally, room: int):
        self.open = readable(columns.open, compiled=cython.compiled)
        self.high = readable(columns.high, compiled=cython.compiled)
        self.low = readable(columns.low, compiled=cython.compiled)
        self.micros = readable(columns.micros, compiled=cython.compiled)
        self.dollars = readable(columns.dollars, compiled=cython.compiled)
        self.volume = readable(columns.volume, compiled=cython.compiled)
        self.nights = readable(columns.nights, compiled=cython.compiled)
        self.opens_session = readable(columns.opens_session, compiled=cython.compiled)
        self.tariff = readable(columns.tariff, compiled=cython.compiled)
        self.spread_values = readable(terms.spread_values, compiled=cython.compiled)
        self.spread_points = readable(terms.spread_points, compiled=cython.compiled)
        self.sec = readable(terms.sec, compiled=cython.compiled)
        self.sec_unit = readable(terms.sec_unit, compiled=cython.compiled)
        self.taf = readable(terms.taf, compiled=cython.compiled)
        self.taf_cap = readable(terms.taf_cap, compiled=cython.compiled)
        self.classes, self.rates = len(terms.spread_points), len(terms.taf)
        self.tick = terms.tick
        self.per_session = terms.per_session
        self.session_root = sqrt(terms.per_session)
        self.fixed_half_spread = terms.half_spread
        self.spread_unknown = terms.spread_unknown
        self.fixed_slippage = terms.slippage
        self.impact_factor = terms.impact_factor
        self.volatility_if_unknown = terms.volatility_if_unknown
        self.participation_if_unknown = terms.participation_if_unknown
        self.cap, self.cap_at_open = terms.cap, terms.cap_at_open
        self.commission, self.commission_unit = terms.commission
        self.per_share, self.least = terms.per_share, terms.least
        self.most, self.most_unit = terms.most
        self.rounds_up = terms.rounds_up
        self.initial, self.initial_unit = terms.initial
        self.keep_long, self.keep_long_unit = terms.keep_long
        self.keep_short, self.keep_short_unit = terms.keep_short
        self.lends_shares = terms.lends_shares
        self.lends_money = terms.initial.numerator < terms.initial.denominator
        self.borrow, self.borrow_unit = terms.borrow
        self.interest, self.interest_unit = terms.interest
        self.tally = tally
        self.room = room
        self.orders = np.zeros((room, FIELDS), np.int64)
        self.kept = np.zeros((2, room + 1, FIELDS), np.int64)
        self.fills = np.zeros((2, 2 * room, NOTES), np.int64)
        self.cash = capital
        self.held = self.count = self.numbers = self.noted = self.traded = self.targets = 0
        self.row = self.way = 0
        self.here = self.point = self.price = self.half_spread = self.slippage = 0
        self.touched = 0.0
        self.at_open = self.has_failed = self.is_full = False
        self.known = -1
        self.daily_volume = self.daily_value = self.daily_volatility = 0.0

    # Orders

    def place(
        self, quantity: int, stop_at: int, target_at: int, trail_at: int, reduces: bool
    ) -> None:
        """Rest a market order; exits of its fills lie at these distances, 0 for none."""
        self.numbers += 1
        self._add(MARKET, quantity, self.numbers)
        place = self.count - 1
        self.orders[place, REDUCES] = reduces
        self.orders[place, STOP_AT] = stop_at
        self.orders[place, TARGET_AT] = target_at
        self.orders[place, TRAIL_AT] = trail_at

    def _add(self, kind: int, quantity: int, number: int) -> None:
        if self.count == self.room:
            self.has_failed = self.is_full = True
            self.count -= 1
        for field in range(FIELDS):
            self.orders[self.count, field] = 0
        self.orders[self.count, KIND] = kind
        self.orders[self.count, OPEN] = quantity
        self.orders[self.count, NUMBER] = number
        self.orders[self.count, ARRIVING] = 1
        self.count += 1

    def clear(self, keeps_exits: bool) -> None:
        """Cancel what is open, or all of it but the exits that only reduce."""
        for place in range(self.count):
            if not (keeps_exits and self.orders[place, REDUCES]):
                self.orders[place, OPEN] = 0
        self._sweep()

    def _sweep(self) -> None:
        """Let go of the orders that are done, the others in their order."""
        kept = 0
        for place in range(self.count):
            if self.orders[place, OPEN] != 0:
                if kept != place:
                    for field in range(FIELDS):
                        self.orders[kept, field] = self.orders[place, field]
                kept += 1
        self.count = kept

    def _side(self, place: int) -> int:
        return 1 if self.orders[place, OPEN] > 0 else -1

    def _is_waiting(self, place: int) -> bool:
        kind = self.orders[place, KIND]
        return (kind == STOP or kind == TRAIL) and not self.orders[place, TRIGGERED]

    def _is_market(self, place: int) -> bool:
        return self.orders[place, KIND] != TARGET and not self._is_waiting(place)

    def _level(self, place: int) -> int:
        """Where an exit stands; 0 for a trail that has seen no price yet."""
        if self.orders[place, KIND] != TRAIL:
            return self.orders[place, LEVEL]
        anchor, distance = self.orders[place, ANCHOR], self.orders[place, LEVEL]
        if anchor == 0:
            return 0
        return max(0, trail_level(self._side(place), anchor, distance, self.tick))

    # A bar

    def touch(self, row: int) -> None:
        """Bring a close, and what the bar after it opens with, into the nearest memory."""
        if row + 1 < len(self.open):
            self.touched = self.open[row + 1] + self.micros[row] + self.volume[row + 1]

    def meet(self, row: int) -> None:
        """Let a bar meet the orders, on the path that leaves less at its close (fill-P1)."""
        self.row, self.noted = row, 0
        if self.count and self.volume[row] != 0 and self._is_concerned():
            if self._is_certain():
                self._walk(UP_FIRST)
            else:
                self._walk_both_ways()
            for place in range(self.noted):
                self._tell(place)
            self._sweep()

    def _walk_both_ways(self) -> None:
        self._keep(BEFORE)
        self._walk(UP_FIRST)
        self._keep(AFTER)
        worth, targets, noted = self._worth(), self.targets, self.noted
        self._bring_back(BEFORE)
        self._walk(DOWN_FIRST)
        second = self._worth()
        if second > worth or (second == worth and self.targets >= targets):
            self._bring_back(AFTER)
            self.way, self.noted = UP_FIRST, noted

    def _worth(self) -> int:
        return self.cash + self.value(self.held, self.close(self.row))

    def _tell(self, place: int) -> None:
        way = self.way
        self.tally.fill(
            self.row,
            self.fills[way, place, QUANTITY],
            self.fills[way, place, PRICE],
            self.fills[way, place, FEE],
            self.fills[way, place, REFERENCE],
            self.fills[way, place, HALF_SPREAD],
            self.fills[way, place, SLIPPAGE],
            self.fills[way, place, AT_OPEN],
        )

    def _keep(self, where: int) -> None:
        for place in range(self.count):
            for field in range(FIELDS):
                self.kept[where, place, field] = self.orders[place, field]
        self.kept[where, self.room, 0] = self.cash
        self.kept[where, self.room, 1] = self.held
        self.kept[where, self.room, 2] = self.count

    def _bring_back(self, where: int) -> None:
        self.cash = self.kept[where, self.room, 0]
        self.held = self.kept[where, self.room, 1]
        self.count = self.kept[where, self.room, 2]
        for place in range(self.count):
            for field in range(FIELDS):
                self.orders[place, field] = self.kept[where, place, field]

    def _is_concerned(self) -> bool:
        """Whether the bar can change anything about an order."""
        for place in range(self.count):
            if self.orders[place, ARRIVING] and not self._is_waiting(place):
                return True
            if self._can_act(place):
                return True
        return False

    def _can_act(self, place: int) -> bool:
        row, side = self.row, self._side(place)
        if self._is_market(place) or self.orders[place, KIND] == TRAIL:
            return True
        level = self.orders[place, LEVEL]
        if self.orders[place, KIND] == TARGET:
            best = self.low[row] if side > 0 else self.high[row]
            return side * (level - best) >= 0
        return stop_reference(side, level, self.open[row], self.high[row], self.low[row]) != 0

    def _is_certain(self) -> bool:
        """Whether both paths must come to the same: at most one order can act within the bar."""
        acting = 0
        for place in range(self.count):
            if self.orders[place, TRAIL_AT] != 0:
                return False
            if self._is_market(place):
                acting += self.orders[place, STOP_AT] != 0
                acting += self.orders[place, TARGET_AT] != 0
            elif self._can_act(place):
                acting += 1
                if self.orders[place, KIND] == TRAIL:
                    return False
        return acting <= 1

    def _walk(self, way: int) -> None:
        """Walk the bar: at the open every order meets one price, then the path moves on."""
        row = self.row
        self.way, self.noted = way, 0
        self.traded = self.targets = 0
        self.at_open = True
        self.here = self.open[row]
        self._move(self.here)
        for place in range(self.count):
            self.orders[place, SERVED] = 0
        self.at_open = False
        if self._has_open_orders():
            self._move(self.high[row] if way == UP_FIRST else self.low[row])
            self._move(self.low[row] if way == UP_FIRST else self.high[row])
            self._move(self.close(row))
        for place in range(self.count):
            self.orders[place, SERVED] = 0

    def _has_open_orders(self) -> bool:
        for place in range(self.count):
            if self.orders[place, OPEN] != 0:
                return True
        return False

    def _move(self, to: int) -> None:
        """Go to the path's next turn, and serve what is met on the way."""
        place = self._next_due(to)
        while place >= 0 and not self.has_failed:
            self.here = self.point
            self._act(place)
            place = self._next_due(to)
        self.here = to
        for place in range(self.count):
            if self.orders[place, OPEN] != 0:
                self._see(place, to)

    def _see(self, place: int, price: int) -> None:
        """Let a trail follow the price (fill-T1)."""
        if self.orders[place, KIND] == TRAIL and not self.orders[place, TRIGGERED]:
            anchor = ratcheted(self._side(place), self.orders[place, ANCHOR], price)
            self.orders[place, ANCHOR] = anchor

    def _next_due(self, to: int) -> int:
        """Which order acts next on the way to a price, or -1 (fill-Q2); `point` is where."""
        found = -1
        for place in range(self.count):
            point = self._point(place, to)
            if point and (found < 0 or self._is_before(place, point, found)):
                found, self.point = place, point
        return found

    def _is_before(self, place: int, point: int, other: int) -> bool:
        """Whether an order that acts at ``point`` goes before another, which acts at `point`.

        The nearer, the rank, the more eager price, then who came first; of the exits of one order
        the one whose id comes first.
        """
        way, others = abs(point - self.here), abs(self.point - self.here)
        if way == others:
            way, others = self._rank(place), self._rank(other)
        if way == others and way > 0:
            way, others = self._level(place), self._level(other)
            way, others = -self._side(place) * way, -self._side(other) * others
        if way == others:
            way, others = self.orders[place, NUMBER], self.orders[other, NUMBER]
        if way == others:
            way, others = self.orders[place, KIND], self.orders[other, KIND]
        if way == others:
            return is_before_as_text(self.orders[place, BIRTH], self.orders[other, BIRTH])
        return way < others

    def _rank(self, place: int) -> int:
        """Market orders go before triggers, those before limits."""
        return 0 if self._is_market(place) else 1 if self._is_waiting(place) else 2

    def _point(self, place: int, to: int) -> int:
        """Where on the way to the next turn an order acts; 0 if it does not."""
        here, side = self.here, self._side(place)
        high, low = max(here, to), min(here, to)
        if self.orders[place, OPEN] == 0 or self.orders[place, SERVED]:
            return 0
        if self._is_market(place):
            return here if self.at_open else 0
        level = self._level(place)
        if self._is_waiting(place):
            return stop_reference(side, level, here, high, low) if level else 0
        if self.orders[place, ARRIVING] or self._auction_price(place):
            return here
        if not resting_limit_reference(side, level, high, low, self.tick):
            return 0
        return cross_point(side, level, here, self.tick)

    def _auction_price(self, place: int) -> int:
        """What the opening auction gives a target that was there before it (fill-L3), or 0."""
        if not (self.at_open and self.opens_session[self.row]):
            return 0
        return auction_limit_reference(self._side(place), self.orders[place, LEVEL], self.here)

    def _act(self, place: int) -> None:
        """Let an order do what it does when it is its turn."""
        side, level = self._side(place), self._level(place)
        if self._is_waiting(place):
            self.orders[place, TRIGGERED] = 1
            self._serve(place, self.here, 2, True, 1, 1)
        elif self._is_market(place):
            if self.orders[place, TRIGGERED]:
                # Assumption: what a cap left of a stop gains nothing by a recovery (fill-S2).
                self._serve(place, worse(side, self.here, level), 2, True, 1, 1)
            else:
                self._serve(place, self.here, 1, True, 1, 1)
        elif self.orders[place, ARRIVING]:
            self.orders[place, ARRIVING] = 0
            if is_marketable(side, level, self.here, self._half_spread(self.here)):
                self._serve(place, self.here, 1, True, 1, 1)
            else:
                self.orders[place, SERVED] = self.at_open
        elif self._auction_price(place):
            self._serve(place, self.here, 1, False, 1, 1)
        elif self.at_open or self.high[self.row] == self.low[self.row]:
            self._serve(place, level, 0, False, 1, 1)
        else:
            high, low = self.high[self.row], self.low[self.row]
            self._serve(place, level, 0, False, beyond_limit(side, level, high, low), high - low)

    # What an order gets

    def _serve(
        self, place: int, reference: int, slips: int, pays_spread: bool, above: int, below: int
    ) -> None:
        """Give an order what it gets at a price: within the cap, and as far as funds go."""
        self.orders[place, SERVED] = 1
        size, side = self._within_cap(self._held_back(place), above, below), self._side(place)
        if size and not self.has_failed:
            self._price(place, size, reference, slips, pays_spread)
            tried, fits = size, self._affordable(place, side * size)
            while 0 < fits < tried:  # fewer shares slip less, and a dearer short binds more
                tried = fits
                self._price(place, tried, reference, slips, pays_spread)
                fits = self._affordable(place, side * tried)
            if fits:
                self._book(place, side * fits, reference)
            if fits < size:
                self.orders[place, OPEN] = 0

    def _held_back(self, place: int) -> int:
        """Shares the order may trade at all: one that reduces is clipped (fill-L6)."""
        wanted, side = abs(self.orders[place, OPEN]), self._side(place)
        reduces = self.orders[place, REDUCES]
        if not reduces and (side > 0 or self.lends_shares):
            return wanted
        reducible = max(0, -side * self.held)
        if reducible == 0 or (wanted > reducible and not reduces):
            self.orders[place, OPEN] = 0
            return 0
        return min(wanted, reducible)

    def _within_cap(self, wanted: int, above: int, below: int) -> int:
        """Whole shares that the bar's volume leaves."""
        volume = self.volume[self.row]
        if self.cap == 0 or wanted == 0:
            return wanted
        if volume != volume:
            self.has_failed = True  # the pipeline says what is missing
            return 0
        whole = shares_within(volume, self.cap_at_open if self.at_open else self.cap)
        part, rest = whole // below, whole % below
        if float(rest) * float(above) >= TOO_MUCH:
            self.has_failed = True
            return 0
        share = part * above + rest * above // below
        return min(wanted, max(0, min(whole - self.traded, share)))

    def _price(self, place: int, size: int, reference: int, slips: int, pays_spread: bool) -> None:
        """What so many shares cost apiece, into `price`, with what was added to the reference."""
        side, self.half_spread, self.slippage = self._side(place), 0, 0
        if slips:
            self.half_spread = self._half_spread(reference) if pays_spread else 0
            self.slippage = slips * self._slippage(reference, size)
        self.price = taker_price(reference, side, self.half_spread, self.slippage, self.tick)
        if self.orders[place, KIND] == TARGET:
            level = self.orders[place, LEVEL]
            self.price = min(self.price, level) if side > 0 else max(self.price, level)

    def _half_spread(self, price: int) -> int:
        """What a taker pays beside a price, as far as the past tells."""
        if self.classes == 0:
            return self.fixed_half_spread
        self._look_back()
        if self.daily_value != self.daily_value:
            return half_spread_at(price, self.spread_unknown, self.tick)
        for number in range(self.classes):
            if self.daily_value >= self.spread_values[number]:
                return half_spread_at(price, self.spread_points[number], self.tick)
        return 0

    def _slippage(self, price: int, shares: int) -> int:
        if self.impact_factor == 0:
            return self.fixed_slippage
        self._look_back()
        moves, part = self.daily_volatility, self.participation_if_unknown
        if moves != moves:
            moves = self.volatility_if_unknown
        if self.daily_volume == self.daily_volume:
            part = part_of_day(shares, self.daily_volume)
        return impact(self.impact_factor, moves, part, price)

    def _look_back(self) -> None:
        """Measure the bars before this one, once a bar."""
        row = self.row
        if self.known != row:
            self.known = row
            self.daily_volume = mean_of_known(self.volume, row) * self.per_session
            self.daily_value = mean_value(self.volume, self.dollars, row) * self.per_session
            self.daily_volatility = volatility(self.dollars, row) * self.session_root

    def _affordable(self, place: int, quantity: int) -> int:
        """The most shares of a fill that available funds pay for, fees included (fill-Q5)."""
        side, size, price = self._side(place), abs(quantity), self.price
        closing = min(size, max(0, -side * self.held))
        if closing == size:
            return size
        available = self.available(price)
        size = abs(self.within(self.held + quantity, price, available) - self.held)
        while size > closing and not self.has_failed:
            need = self.commits(self.held, side * size, price)
            if need + self._fee(place, side * size) <= available:
                return size
            size -= 1
        return closing

    def _fee(self, place: int, quantity: int) -> int:
        """What an order's fees grow by with a fill at `price`."""
        filled, paid = self.orders[place, FILLED], self.orders[place, PAID]
        after = paid + self.value(quantity, self.price)
        return self._fees(filled + quantity, abs(after)) - self._fees(filled, abs(paid))

    def _fees(self, filled: int, paid: int) -> int:
        """What is owed for all that an order has traded."""
        if filled == 0:
            return 0
        shares = abs(filled)
        fees = share_of(paid, self.commission, self.commission_unit) if self.commission else 0
        if self.per_share:
            ceiling = share_of(paid, self.most, self.most_unit)
            fees += per_share_fee(shares, self.per_share, self.least, ceiling)
        if filled < 0 and self.rates:
            rate = self.tariff[self.row]
            sec = share_of(paid, self.sec[rate], self.sec_unit[rate])
            taf = capped_fee(shares, self.taf[rate], self.taf_cap[rate])
            fees += tick_up(sec, CENT) + tick_up(taf, CENT) if self.rounds_up else sec + taf
        return fees

    def _book(self, place: int, quantity: int, reference: int) -> None:
        """Move cash and shares, and let siblings, entry and exits follow."""
        fee, value = self._fee(place, quantity), self.value(quantity, self.price)
        self.has_failed |= fee < 0 or self.price <= 0
        self.cash -= value + fee
        self.held += quantity
        self.value(self.held, self.price)  # is it still countable?
        self.traded += abs(quantity)
        self.orders[place, OPEN] -= quantity
        self.orders[place, FILLED] += quantity
        self.orders[place, PAID] += value
        self.orders[place, FILLS] += 1
        self._note(quantity, fee, reference)
        if self.orders[place, BIRTH]:
            self._follow_exit(place, abs(quantity))
        elif not self.orders[place, REDUCES]:
            self._bring_exits(place, quantity)

    def _note(self, quantity: int, fee: int, reference: int) -> None:
        way, place = self.way, self.noted
        self.fills[way, place, QUANTITY] = quantity
        self.fills[way, place, PRICE] = self.price
        self.fills[way, place, FEE] = fee
        self.fills[way, place, REFERENCE] = reference
        self.fills[way, place, HALF_SPREAD] = self.half_spread
        self.fills[way, place, SLIPPAGE] = self.slippage
        self.fills[way, place, AT_OPEN] = self.at_open
        self.noted += 1

    def _follow_exit(self, place: int, size: int) -> None:
        """One cancels other (fill-B2); what is open of the entry would walk in again."""
        number, birth = self.orders[place, NUMBER], self.orders[place, BIRTH]
        for other in range(self.count):
            if other == place or self.orders[other, NUMBER] != number:
                continue
            if self.orders[other, BIRTH] == birth and self.orders[other, OPEN] != 0:
                side, rest = self._side(other), abs(self.orders[other, OPEN]) - size
                self.orders[other, OPEN] = side * max(0, rest)
            elif self.orders[other, BIRTH] == 0:
                self.orders[other, OPEN] = 0
        if self.orders[place, KIND] == TARGET and self.at_open:
            self.targets += self.orders[place, BORN] == self.row

    def _bring_exits(self, place: int, quantity: int) -> None:
        """Bring an entry's exits to life for what its fill opened (fill-B1)."""
        side = 1 if quantity > 0 else -1
        opened = min(abs(quantity), side * self.held)  # what only closed needs no protection
        if opened > 0:
            stop, target = self.orders[place, STOP_AT], self.orders[place, TARGET_AT]
            if stop:
                level = against_trader(self.price - side * stop, self.tick, -side)
                self._bring(place, STOP, level, -side * opened)
            if target:
                level = against_trader(self.price + side * target, self.tick, -side)
                self._bring(place, TARGET, level, -side * opened)
            self._bring(place, TRAIL, self.orders[place, TRAIL_AT], -side * opened)

    def _bring(self, place: int, kind: int, level: int, quantity: int) -> None:
        if level > 0:  # else no price can reach it
            number, birth = self.orders[place, NUMBER], self.orders[place, FILLS]
            self._add(kind, quantity, number)
            born = self.count - 1
            self.orders[born, LEVEL] = level
            self.orders[born, BIRTH] = birth
            self.orders[born, BORN] = self.row
            self.orders[born, REDUCES] = 1
            self._see(born, self.here)

    # What the account allows, as `AccountTerms` says it of shares, in 64 bits

    def close(self, row: int) -> int:
        """A bar's last price, micro-dollars."""
        return cython.cast(cython.longlong, self.micros[row])

    def value(self, quantity: int, price: int) -> int:
        """Quantity times price, once it is known to be countable."""
        if abs(float(quantity) * float(price)) >= TOO_MUCH:
            self.has_failed = True
            return 0
        return quantity * price

    def available(self, price: int) -> int:
        """What new holdings may be paid from."""
        if not (self.lends_money or self.lends_shares):
            return self.cash
        return self.cash + self._loan(self.value(self.held, price))

    def _loan(self, value: int) -> int:
        """What a holding of that value adds to available funds; a short one takes away."""
        if not (self.lends_money or value < 0):
            return 0
        return value - _share_up(abs(value), self.initial, self.initial_unit)

    def commits(self, held: int, quantity: int, price: int) -> int:
        """Available funds that a trade takes; negative where it sets some free."""
        after, before = self.value(held + quantity, price), self.value(held, price)
        return self.value(quantity, price) - (self._loan(after) - self._loan(before))

    def within(self, wanted: int, price: int, available: int) -> int:
        """The holding nearest to the one wanted that available funds can pay for, fees apart."""
        held = self.held
        if self.commits(held, wanted - held, price) <= available:
            return wanted
        if (held > 0 and wanted < 0) or (held < 0 and wanted > 0):
            available -= self.commits(held, -held, price)
            held = 0
        if abs(wanted) <= abs(held):
            return wanted
        step = 1 if wanted > held else -1
        many = abs(wanted - held)
        cost = self.commits(held, step * many, price)
        if cost == 0 or self.has_failed:
            self.has_failed = True
            return held
        steps = product_over(available, many, cost) if available > 0 else 0
        while steps and self.commits(held, step * steps, price) > available:
            steps -= 1
        return held + step * steps

    def charge(self, row: int) -> None:
        """Charge the nights since the bar before for what was borrowed through them."""
        if self.held < 0:
            value = self.value(-self.held, self.close(row - 1))
            fee = share_of(value, self.borrow * self.nights[row], self.borrow_unit)
        elif self.held and self.cash < 0:
            fee = share_of(-self.cash, self.interest * self.nights[row], self.interest_unit)
        else:
            fee = 0
        self.cash -= fee
        self.tally.charge(fee)

    def call_margin(self, row: int) -> None:
        """Place an order to close what equity does not cover, unless that is under way."""
        lends, under_way = self.lends_money or self.lends_shares, False
        for place in range(self.count):
            if self.orders[place, KIND] == MARKET and self.orders[place, REDUCES]:
                under_way = True
        if lends and self.held and not under_way and self.is_called(row):
            self.place(-self.held, 0, 0, 0, True)

    def is_called(self, row: int) -> bool:
        """Whether equity is below what the holding must keep."""
        value = self.value(self.held, self.close(row))
        if value > 0:
            required = _share_up(value, self.keep_long, self.keep_long_unit)
        else:
            required = _share_up(-value, self.keep_short, self.keep_short_unit)
        return self.cash + value < required

    # What to wait for

    def next_row(self, row: int, after: int) -> int:
        """The next row in which anything but the price can change, or ``after``."""
        if self._waits_for_any():
            return row
        self._find_levels()
        self._find_call()
        owes = (self.held < 0 and self.borrow) or (self.held and self.cash < 0 and self.interest)
        if self.count or owes or self.call_below > 0 or self.call_above < TOO_MUCH:
            while row < after:
                if self.count and (self.low[row] <= self.fall_to or self.high[row] >= self.rise_to):
                    break
                if owes and self.nights[row]:
                    break
                if self.micros[row] <= self.call_below or self.micros[row] >= self.call_above:
                    break
                row += 1
            after = row
        return after

    def _waits_for_any(self) -> bool:
        """Whether an order may change with the next bar, wherever that goes."""
        for place in range(self.count):
            if self._is_market(place) or self.orders[place, KIND] == TRAIL:
                return True
            if self.orders[place, KIND] == TARGET and self.orders[place, ARRIVING]:
                return True
        return False

    def _find_levels(self) -> None:
        """The nearest prices below and above at which an exit acts."""
        self.fall_to, self.rise_to = 0, NEVER
        for place in range(self.count):
            level = self.orders[place, LEVEL]
            if (self.orders[place, KIND] == STOP) == (self._side(place) < 0):
                self.fall_to = max(self.fall_to, level)
            else:
                self.rise_to = min(self.rise_to, level)

    def _find_call(self) -> None:
        """Between which closes no margin call can come, on the safe side."""
        self.call_below, self.call_above = 0.0, TOO_MUCH
        if (self.lends_money or self.lends_shares) and self.held:
            money, size = float(self.cash), float(self.held)
            if self.held < 0:
                part = 1.0 + self.keep_short / self.keep_short_unit
                self.call_above = money / (-size * part) * (1.0 - TINY) - 2.0
            elif self.cash < 0:
                part = 1.0 - self.keep_long / self.keep_long_unit
                self.call_below = -money / (size * part) * (1.0 + TINY) + 2.0 if part else TOO_MUCH


def product_over(one: int, other: int, unit: int) -> int:
    """``one * other // unit`` of numbers from 0, whatever the product's size.

    The result has to be below 2**62, and so does each number.
    """
    if float(one) * float(other) < TOO_MUCH:
        return one * other // unit
    quotient = rest = 0
    whole, part = other // unit, other % unit
    for place in range(62, -1, -1):
        quotient, rest = 2 * quotient, 2 * rest
        if rest >= unit:
            quotient, rest = quotient + 1, rest - unit
        if one >> place & 1:
            quotient, rest = quotient + whole, rest + part
            if rest >= unit:
                quotient, rest = quotient + 1, rest - unit
    return quotient


def _share_up(value: int, numerator: int, denominator: int) -> int:
    return -(-value * numerator // denominator)


def is_before_as_text(one: int, other: int) -> bool:
    """Whether a number's digits come first in a dictionary: 1 before 10, and 10 before 2."""
    first, second, size = one, other, 1
    while size <= one or size <= other:
        size *= 10
    while first * 10 < size:
        first *= 10
    while second * 10 < size:
        second *= 10
    return one < other if first == second else first < second
