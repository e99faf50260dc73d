"""Everything that can happen in a run, as frozen records; state is a fold over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Protocol, TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.fill import Fill
from papertape.domain.market import Bar, CorporateAction
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId
from papertape.domain.signal import Signal
from papertape.domain.verdict import Approved, Refused


@dataclass(frozen=True, slots=True)
class Moment:
    """All bars that close at one instant, in the order of their symbols: one step of the market.

    ``actions`` took effect before the bars' first trade.
    """

    time: Nanos
    bars: tuple[Bar, ...]
    actions: tuple[CorporateAction, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """The strategy's wish changed; ``quantity`` is the shares it means to trade, 0 for none."""

    time: Nanos
    signal: Signal
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class OrderApproved:
    """RiskGuard let an order pass; it is now an intent, to be recorded before it is sent."""

    time: Nanos
    approved: Approved


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """RiskGuard vetoed an order; it was never sent."""

    time: Nanos
    refused: Refused


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


@dataclass(frozen=True, slots=True)
class ReplaceRejected:
    """A change of terms came too late, or cannot be; the order stands as it stood."""

    time: Nanos
    order_id: OrderId
    reason: str
    number: int = 0


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
        ambiguous: Whether another way through the bar fills otherwise.
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


OrderReport: TypeAlias = (
    OrderAccepted
    | OrderRejected
    | OrderFilled
    | OrderCanceled
    | OrderExpired
    | OrderRestated
    | OrderReplaced
    | ReplaceRejected
)
"""What a broker says of an order.

``number`` is the broker's sequence number, from 1; 0 until a broker has given it one.
"""

LedgerEvent: TypeAlias = OrderFilled | DividendAccrued | DividendPaid | SplitApplied
"""What moves cash or shares."""

Event: TypeAlias = (
    Decided
    | OrderApproved
    | OrderRefused
    | OrderReport
    | LedgerEvent
    | PathUncertain
    | LimitTouched
)


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """An intent to cancel a working order."""

    time: Nanos
    order_id: OrderId
    reason: str


Intent: TypeAlias = OrderApproved | CancelRequest
"""What is about to be sent: recorded durably between deciding and sending."""

Entry: TypeAlias = Event | Intent
"""One line of a run's log."""

Proposal: TypeAlias = Order | CancelRequest
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
