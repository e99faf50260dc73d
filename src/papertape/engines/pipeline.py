"""TradingPipeline: one moment of the market through SignalCore, RiskGuard and FlowRoute.

Moments in, events out. The pipeline calls no listener, opens no file and reads no clock; the
driver hands it the time and carries away what happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

from papertape.domain.account import Account
from papertape.domain.books import booked
from papertape.domain.clock import Nanos
from papertape.domain.day import MomentSeen
from papertape.domain.event import (
    CancelRequest,
    Entry,
    Event,
    Intent,
    Journal,
    Moment,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    Proposal,
    ReplaceApproved,
    ReplaceRequest,
    Restrained,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import Effect, OrderState
from papertape.domain.market import Bars, Renaming, Trade
from papertape.domain.money import Micros, micros
from papertape.domain.order import OrderId
from papertape.domain.report import order_of
from papertape.domain.restraint import Cause, Restraint, Sweep, TradingState
from papertape.domain.terms import AccountTerms
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.core import Router
from papertape.engines.riskguard import LastPrice, RiskGuard, RiskView
from papertape.engines.signalcore.engine import SignalCore, Standing


class TradingPipeline:
    """The same walk for every driver; what differs between bench and session is feed and clock.

    Args:
        core: The strategy's desk.
        guard: Judges every order.
        router: The way to the broker.
        account: Where the account stands at the start.
        terms: What it may do.
        instruments: What is traded.
    """

    def __init__(
        self,
        core: SignalCore,
        guard: RiskGuard,
        router: Router,
        account: Account,
        terms: AccountTerms,
        instruments: Mapping[str, Instrument],
    ):
        self._core = core
        self._terms = terms
        self._instruments = instruments
        self.guard = guard
        self._router = router
        self.account = account
        self.orders: dict[OrderId, OrderState] = {}
        self._working: dict[OrderId, OrderState] = {}
        self._last: dict[str, LastPrice] = {}
        self._closes: dict[str, Micros] = {}
        self._answers: list[Event] = []
        guard.begin(account)

    def warm(self, moment: Moment) -> list[Event]:
        """See a moment in which nothing is decided; what happened to orders and account in it.

        Before the first decision no order rests, so that is nothing; else the strategy hears of
        it when it is asked next.
        """
        if self.guard.counts:
            self.guard.note(MomentSeen(moment.time, moment, is_history=True))
        events = self._router.collect_fills(moment)
        events += self.hear(events)
        self._note_prices(moment)
        self._core.see(moment)
        return events

    def finish(self) -> None:
        """Tell the strategy that there is nothing more to come."""
        self._core.finish()

    def step(self, moment: Moment, journal: Journal) -> list[Entry]:
        """One whole step: decide, record what is about to be sent, send it, record the answers."""
        return self._sent(*self.decide(moment), moment.time, journal)

    def _sent(
        self, events: list[Event], intents: list[Intent], now: Nanos, journal: Journal
    ) -> list[Entry]:
        entries: list[Entry] = [*events, *intents]
        if entries:
            journal.record(entries)
        if intents:
            reports = self.route(intents, now)
            journal.record(reports)
            entries += reports
        return entries

    def pass_calm(self, bars: Bars, first: int, stop: int) -> int:
        """Hand calm bars to the strategy alone; the row of the first that needs a whole step.

        What a step does besides (orders, payments, prices) is caught up with at once. Where the
        strategy asks for something, `answer` is to follow before the next row.

        Args:
            bars: The only instrument's bars.
            first: Row of the next bar.
            stop: Row before which to stop in any case, for an action takes effect there.
        """
        symbol = bars.symbol
        if self._answers or self.guard.counts:
            return first
        calm = self._router.calm(symbol)
        if calm.until <= bars.end.item(first):
            return first
        row = self._core.pass_calm(bars, first, stop, calm, self._standing)
        if row > first:
            self._router.catch_up(bars, first, row)
            close = micros(bars.close.item(row - 1))
            end, start = bars.end.item(row - 1), bars.start.item(row - 1)
            self._closes[symbol] = close
            self._last[symbol] = LastPrice(close, end, end - start)
        return row

    def answer(self, now: Nanos, journal: Journal) -> list[Entry]:
        """The rest of a step for what the strategy asked for in the calm bar that ended now."""
        decided, proposals = self._core.asked(self._standing(now))
        if not (decided or proposals):
            return []
        refused, intents = self._judge(proposals, now)
        return self._sent([*decided, *refused], intents, now, journal)

    def _standing(self, now: Nanos) -> Standing:
        return Standing(now, self.account, self._closes, self._working, self._available())

    def decide(self, moment: Moment) -> tuple[list[Event], list[Intent]]:
        """What happened up to this moment and what is to be done about it, nothing sent yet."""
        events = self.see(moment)
        decided, intents = self.ask(moment)
        return [*events, *decided], intents

    def see(self, moment: Moment) -> list[Event]:
        """The first half of `decide`: what happened up to this moment, booked."""
        if self.guard.counts:
            self.guard.note(MomentSeen(moment.time, moment))
        events = self._router.collect_fills(moment)
        events += self._fold(events)
        self._note_prices(moment)
        self._core.see(moment)
        self._answers += events
        return events

    def ask(self, moment: Moment) -> tuple[list[Event], list[Intent]]:
        """The second half: what strategy and RiskGuard make of it."""
        told, withdrawn = self.watch(moment.time)
        standing = self._standing(moment.time)
        happened, self._answers = self._answers, []
        decided, proposals = self._core.decide(moment, happened, standing)
        if not (proposals or withdrawn):
            return [*told, *decided], []
        refused, intents = self._judge([*withdrawn, *proposals], moment.time)
        return [*told, *decided, *refused], intents

    def watch(self, now: Nanos) -> tuple[Sequence[Event], Sequence[CancelRequest]]:
        """Restrain what RiskGuard's counts call for, and withdraw orders where that is part of it.

        A step begins with it; a driver asks whenever time has passed without one.
        """
        told = self.guard.watch(now)
        cancelling = [each.restraint for each in told if each.restraint.cancels]
        return told, self.withdraw(now, cancelling[0].reason) if cancelling else ()

    def withdraw(self, now: Nanos, reason: str) -> list[CancelRequest]:
        """Cancels for all that works at the broker, to be recorded and routed."""
        return [CancelRequest(now, order_id, reason) for order_id in self._working]

    def route(self, intents: Sequence[Intent], now: Nanos) -> list[Event]:
        """Send what was decided; the broker's answers."""
        self.expect(intents)
        reports = self._router.route(intents, now)
        return [*reports, *self.hear(reports)]

    def expect(self, intents: Sequence[Intent]) -> None:
        """Take orders that are on their way as open, until the broker says what became of them."""
        for intent in intents:
            if isinstance(intent, OrderApproved):
                order = intent.approved.order
                self.orders.setdefault(order.id, OrderState(order))
                self._keep_working(order.id)

    def hear(self, reports: Sequence[Event]) -> list[Event]:
        """Book what a broker said between two decisions; what it made RiskGuard do.

        The strategy hears of it when it is asked next.
        """
        restrained = self._fold(reports)
        self._answers += reports
        return restrained

    def judge(self, proposals: Sequence[Proposal], now: Nanos) -> tuple[list[Event], list[Intent]]:
        """Ask RiskGuard about orders that no strategy asked for: what it refused, what may go."""
        return self._judge(proposals, now)

    def last_price(self, symbol: str) -> LastPrice | None:
        """The last price seen of an instrument."""
        return self._last.get(symbol)

    def _judge(self, proposals: Sequence[Proposal], now: Nanos) -> tuple[list[Event], list[Intent]]:
        """Ask RiskGuard about each order; each one counts for the next, as if it were working."""
        refused: list[Event] = []
        intents: list[Intent] = []
        working = dict(self._working)
        for proposal in proposals:
            if isinstance(proposal, CancelRequest):
                if working.pop(proposal.order_id, None) is not None:
                    intents.append(proposal)
                continue
            if isinstance(proposal, ReplaceRequest):
                self._judge_change(proposal, working, refused, intents)
                continue
            view = self._view(now, working)
            verdict = self.guard.check(self.guard.small_enough(proposal, view), view)
            if isinstance(verdict, Approved):
                working[proposal.id] = OrderState(verdict.order)
                intents.append(OrderApproved(now, verdict))
                self.guard.note(intents[-1])
            else:
                refused += self._refused(OrderRefused(now, verdict))
        halts = [each.restraint for each in refused if isinstance(each, Restrained)]
        for halt in filter(attrgetter("cancels"), halts):
            # Too many orders were asked for: none of them is to stay.
            intents += [CancelRequest(now, order_id, halt.reason) for order_id in working]
            working.clear()
        return refused, intents

    def _refused(self, event: OrderRefused) -> list[Event]:
        """A refusal, and the halt that it leads to where there were too many."""
        self.guard.note(event)
        return [event, *self.guard.watch(event.time)]

    def _judge_change(
        self,
        request: ReplaceRequest,
        working: dict[OrderId, OrderState],
        refused: list[Event],
        intents: list[Intent],
    ) -> None:
        """Ask about what would be open of an order, as if it were new and the old one gone."""
        state = working.pop(request.order_id, None)
        if state is None:
            return  # it is done: there is nothing to change
        rest = request.rest_of(state.order, state.filled)
        if rest is None:
            reason = f"changed to {request.quantity}, of which {state.filled} are filled"
            intents.append(CancelRequest(request.time, request.order_id, reason))
            return
        verdict = self.guard.check_change(rest, self._view(request.time, working))
        if isinstance(verdict, Approved):
            working[request.order_id] = OrderState(rest)
            intents.append(ReplaceApproved(request.time, request, verdict))
            self.guard.note(intents[-1])
        else:
            working[request.order_id] = state
            refused += self._refused(OrderRefused(request.time, verdict))

    def _available(self) -> Micros:
        """Available funds that no working order may yet take."""
        available = self._terms.available(self.account, self._closes)
        return available - self._reserved(self._working) if self._working else available

    def _reserved(self, working: dict[OrderId, OrderState]) -> Micros:
        orders = working.values()
        return self._terms.reserved(self.account, orders, self._instruments, self._closes)

    def _view(self, now: Nanos, working: dict[OrderId, OrderState]) -> RiskView:
        open_: dict[str, tuple[int, int]] = {}
        for state in working.values():
            if not state.order.reduce_only:
                buys, sells = open_.get(state.order.symbol, (0, 0))
                rest = state.open
                open_[state.order.symbol] = (buys + max(0, rest), sells + min(0, rest))
        return RiskView(
            now,
            self.account,
            self._last,
            open_,
            self._reserved(working),
            self._terms,
            self._instruments,
            working,
            self.orders,
        )

    def _note_prices(self, moment: Moment) -> None:
        for action in moment.actions:
            if isinstance(action, Renaming) and action.symbol in self._last:
                self._closes[action.new_symbol] = self._closes[action.symbol]
                self._last[action.new_symbol] = self._last[action.symbol]
        for tick in moment.ticks:
            if isinstance(tick, Trade):
                before = self._last.get(tick.symbol, LastPrice(0, 0, 0))
                price = self._closes[tick.symbol] = micros(tick.price)
                self._last[tick.symbol] = LastPrice(price, tick.time, before.length)
        for bar in moment.bars:
            close = micros(bar.close)
            self._closes[bar.symbol] = close
            self._last[bar.symbol] = LastPrice(close, bar.end, bar.end - bar.start)

    def _fold(self, events: Sequence[Event]) -> list[Event]:
        """Book what was reported; what it made RiskGuard do."""
        restrained: list[Event] = []
        for event in events:
            effect, self.account = booked(self.orders, self.account, event)
            if effect is Effect.SUSPENDED:
                reason, halted = f"the broker reports what cannot be: {event}", TradingState.HALTED
                found = Restraint(
                    Cause.OVERFILL, halted, reason, event.time, "R28", sweep=Sweep.ALL
                )
                restrained += self.guard.restrain(found)
            if effect is Effect.BOOKED:
                self.guard.note(event)
            if isinstance(event, OrderFilled):  # the only price known of what others bought
                self._closes.setdefault(event.fill.symbol, event.fill.price)
            self._keep_working(order_of(event))
        return restrained

    def _keep_working(self, order_id: OrderId | None) -> None:
        """Follow one order in the table of those that can still trade."""
        state = self.orders.get(order_id) if order_id else None
        if state is not None and state.is_working:
            self._working[state.order.id] = state
        elif order_id:
            self._working.pop(order_id, None)
