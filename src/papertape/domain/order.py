"""Order: what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError
from papertape.domain.money import LARGEST, Micros

OrderId: TypeAlias = str


class OrderKind(StrEnum):
    """How an order meets the market."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    AT_CLOSE = "at_close"


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"


_NEEDS_LIMIT = frozenset({OrderKind.LIMIT})
_NEEDS_STOP = frozenset({OrderKind.STOP})


@dataclass(frozen=True)
class Order:
    """A wish to trade, whole before it is sent.

    Attributes:
        id: Unique in the run; a child's id begins with its parent's.
        symbol: The instrument.
        quantity: Shares, positive to buy, negative to sell.
        kind: How it meets the market.
        time: When it was decided (spec E1: t_d).
        reason: Why, in the strategy's words.
        limit, stop: Micro-dollars; each present exactly where the kind needs it.
        stop_distance: Micro-dollars between this order's fill and a protective stop that the
            exchange holds for it; 0 for none.
        time_in_force: How long it works.
        not_before: Earliest moment it may trade; 0 for as soon as it is accepted.
        reduce_only: Whether it may only bring a position nearer to zero.
        parent: The order whose fill brought it to life, if any.
    """

    id: OrderId
    symbol: str
    quantity: int
    kind: OrderKind
    time: Nanos
    reason: str
    limit: Micros | None = None
    stop: Micros | None = None
    stop_distance: Micros = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    not_before: Nanos = 0
    reduce_only: bool = False
    parent: OrderId | None = None

    def __post_init__(self) -> None:
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            raise UsageError(f"{self.symbol}: {self.quantity!r} is not a whole number of shares")
        if self.quantity == 0 or abs(self.quantity) >= LARGEST:
            raise UsageError(f"{self.symbol}: an order is for at least one share")
        for name, needed in (("limit", _NEEDS_LIMIT), ("stop", _NEEDS_STOP)):
            price = getattr(self, name)
            if (price is not None) != (self.kind in needed):
                verb = "needs a" if price is None else "takes no"
                raise UsageError(f"{self.symbol}: a {self.kind} order {verb} {name} price")
            if price is not None and price <= 0:
                raise UsageError(f"{self.symbol}: a {name} price is positive, was {price} micros")
        if self.stop_distance < 0:
            raise UsageError(f"{self.symbol}: a stop lies a positive distance away")

    @property
    def side(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.quantity > 0 else -1
