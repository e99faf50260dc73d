# cython: boundscheck=False, wraparound=False, initializedcheck=False, overflowcheck=False
"""Rulebook: what a trade costs and what an account may do, in 64 bits and without the lock.

The rules are those of `papertape.matching` and of `AccountTerms`, for shares. A product is made
only once a float has shown that it stays below 2**53, else `has_failed` is set and the run is left
to the pipeline.
"""

from __future__ import annotations

from math import sqrt

from papertape.domain.money import LARGEST, tick_up
from papertape.engines.proofbench.kernel.columns import Terms, readable
from papertape.engines.proofbench.kernel.exchange import product_over
from papertape.matching.costs import impact, part_of_day, shares_within, taker_price
from papertape.matching.fees import CENT as A_CENT
from papertape.matching.fees import capped_fee, per_share_fee, share_of
from papertape.matching.spreads import half_spread_at

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

CENT = A_CENT
TOO_MUCH = float(LARGEST)


class Rulebook:
    """The terms of a run as rules.

    Args:
        terms: The numbers.
    """

    def __init__(self, terms: Terms):
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
        self.cap_at_open = terms.cap_at_open
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
        self.asks_the_past = self.classes > 0 or self.impact_factor != 0
        self.has_failed = False
        self.daily_volume = self.daily_value = self.daily_volatility = 0.0
        self.half_spread = self.slippage = 0

    # What a trade costs

    def know(self, volume: float, value: float, volatility: float) -> None:
        """What the bars before tell of an instrument: means and deviation of a bar."""
        self.daily_volume = volume * self.per_session
        self.daily_value = value * self.per_session
        self.daily_volatility = volatility * self.session_root

    def price(self, reference: int, side: int, shares: int) -> int:
        """What so many shares cost apiece; `half_spread` and `slippage` say what was added."""
        self.half_spread = self._half_spread(reference)
        self.slippage = self._slippage(reference, shares)
        return taker_price(reference, side, self.half_spread, self.slippage, self.tick)

    def _half_spread(self, price: int) -> int:
        if self.classes == 0:
            return self.fixed_half_spread
        if self.daily_value != self.daily_value:
            return half_spread_at(price, self.spread_unknown, self.tick)
        for number in range(self.classes):
            if self.daily_value >= self.spread_values[number]:
                return half_spread_at(price, self.spread_points[number], self.tick)
        return 0

    def _slippage(self, price: int, shares: int) -> int:
        if self.impact_factor == 0:
            return self.fixed_slippage
        moves, part = self.daily_volatility, self.participation_if_unknown
        if moves != moves:
            moves = self.volatility_if_unknown
        if self.daily_volume == self.daily_volume:
            part = part_of_day(shares, self.daily_volume)
        return impact(self.impact_factor, moves, part, price)

    def within_cap(self, wanted: int, volume: float) -> int:
        """Shares that may trade at the open of a bar with that volume."""
        if self.cap_at_open == 0:
            return wanted
        if volume != volume:
            self.has_failed = True  # the pipeline says what is missing
            return 0
        return min(wanted, shares_within(volume, self.cap_at_open))

    def next_fee(self, filled: int, paid: int, quantity: int, value: int, rate: int) -> int:
        """What an order's fees grow by with one more fill.

        Args:
            filled: Shares it has traded, signed.
            paid: What they were worth, micro-dollars, signed.
            quantity: Shares of the fill, signed.
            value: What they are worth.
            rate: Row of the regulators' rates.
        """
        after = self._fees(filled + quantity, abs(paid + value), rate)
        return after - self._fees(filled, abs(paid), rate)

    def _fees(self, filled: int, paid: int, rate: int) -> int:
        """What is owed for all that an order has traded."""
        shares = abs(filled)
        fees = share_of(paid, self.commission, self.commission_unit) if self.commission else 0
        if self.per_share:
            ceiling = share_of(paid, self.most, self.most_unit)
            fees += per_share_fee(shares, self.per_share, self.least, ceiling)
        if filled < 0 and self.rates:
            sec = share_of(paid, self.sec[rate], self.sec_unit[rate])
            taf = capped_fee(shares, self.taf[rate], self.taf_cap[rate])
            fees += tick_up(sec, CENT) + tick_up(taf, CENT) if self.rounds_up else sec + taf
        return fees

    # What an account may do

    def value(self, quantity: int, price: int) -> int:
        """Quantity times price, once it is known to be countable."""
        if abs(float(quantity) * float(price)) >= TOO_MUCH:
            self.has_failed = True
            return 0
        return quantity * price

    def loan(self, value: int) -> int:
        """What a holding of that value adds to available funds; a short one takes away."""
        if not (self.lends_money or value < 0):
            return 0
        return value - _share_up(abs(value), self.initial, self.initial_unit)

    def commits(self, held: int, quantity: int, price: int) -> int:
        """Available funds that a trade takes; negative where it sets some free."""
        after, before = self.value(held + quantity, price), self.value(held, price)
        return self.value(quantity, price) - (self.loan(after) - self.loan(before))

    def within(self, held: int, wanted: int, price: int, available: int) -> int:
        """The holding nearest to the one wanted that available funds can pay for, fees apart."""
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
        if cost <= 0 or self.has_failed:
            self.has_failed = True
            return held
        steps = product_over(available, many, cost) if available > 0 else 0
        while steps and self.commits(held, step * steps, price) > available:
            steps -= 1
        while steps < many and self.commits(held, step * (steps + 1), price) <= available:
            steps += 1
        return held + step * steps

    def required(self, value: int) -> int:
        """Equity that a holding of that value must keep."""
        if value > 0:
            return _share_up(value, self.keep_long, self.keep_long_unit)
        return _share_up(-value, self.keep_short, self.keep_short_unit)


def _share_up(value: int, numerator: int, denominator: int) -> int:
    return -(-value * numerator // denominator)
