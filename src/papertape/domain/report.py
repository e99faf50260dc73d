"""Report: one thing a broker says of an order, and how its reports come back into its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from papertape.domain.errors import InvariantBroken, require
from papertape.domain.event import (
    CancelPending,
    CancelRejected,
    Event,
    FillBusted,
    FillCorrected,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderPending,
    OrderRejected,
    OrderReplaced,
    OrderRestated,
    ReplacePending,
    ReplaceRejected,
)
from papertape.domain.fill import Fill
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId
from papertape.domain.record import made_at_once


class ReportKind(StrEnum):
    """Why a report was sent (FIX ExecType); where the order stands is another question."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """Another order came under this id and was rejected (FIX OrdRejReason 6)."""
    TRADE = "trade"
    BUST = "bust"
    CORRECT = "correct"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    REPLACED = "replaced"
    CANCEL_REJECT = "cancel_reject"
    """A cancel or a replace was refused."""
    CANCELED = "canceled"
    EXPIRED = "expired"
    DONE_FOR_DAY = "done_for_day"
    RESTATED = "restated"


@made_at_once
@dataclass(frozen=True)
class Execution:
    """One execution of an order.

    Attributes:
        id: The broker's name for it (FIX ExecID), unique in the order.
        quantity: Shares, with the sign of the order; a split counts them anew.
        paid: Quantity times price when it happened, micro-dollars, signed like ``quantity``.
        in_force: False once it was busted or corrected; it stays on record.
    """

    id: str
    quantity: int
    paid: Micros
    in_force: bool = True

    @classmethod
    def of(cls, fill: Fill) -> Execution:
        """What an order's state keeps of a fill."""
        return cls(fill.id, fill.quantity, fill.quantity * fill.price)


@made_at_once
@dataclass(frozen=True)
class Report:
    """One thing a broker says of an order (FIX ExecutionReport and OrderCancelReject).

    Attributes:
        number: The broker's sequence number, without gaps from 1; 0 where no report can be lost.
        kind: Why it was sent.
        order_id: The order it is about, by the id it was first sent under.
        request_id: The cancel or replace request that it answers (FIX ClOrdID), if any.
        order: The terms as the broker has them; a replacement and an acceptance bring them.
        execution: What was executed, or what an execution is corrected to.
        refers_to: The execution that is busted or corrected (FIX ExecRefID).
        ratio: New shares for one old share, where a split restates the order.
        note: The broker's words.
    """

    number: int
    kind: ReportKind
    order_id: OrderId
    request_id: OrderId = ""
    order: Order | None = None
    execution: Execution | None = None
    refers_to: str = ""
    ratio: Fraction = Fraction(1)
    note: str = ""

    def __post_init__(self) -> None:
        for name in _NEEDS.get(self.kind, ()):
            if not getattr(self, name):
                raise InvariantBroken(f"{self.order_id}: {self.kind} without {name}")
        if self.order is not None and self.order.id != self.order_id:
            raise InvariantBroken(f"{self.order_id}: terms of {self.order.id}")
        if self.kind is ReportKind.TRADE and self.execution is not None:
            require(self.execution.quantity != 0, f"{self.order_id}: a trade of no shares")


_NEEDS = {
    ReportKind.TRADE: ("execution",),
    ReportKind.BUST: ("refers_to",),
    ReportKind.CORRECT: ("refers_to", "execution"),
    ReportKind.PENDING_CANCEL: ("request_id",),
    ReportKind.PENDING_REPLACE: ("request_id",),
    ReportKind.REPLACED: ("request_id", "order"),
    ReportKind.CANCEL_REJECT: ("request_id",),
}


_OF_ORDERS: dict[type, ReportKind] = {
    OrderPending: ReportKind.PENDING_NEW,
    OrderAccepted: ReportKind.NEW,
    OrderRejected: ReportKind.REJECTED,
}
_OF_REQUESTS: dict[type, ReportKind] = {
    CancelPending: ReportKind.PENDING_CANCEL,
    CancelRejected: ReportKind.CANCEL_REJECT,
    ReplacePending: ReportKind.PENDING_REPLACE,
    ReplaceRejected: ReportKind.CANCEL_REJECT,
}


def report_of(event: Event) -> Report | None:
    """The report that an event stands for; None where it is not about an order's state."""
    match event:  # the likeliest first
        case OrderFilled(fill=fill, number=number):
            made = Execution.of(fill)
            return Report(number, ReportKind.TRADE, fill.order_id, execution=made)
        case OrderPending() | OrderAccepted() | OrderRejected():
            kind, order = _OF_ORDERS[type(event)], event.order
            note = event.reason if isinstance(event, OrderRejected) else ""
            return Report(event.number, kind, order.id, order=order, note=note)
        case CancelPending() | CancelRejected() | ReplacePending() | ReplaceRejected():
            return _of_request(event)
        case FillBusted() | FillCorrected():
            return _of_revision(event)
        case OrderCanceled(order_id=ours, reason=reason, number=number, request_id=asked):
            return Report(number, ReportKind.CANCELED, ours, request_id=asked, note=reason)
        case OrderExpired(order_id=order_id, number=number):
            return Report(number, ReportKind.EXPIRED, order_id)
        case OrderRestated(order=order, reason=reason, ratio=ratio, number=number):
            kind = ReportKind.RESTATED
            return Report(number, kind, order.id, order=order, ratio=ratio, note=reason)
        case OrderReplaced(order=order, reason=reason, number=number, request_id=asked):
            # Without a request of its own it bears the order's id, which stays the same with us.
            kind, ours, asked = ReportKind.REPLACED, order.id, asked or order.id
            return Report(number, kind, ours, request_id=asked, order=order, note=reason)
    return None


def _of_request(event: CancelPending | CancelRejected | ReplacePending | ReplaceRejected) -> Report:
    """Without a request of its own an answer bears the order's id."""
    kind, asked = _OF_REQUESTS[type(event)], event.request_id or event.order_id
    return Report(event.number, kind, event.order_id, request_id=asked, note=event.reason)


def _of_revision(event: FillBusted | FillCorrected) -> Report:
    kind, made = ReportKind.BUST, None
    if isinstance(event, FillCorrected):
        kind, made = ReportKind.CORRECT, Execution.of(event.instead)
    order_id, gone = event.fill.order_id, event.fill.id
    return Report(event.number, kind, order_id, execution=made, refers_to=gone, note=event.reason)


_ORDER_IDS: Mapping[type, Callable[[Any], OrderId]] = {
    **dict.fromkeys(
        (OrderPending, OrderAccepted, OrderRejected, OrderRestated, OrderReplaced),
        attrgetter("order.id"),
    ),
    **dict.fromkeys((OrderFilled, FillBusted, FillCorrected), attrgetter("fill.order_id")),
    **dict.fromkeys(
        (OrderCanceled, OrderExpired, *_OF_REQUESTS),
        attrgetter("order_id"),
    ),
}


def order_of(event: Event) -> OrderId | None:
    """The order that an event is a report on."""
    order_id = _ORDER_IDS.get(type(event))
    return None if order_id is None else order_id(event)


class Numbered(Protocol):
    """Whatever carries its broker's sequence number."""

    @property
    def number(self) -> int:
        """From 1, without gaps."""
        ...


Said = TypeVar("Said", bound=Numbered)


@dataclass(frozen=True)
class Inbox(Generic[Said]):
    """What a broker said, brought back into its order: each thing once, and none before its turn.

    Attributes:
        awaited: The number whose turn it is.
        parked: What overtook another and waits for it, by number.
    """

    awaited: int = 1
    parked: tuple[Said, ...] = ()

    def receive(self, said: Said) -> tuple[Inbox[Said], tuple[Said, ...]]:
        """The inbox afterwards, and what may be booked now, in order; nothing for a repetition."""
        if said.number < self.awaited or said.number in {each.number for each in self.parked}:
            return self, ()
        waiting = sorted((*self.parked, said), key=lambda each: each.number)
        turn = self.awaited
        for each in waiting:
            turn += each.number == turn
        ready = turn - self.awaited
        return replace(self, awaited=turn, parked=tuple(waiting[ready:])), tuple(waiting[:ready])

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers that are known to have been said and did not arrive, to be asked for again."""
        if not self.parked:
            return ()
        here = {each.number for each in self.parked}
        return tuple(n for n in range(self.awaited, max(here)) if n not in here)
