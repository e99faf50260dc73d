"""DayState: where a session stands, as a fold over the lines of its journal and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, cast, get_args

from papertape.domain.account import Account
from papertape.domain.books import booked
from papertape.domain.clock import Nanos
from papertape.domain.day import (
    Commanded,
    DayClosed,
    DayEvent,
    DayOpened,
    FeedLost,
    FeedRestored,
    FeedTroubled,
    Heard,
    JournalRestored,
    Line,
    MomentDecided,
    MomentSeen,
    Reconciled,
    Released,
    Restrained,
    SessionResumed,
    StrategyFailed,
)
from papertape.domain.event import (
    CancelPending,
    CancelRejected,
    CancelRequest,
    Decided,
    Event,
    Intent,
    Moment,
    OrderApproved,
    OrderRefused,
    OrderReplaced,
    ReplaceApproved,
    ReplacePending,
    ReplaceRejected,
    ReplaceRequest,
)
from papertape.domain.lifecycle import Effect, OrderState
from papertape.domain.order import OrderId
from papertape.domain.record import rarely_collecting
from papertape.domain.report import order_of
from papertape.domain.restraint import Cause, Restraints
from papertape.domain.statement import carried_over

Asked: TypeAlias = tuple[type, OrderId]
"""What was asked of which order."""

_ANSWERS: dict[type, type] = {
    CancelPending: CancelRequest,
    CancelRejected: CancelRequest,
    OrderReplaced: ReplaceApproved,
    ReplacePending: ReplaceApproved,
    ReplaceRejected: ReplaceApproved,
}


def folded(restraints: Restraints, line: Restrained | Released) -> Restraints:
    """The restraints in force after one more began or ended."""
    if isinstance(line, Restrained):
        return restraints.after(line.restraint)
    return restraints.without(line.cause)


_OURS = frozenset({*get_args(DayEvent), *get_args(Intent), Decided, OrderRefused, ReplaceRequest})
"""Lines of the session itself; all others are the broker's word."""


@dataclass
class DayState:
    """A session's orders, account and restraints after everything recorded so far.

    Attributes:
        opened: How the day began; None before it did.
        resumed: The last new start.
        closed: How it ended; None before.
        account: Cash and holdings.
        orders: Every order that the broker has heard of, and whatever it did on its own.
        restraints: What is in force.
        unanswered: Intents whose outcome is not known, in the order they were recorded.
        heard: The broker's last report among the lines.
        seen_until: When the newest moment was.
        pending: A moment that was recorded and not decided.
        commands: Ids of all commands so far.
        starts: When the session's process was started.
        lost_since: Since when market data are missing; 0 while they are there.
        missed: Bars that were shown as history since then.
        troubles: By part of the feed, what is wrong with it while the others do.
        restored: When an older copy of the journal was put back; 0 if it never was.
        reconciled: The last comparison with the broker.
        failed: What is wrong with the strategy, if anything.
        accepted: When somebody last accepted a change.
        code, settings: Those of the day's start, or that somebody has accepted since.
        lines: How many lines there were.
    """

    opened: DayOpened | None = None
    resumed: SessionResumed | None = None
    closed: DayClosed | None = None
    account: Account = field(default_factory=Account)
    orders: dict[OrderId, OrderState] = field(default_factory=dict)
    restraints: Restraints = field(default_factory=Restraints)
    unanswered: dict[Asked, Intent] = field(default_factory=dict)
    heard: int = 0
    seen_until: Nanos = 0
    pending: Moment | None = None
    commands: set[str] = field(default_factory=set)
    starts: list[Nanos] = field(default_factory=list)
    lost_since: Nanos = 0
    missed: int = 0
    troubles: dict[str, str] = field(default_factory=dict)
    restored: Nanos = 0
    reconciled: Reconciled | None = None
    failed: StrategyFailed | None = None
    accepted: Nanos = 0
    code: str = ""
    settings: str = ""
    lines: int = 0

    @classmethod
    @rarely_collecting()
    def of(cls, lines: Iterable[Line]) -> DayState:
        """The state after all of these."""
        state = cls()
        for line in lines:
            state.fold(line)
        return state

    def fold(self, line: Line) -> bool:
        """Bring the state up to date with one more line; False if it is a report without effect."""
        self.lines += 1
        if type(line) not in _OURS:
            return self._book(cast("Event", line))
        match line:
            case MomentSeen(moment=moment, is_history=is_history):
                self.seen_until = max(self.seen_until, moment.time)
                self.pending = None if is_history else moment
                self.missed += len(moment.bars) if is_history and self.lost_since else 0
            case MomentDecided(heard=heard):
                self.pending, self.heard = None, heard
            case Heard(number=number):
                self.heard = number
            case OrderApproved(approved=approved):
                self.unanswered[OrderApproved, approved.order.id] = line
                self.orders.setdefault(approved.order.id, OrderState(approved.order))
            case ReplaceApproved(request=request):
                self.unanswered[ReplaceApproved, request.order_id] = line
            case CancelRequest(order_id=order_id):
                self.unanswered[CancelRequest, order_id] = line
            case _:
                self._fold_day(line)
        return True

    @property
    def working(self) -> list[OrderState]:
        """The orders that can still trade, in the order in which the broker spoke of them."""
        return [state for state in self.orders.values() if state.is_working]

    @property
    def suspense(self) -> list[OrderState]:
        """The orders of which something was reported that cannot be true."""
        return [state for state in self.orders.values() if state.needs_reconciliation]

    def _fold_day(self, line: Line) -> None:  # noqa: C901, PLR0912 - one case a record
        match line:
            case DayOpened():
                self.opened, self.code, self.settings = line, line.code, line.settings
                self.account = carried_over(line.cash, line.holdings, line.coming)
                self.starts.append(line.time)
            case SessionResumed(time=time):
                self.resumed = line
                self.starts.append(time)
                self.troubles = {}  # of a feed that ended with its process
            case Restrained():
                self.restraints = folded(self.restraints, line)
            case Released(time=time, cause=cause):
                self.restraints = folded(self.restraints, line)
                if cause is Cause.CHANGED and self.resumed is not None:
                    self.accepted = time
                    self.code, self.settings = self.resumed.code, self.resumed.settings
            case Commanded(id=id_):
                self.commands.add(id_)
            case JournalRestored(time=time):
                self.restored = time
            case FeedLost(time=time):
                self.lost_since, self.missed = self.lost_since or time, 0
            case FeedRestored():
                self.lost_since = 0
            case FeedTroubled(part=part, reason=reason):
                self.troubles.pop(part, None)
                if reason:
                    self.troubles[part] = reason
            case Reconciled():
                self.reconciled = line
            case StrategyFailed():
                self.failed = self.failed or line
            case DayClosed():
                self.closed = line

    def _book(self, event: Event) -> bool:
        """Book what the broker said, and take it as the answer that it is."""
        effect, self.account = booked(self.orders, self.account, event)
        if self.unanswered and (order_id := order_of(event)) is not None:
            self._answer(event, order_id)
        return effect is Effect.BOOKED

    def _answer(self, event: Event, order_id: OrderId) -> None:
        self.unanswered.pop((OrderApproved, order_id), None)
        self.unanswered.pop((_ANSWERS.get(type(event), OrderApproved), order_id), None)
        state = self.orders.get(order_id) if self.unanswered else None
        if state is not None and not state.is_working:
            self.unanswered.pop((CancelRequest, order_id), None)
            self.unanswered.pop((ReplaceApproved, order_id), None)
