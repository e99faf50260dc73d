"""Book: the orders the simulated exchange holds, matched against what the market does next."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from math import isnan, nan

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.calm import ALWAYS, NEVER, Calm
from papertape.domain.clock import Nanos
from papertape.domain.event import (
    CancelPending,
    CancelRejected,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderPending,
    OrderRejected,
    OrderReplaced,
    OrderReport,
    ReplacePending,
    ReplaceRejected,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import (
    Bar,
    Bars,
    CorporateAction,
    Delisting,
    Frequency,
    Quote,
    Renaming,
    Split,
    Tick,
    Trade,
)
from papertape.domain.money import Micros, half_even, micros
from papertape.domain.order import Order, OrderId, TimeInForce
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms
from papertape.matching import acceptance
from papertape.matching.costs import CostModel
from papertape.matching.counter import Counter, Market
from papertape.matching.liquidity import UNKNOWN, LiquidityEstimator
from papertape.matching.path import concerns, meet, meet_close
from papertape.matching.quotation import Quotation
from papertape.matching.restatement import restate
from papertape.matching.resting import ASLEEP, UNKNOWN_QUEUE, Resting, is_for, new_resting
from papertape.matching.tick_walk import TickCounter, TickWalk, matters
from papertape.matching.wire import Cancel, Latency, Message, Reduction, Replacement, Wire

INSTANT = Latency()
TOO_LATE = "too late: it is not working any more"


class Book:
    """Resting orders of every instrument, and what past bars say of its liquidity.

    A fill depends only on orders accepted before a bar began, or a message of the tape came, and
    on that bar or message; slippage, and spread without quotes, come from bars completed before it
    (fill-P0). An instrument that has a tape is matched on it alone; its bars only inform.

    Args:
        instruments: What can be traded, by symbol.
        frequency: Length of the bars.
        costs: What trading costs.
        terms: What the account may do.
        latency: How long a message takes to get here.
        taped: Symbols that have a tape from the start; others have one from their first message.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        costs: CostModel,
        terms: AccountTerms = CASH_ACCOUNT,
        latency: Latency = INSTANT,
        taped: Collection[str] = (),
    ):
        self._instruments = instruments
        self._costs = costs
        self._terms = terms
        self._resting: dict[str, list[Resting]] = {symbol: [] for symbol in instruments}
        self._past = {symbol: LiquidityEstimator(frequency) for symbol in instruments}
        self._last: dict[str, Micros] = {}
        self._bar: dict[str, Bar] = {}
        self._ended: dict[str, str] = {}
        self._count = 0
        self._wire = Wire(latency)
        self._tapes = {symbol: Quotation() for symbol in taped}

    def calm(self, symbol: str) -> Calm:
        """The stretch of market that leaves every order of an instrument as it is."""
        if self._tapes or not self._wire.is_instant:
            return NEVER
        tick, calm, queue = self._instruments[symbol].tick, ALWAYS, self._resting[symbol]
        here = {resting.order.id for resting in queue}
        for resting in queue:
            if resting.is_asleep and resting.order.after not in here:
                return NEVER  # it is to be let go
            calm = calm.within(resting.calm(tick))
        return calm

    def send(self, symbol: str, message: Order | Cancel | Replacement, now: Nanos) -> list[Event]:
        """Take a message that was sent now; what can be said of it at once.

        With a latency that is only that it is under way; `match` and `pass_time` say the rest.
        """
        if self._wire.is_instant:
            return self._received(message, now)
        asked = self._wire.request_id(message.id if isinstance(message, Order) else message[0])
        match message:
            case Order():
                pending: Event = OrderPending(now, message)
            case Cancel(order_id=order_id, reason=reason):
                pending = CancelPending(now, order_id, reason, request_id=asked)
                message = message._replace(request_id=asked)
            case Replacement(order_id=order_id):
                pending = ReplacePending(now, order_id, "asked for", request_id=asked)
                message = message._replace(request_id=asked)
        self._wire.send(symbol, message, now)
        return [pending]

    def _received(self, message: Message, now: Nanos) -> list[Event]:
        """What a message does when it is there."""
        match message:
            case Order():
                return [self.accept(message, now)]
            case Cancel():
                return [self._cancelled(message, now)]
            case Replacement(order_id, quantity, limit, stop, asked):
                terms = {"quantity": quantity, "limit": limit, "stop": stop}
                return [self.replace(order_id, now, **terms, asked=asked)]
            case Reduction():
                return [self._reduced(message, now)]

    def _arrivals(self, symbol: str | None, until: Nanos) -> list[Event]:
        arrived = self._wire.arrived(until, symbol)
        return [event for each in arrived for event in self._received(each.message, each.arrival)]

    def accept(self, order: Order, now: Nanos) -> OrderAccepted | OrderRejected:
        """Take an order, or say why not."""
        if order.symbol not in self._instruments:
            return OrderRejected(now, order, f"{order.symbol} is not traded here")
        refusal = self._ended.get(order.symbol) or self._refusal(order, now)
        if refusal:
            return OrderRejected(now, order, refusal)
        instrument, eligible = self._instruments[order.symbol], max(now, order.not_before)
        self._count += 1
        resting = new_resting(order, ASLEEP if order.after else eligible, self._count)
        resting.anchor = self._last.get(order.symbol, 0) if order.kind.trails else 0
        resting.expires = acceptance.expiry(order, instrument, eligible)
        resting.auction = acceptance.auction_moment(order, instrument, eligible)
        if order.symbol in self._tapes:
            self._tapes[order.symbol].place(resting, now)
        self._resting[order.symbol].append(resting)
        return OrderAccepted(now, order)

    def _refusal(self, order: Order, now: Nanos) -> str:
        elsewhere = (symbol for symbol in self._resting if symbol != order.symbol)
        if order.group and any(
            each.order.group == order.group
            for symbol in elsewhere
            for each in self._resting[symbol]
        ):
            return f"group {order.group} works in another symbol; a group is of one symbol"
        if order.after and not any(
            each.order.id == order.after for each in self._resting[order.symbol]
        ):
            return f"it waits for {order.after}, which does not work in {order.symbol}"
        tape = self._tapes.get(order.symbol)
        if tape is not None and tape.is_halted:
            return f"trading in {order.symbol} is halted"
        instrument, last = self._instruments[order.symbol], self._last.get(order.symbol, 0)
        half_spread = 0
        if order.post_only and last:
            liquidity = self._past[order.symbol].snapshot()
            half_spread = self._costs.spread.half_spread(last, liquidity, instrument.tick)
            if tape is not None and tape.quote is not None:
                half_spread = order.side * (tape.far(order.side)[0] - last)
        return acceptance.refusal(order, instrument, now, last, half_spread)

    def replace(
        self,
        order_id: OrderId,
        now: Nanos,
        *,
        quantity: int | None = None,
        limit: Micros | None = None,
        stop: Micros | None = None,
        asked: OrderId = "",
    ) -> OrderReplaced | ReplaceRejected:
        """Change a working order in place; what is not named stays.

        Args:
            order_id: The order.
            now: When the wish arrives.
            quantity: Shares in all, signed, those filled included.
            limit: Its new limit, micro-dollars.
            stop: Its new trigger, micro-dollars.
            asked: Name of the request, where it has one.
        """
        resting = self._find(order_id)
        if resting is None:
            return ReplaceRejected(now, order_id, TOO_LATE, request_id=asked)
        order = resting.order
        if (limit is not None and order.limit is None) or (stop is not None and order.stop is None):
            why = f"a {order.kind} order has no such price"
            return ReplaceRejected(now, order_id, why, request_id=asked)
        changed = replace(
            order,
            quantity=order.quantity if quantity is None else quantity,
            limit=order.limit if limit is None else limit,
            stop=order.stop if stop is None else stop,
        )
        fault = acceptance.change_fault(order, changed, resting.is_triggered)
        if not resting.is_triggered:
            fault = fault or self._refusal(changed, now)
        if fault:
            return ReplaceRejected(now, order_id, fault, request_id=asked)
        if not acceptance.keeps_its_place(order, changed):
            self._count += 1
            resting.number, resting.is_arriving = self._count, True
            resting.ahead = UNKNOWN_QUEUE
            resting.eligible = max(now, resting.eligible)
        report = OrderReplaced(now, changed, "asked for", request_id=asked)
        resting.report(report)
        if resting.is_arriving and order.symbol in self._tapes:
            self._tapes[order.symbol].place(resting, now)
        if not resting.is_working:  # for no more than was filled: it is filled (FIX R5)
            self._resting[order.symbol].remove(resting)
        return replace(report, order=resting.order)

    def _find(self, order_id: OrderId) -> Resting | None:
        return next((each for each in self._all() if each.order.id == order_id), None)

    def _all(self) -> Iterator[Resting]:
        return (resting for queue in self._resting.values() for resting in queue)

    @property
    def last(self) -> Mapping[str, Micros]:
        """Last price of each symbol, in today's shares; its first open before its first close."""
        return self._last

    def working(self) -> Iterator[OrderState]:
        """The orders it holds, instrument by instrument, then those on their way to it."""
        yield from (resting.state for resting in self._all())
        yield from (OrderState(order) for order in self._wire.orders())

    def cancel(self, order_id: OrderId, now: Nanos, reason: str) -> OrderCanceled | None:
        """Take an order out of the book; None if it is not there (any more)."""
        resting = self._find(order_id)
        if resting is None:
            return None
        self._resting[resting.order.symbol].remove(resting)
        return OrderCanceled(now, order_id, reason)

    def _cancelled(self, wish: Cancel, now: Nanos) -> OrderCanceled | CancelRejected:
        """Answer a cancel that has arrived: an order that has traded meanwhile is gone."""
        done = self.cancel(wish.order_id, now, wish.reason)
        if done is None:
            return CancelRejected(now, wish.order_id, TOO_LATE, request_id=wish.request_id)
        return replace(done, request_id=wish.request_id)

    def _reduced(self, wish: Reduction, now: Nanos) -> OrderReport:
        """Take back what a sibling's fill made unwanted, as far as it has not traded meanwhile."""
        resting = self._find(wish.order_id)
        if resting is None:
            return CancelRejected(now, wish.order_id, TOO_LATE, request_id=wish.request_id)
        report = resting.less(wish.size, now, wish.reason, wish.request_id)
        resting.report(report)
        resting.owed = max(0, resting.owed - wish.size)
        if not resting.is_working:
            self._resting[resting.order.symbol].remove(resting)
        return report

    def cancel_all(self, symbol: str, now: Nanos, reason: str) -> list[Event]:
        """Take all orders of an instrument out, as at a reverse split or a delisting (fill-K4)."""
        queue, self._resting[symbol] = self._resting[symbol], []
        return [OrderCanceled(now, resting.order.id, reason) for resting in queue]

    def match(
        self, said: Bar | Tick, account: Account, withheld: Micros = 0
    ) -> tuple[list[Event], Account]:
        """Let a bar, or a message of the tape, meet the orders accepted before it (fill-E2).

        Args:
            said: What the market did.
            account: Cash and holdings before it.
            withheld: Part of the available funds that may pay for nothing yet, micro-dollars.
        """
        if not isinstance(said, Bar):
            return self._match_tick(said, account, withheld)
        if said.symbol in self._tapes:
            return self._pass_time(said.symbol, said.end, account, withheld)
        if self._wire.is_instant:
            return self._match_bar(said, account, withheld)
        early = self._arrivals(said.symbol, said.start) + self._arrivals_just_late(said)
        events, account = self._match_bar(said, account, withheld)
        return [*early, *events, *self._arrivals_within(said)], account

    def _arrivals_just_late(self, bar: Bar) -> list[Event]:
        """Orders that came within the time of grace: they may use the open, for a charge (fill-E3).

        Assumption: they count as accepted at the open whose price they pay.
        """
        latency, length = self._wire.latency, bar.end - bar.start
        range_ = self._past[bar.symbol].snapshot().average_true_range if latency.delay else nan
        if isnan(range_):  # nobody knows what lateness costs here: they wait
            return []
        late = self._wire.late_orders(bar.start + latency.grace_within(length), bar.symbol)
        reports: list[Event] = [self.accept(order, bar.start) for order in late]
        for resting in self._resting[bar.symbol]:
            if any(resting.order is order for order in late):
                resting.delay = latency.charge(length, range_)
        return reports

    def _arrivals_within(self, bar: Bar) -> list[Event]:
        """What came after the open: an order waits for the next bar, and fills beat a cancel.

        Assumption: a bar does not say when it did what, so all of it came before a request.
        """
        reports: list[Event] = []
        for arrival, _, _, message in self._wire.arrived(bar.end, bar.symbol):
            is_new = isinstance(message, Order)
            reports += self._received(message, arrival if is_new else bar.end)
        return reports

    def _match_bar(
        self, bar: Bar, account: Account, withheld: Micros
    ) -> tuple[list[Event], Account]:
        self._last.setdefault(bar.symbol, micros(bar.open))
        if not self._resting[bar.symbol]:
            return [], account
        # Assumption: an order that ends within a bar is let go before it, for nobody knows what
        # the bar did until then.
        events = self._expire(bar.symbol, bar.end - 1, bar.start)
        events += self._let_go(bar.symbol, bar.start)
        queue, tick = self._resting[bar.symbol], self._instruments[bar.symbol].tick
        # fill-E5: where nothing traded, nobody was filled.
        if bar.volume != 0 and concerns(bar, queue, tick):
            outcome = meet(bar, self._market(bar.symbol, bar.start, withheld), account, queue)
            events += outcome.events
            account, self._resting[bar.symbol] = outcome.account, outcome.orders
        return events + self._expire(bar.symbol, bar.end, bar.end), account

    def _match_tick(
        self, said: Tick, account: Account, withheld: Micros
    ) -> tuple[list[Event], Account]:
        symbol = said.symbol
        tape = self._tapes.setdefault(symbol, Quotation())
        events, account = self._pass_time(symbol, said.time - 1, account, withheld)
        events += self._let_go(symbol, said.time)
        events += self._arrivals(symbol, said.time)
        self._begin_session(tape, symbol, said.time)
        is_auction = tape.hear(said)
        if isinstance(said, Trade):
            self._last[symbol] = micros(said.price)
        elif isinstance(said, Quote):  # before the first trade its middle is all that is known
            self._last.setdefault(symbol, micros((said.bid + said.ask) / 2))
        if not (tape.is_open(said.time) and isinstance(said, Quote | Trade)):
            return events, account
        queue = self._resting[symbol]
        if not matters(said, queue, tape, self._instruments[symbol].tick):
            return events, account
        market = self._market(symbol, said.time, withheld)._replace(is_session_open=is_auction)
        counter = TickCounter(said, market, account, queue, tape, self._wire)
        return self._walked(TickWalk(counter).run, counter, events)

    def _walked(
        self, walk: Callable[[], None], counter: Counter, events: list[Event]
    ) -> tuple[list[Event], Account]:
        """Go, and keep what still works afterwards."""
        walk()
        working = [resting for resting in counter.orders if resting.is_working]
        self._resting[counter.bar.symbol] = working
        return events + counter.events, counter.account

    def _begin_session(self, tape: Quotation, symbol: str, time: Nanos) -> None:
        if tape.session is not None and tape.session.open <= time <= tape.session.close:
            return
        calendar = calendar_of(self._instruments[symbol].venue)
        day = calendar.local_day(time)
        if calendar.is_session(day) and (tape.session is None or tape.session.day != day):
            tape.begin(calendar.session(day))

    def turn(self) -> None:
        """A new moment begins: caps on the volume of tapes are counted anew (fill-Q1)."""
        for tape in self._tapes.values():
            tape.turn()

    def pass_time(self, until: Nanos, account: Account) -> tuple[list[Event], Account]:
        """Reach a moment: messages arrive, and where there is a tape, orders end.

        Args:
            until: The moment.
            account: Cash and holdings before it.
        """
        events = self._arrivals(None, until)
        for symbol in self._tapes:
            passed, account = self._pass_time(symbol, until, account, 0)
            events += passed
        return events, account

    def _pass_time(
        self, symbol: str, until: Nanos, account: Account, withheld: Micros
    ) -> tuple[list[Event], Account]:
        events = self._arrivals(symbol, until)
        closing = [
            resting.auction
            for resting in self._resting[symbol]
            if is_for(resting, TimeInForce.CLS) and resting.eligible <= resting.auction <= until
        ]
        if closing:
            held, account = self._hold_closing_auction(symbol, min(closing), account, withheld)
            events += held
        return events + self._expire(symbol, until, until), account

    def _hold_closing_auction(
        self, symbol: str, auction: Nanos, account: Account, withheld: Micros
    ) -> tuple[list[Event], Account]:
        """Assumption: the session's last trade has the auction's price, and the moment's volume."""
        tape = self._tapes.get(symbol)
        last = tape.trade if tape else None
        if tape is None or last is None or not (tape.is_open(auction) and tape.is_open(last.time)):
            return [], account  # nothing has traded in that session
        size = max(tape.volume, last.size)
        print_ = Trade(symbol, auction, last.price, size)
        counter = TickCounter(
            print_, self._market(symbol, auction, withheld), account, self._resting[symbol],
            tape, self._wire,
        )  # fmt: skip
        return self._walked(TickWalk(counter).close, counter, [])

    def fill_at_close(self, order_id: OrderId, account: Account) -> list[Event]:
        """Fill a market order at the close that it was decided on (`fill_at_decision_close`).

        Where quotes tell, it buys at the ask and sells at the bid of that moment. An order for an
        auction, or for later, is left to rest; so is what a volume cap leaves.
        """
        resting = self._find(order_id)
        bar = self._bar.get(resting.order.symbol) if resting else None
        if resting is None or bar is None or bar.volume == 0:
            return []
        order = resting.order
        if order.time_in_force.is_auction or order.not_before or not resting.is_market:
            return []
        orders, tape = self._resting[order.symbol], self._tapes.get(order.symbol)
        quoted = tape.far(order.side)[0] if tape is not None and tape.quote is not None else 0
        market = self._market(bar.symbol, bar.start, 0)
        outcome = meet_close(bar, market, account, orders, order_id, quoted)
        self._resting[order.symbol] = outcome.orders
        return outcome.events

    def _let_go(self, symbol: str, now: Nanos) -> list[Event]:
        """Cancel what waits for an order that ended without being filled whole."""
        queue = self._resting[symbol]
        if not any(resting.is_asleep for resting in queue):
            return []
        here = {resting.order.id for resting in queue}
        orphans = [each for each in queue if each.is_asleep and each.order.after not in here]
        self._resting[symbol] = [each for each in queue if each not in orphans]
        return [
            OrderCanceled(now, each.order.id, f"{each.order.after} ended and was not filled")
            for each in orphans
        ]

    def _expire(self, symbol: str, until: Nanos, now: Nanos) -> list[Event]:
        """Let go of the orders that end by then (fill-E6)."""
        queue = self._resting[symbol]
        over = [resting for resting in queue if 0 < resting.expires <= until]
        if not over:
            return []
        self._resting[symbol] = [resting for resting in queue if resting not in over]
        return [OrderExpired(min(each.expires, now), each.order.id) for each in over]

    def _market(self, symbol: str, start: Nanos, withheld: Micros) -> Market:
        instrument = self._instruments[symbol]
        calendar = calendar_of(instrument.venue)
        day = calendar.local_day(start)
        return Market(
            instrument,
            self._costs,
            self._past[symbol].snapshot() if self._costs.asks_the_past else UNKNOWN,
            day,
            is_session_open=calendar.session(day).open == start,
            withheld=withheld,
            terms=self._terms,
            others=self._last,
        )

    def observe(self, bar: Bar) -> None:
        """Learn from a completed bar; later bars' costs rest on it."""
        self._past[bar.symbol].observe(bar)
        self._last[bar.symbol] = micros(bar.close)
        self._bar[bar.symbol] = bar

    def carry_over(self, last: Mapping[str, Micros]) -> None:
        """Know the last prices of another day."""
        self._last.update(last)

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """Learn from rows of bars that met no order, all at once."""
        symbol = bars.symbol
        self._past[symbol].catch_up(bars, first, stop)
        last = self._bar[symbol] = bars.bar(stop - 1)
        self._last[symbol] = micros(last.close)

    def restate(self, action: CorporateAction, now: Nanos) -> list[Event]:
        """Adjust, carry or cancel the orders that a corporate action concerns (fill-K1 to K4)."""
        arrived = self._arrivals(action.symbol, now)
        expired = self._expire(action.symbol, now, now)  # fill-E6: expire, adjust, match
        return arrived + expired + self._adjust(action, now)

    def _adjust(self, action: CorporateAction, now: Nanos) -> list[Event]:
        symbol, tick = action.symbol, self._instruments[action.symbol].tick
        if isinstance(action, Delisting):
            self._ended[symbol] = f"{symbol} is delisted since {action.ex_date}"
            return self.cancel_all(symbol, now, "delisted")
        if isinstance(action, Renaming):
            return self._rename(action, now)
        if isinstance(action, Split):
            self._past[symbol].split(action.ratio)
            last = self._last.get(symbol, 0)
            self._last[symbol] = half_even(last * action.ratio.denominator, action.ratio.numerator)
            if action.ratio < 1:
                return self.cancel_all(symbol, now, "reverse split")
        for resting in self._resting[symbol]:
            resting.ahead = UNKNOWN_QUEUE
        restated = (restate(each, action, now, tick) for each in self._resting[symbol])
        return [report for report in restated if report is not None]

    def _rename(self, action: Renaming, now: Nanos) -> list[Event]:
        """Carry the orders, and what is known of the market, to the new symbol."""
        old, new = action.symbol, action.new_symbol
        self._ended[old] = f"{old} trades as {new} since {action.ex_date}"
        if new not in self._instruments:
            return self.cancel_all(old, now, f"it trades as {new}, which is not traded here")
        self._past[new] = self._past[old]
        self._last[new] = self._last.get(old, 0)
        queue, self._resting[old] = self._resting[old], []
        self._resting[new] += queue
        reports = (restate(each, action, now, self._instruments[new].tick) for each in queue)
        return [report for report in reports if report is not None]
