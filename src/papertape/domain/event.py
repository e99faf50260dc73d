"""Everything that can happen in a run, as frozen records; state is a fold over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Protocol, TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.errors import require
from papertape.domain.fill import Fill
from papertape.domain.market import Bar, CorporateAction, Tick
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId
from papertape.domain.restraint import Cause, Restraint
from papertape.domain.signal import Signal
from papertape.domain.verdict import Approved, Refused


@dataclass(frozen=True, slots=True)
class Moment:
    """All bars that close at one instant, in the order of their symbols: one step of the market.

    ``actions`` took effect before the bars' first trade. ``ticks`` are what the tape said since the
    moment before, in time order; orders of an instrument with a tape meet its ticks, and its bars
    only inform.
    """

    time: Nanos
    bars: tuple[Bar, ...]
    actions: tuple[CorporateAction, ...] = ()
    ticks: tuple[Tick, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """The strategy's wish changed; ``quantity`` is the shares it means to trade, 0 for none."""

    time: Nanos
    signal: Signal
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderApproved:
    """RiskGuard let an order pass; it is now an intent, to be recorded before it is sent.

    ``client_id`` is what a session calls the order at its broker; empty where there is none to
    ask. The same wish is the same wish whatever it is called.
    """

    time: Nanos
    approved: Approved
    client_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """RiskGuard vetoed an order; it was never sent."""

    time: Nanos
    refused: Refused


@dataclass(frozen=True, slots=True)
class OrderPending:
    """The broker has the order, and it is on its way to the exchange."""

    time: Nanos
    order: Order
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderAccepted:
    """The broker works the order."""

    time: Nanos
    order: Order
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderRejected:
    """The broker would not take the order."""

    time: Nanos
    order: Order
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderFilled:
    """A trade happened."""

    time: Nanos
    fill: Fill
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderCanceled:
    """The rest of an order will not trade: asked for, or for the reason given."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class CancelPending:
    """A cancel is on its way to the exchange; until it is there, the order can still trade."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class CancelRejected:
    """A cancel came too late; the order stands as it stood."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class OrderExpired:
    """The order's time in force ended."""

    time: Nanos
    order_id: OrderId
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderRestated:
    """A split or dividend changed a working order's terms; it is the same order.

    ``ratio`` is new shares for one old share, and counts what was filled before anew.
    """

    time: Nanos
    order: Order
    reason: str
    ratio: Fraction = Fraction(1)
    number: int = 0


@dataclass(frozen=True, slots=True)
class OrderReplaced:
    """A working order's terms changed in place: asked for, or a sibling's fill reduced it."""

    time: Nanos
    order: Order
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class ReplacePending:
    """A change of terms is on its way to the exchange; until it is there, the old ones hold."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class ReplaceRejected:
    """A change of terms came too late, or cannot be; the order stands as it stood."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0
    request_id: OrderId = ""


@dataclass(frozen=True, slots=True)
class PathUncertain:
    """A bar could have gone otherwise for us: what the better history would have been worth.

    The worse of the two canonical paths is what was booked; the bands are micro-dollars of account
    equity at the bar's close.

    Attributes:
        time: The bar's close.
        symbol: The instrument.
        bar_start: The bar's open.
        path: The path that was booked.
        ambiguous: Whether another way through the bar fills or triggers otherwise.
        band_canonical: By how much the best of them is better: the other canonical path, what a
            forced stop withheld (fill-B3), a turn where an entry was met.
        band_trail: By how much trailing stops could do worse on a path that is neither (fill-T3).
    """

    time: Nanos
    symbol: str
    bar_start: Nanos
    path: str
    ambiguous: bool
    band_canonical: Micros
    band_trail: Micros


@dataclass(frozen=True, slots=True)
class GroupOverfilled:
    """An order traded while its cancel was under way, for a sibling had been filled (fill-B2).

    ``quantity`` is by how many shares, signed, the two together got more than was meant.
    """

    time: Nanos
    symbol: str
    order_id: OrderId
    quantity: int


@dataclass(frozen=True, slots=True)
class LimitTouched:
    """A bar came to a resting limit and not beyond it: those ahead in the queue were filled."""

    time: Nanos
    symbol: str
    order_id: OrderId
    limit: Micros


@dataclass(frozen=True, slots=True)
class DividendAccrued:
    """The holding at the ex-date's open is owed (or owes) a dividend; cash moves on pay date."""

    time: Nanos
    symbol: str
    quantity: int
    amount: Micros
    pay_date: date


@dataclass(frozen=True, slots=True)
class DividendPaid:
    """An accrued dividend became cash; ``total`` is negative for a short holding."""

    time: Nanos
    symbol: str
    total: Micros


@dataclass(frozen=True, slots=True)
class SplitApplied:
    """Old shares became new ones; a fraction of a share was paid out as ``cash_in_lieu``."""

    time: Nanos
    symbol: str
    ratio: Fraction
    before: int
    after: int
    cash_in_lieu: Micros


@dataclass(frozen=True, slots=True)
class SymbolChanged:
    """The ``quantity`` shares held of ``symbol`` are as many of ``new_symbol`` from now on."""

    time: Nanos
    symbol: str
    new_symbol: str
    quantity: int


@dataclass(frozen=True, slots=True)
class HoldingDelisted:
    """A holding ceased to trade; ``price`` is what each share was paid out with (may be 0)."""

    time: Nanos
    symbol: str
    quantity: int
    price: Micros


@dataclass(frozen=True, slots=True)
class CashSettled:
    """The proceeds of a sale are settled cash from now on; negative where one was taken back."""

    time: Nanos
    symbol: str
    total: Micros


@dataclass(frozen=True, slots=True)
class VariationPaid:
    """A future was marked to ``price``; what it gained (or, negative, lost) became cash."""

    time: Nanos
    symbol: str
    price: Micros
    total: Micros


@dataclass(frozen=True, slots=True)
class FinancingCharged:
    """What borrowed shares or borrowed money cost over ``days`` calendar days.

    ``what`` is ``borrow`` for shares and ``interest`` for money; ``value`` is what was borrowed,
    ``total`` what it cost, both in micro-dollars and positive.
    """

    time: Nanos
    symbol: str
    what: str
    value: Micros
    days: int
    total: Micros


@dataclass(frozen=True, slots=True)
class FillBusted:
    """The exchange took an execution back; a new entry undoes the old one, nothing is edited."""

    time: Nanos
    fill: Fill
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class FillCorrected:
    """The exchange put another execution, ``instead``, in the place of one."""

    time: Nanos
    fill: Fill
    instead: Fill
    reason: str
    number: int = 0

    def __post_init__(self) -> None:
        require(self.instead.id != self.fill.id, f"{self.fill.id} is corrected to itself")


@dataclass(frozen=True, slots=True)
class MarginCalled:
    """Equity fell below what the holdings must keep; the broker closes what it has to."""

    time: Nanos
    equity: Micros
    required: Micros


@dataclass(frozen=True, slots=True)
class GoodFaithViolated:
    """Shares were sold before the money they were bought with had settled (Regulation T)."""

    time: Nanos
    symbol: str
    fill_id: str


@dataclass(frozen=True, slots=True)
class Restrained:
    """A restraint came into force."""

    time: Nanos
    restraint: Restraint


@dataclass(frozen=True, slots=True)
class Released:
    """A restraint ended: its cause is gone, or somebody re-armed it by name."""

    time: Nanos
    cause: Cause
    reason: str
    by: str


OrderReport: TypeAlias = (
    OrderPending
    | OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | CancelPending
    | CancelRejected
    | OrderExpired
    | OrderRestated
    | OrderReplaced
    | ReplacePending
    | ReplaceRejected
    | FillBusted
    | FillCorrected
)
"""What a broker says of an order.

``number`` is the broker's sequence number, from 1; 0 until a broker has given it one.
"""


def numbered(said: OrderReport, number: int) -> OrderReport:
    """The same report under its broker's number."""
    match said:  # most are of these two, so they are spared the general way
        case OrderAccepted(time=time, order=order):
            return OrderAccepted(time, order, number)
        case OrderFilled(time=time, fill=fill):
            return OrderFilled(time, fill, number)
    return replace(said, number=number)


LedgerEvent: TypeAlias = (
    OrderFilled
    | FillBusted
    | FillCorrected
    | DividendAccrued
    | DividendPaid
    | SplitApplied
    | SymbolChanged
    | HoldingDelisted
    | CashSettled
    | VariationPaid
    | FinancingCharged
)
"""What moves cash or shares."""

Event: TypeAlias = (
    Decided
    | OrderApproved
    | OrderRefused
    | OrderReport
    | LedgerEvent
    | PathUncertain
    | GroupOverfilled
    | MarginCalled
    | GoodFaithViolated
    | LimitTouched
    | Restrained
    | Released
)


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """An intent to cancel a working order."""

    time: Nanos
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class ReplaceRequest:
    """A wish to change a working order in place; None for what stays as it is.

    ``quantity`` counts what was filled, too; prices are in micro-dollars.
    """

    time: Nanos
    order_id: OrderId
    quantity: int | None = None
    limit: Micros | None = None
    stop: Micros | None = None

    def rest_of(self, order: Order, filled: int) -> Order | None:
        """What would still be open of the order afterwards; None if nothing would."""
        rest = (order.quantity if self.quantity is None else self.quantity) - filled
        if rest * order.side <= 0:
            return None
        return replace(
            order,
            quantity=rest,
            limit=order.limit if self.limit is None else self.limit,
            stop=order.stop if self.stop is None else self.stop,
        )


@dataclass(frozen=True, slots=True)
class ReplaceApproved:
    """RiskGuard let a change pass; ``approved`` is what will then be open of the order."""

    time: Nanos
    request: ReplaceRequest
    approved: Approved


Intent: TypeAlias = OrderApproved | CancelRequest | ReplaceApproved
"""What is about to be sent: recorded durably between deciding and sending."""

Entry: TypeAlias = Event | Intent
"""One line of a run's log."""

Proposal: TypeAlias = Order | CancelRequest | ReplaceRequest
"""What a strategy's wish amounts to, before RiskGuard has seen it."""


class Journal(Protocol):
    """Where events and intents are recorded, in order."""

    def record(self, entries: Sequence[Entry]) -> None:
        """Keep the entries; returning means that they are durable."""
        ...


class NoJournal:
    """Keeps nothing: the bench needs no recovery."""

    def record(self, entries: Sequence[Entry]) -> None:
        """Forget them."""
