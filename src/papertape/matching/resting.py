"""Resting: an order that the exchange holds, and what the market has made of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from papertape.domain.calm import ALWAYS, NEVER, Calm
from papertape.domain.clock import Nanos
from papertape.domain.errors import InvariantBroken
from papertape.domain.event import OrderCanceled, OrderReplaced, OrderReport
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId, OrderKind, TimeInForce
from papertape.domain.report import report_of
from papertape.matching import rules

_MARKET, _LIMIT = OrderKind.MARKET, OrderKind.LIMIT  # looked up once: it costs as much as a call

UNKNOWN_QUEUE = -1
"""Nobody knows how many shares come before ours, so all do: only a trade beyond the limit fills."""


ASLEEP: Nanos = 2**62
"""From when an order may trade that waits for another one to be filled."""


@dataclass
class Resting:
    """An order the exchange holds: where it stands, and from when until when it may trade.

    Attributes:
        state: The fold over what was reported of it.
        eligible: Only bars that begin at or after this moment may fill it (fill-E2).
        number: Acceptance order, the last tie-breaker of service.
        expires: When it ends; 0 if it works until it is cancelled.
        auction: The moment of the auction it is meant for; 0 for other orders.
        anchor: The best price that a trailing stop has seen; 0 before the first.
        is_triggered: Whether its stop has been hit, or its level touched.
        is_arriving: Whether, as a limit, it has yet to meet a price: it arrives before it rests.
        is_forced: Whether it is taken where it came to life, without a path to it (fill-B3).
        is_served: Whether it has had its turn at the open, or within the present bar.
        late_limit: The limit a trailing stop-limit got when it was triggered; 0 before.
        fills: How many executions it has had.
        ahead: On a tape, shares at its limit that come before it (fill-L5); -1 while unknown.
        owed: Shares that siblings' fills have taken from it, by cancels still under way.
        delay: Micro-dollars a share for the open that it reached just too late (fill-E3).
        is_working: Whether it can still trade, by its state.
    """

    state: OrderState
    eligible: Nanos
    number: int
    expires: Nanos = 0
    auction: Nanos = 0
    anchor: Micros = 0
    is_triggered: bool = False
    is_arriving: bool = True
    is_forced: bool = False
    is_served: bool = False
    late_limit: Micros = 0
    fills: int = 0
    ahead: int = UNKNOWN_QUEUE
    owed: int = 0
    delay: Micros = 0
    is_working: bool = True

    def twin(self) -> Resting:
        """Another one that stands where this one does."""
        return Resting(
            self.state,
            self.eligible,
            self.number,
            self.expires,
            self.auction,
            self.anchor,
            self.is_triggered,
            self.is_arriving,
            self.is_forced,
            self.is_served,
            self.late_limit,
            self.fills,
            self.ahead,
            self.owed,
            self.delay,
            self.is_working,
        )

    def report(self, report: OrderReport) -> None:
        """Book what the exchange itself says of the order; of its own book it is never wrong."""
        after = self.state.heard(report)
        if after is None:
            said = report_of(report)
            assert said is not None
            after = self.state.after(said)
        self.state, self.is_working = after, after.is_working
        if self.state.needs_reconciliation:
            raise InvariantBroken(f"{self.order.id}: {report} cannot be")

    @property
    def order(self) -> Order:
        """What was asked for."""
        return self.state.order

    @property
    def is_asleep(self) -> bool:
        """Whether it waits for another order to be filled."""
        return self.eligible == ASLEEP

    @property
    def is_waiting(self) -> bool:
        """Whether it has a trigger that was not pulled yet."""
        kind = self.order.kind
        return not (self.is_triggered or kind is _MARKET or kind is _LIMIT)

    @property
    def is_market(self) -> bool:
        """Whether it would take any price now."""
        return not self.order.kind.ends_as_limit and not self.is_waiting

    @property
    def limit(self) -> Micros:
        """The worst price it accepts once it may trade; 0 for any."""
        return self.order.limit or self.late_limit

    @property
    def trigger_side(self) -> int:
        """The direction of the move that triggers it: a stop's own side, else the other one."""
        return -self.order.side if self.order.kind.is_touched else self.order.side

    def level(self, tick: Micros, anchor: Micros = 0) -> Micros:
        """Where its trigger stands; 0 for a trail that has seen no price yet.

        Args:
            tick: The instrument's.
            anchor: Ask for another best price than the one it has seen.
        """
        order, anchor = self.order, anchor or self.anchor
        if not order.kind.trails:
            return order.stop or 0
        if anchor == 0:
            return 0
        distance = order.trail or rules.trail_distance(anchor, order.trail_millionths)
        return max(0, rules.trail_level(order.side, anchor, distance, tick))

    def calm(self, tick: Micros) -> Calm:
        """The stretch of market that leaves the order as it is (see `path.concerns`)."""
        order = self.order
        if self.is_asleep:
            return Calm(self.expires or ALWAYS.until, 0, ALWAYS.below)
        must_meet = self.is_market or (self.is_arriving and not self.is_waiting)
        if must_meet or order.kind.trails or order.time_in_force.is_auction or order.not_before:
            return NEVER
        until = self.expires or ALWAYS.until
        if self.is_waiting:
            level, side = self.level(tick), self.trigger_side
        else:
            level, side = self.limit, -order.side
        return Calm(until, 0, level) if side > 0 else Calm(until, level, ALWAYS.below)

    def see(self, price: Micros) -> None:
        """Let a trail follow the price (fill-T1)."""
        if self.order.kind.trails and not self.is_triggered:
            self.anchor = rules.ratcheted(self.order.side, self.anchor, price)

    def less(
        self, size: int, now: Nanos, reason: str, request_id: OrderId = ""
    ) -> OrderCanceled | OrderReplaced:
        """The report that takes so many shares from what is open of it, or all of it."""
        order, rest = self.order, abs(self.state.open) - size
        if rest <= 0:
            return OrderCanceled(now, order.id, reason, request_id=request_id)
        changed = replace(order, quantity=self.state.filled + order.side * rest)
        return OrderReplaced(now, changed, reason, request_id=request_id)

    def trigger(self, tick: Micros) -> None:
        """From here on it is a market order, or a limit order that arrives."""
        order = self.order
        if order.kind is OrderKind.TRAILING_STOP_LIMIT:
            # A sell's limit lies below its level: the offset is what the trader gives way.
            self.late_limit = max(tick, self.level(tick) + order.side * order.limit_offset)
        self.is_triggered = True


def is_for(resting: Resting, duration: TimeInForce) -> bool:
    """Whether the order was sent with this time in force."""
    return resting.order.time_in_force is duration


def new_resting(order: Order, eligible: Nanos, number: int) -> Resting:
    """An order that has just come to life in the book."""
    return Resting(OrderState(order, OrderStatus.NEW), eligible, number)
