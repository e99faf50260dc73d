"""Wire: what is on its way to the exchange, and the latency that keeps it there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, sqrt
from typing import NamedTuple, TypeAlias

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import require
from papertape.domain.money import MICROS_PER_DOLLAR, Micros
from papertape.domain.order import Order, OrderId


@dataclass(frozen=True)
class Latency:
    """Every order, cancel and replacement takes the same time to the exchange (fill-E1).

    Left out: that the time varies, and the way back: what the exchange reports is known at once.

    Attributes:
        delay: Nanoseconds from the sender to the exchange.
        grace: Longest time after a bar's open within which an arrival may still use that open.
        grace_share: The same as a share of the bar's length; the shorter of the two holds.
    """

    delay: Nanos = 0
    grace: Nanos = SECOND
    grace_share: Fraction = Fraction(2, 100)

    def __post_init__(self) -> None:
        require(self.delay >= 0, f"nothing arrives before it is sent, latency {self.delay}")
        require(self.grace >= 0 and self.grace_share >= 0, "a time of grace is never negative")

    def grace_within(self, length: Nanos) -> Nanos:
        """How late an arrival may be for the open of a bar of that length (fill-E3)."""
        return min(self.grace, int(length * self.grace_share)) if self.delay else 0

    def charge(self, length: Nanos, average_true_range: float) -> Micros:
        """What using an open too late costs a share: half the range of so short a time."""
        share = sqrt(self.delay / length)
        return ceil(0.5 * average_true_range * share * MICROS_PER_DOLLAR)


class Cancel(NamedTuple):
    """A wish that an order be cancelled."""

    order_id: OrderId
    reason: str
    request_id: OrderId = ""


class Replacement(NamedTuple):
    """A wish that an order's terms be changed; None for what is to stay."""

    order_id: OrderId
    quantity: int | None = None
    limit: Micros | None = None
    stop: Micros | None = None
    request_id: OrderId = ""


class Reduction(NamedTuple):
    """So many shares of an order are not wanted any more, as others were filled (fill-B2)."""

    order_id: OrderId
    size: int
    reason: str
    request_id: OrderId = ""


Message: TypeAlias = Order | Cancel | Replacement | Reduction


class Sent(NamedTuple):
    """A message under way; they sort as they arrive."""

    arrival: Nanos
    number: int
    symbol: str
    message: Message


class Wire:
    """Messages under way, each for as long as the latency says; none overtakes another.

    Args:
        latency: How long that is.
    """

    def __init__(self, latency: Latency):
        self.latency = latency
        self._sent: list[Sent] = []
        self._count = 0

    @property
    def is_instant(self) -> bool:
        """Whether what is sent is there."""
        return self.latency.delay == 0

    def request_id(self, order_id: OrderId) -> OrderId:
        """A name for the next request about an order."""
        return f"{order_id}.request{self._count + 1}"

    def send(self, symbol: str, message: Message, now: Nanos) -> None:
        """Put a message on its way."""
        self._count += 1
        self._sent.append(Sent(now + self.latency.delay, self._count, symbol, message))
        self._sent.sort(key=lambda sent: sent[:2])

    def orders(self) -> list[Order]:
        """New orders under way."""
        return [each.message for each in self._sent if isinstance(each.message, Order)]

    def arrived(self, until: Nanos, symbol: str | None = None) -> list[Sent]:
        """Take off what has arrived by then, of one instrument or of all."""
        if not self._sent:
            return []
        there = [each for each in self._sent if _is_there(each, until, symbol)]
        self._sent = [each for each in self._sent if not _is_there(each, until, symbol)]
        return there

    def late_orders(self, until: Nanos, symbol: str) -> list[Order]:
        """Take off new orders only, as far as nothing of the instrument was sent before them."""
        orders = list[Order]()
        for sent in [each for each in self._sent if each.symbol == symbol]:
            if sent.arrival > until or not isinstance(sent.message, Order):
                break
            orders.append(sent.message)
            self._sent.remove(sent)
        return orders


def _is_there(sent: Sent, until: Nanos, symbol: str | None) -> bool:
    return sent.arrival <= until and symbol in {None, sent.symbol}
