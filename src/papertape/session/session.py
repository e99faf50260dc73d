"""PaperSession: one strategy's trading day, kept in a journal; no thread, no clock, no file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec

from papertape.domain.books import EXTERNAL
from papertape.domain.client_id import client_id
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.day import (
    BarAmended,
    Commanded,
    DayClosed,
    DayOpened,
    FeedLost,
    FeedRestored,
    FeedTroubled,
    Heard,
    Line,
    MomentDecided,
    MomentIgnored,
    MomentSeen,
    Reconciled,
    Released,
    Restrained,
    SessionResumed,
    StrategyFailed,
)
from papertape.domain.day_state import DayState
from papertape.domain.errors import RiskRefusal, UsageError, require
from papertape.domain.event import (
    CancelRequest,
    Event,
    Intent,
    Moment,
    OrderApproved,
    OrderRejected,
    ReplaceApproved,
    ReplaceRejected,
)
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import Bar
from papertape.domain.order import OrderId
from papertape.domain.record import uncollected
from papertape.domain.report import order_of
from papertape.domain.restraint import Cause, Restraint, Sweep, TradingState
from papertape.engines.flowroute.core import BrokerSilent
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.riskguard import RiskTally, collar_of
from papertape.session.charter import Charter, Parts, Patience
from papertape.session.closing import COLLAR, FLATTENING, closing_order, is_out_of_reach, swept
from papertape.session.commands import released_by, restraint_of
from papertape.session.courier import Courier, Pace, order_id_of
from papertape.session.isolation import Isolated
from papertape.session.reconciliation import compare
from papertape.session.rehearsal import Rehearsal

SESSION_ENDS = "the session ends"
"""The reason of the cancels at the end of a day."""
NEVER_ARRIVED = "it never reached the broker and is not sent again"

P = ParamSpec("P")


def step(
    work: Callable[Concatenate[PaperSession, P], None],
) -> Callable[Concatenate[PaperSession, P], list[Line]]:
    """A call of the driver: counted, so that a watchdog sees one that does not end."""

    @wraps(work)
    def counted(self: PaperSession, /, *args: P.args, **kwargs: P.kwargs) -> list[Line]:
        self.steps += 1
        self.is_working = True
        self._happened = []
        try:
            work(self, *args, **kwargs)
        finally:
            self.is_working = False
        return self._happened

    return counted


class PaperSession:
    """A trading day: what is seen, decided, asked for and answered, each recorded before the next.

    Every call is handed the time and returns the lines that it recorded. One thread calls; another
    may look at `call` and `is_working`, to see whether it ends.

    Args:
        charter: What the session is for.
        parts: What it is put together from.
        patience: How long it waits for others.
    """

    def __init__(self, charter: Charter, parts: Parts, patience: Patience | None = None):
        self.charter = charter
        self.state = DayState()
        self.steps = 0
        self.is_working = False
        self._parts = parts
        self._patience = patience or Patience()
        pace = Pace(parts.chance, self._patience.first_retry, self._patience.longest_retry)
        self._courier = Courier(parts.broker, pace)
        self._isolated = Isolated(parts.core)
        self._collar = collar_of(parts.guard.limits) or COLLAR
        self._happened: list[Line] = []
        self._made: TradingPipeline | None = None

    @property
    def pipeline(self) -> TradingPipeline:
        """The way of a moment to an order."""
        if self._made is None:
            raise UsageError("a session is opened or resumed before anything else")
        return self._made

    @property
    def tally(self) -> RiskTally:
        """What RiskGuard has counted so far, restarts included."""
        return self._parts.guard.tally

    @property
    def call(self) -> tuple[int, int]:
        """Which call of the driver's it is in, and which of the strategy's, for another thread."""
        return self.steps, self._isolated.calls

    @property
    def finality(self) -> Nanos:
        """How long after its end a bar is waited for."""
        return self._patience.finality

    @property
    def is_closed(self) -> bool:
        """Whether its day has ended in order."""
        return self.state.closed is not None

    # Begin and end ------------------------------------------------------------------------------

    @step
    def open(self, now: Nanos) -> None:
        """Begin the day from the broker's statement: HALTED until it was compared with.

        Raises:
            BrokerSilent: If there is no statement; nothing is recorded then.
            RiskRefusal: If the account holds what the session does not trade.
        """
        statement, charter = self._parts.broker.statement(), self.charter
        strange = [
            each.symbol for each in statement.holdings if each.symbol not in self._parts.instruments
        ]
        if strange:
            raise RiskRefusal(
                f"the account holds {', '.join(strange)}, which this session does not trade",
                hint="trade it too, with --symbol, or use another account: --account NAME",
            )
        opened = DayOpened(
            now,
            charter.session,
            charter.day,
            charter.strategy,
            charter.settings,
            charter.code,
            statement.cash,
            statement.holdings,
            statement.coming,
            peak=charter.peak,
        )
        self._record([opened])
        self._assemble()  # RiskGuard counts from here on
        self._record([self._unreconciled(now, "nothing is compared yet")])
        self._courier.connect(0)
        self._reconcile(now)

    @step
    def resume(self, now: Nanos, hung: str = "") -> None:
        """Go on after an end that was none of the day's: relive it, ask the broker, compare.

        Args:
            now: The present.
            hung: What the watchdog saw the strategy do before the end, if that was its doing; it
                is then asked nothing more.

        Raises:
            UsageError: If the journal holds no day.
        """
        rehearsal = self._relive()
        self._agree()
        if self.is_closed:
            return
        lines: list[Line] = [
            SessionResumed(now, self.charter.code, self.state.lines, self.charter.settings),
            self._unreconciled(now, "the session began again"),
        ]
        if changed := self._changed(rehearsal.divergence):
            lines.append(_restrained(now, Cause.CHANGED, changed, "R29"))
        recent = [each for each in self.state.starts if now - each < self._patience.crash_window]
        if len(recent) >= 2:
            reason = f"{len(recent) + 1} starts within {self._patience.crash_window // 10**9} s"
            lines.append(_restrained(now, Cause.CRASH_LOOP, reason, "fault-F52"))
        if hung:
            lines.append(StrategyFailed(now, hung))
            lines.append(_restrained(now, Cause.STRATEGY, hung, "watchdog", Sweep.ENTRIES))
            self._isolated.fail(hung)
        self._record(lines)
        self._courier.connect(self.state.heard)
        self._tick(now)

    @step
    def close(self, now: Nanos, reason: str = "the day is over") -> None:
        """End the day: cancel what works, compare a last time. To be repeated until `is_closed`.

        It does not end while an outcome is unknown: whoever cannot wait leaves, and resumes.
        """
        if self.is_closed:
            return
        self._hear(now)
        self._settle(now)
        if self.state.working and now > self.state.seen_until:
            self._show([Moment(now, ())], now)  # messages under way arrive as time passes
        self._cancel([state.order.id for state in self.state.working], SESSION_ENDS, now)
        if self.state.unanswered or self.state.working:
            return
        self._reconcile(now)
        self.pipeline.finish()
        self._record([DayClosed(now, reason)])

    def _assemble(self) -> None:
        parts = self._parts
        self._made = TradingPipeline(
            self._isolated,
            parts.guard,
            self._courier,
            self.state.account,
            parts.terms,
            parts.instruments,
        )
        if self.state.opened is not None:
            parts.guard.note(self.state.opened)

    @uncollected()
    def _relive(self) -> Rehearsal:
        """Read the journal once, for the fold and for the strategy."""
        rehearsal: Rehearsal | None = None
        guard = self._parts.guard
        for line in self._parts.journal.lines():
            self.state.fold(line)
            if rehearsal is None:
                if not isinstance(line, DayOpened):
                    raise UsageError(f"a journal begins with its day, not with {line}")
                self._assemble()
                rehearsal = Rehearsal(self.pipeline, self._courier, self._isolated, guard)
            rehearsal.take(line)
        if rehearsal is None:
            raise UsageError("there is nothing to resume", hint="papertape paper starts a session")
        rehearsal.finish()
        if rehearsal.has_diverged:  # then what it counted is not what was done
            guard.tally = RiskTally.of(guard.limits, self._parts.journal.lines())
        return rehearsal

    def _agree(self) -> None:
        """What was relived and what the lines alone say is one state, else something is broken."""
        ours, pipeline = self.state, self.pipeline
        require(ours.orders == pipeline.orders, "rehearsal and journal differ in their orders")
        require(ours.account == pipeline.account, "rehearsal and journal differ in the account")

    def _changed(self, divergence: str) -> str:
        state, charter = self.state, self.charter
        if state.restored > state.accepted:
            return "an older copy of the journal was put back"
        if state.code != charter.code:
            return f"the code is {charter.code}, the day was begun with {state.code}"
        if state.settings != charter.settings:
            return "the settings are not those that the day was begun with"
        return f"the strategy does not repeat itself: {divergence}" if divergence else ""

    @step
    def abandon(self, now: Nanos) -> None:
        """The journal is dead: cancel what works without a record of it, and end (fault-F7).

        Nothing else is ever sent unrecorded; a cancel can only make the account safer. The next
        start hears from the broker what became of it.
        """
        for state in self.state.working:
            self._courier.send(CancelRequest(now, state.order.id, "the journal is dead"), now)

    # The market ---------------------------------------------------------------------------------

    @step
    def show(self, moments: Sequence[Moment], now: Nanos) -> None:
        """Show broker and strategy moments that are history: nothing is traded on them."""
        self._leave_pending(now)
        self._show([each for each in moments if each.time > self.state.seen_until], now)

    @step
    def see(self, moment: Moment, now: Nanos) -> None:
        """Decide on a moment, if that is still possible: it is new, fresh, and not after hours.

        One that is too old tells of an outage, whoever slept: the feed, the line or this machine
        (fault-F41). It goes on until a fresh one comes.
        """
        if self.is_closed or moment.time <= self.state.seen_until:
            reason = "the day has ended" if self.is_closed else "it is not newer than the last one"
            self._record([MomentIgnored(now, moment.time, reason)])
            return
        self._leave_pending(now)
        is_fresh = self._is_fresh(moment, now)
        if is_fresh:
            self._data_are_back(now)
        elif self.state.starts[-1] < moment.time <= self.charter.closes:
            self._note_loss(now, f"a bar came {(now - moment.time) // SECOND} s after its end")
        if not is_fresh or moment.time > self.charter.closes:
            self._show([moment], now)
        else:
            self._record([MomentSeen(now, moment)])
            self._decide(moment, now)
        self._enforce(now)

    @step
    def amend(self, bar: Bar, revision: int, now: Nanos) -> None:
        """Record a bar that came late or changed; what was decided stands."""
        self._record([BarAmended(now, bar, revision)])

    @step
    def feed_lost(self, now: Nanos, reason: str) -> None:
        """Market data stopped: until they are back, holdings may only be reduced."""
        self._lose_feed(now, reason)

    @step
    def feed_restored(self, now: Nanos, missed: Sequence[Moment] = ()) -> None:
        """Market data are back; what was missed is shown as history."""
        new = [each for each in missed if each.time > self.state.seen_until]
        self._leave_pending(now)
        self._show(new, now)
        self._data_are_back(now)

    @step
    def feed_troubled(self, now: Nanos, part: str, reason: str = "") -> None:
        """A part of the feed fails, or is well again if there is no reason; data still come."""
        if self.state.troubles.get(part, "") != reason:
            self._record([FeedTroubled(now, part, reason)])

    def _show(self, moments: Sequence[Moment], now: Nanos) -> None:
        """History, at once where nothing can happen in it, else moment by moment."""
        if self.state.orders or self.state.account.positions:
            for moment in moments:
                self._show_some([moment], now)
        elif moments:
            self._show_some(moments, now)

    def _show_some(self, moments: Sequence[Moment], now: Nanos) -> None:
        self._record([MomentSeen(now, moment, is_history=True) for moment in moments])
        said = [event for moment in moments for event in self.pipeline.warm(moment)]
        self._record([*said, Heard(now, self._courier.heard)])
        self._look_at(said, now)

    def _decide(self, moment: Moment, now: Nanos) -> None:
        """From what the broker says of the moment to what is asked of it."""
        self._courier.tell(moment, now)
        said = self.pipeline.see(moment)
        self._look_at(said, now)
        if self._courier.silence:
            self._restrain(self._unreconciled(now, self._courier.silence, TradingState.REDUCING))
        had_failed = self._isolated.failure
        events, asked = self.pipeline.ask(moment)
        intents = self._named(asked)
        lines: list[Line] = [*said, *events]
        if self._isolated.failure != had_failed:
            failure, cause = self._isolated.failure, self._isolated.cause
            lines.append(StrategyFailed(now, failure))
            lines.append(_restrained(now, cause, failure, "the session", Sweep.ENTRIES))
        self._record([*lines, *intents, MomentDecided(now, moment.time, self._courier.heard)])
        self._send(intents, moment.time, now)

    def _leave_pending(self, now: Nanos) -> None:
        """A moment that was never decided becomes history once it is too late for it."""
        if self.state.pending is not None:
            self._show([self.state.pending], now)

    def _is_fresh(self, moment: Moment, now: Nanos) -> bool:
        return self.charter.is_fresh(moment.time, now, self._patience.finality)

    def _lose_feed(self, now: Nanos, reason: str) -> None:
        self._note_loss(now, reason)
        self._enforce(now)

    def _note_loss(self, now: Nanos, reason: str) -> None:
        if not self.state.lost_since:
            self._record([FeedLost(now, reason)])
            # Without a single price nothing can be judged, not even what reduces (fault-F38).
            state = TradingState.REDUCING if self.state.seen_until else TradingState.HALTED
            restraint = Restraint(Cause.FEED, state, reason, now, "R27", sweep=Sweep.ENTRIES)
            self._restrain(Restrained(now, restraint))

    def _data_are_back(self, now: Nanos) -> None:
        """Fresh data end an outage; nobody watched during it: compare before orders may pass."""
        if self.state.lost_since:
            self._hear(now)
            self._reconcile(now)
            self._record([FeedRestored(now, self.state.missed)])
            self._release(now, Cause.FEED, "market data are there again", "R27")

    # Time ---------------------------------------------------------------------------------------

    @step
    def tick(self, now: Nanos) -> None:
        """Let time pass: hear the broker, ask again, compare, notice what is overdue."""
        if not self.is_closed:
            self._tick(now)

    def _tick(self, now: Nanos) -> None:
        self._hear(now)
        self._settle(now)
        last = self.state.reconciled
        due = last is None or now - last.time >= self._patience.reconcile
        if due or Cause.UNRECONCILED in self.state.restraints:
            self._reconcile(now)
        self._decide_pending(now)
        self._record(self.pipeline.watch(now)[0])
        self._look_at_the_feed(now)
        self._enforce(now)

    def _decide_pending(self, now: Nanos) -> None:
        moment = self.state.pending
        if moment is None or Cause.UNRECONCILED in self.state.restraints:
            return
        if self._is_fresh(moment, now):
            self._decide(moment, now)
        else:
            self._leave_pending(now)

    def _look_at_the_feed(self, now: Nanos) -> None:
        """Market data are overdue by what the market owes, not by what the line is silent."""
        if not self.charter.length or not self.charter.opens < now <= self.charter.closes:
            return
        since = max(self.state.seen_until, self.charter.opens, self.state.starts[-1])
        overdue = now - since - self.charter.length - self._patience.finality
        if overdue > self._patience.feed:
            causes = "".join(f"; {reason}" for reason in self.state.troubles.values())
            self._lose_feed(now, f"no bar for {(now - since) // 10**9} s{causes}")

    # Commands and restraints --------------------------------------------------------------------

    @step
    def command(self, command: Commanded, now: Nanos) -> None:
        """Do what somebody asks for; the same command twice is done once."""
        if command.id in self.state.commands:
            return
        restraint = restraint_of(command)
        lines: list[Line] = [command]
        if restraint is not None:
            lines.append(Restrained(now, restraint))
        released = released_by(command, self.state.restraints)
        if released:
            # Nobody watched while it was restrained: compare before orders may pass.
            lines.append(self._unreconciled(now, f"{command.verb} by {command.by}"))
        lines += (Released(now, cause, command.reason, command.by) for cause in released)
        self._record(lines)
        if released:
            self._hear(now)
            self._reconcile(now)
        self._enforce(now)

    def _enforce(self, now: Nanos) -> None:
        """Bring about what the restraints in force ask for; again and again until it is so."""
        restraints, state = self.state.restraints, self.state
        if restraints.sweep is not Sweep.NOTHING:
            self._cancel(swept(restraints.sweep, state.working, state.account), _words(self), now)
        if restraints.flattens:
            self._flatten(now)

    def _cancel(self, order_ids: Iterable[OrderId], reason: str, now: Nanos) -> None:
        intents: list[Intent] = [
            CancelRequest(now, order_id, reason)
            for order_id in order_ids
            if (CancelRequest, order_id) not in self.state.unanswered
            and self.state.orders[order_id].status is not OrderStatus.PENDING_CANCEL
        ]
        if intents:
            self._record(intents)
            self._send(intents, now, now)

    def _flatten(self, now: Nanos) -> None:
        """Ask for what closes each holding, collared, and anew where the market left it behind."""
        working = {
            each.order.symbol: each
            for each in self.state.working
            if each.order.reason == FLATTENING
        }
        for symbol, held in self.state.account.positions.items():
            last = self.pipeline.last_price(symbol)
            if last is None:
                continue
            if symbol in working:
                if is_out_of_reach(working[symbol], last.price):
                    self._cancel([working[symbol].order.id], "the market left it behind", now)
                continue
            order = closing_order(
                f"close{self.state.lines}",
                symbol,
                held.quantity,
                last.price,
                self._collar.at(last.price),
                self._parts.instruments[symbol].tick,
                now,
            )
            refused, judged = self.pipeline.judge([order], now)
            intents = self._named(judged)
            self._record([*refused, *intents])
            self._send(intents, now, now)

    def _restrain(self, restrained: Restrained) -> None:
        """Bring a restraint into force, unless nothing gets tighter by it."""
        restraints = self.state.restraints
        if restraints.after(restrained.restraint) is not restraints:
            self._record([restrained])

    def _release(self, now: Nanos, cause: Cause, reason: str, by: str) -> None:
        if cause in self.state.restraints:
            self._record([Released(now, cause, reason, by)])

    def _unreconciled(
        self, now: Nanos, reason: str, state: TradingState = TradingState.HALTED
    ) -> Restrained:
        return Restrained(now, Restraint(Cause.UNRECONCILED, state, reason, now, "R28"))

    # The broker ---------------------------------------------------------------------------------

    def _named(self, intents: Sequence[Intent]) -> list[Intent]:
        """The intents, each order with the name it will have at the broker."""
        opened = self.state.opened
        assert opened is not None
        return [
            replace(each, client_id=client_id(opened, each.approved.order.id))
            if isinstance(each, OrderApproved)
            else each
            for each in intents
        ]

    def _send(self, intents: Sequence[Intent], moment: Nanos, now: Nanos) -> None:
        """Send what was recorded; answers, and what was not answered, are recorded in turn."""
        if intents:
            self._book(self.pipeline.route(intents, moment), now)

    def _hear(self, now: Nanos) -> None:
        said = self._courier.hear(now)
        self._book([*said, *self.pipeline.hear(said)], now)

    def _book(self, said: Sequence[Event], now: Nanos) -> None:
        unknown = self._courier.unknown()
        if said or unknown:
            heard = [Heard(now, self._courier.heard)] if said else []
            self._record([*unknown, *said, *heard])
            self._look_at(said, now)

    def _look_at(self, said: Sequence[Event], now: Nanos) -> None:
        """Only reduce while the broker reports on orders that are not ours (fault-F24)."""
        for event in said:
            order_id = order_of(event)
            state = self.pipeline.orders.get(order_id) if order_id is not None else None
            if state is not None and state.order.reason == EXTERNAL:
                reason = f"order {order_id} is {EXTERNAL}"
                self._restrain(self._unreconciled(now, reason, TradingState.REDUCING))

    def _settle(self, now: Nanos) -> None:
        """Ask by id what became of each intent without an answer; send again what is not there."""
        if not self.state.unanswered or self._courier.silence:
            return
        try:
            for intent in list(self.state.unanswered.values()):
                self._settle_one(intent, now)
        except BrokerSilent as silent:
            self._courier.failed(silent, now)
        self._hear(now)

    def _settle_one(self, intent: Intent, now: Nanos) -> None:
        order_id = order_id_of(intent)
        name = intent.client_id if isinstance(intent, OrderApproved) else ""
        there = self._parts.broker.find(name or order_id)
        match intent:
            case OrderApproved(time=time, approved=approved) if there is None:
                if self._may_send_again(time, now):
                    self._courier.send(intent, time)
                else:
                    self._end(OrderRejected(now, approved.order, NEVER_ARRIVED), now)
            case CancelRequest() if there is not None and there.is_working:
                self._courier.send(intent, now)
            case ReplaceApproved(time=time) if there is not None and there.is_working:
                if self._may_send_again(time, now):
                    self._courier.send(intent, time)
                else:
                    self._end(ReplaceRejected(now, order_id, NEVER_ARRIVED), now)

    def _end(self, said: Event, now: Nanos) -> None:
        """Say ourselves what nobody else will."""
        found = self.pipeline.hear([said])
        self._record([said, *found, Heard(now, self._courier.heard)])

    def _may_send_again(self, time: Nanos, now: Nanos) -> bool:
        """What was decided is sent late only while it would be decided the same."""
        others = self.state.restraints.without(Cause.UNRECONCILED)
        fresh = self.charter.is_fresh(time, now, self._patience.finality)
        return fresh and others.state is TradingState.ACTIVE and time >= self.state.restored

    def _reconcile(self, now: Nanos) -> None:
        """Compare with the broker's statement; only an equal one sets the session free."""
        broker, courier = self._parts.broker, self._courier
        if courier.silence:
            self._restrain(self._unreconciled(now, courier.silence, TradingState.REDUCING))
            return
        try:
            statement = broker.statement()
            if statement.number < self.state.heard:  # it began to count anew
                courier.connect(statement.number)
                self._record([Heard(now, statement.number)])
            self._hear(now)
            found = compare(self.state, statement, broker.find, now)
        except BrokerSilent as silent:
            courier.failed(silent, now)
            self._restrain(self._unreconciled(now, silent.message, TradingState.REDUCING))
            return
        self.pipeline.hear(found.ended)
        ended = [*found.ended, Heard(now, courier.heard)] if found.ended else []
        self._record([*ended, Reconciled(now, found.differences)])
        if found.open or self.state.unanswered:
            items = ", ".join(each.item for each in found.open) or "an outcome that is not known"
            reason = f"journal and broker differ in {items}"
            self._restrain(self._unreconciled(now, reason, TradingState.REDUCING))
        else:
            self._release(now, Cause.UNRECONCILED, "journal and broker are equal", "R28")

    # The journal --------------------------------------------------------------------------------

    def _record(self, lines: Sequence[Line]) -> None:
        """Keep lines for good, then let them be true."""
        if lines:
            self._parts.journal.record(lines)
            self._happened += lines
            for line in lines:
                self._fold(line)

    def _fold(self, line: Line) -> None:
        guard = self._parts.guard
        self.state.fold(line)
        match line:
            case Restrained(restraint=restraint):
                if guard.restraints.after(restraint) is not guard.restraints:
                    guard.note(line)  # else it was the guard's own
            case Commanded() | Reconciled() | Released():
                guard.note(line)
        guard.restraints = self.state.restraints


def _restrained(
    now: Nanos, cause: Cause, reason: str, by: str, sweep: Sweep = Sweep.NOTHING
) -> Restrained:
    return Restrained(now, Restraint(cause, TradingState.HALTED, reason, now, by, sweep=sweep))


def _words(session: PaperSession) -> str:
    strictest = session.state.restraints.strictest
    return f"{strictest.cause}: {strictest.reason}" if strictest else ""
