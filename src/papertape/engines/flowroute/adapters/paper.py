"""PaperBroker: a simulated exchange's Book behind the Broker protocol, with its own ledger."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import count
from operator import attrgetter

from papertape.domain.account import Account, Position, split_shares
from papertape.domain.calm import ALWAYS, NEVER, Calm
from papertape.domain.clock import Nanos
from papertape.domain.compatibility import NONE, Compatibility
from papertape.domain.day import DayOpened, Payment
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    DividendAccrued,
    Event,
    FillBusted,
    FillCorrected,
    HoldingDelisted,
    LedgerEvent,
    Moment,
    OrderAccepted,
    OrderPending,
    OrderRejected,
    OrderReport,
    ReplaceRejected,
    SplitApplied,
    SymbolChanged,
    numbered,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus, book_report
from papertape.domain.market import (
    Bar,
    Bars,
    CorporateAction,
    Delisting,
    Dividend,
    Frequency,
    Renaming,
    Split,
)
from papertape.domain.money import Micros, dollars
from papertape.domain.order import Order, OrderId
from papertape.domain.statement import carried_over
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms, judged_price
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.back_office import BackOffice
from papertape.matching.book import INSTANT, Book
from papertape.matching.costs import CostModel
from papertape.matching.wire import Cancel, Latency, Replacement


class PaperBroker:
    """An account at a broker that trades on the simulated exchange.

    Args:
        capital: Cash the account opens with, micro-dollars.
        instruments: What can be traded, by symbol.
        frequency: Length of the bars it will be shown.
        costs: What trading and borrowing cost here.
        terms: What the account may do.
        compat: Conventions of other engines to follow; none unless a run asks for them.
        latency: How long orders, cancels and replacements take to the exchange.
        taped: Symbols whose orders meet a tape, and never their bars.
    """

    def __init__(
        self,
        capital: Micros,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        costs: CostModel,
        terms: AccountTerms = CASH_ACCOUNT,
        compat: frozenset[Compatibility] = NONE,
        *,
        latency: Latency = INSTANT,
        taped: Collection[str] = (),
    ):
        self._instruments = instruments
        self._terms = terms
        self._account = Account.opened(capital)
        self._book = Book(instruments, frequency, costs, terms, latency, taped)
        self._office = BackOffice(instruments, terms, costs.financing, compat)
        self._compat = compat
        self._asked: dict[OrderId, Order] = {}
        self._orders: dict[OrderId, OrderState] = {}
        self._reports: list[Event] = []
        self._numbers = count(1)
        self._forced: set[OrderId] = set()

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
        moment = order.time if now is None else now
        fault = self._unaffordable(order)
        if fault:
            self._report(OrderRejected(moment, order, fault))
            return order.id
        for said in self._book.send(order.symbol, order, moment):
            self._report(said)
        if Compatibility.FILL_AT_DECISION_CLOSE in self._compat:
            for event in self._book.fill_at_close(order.id, self._account):
                self._report(event)
        return order.id

    def _unaffordable(self, order: Order) -> str:
        """Why the account cannot pay for an order, judged at the last price (fill-Q5), or ""."""
        last, held = self._book.last, self._account.quantity(order.symbol)
        if order.symbol not in last or order.reduce_only:
            return ""  # nothing can be judged before a price is known; each fill is, again
        working = [state for state in self._book.working() if not state.order.reduce_only]
        same_side = sum(
            state.open
            for state in working
            if state.order.symbol == order.symbol and state.open * order.quantity > 0
        )
        instrument, price = self._instruments[order.symbol], judged_price(order, last[order.symbol])
        needs = self._terms.commits(instrument, held + same_side, order.quantity, price)
        if needs <= 0:
            return ""
        free = self._terms.available(self._account, last)
        free -= self._terms.reserved(self._account, working, self._instruments, last)
        if needs <= free:
            return ""
        return f"BUYING_POWER: needs {needs / 1e6:,.2f}, has {free / 1e6:,.2f}"

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
        state = self._state(order_id)
        if not state.is_working:
            self._report(ReplaceRejected(now, order_id, f"it is {state.status}"))
            return False
        symbol = state.order.symbol
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
        """The account as the broker has it."""
        return self._account

    @property
    def prices(self) -> Mapping[str, Micros]:
        """The last price of each instrument."""
        return self._book.last

    @property
    def coming(self) -> tuple[Payment, ...]:
        """Payments that the account is promised, oldest first."""
        return self._office.coming

    @property
    def orders(self) -> Mapping[OrderId, OrderState]:
        """Every order that ever arrived, children and forced ones included."""
        return self._orders

    def collect(self, moment: Moment) -> None:
        """Let the moment's bars meet the resting orders, after what took effect before them."""
        for charge in self._office.overnight(moment, self._account, self._book.last):
            self._report(charge)
        for action in moment.actions:
            self._take_effect(action, _opening(moment, action.symbol))
        for payment in self._office.due(moment.time):
            self._report(payment)
        # The account that the exchange came to is held until the broker has come to it, too.
        matched, _foreseen = self._matched(moment)
        for event in sorted(matched, key=attrgetter("time")) if len(matched) > 1 else matched:
            self._report(event)
        for bar in moment.bars:
            self.observe(bar)
        for gain in self._office.mark(moment, self._account):
            self._report(gain)
        self._call_for_margin(moment.time)

    def calm(self, symbol: str) -> Calm:
        """The stretch of market in which nothing happens at this broker.

        Assumption: none while the account owes or holds what is marked, for then every close
        counts.
        """
        if self._office.owes(self._account):
            return NEVER
        return self._book.calm(symbol).within(Calm(self._office.next_due, 0, ALWAYS.below))

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """See rows of bars that were calm, all at once."""
        self._book.catch_up(bars, first, stop)
        self._office.sleep_through(bars.end.item(stop - 1))

    def carry_over(self, day: DayOpened) -> None:
        """Go on where the account's last day ended; what was reported of it is not said again."""
        self._account = carried_over(day.cash, day.holdings, day.coming)
        self._office.carry_over(day.coming, day.since)
        self._book.carry_over({each.symbol: each.price for each in day.holdings if each.price})

    def remember(self, moment: Moment) -> None:
        """See a moment that was over before the account's day began: nothing is booked of it."""
        for action in moment.actions:
            self._book.restate(action, _opening(moment, action.symbol))
        for bar in moment.bars:
            self.observe(bar)

    def _matched(self, moment: Moment) -> tuple[list[Event], Account]:
        """What the moment's tape and bars did to the orders, and the account after that."""
        account, set_free, happened = self._account, 0, list[Event]()
        if moment.ticks:
            self._book.turn()
        said_all = (*moment.ticks, *moment.bars)
        if len(said_all) == 1:
            happened, account = self._book.match(said_all[0], account)
            events, account = self._book.pass_time(moment.time, account)
            return happened + events, account
        before = self._terms.available(account, self._book.last)
        for said in said_all:
            # Assumption: what one bar sets free within a moment pays for another only from the
            # next moment on; nobody knows which of the two came first. A tape says it.
            withheld = set_free if isinstance(said, Bar) else 0
            events, account = self._book.match(said, account, withheld=withheld)
            if events:
                after = self._terms.available(account, self._book.last)
                set_free += max(0, after - before)
                before = after
                happened += events
        events, account = self._book.pass_time(moment.time, account)
        return happened + events, account

    def _call_for_margin(self, now: Nanos) -> None:
        """Close what equity does not cover, unless that is under way."""
        call = self._office.margin_call(now, self._account, self._book.last)
        if call is None or any(each.order.id in self._forced for each in self._book.working()):
            return
        called, orders = call
        self._report(called)
        for order in orders:
            self._forced.add(order.id)
            self._orders[order.id] = OrderState(order)
            self._report(self._book.accept(order, now))

    def bust_fill(self, fill: Fill, now: Nanos, reason: str) -> None:
        """Take an execution back, as an exchange does with clearly erroneous ones (FINRA 11890)."""
        self._report(FillBusted(now, fill, reason))

    def correct_fill(self, fill: Fill, instead: Fill, now: Nanos, reason: str) -> None:
        """Put another execution in the place of one."""
        self._report(FillCorrected(now, fill, instead, reason))

    def observe(self, bar: Bar) -> None:
        """See a bar without trading on it, as during the warm-up."""
        self._book.observe(bar)

    def reports(self) -> list[Event]:
        """What happened since the last call, in order."""
        reports, self._reports = self._reports, []
        return reports

    def _state(self, order_id: OrderId) -> OrderState:
        if order_id not in self._orders:
            raise UsageError(f"the broker knows no order {order_id!r}")
        return self._orders[order_id]

    def _take_effect(self, action: CorporateAction, now: Nanos) -> None:
        before = self._book.last.get(action.symbol, 0)
        for event in self._book.restate(action, now):
            self._report(event)
        held = self._account.quantity(action.symbol)
        if held:
            self._report(_booked(action, now, held, before))

    def _report(self, event: Event) -> None:
        """Fold an event into the broker's own books, number it and hand it on."""
        if isinstance(event, OrderReport):
            event = numbered(event, next(self._numbers))
        self._reports.append(event)
        book_report(self._orders, event)
        if isinstance(event, _NEWS_OF_AN_ORDER):
            self._asked[event.order.id] = event.order
        if isinstance(event, LedgerEvent):
            self._account = self._account.after(event)
            self._reports += self._office.follow(event, self._account)


_NEWS_OF_AN_ORDER = (OrderPending, OrderAccepted, OrderRejected)


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
