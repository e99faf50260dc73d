"""A broker that misbehaves on demand, around an account that stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from papertape.domain.clock import Nanos
from papertape.domain.event import Event, Moment, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState
from papertape.domain.order import OrderId
from papertape.domain.statement import Statement
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.engines.flowroute.core import BrokerSilent, Said


class FaultyBroker:
    """Loses requests and replies, repeats and shuffles what it says, and forgets.

    Attributes:
        lost_requests: So many of the next submits, cancels and replacements never arrive.
        lost_replies: So many of the next ones arrive, and no answer comes back.
        is_down: Whether nothing gets through at all; the exchange goes on all the same.
        is_mute: Whether it answers what it is asked, and reports nothing of its own accord.
        shuffles: Whether reports come in the wrong order, and each of them twice.
        says: What it reports besides what is true, each once, after everything true.
        forgotten: Orders that it does not know any more.
        skew: By how many shares its word on each holding is wrong.
        asked: What reached it, in order.
        refused: How often it was asked for something while it was down.
    """

    def __init__(self, account: SimAccount) -> None:
        self.account = account
        self.lost_requests = self.lost_replies = 0
        self.is_down = self.is_mute = self.shuffles = False
        self.says: list[Event] = []
        self.forgotten: set[OrderId] = set()
        self.skew = 0
        self.asked: list[tuple[str, OrderId]] = []
        self.refused = 0

    def submit_order(self, approved: Approved, now: Nanos, client_id: str = "") -> OrderId:
        submit = self.account.submit_order
        return str(self._ask("submit", approved.order.id, submit, approved, now, client_id))

    def cancel_order(self, order_id: OrderId, now: Nanos, reason: str = "asked for") -> bool:
        return bool(self._ask("cancel", order_id, self.account.cancel_order, order_id, now, reason))

    def replace_order(self, order_id: OrderId, now: Nanos, **terms: int | None) -> bool:
        return bool(
            self._ask("replace", order_id, self.account.replace_order, order_id, now, **terms)
        )

    def _ask(self, what: str, order_id: OrderId, do: Callable[..., Any], *args: Any, **terms: Any):  # type: ignore[no-untyped-def]
        self._must_be_up()
        if self.lost_requests:
            self.lost_requests -= 1
            raise BrokerSilent(f"{what} {order_id}: connection reset")
        self.asked.append((what, order_id))
        answer = do(*args, **terms)
        if self.lost_replies:
            self.lost_replies -= 1
            raise BrokerSilent(f"{what} {order_id}: 504")
        return answer

    def collect(self, moment: Moment) -> None:
        self.account.collect(moment)
        self._must_be_up()

    def reports_after(self, number: int) -> Sequence[Said]:
        self._must_be_up()
        if self.is_mute:
            return []
        true = list(self.account.reports_after(0))
        lies = [Said(len(true) + n, each) for n, each in enumerate(self.says, start=1)]
        said = [each for each in [*true, *lies] if each.number > number]
        return [*reversed(said), *said] if self.shuffles else said

    def find(self, name: str) -> OrderState | None:
        self._must_be_up()
        found = self.account.find(name)
        return None if found is not None and found.order.id in self.forgotten else found

    def statement(self) -> Statement:
        self._must_be_up()
        told = self.account.statement()
        holdings = tuple(
            replace(each, quantity=each.quantity + self.skew) for each in told.holdings
        )
        working = tuple(each for each in told.working if each.order.id not in self.forgotten)
        number = told.number + len(self.says)
        return replace(told, holdings=holdings, working=working, number=number)

    def _must_be_up(self) -> None:
        if self.is_down:
            self.refused += 1
            raise BrokerSilent("no route to host")


def fill_of(order_id: OrderId, symbol: str, quantity: int, price: int, time: Nanos) -> OrderFilled:
    """An execution that never happened."""
    name = f"{order_id}.ghost"
    return OrderFilled(time, Fill(name, order_id, symbol, time, quantity, price, 0, "", 0, price))
