"""Book: the orders the simulated exchange holds, matched against what the market does next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.event import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    ReplaceRejected,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bar, CorporateAction, Delisting, Frequency, Renaming, Split
from papertape.domain.money import Micros, half_even, micros
from papertape.domain.order import Order, OrderId
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms
from papertape.matching import acceptance
from papertape.matching.costs import CostModel
from papertape.matching.counter import Market
from papertape.matching.liquidity import LiquidityEstimator
from papertape.matching.path import concerns, meet, meet_close
from papertape.matching.restatement import restate
from papertape.matching.resting import Resting, new_resting


class Book:
    """Resting orders of every instrument, and what past bars say of its liquidity.

    A fill depends only on orders accepted before a bar began and on that bar; spread and slippage
    come from bars completed before it (fill-P0).
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        costs: CostModel,
        terms: AccountTerms = CASH_ACCOUNT,
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

    def accept(self, order: Order, now: Nanos) -> OrderAccepted | OrderRejected:
        """Take an order, or say why not."""
        if order.symbol not in self._instruments:
            return OrderRejected(now, order, f"{order.symbol} is not traded here")
        refusal = self._ended.get(order.symbol) or self._refusal(order, now)
        if refusal:
            return OrderRejected(now, order, refusal)
        instrument, eligible = self._instruments[order.symbol], max(now, order.not_before)
        self._count += 1
        resting = new_resting(order, eligible, self._count)
        resting.anchor = self._last.get(order.symbol, 0) if order.kind.trails else 0
        resting.expires = acceptance.expiry(order, instrument, eligible)
        resting.auction = acceptance.auction_moment(order, instrument, eligible)
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
        instrument, last = self._instruments[order.symbol], self._last.get(order.symbol, 0)
        half_spread = 0
        if order.post_only and last:
            liquidity = self._past[order.symbol].snapshot()
            half_spread = self._costs.spread.half_spread(last, liquidity, instrument.tick)
        return acceptance.refusal(order, instrument, now, last, half_spread)

    def replace(
        self,
        order_id: OrderId,
        now: Nanos,
        *,
        quantity: int | None = None,
        limit: Micros | None = None,
        stop: Micros | None = None,
    ) -> OrderReplaced | ReplaceRejected:
        """Change a working order in place; what is not named stays.

        Args:
            order_id: The order.
            now: When the wish arrives.
            quantity: Shares in all, signed, those filled included.
            limit: Its new limit, micro-dollars.
            stop: Its new trigger, micro-dollars.
        """
        resting = self._find(order_id)
        if resting is None:
            return ReplaceRejected(now, order_id, "it is not working")
        order = resting.order
        if (limit is not None and order.limit is None) or (stop is not None and order.stop is None):
            return ReplaceRejected(now, order_id, f"a {order.kind} order has no such price")
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
            return ReplaceRejected(now, order_id, fault)
        if not acceptance.keeps_its_place(order, changed):
            self._count += 1
            resting.number, resting.is_arriving = self._count, True
            resting.eligible = max(now, resting.eligible)
        report = OrderReplaced(now, changed, "asked for")
        resting.report(report)
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
        """The orders it holds, instrument by instrument."""
        return (resting.state for resting in self._all())

    def cancel(self, order_id: OrderId, now: Nanos, reason: str) -> OrderCanceled | None:
        """Take an order out of the book; None if it is not there (any more)."""
        resting = self._find(order_id)
        if resting is None:
            return None
        self._resting[resting.order.symbol].remove(resting)
        return OrderCanceled(now, order_id, reason)

    def cancel_all(self, symbol: str, now: Nanos, reason: str) -> list[Event]:
        """Take all orders of an instrument out, as at a reverse split or a delisting (fill-K4)."""
        queue, self._resting[symbol] = self._resting[symbol], []
        return [OrderCanceled(now, resting.order.id, reason) for resting in queue]

    def match(
        self, bar: Bar, account: Account, withheld: Micros = 0
    ) -> tuple[list[Event], Account]:
        """Let a bar meet the orders accepted before it began (fill-E2).

        Args:
            bar: What the market did.
            account: Cash and holdings before it.
            withheld: Part of the available funds that may pay for nothing yet, micro-dollars.
        """
        self._last.setdefault(bar.symbol, micros(bar.open))
        if not self._resting[bar.symbol]:
            return [], account
        # Assumption: an order that ends within a bar is let go before it, for nobody knows what
        # the bar did until then.
        events = self._expire(bar.symbol, bar.end - 1, bar.start)
        queue, tick = self._resting[bar.symbol], self._instruments[bar.symbol].tick
        # fill-E5: where nothing traded, nobody was filled.
        if bar.volume != 0 and concerns(bar, queue, tick):
            outcome = meet(bar, self._market(bar, withheld), account, queue)
            events += outcome.events
            account, self._resting[bar.symbol] = outcome.account, outcome.orders
        return events + self._expire(bar.symbol, bar.end, bar.end), account

    def fill_at_close(self, order_id: OrderId, account: Account) -> list[Event]:
        """Fill a market order at the close that it was decided on (`fill_at_decision_close`).

        An order for an auction, or for later, is left to rest; so is what a volume cap leaves.
        """
        resting = self._find(order_id)
        bar = self._bar.get(resting.order.symbol) if resting else None
        if resting is None or bar is None or bar.volume == 0:
            return []
        order = resting.order
        if order.time_in_force.is_auction or order.not_before or not resting.is_market:
            return []
        orders = self._resting[order.symbol]
        outcome = meet_close(bar, self._market(bar, 0), account, orders, order_id)
        self._resting[order.symbol] = outcome.orders
        return outcome.events

    def _expire(self, symbol: str, until: Nanos, now: Nanos) -> list[Event]:
        """Let go of the orders that end by then (fill-E6)."""
        queue = self._resting[symbol]
        over = [resting for resting in queue if 0 < resting.expires <= until]
        self._resting[symbol] = [resting for resting in queue if resting not in over]
        return [OrderExpired(min(each.expires, now), each.order.id) for each in over]

    def _market(self, bar: Bar, withheld: Micros) -> Market:
        instrument = self._instruments[bar.symbol]
        calendar = calendar_of(instrument.venue)
        day = calendar.local_day(bar.start)
        return Market(
            instrument,
            self._costs,
            self._past[bar.symbol].snapshot(),
            day,
            is_session_open=calendar.session(day).open == bar.start,
            withheld=withheld,
            terms=self._terms,
            others=self._last,
        )

    def observe(self, bar: Bar) -> None:
        """Learn from a completed bar; later bars' costs rest on it."""
        self._past[bar.symbol].observe(bar)
        self._last[bar.symbol] = micros(bar.close)
        self._bar[bar.symbol] = bar

    def restate(self, action: CorporateAction, now: Nanos) -> list[Event]:
        """Adjust, carry or cancel the orders that a corporate action concerns (fill-K1 to K4)."""
        expired = self._expire(action.symbol, now, now)  # fill-E6: expire, adjust, match
        return expired + self._adjust(action, now)

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
