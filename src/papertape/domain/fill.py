"""Fill: a trade that happened, with everything needed to explain its price."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.domain.clock import Nanos
from papertape.domain.errors import InvariantBroken, require
from papertape.domain.money import Micros, counted
from papertape.domain.order import OrderId
from papertape.domain.record import made_at_once


@made_at_once
@dataclass(frozen=True)
class Fill:
    """A trade that happened; quantity is signed, positive when we bought.

    ``price`` is ``reference`` plus or minus ``half_spread``, ``slippage`` and ``delay`` (against
    the trader, rounded to the tick), so each cost can be read off the record alone.

    Attributes:
        id: Unique in the run.
        order_id: The order it belongs to.
        symbol: The instrument.
        time: When it happened: the bar's open for a fill at the open, its close for one within it.
        quantity: Shares, signed.
        price: What was paid, micro-dollars a share.
        fee: Commission and regulatory fees of this fill, micro-dollars.
        rule: The fill rule that applied, such as ``fill-M1``.
        bar_start: Opening time of the bar that filled it.
        reference: The market's own price that the rule picked, before costs, micro-dollars.
        half_spread, slippage: Micro-dollars a share that were added against the trader.
        delay: The same for having reached the exchange just after the open (fill-E3).
        cap: The quantity limit that bound this fill, or an empty string.
        outside: Whether the price lies outside the bar's low to high (costs may carry it there).
        level: Where the stop stood that was hit, micro-dollars; 0 for other orders.
        path: The way through the bar that was taken, such as ``O-H-L-C``.
        ambiguous: Whether the other canonical way would have filled otherwise (fill-P1).
        tape: The trade or the quote that filled it, and how old the quote was; empty on bars.
        multiplier: Units of the price that one contract stands for; 1 for shares.
        bond: What a futures fill ties up (or, negative, sets free), micro-dollars; None for
            shares, which are paid in full.
        variation: What the contracts held before have gained since they were last marked, paid
            when this fill marks them anew; micro-dollars.
    """

    id: str
    order_id: OrderId
    symbol: str
    time: Nanos
    quantity: int
    price: Micros
    fee: Micros
    rule: str
    bar_start: Nanos
    reference: Micros
    half_spread: Micros = 0
    slippage: Micros = 0
    cap: str = ""
    outside: bool = False
    level: Micros = 0
    path: str = ""
    ambiguous: bool = False
    delay: Micros = 0
    tape: str = ""
    multiplier: int = 1
    bond: Micros | None = None
    variation: Micros = 0

    def __post_init__(self) -> None:
        require(self.quantity != 0, "a fill moves at least one share")
        if self.price <= 0:
            raise InvariantBroken(f"a price is positive, was {self.price}")
        if self.fee < 0:
            raise InvariantBroken(f"a fee is never negative, was {self.fee}")
        counted(self.value)

    @property
    def value(self) -> Micros:
        """Quantity times price times multiplier, signed like the quantity."""
        return self.quantity * self.price * self.multiplier

    @property
    def cash(self) -> Micros:
        """What the fill does to cash: negative for a buy of shares, fees included."""
        if self.bond is None:
            return -self.value - self.fee
        return self.variation - self.bond - self.fee

    @property
    def cost(self) -> Micros:
        """What trading cost against the reference price, fees included; never flatters."""
        return self.quantity * (self.price - self.reference) * self.multiplier + self.fee

    @property
    def spread_cost(self) -> Micros:
        """The part of `cost` that half of the spread took."""
        paid = self.cost - self.fee
        shares = abs(self.quantity) * self.multiplier
        return min(paid, shares * self.half_spread) if self.slippage or self.delay else paid

    @property
    def delay_cost(self) -> Micros:
        """The part of `cost` that came of reaching the exchange late."""
        left = self.cost - self.fee - self.spread_cost
        return min(left, abs(self.quantity) * self.multiplier * self.delay) if self.delay else 0

    @property
    def slippage_cost(self) -> Micros:
        """The part of `cost` that the order's own weight took, rounding to the tick included."""
        return self.cost - self.fee - self.spread_cost - self.delay_cost
