"""Order: what was asked for, and the states it may walk through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError, require
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


class OrderStatus(StrEnum):
    """Where an order stands; the names are FIX's."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    PENDING_CANCEL = "pending_cancel"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_working(self) -> bool:
        """Whether the order can still trade."""
        return self in _WORKING


_WORKING = frozenset(
    {
        OrderStatus.PENDING_NEW,
        OrderStatus.NEW,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.PENDING_CANCEL,
    }
)

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


@dataclass(frozen=True)
class OrderState:
    """Where an order stands: the fold over what was reported of it.

    Attributes:
        order: What was asked for.
        status: Where it stands.
        filled: Shares traded so far, with the sign of the order.
        paid: Sum of quantity times price over its fills, micro-dollars, signed like ``filled``.
        note: The last report's reason, if it had one.
    """

    order: Order
    status: OrderStatus = OrderStatus.PENDING_NEW
    filled: int = 0
    paid: Micros = 0
    note: str = ""

    @property
    def open(self) -> int:
        """Shares that can still trade, with the sign of the order (FIX LeavesQty)."""
        return self.order.quantity - self.filled if self.status.is_working else 0

    @property
    def average_price(self) -> float:
        """Average fill price in micro-dollars; 0 without a fill (FIX AvgPx)."""
        return self.paid / self.filled if self.filled else 0.0

    def moved(self, status: OrderStatus, note: str = "") -> OrderState:
        """The state after a report that changes no quantity.

        Raises:
            InvariantBroken: If an order cannot go from here to there.
        """
        require(
            status in _LEGAL[self.status],
            f"order {self.order.id} cannot go from {self.status} to {status}",
        )
        return replace(self, status=status, note=note)

    def restated(self, order: Order, note: str) -> OrderState:
        """The state after a corporate action rewrote the order's terms (FIX Restated).

        What was filled is counted in new shares too, so that ordered = filled + open still holds.
        """
        require(order.id == self.order.id and self.status.is_working, f"{order.id} is not working")
        filled = self.filled * order.quantity // self.order.quantity
        return replace(self, order=order, filled=filled, note=note)

    def traded(self, quantity: int, price: Micros) -> OrderState:
        """The state after an execution; never more than was ordered.

        Raises:
            InvariantBroken: If the order cannot trade, or not this much, or not this way.
        """
        require(self.status.is_working, f"order {self.order.id} is {self.status}, it cannot trade")
        filled = self.filled + quantity
        require(
            quantity * self.order.quantity > 0 and abs(filled) <= abs(self.order.quantity),
            f"order {self.order.id}: {quantity} more would make {filled} of {self.order.quantity}",
        )
        after = replace(self, filled=filled, paid=self.paid + quantity * price)
        # FIX: while a cancel is pending even the completing fill reports that it is (seq-S07).
        pending = self.status is OrderStatus.PENDING_CANCEL
        return after if pending else replace(after, status=_by_quantity(after))

    def cancel_refused(self, note: str = "") -> OrderState:
        """The state after a cancel came too late: where the quantities say the order stands."""
        require(
            self.status is OrderStatus.PENDING_CANCEL,
            f"order {self.order.id}: no cancel is pending",
        )
        return replace(self, status=_by_quantity(self), note=note)


_END = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED}
)
_LEGAL = {
    OrderStatus.PENDING_NEW: {
        OrderStatus.NEW,
        OrderStatus.REJECTED,
        OrderStatus.PENDING_CANCEL,
        OrderStatus.CANCELED,
    },
    OrderStatus.NEW: {OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED, OrderStatus.EXPIRED},
    OrderStatus.PARTIALLY_FILLED: {
        OrderStatus.PENDING_CANCEL,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
    },
    OrderStatus.PENDING_CANCEL: {OrderStatus.CANCELED, OrderStatus.EXPIRED},
    **{status: set[OrderStatus]() for status in _END},
}


def _by_quantity(state: OrderState) -> OrderStatus:
    """Where the quantities alone say that a working order stands (FIX R2)."""
    if state.filled == state.order.quantity:
        return OrderStatus.FILLED
    return OrderStatus.PARTIALLY_FILLED if state.filled else OrderStatus.NEW
