"""SimAccount: a simulated account that outlives its process: what it is asked is kept first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.day import DayOpened, KeptJournal, Line, MomentSeen
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    CancelRequest,
    Event,
    FillBusted,
    FillCorrected,
    Moment,
    OrderApproved,
    ReplaceRequest,
)
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros
from papertape.domain.order import OrderId
from papertape.domain.statement import Statement, holdings_of
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.core.broker import Said


class SimAccount:
    """An account at a simulated broker, rebuilt from the log of all that reached it.

    The log is its own: a session that dies takes nothing of the account with it, and one that
    asks again is answered as the first time. Each session finds a fresh exchange (no order rests
    over night) and the money, shares and promised payments of the one before.

    Assumption: whether shares were bought with unsettled money (good faith) is forgotten over
    night.

    Args:
        log: Where what reached it is kept.
        make: A fresh simulated broker, with what this run trades and pays.
    """

    def __init__(self, log: KeptJournal, make: Callable[[], PaperBroker]):
        self._log = log
        self._make = make
        self._opened: DayOpened | None = None
        self._until: Nanos = 0
        self._said: list[Event] = []
        self._named: dict[str, OrderId] = {}
        self._broker = make()
        for line in _since_last_opening(log.lines()):
            self._act(line)

    def begin(self, session: str, day: date, now: Nanos, capital: Micros) -> None:
        """Begin a session's day, once; ``capital`` is what an account without a past opens with.

        What it is shown of the market up to the end of the account's last day is history, of which
        nothing is booked; what was since then, holdings have lived through (fault-F59).

        Raises:
            UsageError: If orders of the session before still work.
        """
        if self._opened is None:
            self._keep(DayOpened(now, session, day, "", "", "", capital))
        elif self._opened.session != session:
            self._keep(self._next_day(self._opened, session, day, now))

    def _next_day(self, last: DayOpened, session: str, day: date, now: Nanos) -> DayOpened:
        end = self.statement()
        if end.working:
            named = ", ".join(state.order.id for state in end.working)
            raise UsageError(
                f"session {last.session} has not ended: {named} still works",
                hint="resume that session and let it end, or stop it at once: papertape stop --now",
            )
        since = max(last.since, self._until)
        return DayOpened(now, session, day, "", "", "", end.cash, end.holdings, end.coming, since)

    def submit_order(self, approved: Approved, now: Nanos, client_id: str = "") -> OrderId:
        """Take an order; a repeated id or name with the same content is the same order.

        Raises:
            UsageError: If an id or a name is used again for another order.
        """
        known = self._named.get(client_id, approved.order.id)
        if known != approved.order.id:
            raise UsageError(f"the name {client_id} is that of {known} already")
        if self.find(approved.order.id) is None:
            self._keep(OrderApproved(now, approved, client_id))
            return approved.order.id
        return self._broker.submit_order(approved, now)

    def cancel_order(self, order_id: OrderId, now: Nanos, reason: str = "asked for") -> bool:
        """Ask for a cancel; False if the order cannot be cancelled any more."""
        state = self.find(order_id)
        if state is None or not state.is_working:
            return False
        if not any(request.is_pending for request in state.requests):
            self._keep(CancelRequest(now, order_id, reason))
        return True

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
        state = self.find(order_id)
        if state is None or not state.is_working:
            return False
        self._keep(ReplaceRequest(now, order_id, quantity, limit, stop))
        return True

    def collect(self, moment: Moment) -> None:
        """Let the market move; a moment that was told before moves nothing."""
        if moment.time > self._until:
            self._keep(MomentSeen(moment.time, moment))

    def bust_fill(self, fill: Fill, now: Nanos, reason: str) -> None:
        """Take an execution back, as an exchange does with clearly erroneous ones."""
        self._keep(FillBusted(now, fill, reason))

    def correct_fill(self, fill: Fill, instead: Fill, now: Nanos, reason: str) -> None:
        """Put another execution in the place of one."""
        self._keep(FillCorrected(now, fill, instead, reason))

    def reports_after(self, number: int) -> Sequence[Said]:
        """What it has said since its report of that number; 0 for all of the session."""
        return [Said(n, event) for n, event in enumerate(self._said[number:], start=number + 1)]

    def find(self, name: str) -> OrderState | None:
        """Where an order stands, by the client's name or its id; None if none ever arrived."""
        return self._broker.orders.get(self._named.get(name, name))

    def statement(self) -> Statement:
        """Cash, holdings and working orders, as they are now."""
        broker = self._broker
        return Statement(
            self._until,
            broker.account.cash,
            holdings_of(broker.account, broker.prices),
            broker.coming,
            tuple(state for state in broker.orders.values() if state.is_working),
            len(self._said),
        )

    def log_lines(self) -> Sequence[Line]:
        """What reached it, in its order: the proof of what was sent, and how often."""
        return tuple(self._log.lines())

    @property
    def account(self) -> Account:
        """The account in full, for whoever has to prove that it balances."""
        return self._broker.account

    def _keep(self, line: Line) -> None:
        self._log.record([line])
        self._act(line)

    def _act(self, line: Line) -> None:
        """Do what was kept; the same log makes the same account, however often it is read."""
        broker = self._broker
        match line:
            case DayOpened():
                self._opened, self._until, self._said, self._named = line, 0, [], {}
                self._broker = self._make()
                self._broker.carry_over(line)
            case MomentSeen(moment=moment) if self._is_history(moment):
                broker.remember(moment)
                self._until = moment.time
            case MomentSeen(moment=moment):
                broker.collect(moment)
                self._until = moment.time
            case OrderApproved(time=time, approved=approved, client_id=name):
                broker.submit_order(approved, time)
                self._named[name or approved.order.id] = approved.order.id
            case CancelRequest(time=time, order_id=order_id, reason=reason):
                broker.cancel_order(order_id, time, reason)
            case ReplaceRequest(time, order_id, quantity, limit, stop):
                broker.replace_order(order_id, time, quantity=quantity, limit=limit, stop=stop)
            case FillBusted(time=time, fill=fill, reason=reason):
                broker.bust_fill(fill, time, reason)
            case FillCorrected(time=time, fill=fill, instead=instead, reason=reason):
                broker.correct_fill(fill, instead, time, reason)
        self._said += self._broker.reports()

    def _is_history(self, moment: Moment) -> bool:
        """Whether the account was not there: it is new, or has had that day already."""
        opened = self._opened
        return opened is not None and moment.time <= (opened.since or opened.time)


def _since_last_opening(lines: Iterable[Line]) -> list[Line]:
    """The lines of the present session; those before it are summed up in its first."""
    present: list[Line] = []
    for line in lines:
        if isinstance(line, DayOpened):
            present.clear()
        present.append(line)
    return present
