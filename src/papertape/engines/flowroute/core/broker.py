"""The Broker protocol: what an account at a broker can be asked, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from papertape.domain.account import Position
from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.errors import ProviderError
from papertape.domain.event import Event, Moment
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import Bars
from papertape.domain.money import Micros
from papertape.domain.order import OrderId
from papertape.domain.statement import Statement
from papertape.domain.verdict import Approved


class Dealer(Protocol):
    """Whoever has orders of ours and sees the market move."""

    def cancel_order(self, order_id: OrderId, now: Nanos, reason: str = "asked for") -> bool:
        """Ask for a cancel; False if the order cannot be cancelled any more."""
        ...

    def replace_order(
        self,
        order_id: OrderId,
        now: Nanos,
        *,
        quantity: int | None = None,
        limit: Micros | None = None,
        stop: Micros | None = None,
    ) -> bool:
        """Ask for a change of a working order in place; False if it cannot be changed any more."""
        ...

    def collect(self, moment: Moment) -> None:
        """The market moved; a live broker ignores it, a simulated one matches its orders."""
        ...


class Broker(Dealer, Protocol):
    """An account at a broker. It takes `Approved` orders only.

    Nothing it says comes as a return value alone: what happened to an order is a report, and
    `reports` hands each one over once, in order.
    """

    def submit_order(self, approved: Approved, now: Nanos) -> OrderId:
        """Send an order; a repeated id with the same content is the same order."""
        ...

    def get_order_status(self, order_id: OrderId) -> OrderStatus:
        """Where an order stands."""
        ...

    def get_positions(self) -> Mapping[str, Position]:
        """The holdings, symbol by symbol; flat ones are absent."""
        ...

    def get_account_balance(self) -> float:
        """Cash in dollars."""
        ...

    def calm(self, symbol: str) -> Calm:
        """The stretch of market in which nothing will happen here; a live broker knows of none."""
        ...

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """The market moved through rows of bars that were calm; a live broker ignores it."""
        ...

    def reports(self) -> list[Event]:
        """What happened since the last call, in order."""
        ...


class BrokerSilent(ProviderError):
    """No answer came: what was asked for may have been done, or not; nobody knows (fault-F17)."""


class Said(NamedTuple):
    """One thing a broker said, under its place in all that it says of an account: 1, 2, 3 ..."""

    number: int
    event: Event


class KeptBroker(Dealer, Protocol):
    """A broker as a session needs it: whatever it said or was asked can be asked for again.

    Every call may raise `BrokerSilent`; every call may be repeated and does nothing twice.
    """

    def submit_order(self, approved: Approved, now: Nanos, client_id: str = "") -> OrderId:
        """Send an order under a name of ours; the same name again is the same order."""
        ...

    def reports_after(self, number: int) -> Sequence[Said]:
        """What it has said since its report of that number; 0 for all of it."""
        ...

    def find(self, name: str) -> OrderState | None:
        """Where an order stands, by our name or by its id; None if no such one ever arrived."""
        ...

    def statement(self) -> Statement:
        """Cash, holdings and working orders, as they are now."""
        ...
