"""Order: what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError, is_sentence
from papertape.domain.money import LARGEST, Micros
from papertape.domain.record import made_at_once

OrderId: TypeAlias = str


class OrderKind(StrEnum):
    """How an order meets the market; which auction it is for is its time in force."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"

    @property
    def trails(self) -> bool:
        """Whether its stop follows the price."""
        return self in _TRAILS

    @property
    def is_touched(self) -> bool:
        """Whether it waits for the price to come nearer, where a stop waits for it to turn away."""
        return self in _IF_TOUCHED

    @property
    def ends_as_limit(self) -> bool:
        """Whether it trades at a limit price, be it at once or after its trigger."""
        return self in _ENDS_AS_LIMIT


class TimeInForce(StrEnum):
    """How long an order works: the names are FIX's, OPG and CLS are the two auctions."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    CLS = "cls"

    @property
    def is_immediate(self) -> bool:
        """Whether there is one attempt only, the rest being cancelled."""
        return self in _IMMEDIATE

    @property
    def is_auction(self) -> bool:
        """Whether it trades in one auction only."""
        return self in _AUCTION


# Tuples, because to look into a set Python asks a member for its hash, which an enumeration works
# out by a call; and these are asked about for every order in every bar.
_IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
_AUCTION = (TimeInForce.OPG, TimeInForce.CLS)
_GTC, _MARKET = TimeInForce.GTC, OrderKind.MARKET
_TRAILS = (OrderKind.TRAILING_STOP, OrderKind.TRAILING_STOP_LIMIT)
_IF_TOUCHED = (OrderKind.MARKET_IF_TOUCHED, OrderKind.LIMIT_IF_TOUCHED)
_NEEDS_LIMIT = (OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.LIMIT_IF_TOUCHED)
_NEEDS_STOP = (OrderKind.STOP, OrderKind.STOP_LIMIT, *_IF_TOUCHED)
_ENDS_AS_LIMIT = (*_NEEDS_LIMIT, OrderKind.TRAILING_STOP_LIMIT)
_PLAIN = (OrderKind.MARKET, OrderKind.LIMIT)
_EXITS = (OrderKind.STOP, OrderKind.LIMIT, OrderKind.TRAILING_STOP)
_NOTHING = Fraction(0)
WHOLE = 1_000_000
"""Millionths in one: the unit of a trail that is a share of the price."""


@dataclass(frozen=True)
class Attached:
    """An exit that an entry brings with it: asleep until a fill, then of that fill's quantity.

    Attributes:
        kind: A stop, a limit (the target) or a trailing stop.
        price: Its level, micro-dollars; 0 if it lies a distance from the fill instead.
        distance: Micro-dollars from the fill, or behind the best price for a trailing stop.
        trail_millionths: A trailing stop's distance as a share of the best price.
    """

    kind: OrderKind
    price: Micros = 0
    distance: Micros = 0
    trail_millionths: int = 0

    def __post_init__(self) -> None:
        if self.kind not in _EXITS:
            raise UsageError(
                f"a {self.kind} order cannot be attached",
                hint="attach a stop, a limit (the target) or a trailing_stop",
            )
        given = (self.price, self.distance, self.trail_millionths)
        fits = self.trail_millionths == 0 if not self.kind.trails else self.price == 0
        if min(given) < 0 or sum(each > 0 for each in given) != 1 or not fits:
            raise UsageError(
                f"an attached {self.kind} lies at a price or at a positive distance, one of the two"
            )


@made_at_once
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
        limit, stop: Micro-dollars; each present exactly where the kind needs it. ``stop`` is the
            trigger, of if-touched orders too.
        stop_distance: Micro-dollars between this order's fill and a protective stop that the
            exchange holds for it, 0 for none; short for one more `Attached`.
        time_in_force: How long it works.
        not_before: Earliest moment it may trade; 0 for as soon as it is accepted.
        reduce_only: Whether it may only bring a position nearer to zero.
        parent: The order whose fill brought it to life, if any.
        trail: Micro-dollars that a trailing stop lies behind the best price.
        trail_millionths: The same as a share of the best price; one of the two is 0.
        limit_offset: Micro-dollars from a trailing stop's level, when triggered, to its limit.
        expires: When a GTD order ends; 0 for the others.
        post_only: Whether it is refused rather than take liquidity.
        group: Name shared with orders of which a fill reduces the others (one cancels other).
        attached: Exits that its fills bring to life, one cancelling the others.
        do_not_reduce: Whether its prices stand still on an ex-date (fill-K3).
        triggers_at_once: Whether a stop that the market has passed already is meant (fill-S3).
        after: An order that triggers this one: it sleeps until that one is filled whole, and is
            cancelled where that one ends otherwise (one triggers other). Empty for none.
        share_of_equity: Share of equity (signed) to be held after its fill, 0 for none: the
            quantity is then counted anew at the price it fills at (`size_at_fill`).
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
    trail: Micros = 0
    trail_millionths: int = 0
    limit_offset: Micros = 0
    expires: Nanos = 0
    post_only: bool = False
    group: str = ""
    attached: tuple[Attached, ...] = ()
    do_not_reduce: bool = False
    triggers_at_once: bool = False
    after: OrderId = ""
    share_of_equity: Fraction = _NOTHING

    def __post_init__(self) -> None:
        if not is_sentence(self.reason):
            raise UsageError(f"{self.symbol}: a reason is one line of text, was {self.reason!r}")
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            raise UsageError(f"{self.symbol}: {self.quantity!r} is not a whole number of shares")
        if self.quantity == 0 or abs(self.quantity) >= LARGEST:
            raise UsageError(f"{self.symbol}: an order is for at least one share")
        self._name_kinds()
        if self.kind is not _MARKET or self.limit is not None or self.stop is not None:
            self._check_prices()
        if self.stop_distance < 0:
            raise UsageError(f"{self.symbol}: a stop lies a positive distance away")
        if self.kind not in _PLAIN or self.time_in_force is not _GTC or self._is_special:
            fault = _trail_fault(self) or _duration_fault(self) or _exit_fault(self)
            if fault:
                raise UsageError(f"{self.symbol}: {fault}")

    def _check_prices(self) -> None:
        for name, needed in (("limit", _NEEDS_LIMIT), ("stop", _NEEDS_STOP)):
            price = getattr(self, name)
            if (price is not None) != (self.kind in needed):
                verb = "needs a" if price is None else "takes no"
                raise UsageError(f"{self.symbol}: a {self.kind} order {verb} {name} price")
            if price is not None and price <= 0:
                raise UsageError(f"{self.symbol}: a {name} price is positive, was {price} micros")

    def _name_kinds(self) -> None:
        """Take ``"day"`` for `TimeInForce.DAY`: a word that is none must not pass for another."""
        if type(self.kind) is OrderKind and type(self.time_in_force) is TimeInForce:
            return
        for name, kinds in (("kind", OrderKind), ("time_in_force", TimeInForce)):
            word = getattr(self, name)
            if word not in list(kinds):
                known = ", ".join(kinds)
                raise UsageError(f"{self.symbol}: {name} {word!r} is none of {known}")
            object.__setattr__(self, name, kinds(word))

    @property
    def _is_special(self) -> bool:
        return bool(
            self.trail
            or self.trail_millionths
            or self.limit_offset
            or self.expires
            or self.post_only
            or self.stop_distance
            or self.attached
        )

    @property
    def exits(self) -> tuple[Attached, ...]:
        """What its fills bring to life; `stop_distance` is the first of them."""
        if self.stop_distance == 0:
            return self.attached
        return (Attached(OrderKind.STOP, distance=self.stop_distance), *self.attached)

    @property
    def side(self) -> int:
        """1 for a buy, -1 for a sell."""
        return 1 if self.quantity > 0 else -1


def _trail_fault(order: Order) -> str:
    """What is wrong with the trail of an order, or an empty string."""
    trails = (order.trail, order.trail_millionths)
    if not order.kind.trails:
        return f"a {order.kind} order takes no trail" if any((*trails, order.limit_offset)) else ""
    if min(trails) < 0 or sum(each > 0 for each in trails) != 1 or trails[1] >= WHOLE:
        return f"a {order.kind} order trails by a positive amount or by a percentage below 100"
    if order.limit_offset < 0 or (order.limit_offset and not order.kind.ends_as_limit):
        return f"a {order.kind} order has no such limit offset"
    return ""


def _duration_fault(order: Order) -> str:
    """What is wrong with how long an order works, or an empty string."""
    duration = order.time_in_force
    if (order.expires > 0) != (duration is TimeInForce.GTD):
        verb = "needs a" if duration is TimeInForce.GTD else "takes no"
        return f"a {duration} order {verb} moment at which it expires"
    if (duration.is_immediate or duration.is_auction) and order.kind not in _PLAIN:
        return f"a {order.kind} order cannot be {duration}: only market and limit orders can"
    resting = order.kind is OrderKind.LIMIT and not (duration.is_immediate or duration.is_auction)
    if order.post_only and not resting:
        return f"post-only is for limit orders that may rest, not for {order.kind} {duration}"
    return ""


def _exit_fault(order: Order) -> str:
    """What is wrong with the exits attached to an order, or an empty string."""
    kinds = [exit_.kind for exit_ in order.exits]
    if kinds and order.reduce_only:
        return "an order that only reduces a position brings no exits"
    if len(set(kinds)) < len(kinds):
        return "an order brings at most one exit of each kind"
    prices = {exit_.kind: exit_.price for exit_ in order.exits if exit_.price}
    stop, target = prices.get(OrderKind.STOP, 0), prices.get(OrderKind.LIMIT, 0)
    if stop and target and order.side * (target - stop) <= 0:
        return f"the attached stop {stop / 1e6} is on the wrong side of the target {target / 1e6}"
    return ""
