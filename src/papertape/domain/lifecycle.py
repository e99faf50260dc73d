"""Order states as a fold over what a broker reports; written once, for both sides of the wire.

The rules R1 to R14 named here are those of the FIX order state matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from papertape.domain.errors import InvariantBroken, require
from papertape.domain.event import Event, OrderAccepted, OrderFilled
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId, TimeInForce
from papertape.domain.record import made_at_once
from papertape.domain.report import Execution, Report, ReportKind, order_of, report_of


class OrderStatus(StrEnum):
    """Where an order stands (FIX OrdStatus), without those that no broker of ours reports."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    DONE_FOR_DAY = "done_for_day"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class RequestKind(StrEnum):
    """What may be asked of an order that was sent."""

    CANCEL = "cancel"
    REPLACE = "replace"


@dataclass(frozen=True)
class Request:
    """A cancel or a replacement that was asked for and is not answered yet.

    Attributes:
        id: Its own id (FIX ClOrdID).
        kind: What it asks for.
        is_pending: Whether the broker has said that it is looking at it.
    """

    id: OrderId
    kind: RequestKind
    is_pending: bool = False


class Figures(NamedTuple):
    """What every report shows of an order (FIX OrdStatus, OrderQty, CumQty, LeavesQty, AvgPx).

    Quantities have the sign of the order; the average is in micro-dollars.
    """

    status: OrderStatus
    ordered: int
    filled: int
    open: int
    average_price: float


UNKNOWN = Figures(OrderStatus.REJECTED, 0, 0, 0, 0.0)
"""What the refusal of a cancel shows of an order that nobody knows (R6)."""

# A member that is looked up on its class costs as much as a call.
_NEW, _PENDING_NEW, _REJECTED = OrderStatus.NEW, OrderStatus.PENDING_NEW, OrderStatus.REJECTED
_DONE_FOR_DAY = OrderStatus.DONE_FOR_DAY
# A tuple, for an enumeration's members are slow to hash.
_ENDED = (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)


@made_at_once
@dataclass(frozen=True)
class OrderState:
    """Where an order stands: the fold over what was reported of it.

    Attributes:
        order: The terms in force.
        stage: The broker's last word on its life, whatever its quantities and requests say:
            pending new, new, done for day, canceled, expired or rejected.
        filled: Shares of the executions in force, with the sign of the order (FIX CumQty).
        paid: Sum of quantity times price over them, micro-dollars, signed like ``filled``.
        note: The words of the last report that was no execution.
        executions: Every execution so far, also those busted or corrected.
        earlier: How many of them happened before the present day.
        requests: What was asked for and is not answered, oldest first.
        accepted_id: The last request that was granted; empty before the first.
        suspense: Reports that cannot be true of this order, each with the reason as its note.
    """

    order: Order
    stage: OrderStatus = OrderStatus.PENDING_NEW
    filled: int = 0
    paid: Micros = 0
    note: str = ""
    executions: tuple[Execution, ...] = ()
    earlier: int = 0
    requests: tuple[Request, ...] = ()
    accepted_id: OrderId = ""
    suspense: tuple[Report, ...] = ()

    @property
    def status(self) -> OrderStatus:
        """The highest of those that apply (R2)."""
        pending = {request.kind for request in self.requests if request.is_pending}
        if RequestKind.CANCEL in pending:
            return OrderStatus.PENDING_CANCEL
        if RequestKind.REPLACE in pending:
            return OrderStatus.PENDING_REPLACE
        # R8 over R2: a canceled order stays canceled, even if a late execution completes it.
        if self.stage in _ENDED or self.stage is OrderStatus.DONE_FOR_DAY:
            return self.stage
        if self.filled == self.order.quantity:
            return OrderStatus.FILLED
        return OrderStatus.PARTIALLY_FILLED if self.filled else self.stage

    @property
    def is_over(self) -> bool:
        """Whether the broker has ended it; a filled order is not over, as it may be reopened."""
        if self.stage is _DONE_FOR_DAY:
            return self.order.time_in_force is TimeInForce.DAY
        return self.stage in _ENDED

    @property
    def is_working(self) -> bool:
        """Whether it can still trade, today or later."""
        return self.open != 0

    @property
    def open(self) -> int:
        """Shares that can still trade, with the sign of the order (FIX LeavesQty)."""
        return 0 if self.is_over else self.order.quantity - self.filled

    @property
    def average_price(self) -> float:
        """Average price of the executions in force, micro-dollars; 0 without one (R11)."""
        return self.paid / self.filled if self.filled else 0.0

    @property
    def figures(self) -> Figures:
        """What a report shows of it."""
        quantities = self.order.quantity, self.filled, self.open
        return Figures(self.status, *quantities, self.average_price)

    @property
    def day_filled(self) -> int:
        """Shares executed on the present day (FIX DayCumQty)."""
        return self.filled - _totals(self.executions[: self.earlier])[0]

    @property
    def day_quantity(self) -> int:
        """Shares that the present day began with (FIX DayOrderQty)."""
        return self.order.quantity - self.filled + self.day_filled

    @property
    def id_in_force(self) -> OrderId:
        """The id under which the broker knows it now: the last one accepted (R7)."""
        return self.accepted_id or self.order.id

    @property
    def newest_id(self) -> OrderId:
        """The id that the next request has to name: the last one not rejected (R7)."""
        return self.requests[-1].id if self.requests else self.id_in_force

    @property
    def needs_reconciliation(self) -> bool:
        """Whether something was reported that cannot be true, until the broker was asked."""
        return bool(self.suspense)

    def reconciled(self) -> OrderState:
        """The state after whoever asked the broker found that it is right as it stands."""
        return replace(self, suspense=())

    def asked(self, request: Request) -> OrderState:
        """The state with one more request under way; nothing has been said to it yet."""
        return replace(self, requests=(*self.requests, request))

    def after(self, report: Report) -> OrderState:
        """The state once this was reported; the very same one if it was known already (R12).

        What cannot be true leaves the order as it stands and goes to `suspense` (R13).
        """
        if report.order_id != self.order.id:
            raise InvariantBroken(f"{report.order_id} is not {self.order.id}")
        if report.execution is not None and self._has_heard_of(report.execution.id):
            return self
        found: OrderState | str = "it was rejected"
        if self.stage is not OrderStatus.REJECTED or report.kind in _AFTER_REJECTION:
            found = _STEPS[report.kind](self, report)
        if isinstance(found, OrderState):
            return found
        return replace(self, suspense=(*self.suspense, replace(report, note=found)))

    def at_stage(self, stage: OrderStatus, note: str) -> OrderState:
        """The same order in another stage of its life."""
        return self._with(stage=stage, note=note)

    def having_traded(
        self, order: Order, executions: tuple[Execution, ...], filled: int, paid: Micros
    ) -> OrderState:
        """The same order with other terms, and what was executed of them."""
        return self._with(order=order, executions=executions, filled=filled, paid=paid)

    def _with(self, **changed: Any) -> OrderState:
        """A copy; each order takes several of them, and `replace` would set field by field."""
        copy = object.__new__(OrderState)
        copy.__dict__.update(self.__dict__, **changed)
        return copy

    def heard(self, said: Event) -> OrderState | None:
        """The state after one of the two events that come most: an acceptance, and the first fill.

        None where anything else is the case, for which a `Report` is made.
        """
        if isinstance(said, OrderFilled):
            if self.executions or self.suspense or self.stage is _REJECTED:
                return None
            found = _booked(self, (Execution.of(said.fill),), self.order)
            return None if isinstance(found, str) else found
        if isinstance(said, OrderAccepted) and self.stage is _PENDING_NEW:
            return self.at_stage(_NEW, "")
        return None

    def _has_heard_of(self, execution_id: str) -> bool:
        return any(each.id == execution_id for each in self.executions) or any(
            _is_about(report, execution_id) for report in self.suspense
        )


_Step: TypeAlias = Callable[[OrderState, Report], OrderState | str]
"""The state after a report, or why the report cannot be true."""


def _unmoved(state: OrderState, report: Report) -> OrderState:
    return state


def _accepted(state: OrderState, report: Report) -> OrderState:
    if state.stage is not OrderStatus.PENDING_NEW:  # late: the order has gone on meanwhile
        return state
    return state.at_stage(OrderStatus.NEW, report.note)


def _rejected(state: OrderState, report: Report) -> OrderState | str:
    if state.stage is OrderStatus.REJECTED:
        return state
    if state.filled or state.is_over:
        return f"it is {state.status}, {state.filled} filled, and cannot be rejected any more"
    return state.at_stage(OrderStatus.REJECTED, report.note)


def _ended(state: OrderState, report: Report) -> OrderState:
    answered = _answered(state, report, granted=True)
    # R2: filled ranks above canceled; of a complete order there was nothing left to cancel.
    if state.stage in _ENDED or state.filled == state.order.quantity:
        return answered
    return replace(answered, stage=OrderStatus(report.kind))


def _done_for_day(state: OrderState, report: Report) -> OrderState | str:
    if state.stage in _ENDED:
        return f"it is {state.stage}, its day cannot end"
    return state.at_stage(OrderStatus.DONE_FOR_DAY, report.note)


def _looked_at(state: OrderState, report: Report) -> OrderState:
    cancels = report.kind is ReportKind.PENDING_CANCEL
    kind = RequestKind.CANCEL if cancels else RequestKind.REPLACE
    seen = Request(report.request_id, kind, is_pending=True)
    if all(request.id != seen.id for request in state.requests):  # asked for from elsewhere
        return state.asked(seen)
    marked = (seen if request.id == seen.id else request for request in state.requests)
    return replace(state, requests=tuple(marked))


def _refused(state: OrderState, report: Report) -> OrderState:
    return _answered(state, report, granted=False)


def _answered(state: OrderState, report: Report, *, granted: bool) -> OrderState:
    rest = tuple(request for request in state.requests if request.id != report.request_id)
    accepted = report.request_id if granted and report.request_id else state.accepted_id
    return replace(state, requests=rest, accepted_id=accepted, note=report.note)


def _replaced(state: OrderState, report: Report) -> OrderState | str:
    if state.is_over or report.order is None:
        return f"it is {state.stage} and cannot be replaced"
    quantity = max(report.order.quantity, state.filled, key=abs)  # R5: never below what traded
    found = _booked(state, state.executions, replace(report.order, quantity=quantity))
    if isinstance(found, str):
        return found
    works = OrderStatus.NEW if state.stage is OrderStatus.PENDING_NEW else state.stage
    return replace(_answered(found, report, granted=True), stage=works)


def _restated(state: OrderState, report: Report) -> OrderState | str:
    if state.is_over:
        return f"it is {state.stage} and cannot be restated"
    executions = _in_new_shares(state.executions, report.ratio)
    found = _booked(state, executions, report.order or state.order)
    if isinstance(found, str):
        return found
    wakes = state.stage is OrderStatus.DONE_FOR_DAY
    earlier = len(executions) if wakes else state.earlier
    return replace(found, stage=OrderStatus.NEW, earlier=earlier, note=report.note)


def _traded(state: OrderState, report: Report) -> OrderState | str:
    return _booked(state, (*state.executions, _made(report)), state.order)


def _corrected(state: OrderState, report: Report) -> OrderState | str:
    if not _is_in_force(state, report.refers_to):
        return f"no execution {report.refers_to} is in force"
    kept = _without(state.executions, report.refers_to)
    return _booked(state, (*kept, _made(report)), state.order)


def _busted(state: OrderState, report: Report) -> OrderState | str:
    gone = report.refers_to
    if _is_in_force(state, gone):
        return _booked(state, _without(state.executions, gone), state.order)
    if any(each.id == gone for each in state.executions):  # busted or corrected before
        return state
    rest = tuple(each for each in state.suspense if not _is_about(each, gone))
    if rest == state.suspense:
        return f"no execution {gone} is known"
    return replace(state, suspense=rest)  # the broker took back what could not be true


_STEPS: Mapping[ReportKind, _Step] = {
    ReportKind.PENDING_NEW: _unmoved,
    ReportKind.DUPLICATE: _unmoved,  # R9: only the duplicate was rejected
    ReportKind.NEW: _accepted,
    ReportKind.REJECTED: _rejected,
    ReportKind.TRADE: _traded,
    ReportKind.BUST: _busted,
    ReportKind.CORRECT: _corrected,
    ReportKind.PENDING_CANCEL: _looked_at,
    ReportKind.PENDING_REPLACE: _looked_at,
    ReportKind.REPLACED: _replaced,
    ReportKind.CANCEL_REJECT: _refused,
    ReportKind.CANCELED: _ended,
    ReportKind.EXPIRED: _ended,
    ReportKind.DONE_FOR_DAY: _done_for_day,
    ReportKind.RESTATED: _restated,
}
_AFTER_REJECTION = frozenset(
    {
        ReportKind.PENDING_NEW,
        ReportKind.DUPLICATE,
        ReportKind.REJECTED,
        ReportKind.BUST,
        ReportKind.CANCEL_REJECT,
    }
)
"""What may still be said of a rejected order; all else would mean that it lives."""


def _booked(state: OrderState, executions: tuple[Execution, ...], order: Order) -> OrderState | str:
    """The state with these executions under these terms, unless the quantities forbid it (R13)."""
    filled, paid = _totals(executions)
    side = state.order.side
    agrees = order.side == side
    for each in executions:  # `all` over a generator takes as long as the rest of this
        agrees = agrees and each.quantity * side >= 0
    if not agrees or not 0 <= filled * side <= abs(order.quantity):
        return f"it would make {filled} filled of {order.quantity}"
    return state.having_traded(order, executions, filled, paid)


def _totals(executions: Iterable[Execution]) -> tuple[int, Micros]:
    """Shares and micro-dollars of those in force."""
    filled = paid = 0
    for each in executions:
        if each.in_force:
            filled += each.quantity
            paid += each.paid
    return filled, paid


def _made(report: Report) -> Execution:
    assert report.execution is not None  # no trade and no correction is made without one
    return report.execution


def _is_about(report: Report, execution_id: str) -> bool:
    return report.execution is not None and report.execution.id == execution_id


def _is_in_force(state: OrderState, execution_id: str) -> bool:
    return any(each.id == execution_id and each.in_force for each in state.executions)


def _without(executions: tuple[Execution, ...], execution_id: str) -> tuple[Execution, ...]:
    """The same record with one execution no longer in force."""
    return tuple(
        replace(each, in_force=False) if each.id == execution_id else each for each in executions
    )


def _in_new_shares(executions: tuple[Execution, ...], ratio: Fraction) -> tuple[Execution, ...]:
    """The executions counted after a split; what was paid stays.

    Assumption: the sum is cut to whole shares as the order itself is, so each execution gets the
    difference of two cut sums and none is ever lost to rounding.
    """
    if ratio == 1:
        return executions
    counted: list[Execution] = []
    old = 0
    for each in executions:
        before, old = int(old * ratio), old + (each.quantity if each.in_force else 0)
        quantity = int(old * ratio) - before if each.in_force else each.quantity
        counted.append(replace(each, quantity=quantity))
    return tuple(counted)


class Effect(Enum):
    """What a report did to its order; only what was booked may reach the account."""

    BOOKED = "booked"
    NOTHING = "nothing"
    SUSPENDED = "suspended"


def book_report(states: MutableMapping[OrderId, OrderState], said: Event | Report) -> Effect:
    """Bring the state of the order that was reported on up to date; other events pass by.

    Raises:
        InvariantBroken: If the order was never sent.
    """
    if isinstance(said, Report):
        return _book(states, said)
    order_id = order_of(said)
    if order_id is None:
        return Effect.BOOKED
    state = states.get(order_id)
    after = state.heard(said) if state is not None else None
    if after is not None:
        states[order_id] = after
        return Effect.BOOKED
    report = report_of(said)
    assert report is not None  # it is about an order
    return _book(states, report)


def _book(states: MutableMapping[OrderId, OrderState], report: Report) -> Effect:
    state = states.get(report.order_id)
    if state is None:
        if report.kind is ReportKind.CANCEL_REJECT:  # R6: of an order that nobody knows
            return Effect.NOTHING
        require(report.order is not None, f"{report.order_id} is reported on, but was never sent")
        assert report.order is not None
        state = OrderState(report.order)  # a child is first heard of here
    after = states[report.order_id] = state.after(report)
    if len(after.suspense) > len(state.suspense):
        return Effect.SUSPENDED
    has_moved = after is not state and after.suspense == state.suspense
    return Effect.BOOKED if has_moved else Effect.NOTHING


def figures_of(states: Mapping[OrderId, OrderState], order_id: OrderId) -> Figures:
    """What a report shows of an order, also of one that nobody knows."""
    return states[order_id].figures if order_id in states else UNKNOWN


def disputed(states: Iterable[OrderState]) -> frozenset[str]:
    """Symbols that take no new order until the broker's books and ours agree again (R13)."""
    return frozenset(state.order.symbol for state in states if state.needs_reconciliation)
