"""PaperBroker: a simulated exchange's Book behind the Broker protocol, with its own ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import count

from papertape.domain.account import Account, Position, split_shares
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    DividendAccrued,
    DividendPaid,
    Event,
    LedgerEvent,
    Moment,
    OrderAccepted,
    OrderFilled,
    OrderPending,
    OrderRejected,
    OrderReport,
    ReplaceRejected,
    SplitApplied,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus, book_report
from papertape.domain.market import Bar, CorporateAction, Frequency, Split
from papertape.domain.money import Micros, dollars, micros
from papertape.domain.order import Order, OrderId
from papertape.domain.verdict import Approved
from papertape.matching.book import INSTANT, Book
from papertape.matching.costs import CostModel
from papertape.matching.wire import Cancel, Latency, Replacement


class PaperBroker:
    """A cash account at a broker that trades on the simulated exchange.

    Args:
        capital: Cash the account opens with, micro-dollars.
        instruments: What can be traded, by symbol.
        frequency: Length of the bars it will be shown.
        costs: What trading costs here.
        latency: How long orders, cancels and replacements take to the exchange.
        taped: Symbols whose orders meet a tape, and never their bars.
    """

    def __init__(
        self,
        capital: Micros,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        costs: CostModel,
        *,
        latency: Latency = INSTANT,
        taped: Collection[str] = (),
    ):
        self._instruments = instruments
        self._account = Account.opened(capital)
        self._book = Book(instruments, frequency, costs, latency=latency, taped=taped)
        self._asked: dict[OrderId, Order] = {}
        self._orders: dict[OrderId, OrderState] = {}
        self._reports: list[Event] = []
        self._numbers = count(1)
        self._owed: list[DividendPaid] = []
        self._last: dict[str, Micros] = {}

    def submit_order(self, approved: Approved, now: Nanos | None = None) -> OrderId:
        """Take an approved order; its acceptance or rejection comes as a report.

        Args:
            approved: RiskGuard's approval; a bare order does not type-check.
            now: When it arrives; the moment it was decided unless given.

        Returns:
            The order's id. The same order sent again is the same order, not a second one.

        Raises:
            UsageError: If what arrives was not approved, or repeats an id with other content.
        """
        if not isinstance(approved, Approved):
            raise UsageError(
                f"a broker takes approved orders, not {type(approved).__name__}",
                hint="ask RiskGuard: RiskGuard.check(order, view) answers Approved or Refused",
            )
        order = approved.order
        # What was asked for, not what a split has made of it since: a repetition says the former.
        known = self._asked.get(order.id)
        if known is not None:
            if known != order:
                raise UsageError(f"order id {order.id} was used before, for another order")
            return order.id
        self._orders[order.id] = OrderState(order)
        for said in self._book.send(order.symbol, order, order.time if now is None else now):
            self._report(said)
        return order.id

    def cancel_order(
        self, order_id: OrderId, now: Nanos | None = None, reason: str = "asked for"
    ) -> bool:
        """Ask to cancel what is still open of an order; False if there is nothing left to cancel.

        With a latency the cancel may come too late all the same; a report says what came of it.
        """
        state = self._state(order_id)
        if not state.is_working:
            return False
        moment = state.order.time if now is None else now
        for said in self._book.send(state.order.symbol, Cancel(order_id, reason), moment):
            self._report(said)
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
        """Ask to change a working order in place; False if it cannot be, and a report says why.

        With a latency it may come too late all the same.

        Args:
            order_id: The order.
            now: When the wish arrives.
            quantity: Shares in all, signed, those filled included.
            limit: Its new limit, micro-dollars.
            stop: Its new trigger, micro-dollars.
        """
        symbol = self._state(order_id).order.symbol
        answers = self._book.send(symbol, Replacement(order_id, quantity, limit, stop), now)
        for said in answers:
            self._report(said)
        return not isinstance(answers[0], ReplaceRejected)

    def get_order_status(self, order_id: OrderId) -> OrderStatus:
        """Where an order stands.

        Raises:
            UsageError: If the broker never saw the id.
        """
        return self._state(order_id).status

    def get_positions(self) -> Mapping[str, Position]:
        """The holdings, symbol by symbol; flat ones are absent."""
        return self._account.positions

    def get_account_balance(self) -> float:
        """Cash in dollars: a view of the integer ledger."""
        return dollars(self._account.cash)

    @property
    def account(self) -> Account:
        """The broker's own statement."""
        return self._account

    def collect(self, moment: Moment) -> None:
        """Let the moment's bars meet the resting orders, after what took effect before them."""
        for action in moment.actions:
            self._take_effect(action, _opening(moment, action.symbol))
        if self._owed:
            self._pay(moment.time)
        for event in sorted(self._matched(moment), key=lambda event: event.time):
            self._report(event)
        for bar in moment.bars:
            self.observe(bar)

    def _matched(self, moment: Moment) -> list[Event]:
        """What the moment's tape and bars did to the orders."""
        account, brought, happened = self._account, 0, list[Event]()
        if moment.ticks:
            self._book.turn()
        for said in (*moment.ticks, *moment.bars):
            # Assumption: what one bar brings in pays for another instrument only from the next
            # moment on; nobody knows which of the two came first. A tape says so.
            withheld = brought if isinstance(said, Bar) else 0
            events, account = self._book.match(said, account, withheld=withheld)
            fills = (event.fill.cash for event in events if isinstance(event, OrderFilled))
            brought += sum(cash for cash in fills if cash > 0)
            happened += events
        events, account = self._book.pass_time(moment.time, account)
        return happened + events

    def observe(self, bar: Bar) -> None:
        """See a bar without trading on it, as during the warm-up."""
        self._book.observe(bar)
        self._last[bar.symbol] = micros(bar.close)

    def _pay(self, now: Nanos) -> None:
        for payment in [payment for payment in self._owed if payment.time <= now]:
            self._owed.remove(payment)
            self._report(payment)

    def reports(self) -> list[Event]:
        """What happened since the last call, in order."""
        reports, self._reports = self._reports, []
        return reports

    def _state(self, order_id: OrderId) -> OrderState:
        if order_id not in self._orders:
            raise UsageError(f"the broker knows no order {order_id!r}")
        return self._orders[order_id]

    def _take_effect(self, action: CorporateAction, now: Nanos) -> None:
        for event in self._book.restate(action, now):
            self._report(event)
        held = self._account.quantity(action.symbol)
        if isinstance(action, Split):
            before = self._last.get(action.symbol, 0)
            if held:
                after, cash = split_shares(held, action.ratio, before)
                self._report(SplitApplied(now, action.symbol, action.ratio, held, after, cash))
        elif held:
            self._report(DividendAccrued(now, action.symbol, held, action.amount, action.pay_date))

    def _report(self, event: Event) -> None:
        """Fold an event into the broker's own books, number it and hand it on."""
        if isinstance(event, OrderReport):
            event = replace(event, number=next(self._numbers))
        self._reports.append(event)
        book_report(self._orders, event)
        if isinstance(event, OrderPending | OrderAccepted | OrderRejected):
            self._asked[event.order.id] = event.order
        if isinstance(event, LedgerEvent):
            self._account = self._account.after(event)
        if isinstance(event, DividendAccrued):
            self._pay_later(event)

    def _pay_later(self, accrued: DividendAccrued) -> None:
        calendar = calendar_of(self._instruments[accrued.symbol].venue)
        due = calendar.session(accrued.pay_date).open
        self._owed.append(DividendPaid(due, accrued.symbol, accrued.quantity * accrued.amount))


def _opening(moment: Moment, symbol: str) -> Nanos:
    """When the symbol's bar of this moment began."""
    return next(bar.start for bar in moment.bars if bar.symbol == symbol)
