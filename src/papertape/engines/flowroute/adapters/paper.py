"""PaperBroker: a simulated exchange's Book behind the Broker protocol, with its own ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from papertape.domain.account import Account, Position, split_shares
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.compatibility import NONE, Compatibility
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    DividendAccrued,
    DividendPaid,
    Event,
    HoldingDelisted,
    LedgerEvent,
    Moment,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderReport,
    SplitApplied,
    SymbolChanged,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus, book_report
from papertape.domain.market import (
    Bar,
    CorporateAction,
    Delisting,
    Dividend,
    Frequency,
    Renaming,
    Split,
)
from papertape.domain.money import Micros, dollars, micros
from papertape.domain.order import Order, OrderId
from papertape.domain.verdict import Approved
from papertape.matching.book import Book
from papertape.matching.costs import CostModel


class PaperBroker:
    """A cash account at a broker that trades on the simulated exchange.

    Args:
        capital: Cash the account opens with, micro-dollars.
        instruments: What can be traded, by symbol.
        frequency: Length of the bars it will be shown.
        costs: What trading costs here.
        compat: Conventions of other engines to follow; none unless a run asks for them.
    """

    def __init__(
        self,
        capital: Micros,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        costs: CostModel,
        compat: frozenset[Compatibility] = NONE,
    ):
        self._instruments = instruments
        self._account = Account.opened(capital)
        self._book = Book(instruments, frequency, costs)
        self._compat = compat
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
        self._report(self._book.accept(order, order.time if now is None else now))
        if Compatibility.FILL_AT_DECISION_CLOSE in self._compat:
            for event in self._book.fill_at_close(order.id, self._account):
                self._report(event)
        return order.id

    def cancel_order(
        self, order_id: OrderId, now: Nanos | None = None, reason: str = "asked for"
    ) -> bool:
        """Cancel what is still open of an order; False if there is nothing left to cancel."""
        state = self._state(order_id)
        moment = state.order.time if now is None else now
        canceled = self._book.cancel(order_id, moment, reason)
        if canceled is not None:
            self._report(canceled)
        return canceled is not None

    def replace_order(
        self,
        order_id: OrderId,
        now: Nanos,
        *,
        quantity: int | None = None,
        limit: Micros | None = None,
        stop: Micros | None = None,
    ) -> bool:
        """Change a working order in place; False if it cannot be, and the report says why.

        Args:
            order_id: The order.
            now: When the wish arrives.
            quantity: Shares in all, signed, those filled included.
            limit: Its new limit, micro-dollars.
            stop: Its new trigger, micro-dollars.
        """
        self._state(order_id)
        answer = self._book.replace(order_id, now, quantity=quantity, limit=limit, stop=stop)
        self._report(answer)
        return isinstance(answer, OrderReplaced)

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
        """What the moment's bars did to the orders, instrument by instrument."""
        account, brought, happened = self._account, 0, list[Event]()
        for bar in moment.bars:
            # Assumption: what one instrument brings in within a moment pays for another only from
            # the next moment on; nobody knows which of the two came first.
            events, account = self._book.match(bar, account, withheld=brought)
            fills = (event.fill.cash for event in events if isinstance(event, OrderFilled))
            brought += sum(cash for cash in fills if cash > 0)
            happened += events
        return happened

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
        symbol, last = action.symbol, self._last.get(action.symbol, 0)
        if isinstance(action, Renaming):
            self._last[action.new_symbol] = last
        held = self._account.quantity(symbol)
        if held:
            self._report(_booked(action, now, held, last))

    def _report(self, event: Event) -> None:
        """Fold an event into the broker's own books, number it and hand it on."""
        if isinstance(event, OrderReport):
            event = replace(event, number=next(self._numbers))
        self._reports.append(event)
        book_report(self._orders, event)
        if isinstance(event, OrderAccepted | OrderRejected):
            self._asked[event.order.id] = event.order
        if isinstance(event, LedgerEvent):
            self._account = self._account.after(event)
        if isinstance(event, DividendAccrued):
            self._pay_later(event)

    def _pay_later(self, accrued: DividendAccrued) -> None:
        calendar = calendar_of(self._instruments[accrued.symbol].venue)
        due = calendar.session(accrued.pay_date).open
        if Compatibility.DIVIDENDS_ON_EX_DATE in self._compat:
            due = accrued.time
        self._owed.append(DividendPaid(due, accrued.symbol, accrued.quantity * accrued.amount))


def _booked(action: CorporateAction, now: Nanos, held: int, last: Micros) -> Event:
    """What a corporate action does to a holding, at the last price before it."""
    symbol = action.symbol
    match action:
        case Split(ratio=ratio):
            after, cash = split_shares(held, ratio, last)
            return SplitApplied(now, symbol, ratio, held, after, cash)
        case Dividend(amount=amount, pay_date=pay_date):
            return DividendAccrued(now, symbol, held, amount, pay_date)
        case Renaming(new_symbol=new_symbol):
            return SymbolChanged(now, symbol, new_symbol, held)
        case Delisting():
            return HoldingDelisted(now, symbol, held, action.paid(last, held))


def _opening(moment: Moment, symbol: str) -> Nanos:
    """When the symbol's bar of this moment began; without one, when the first of them did."""
    starts = [bar.start for bar in moment.bars if bar.symbol == symbol]
    return min(starts or [bar.start for bar in moment.bars], default=moment.time)
