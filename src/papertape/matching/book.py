"""Book: the orders the simulated exchange holds, matched against what the market does next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos, rfc3339
from papertape.domain.event import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderRestated,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import Bar, CorporateAction, Dividend, Frequency, Split
from papertape.domain.money import Micros, half_even, micros, tick_down, tick_up
from papertape.domain.order import (
    Order,
    OrderId,
    OrderKind,
    TimeInForce,
)
from papertape.matching import rules
from papertape.matching.costs import CostModel
from papertape.matching.liquidity import LiquidityEstimator
from papertape.matching.walk import BarWalk, Market, Resting

CLOSING_CUTOFF: Nanos = 10 * MINUTE
"""Assumption: the exchange takes orders for the closing auction until ten minutes before it."""


class Book:
    """Resting orders of every instrument, and what past bars say of its liquidity.

    A fill depends only on orders accepted before a bar began and on that bar; spread and slippage
    come from bars completed before it (fill-P0).
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], frequency: Frequency, costs: CostModel
    ):
        self._instruments = instruments
        self._costs = costs
        self._resting: dict[str, list[Resting]] = {symbol: [] for symbol in instruments}
        self._past = {symbol: LiquidityEstimator(frequency) for symbol in instruments}
        self._last: dict[str, Micros] = {}
        self._count = 0

    def accept(self, order: Order, now: Nanos) -> OrderAccepted | OrderRejected:
        """Take an order, or say why not."""
        refusal = self._refusal(order, now)
        if refusal:
            return OrderRejected(now, order, refusal)
        self._count += 1
        eligible = max(now, order.not_before)
        is_day, at_close = order.time_in_force is TimeInForce.DAY, order.kind is OrderKind.AT_CLOSE
        close = self._session_close(order.symbol, eligible)
        self._resting[order.symbol].append(
            Resting(
                OrderState(order, OrderStatus.NEW),
                eligible,
                self._count,
                expires=close if is_day or at_close else 0,
                auction=close if at_close else 0,
            )
        )
        return OrderAccepted(now, order)

    def _refusal(self, order: Order, now: Nanos) -> str:
        if order.symbol not in self._instruments:
            return f"{order.symbol} is not traded here"
        instrument = self._instruments[order.symbol]
        for price in (order.limit, order.stop):
            if price is not None and price % instrument.tick:
                return f"price {price / 1e6} is off the {instrument.tick / 1e6} tick grid"
        if order.quantity % instrument.lot:
            return f"{order.quantity} shares are not a multiple of the lot {instrument.lot}"
        last = self._last.get(order.symbol, 0)
        if order.stop is not None and last and rules.has_passed(order.side, order.stop, last):
            return f"STOP_THROUGH_MARKET: the stop {order.stop / 1e6} is passed, last {last / 1e6}"
        if order.kind is OrderKind.AT_CLOSE:
            return self._too_late_for_close(order, now)
        return ""

    def _too_late_for_close(self, order: Order, now: Nanos) -> str:
        # One step back: at the very close, the auction meant is the one that is just being held.
        close = self._session_close(order.symbol, max(now - 1, order.not_before))
        if now <= close - CLOSING_CUTOFF:
            return ""
        day = calendar_of(self._instruments[order.symbol].venue).local_day(close)
        return (
            f"late for the closing auction of {day}, which took orders until "
            f"{rfc3339(close - CLOSING_CUTOFF)}; say not_before to mean the next one"
        )

    def _session_close(self, symbol: str, moment: Nanos) -> Nanos:
        """The close of the session that trades at, or next after, a moment."""
        calendar = calendar_of(self._instruments[symbol].venue)
        day = calendar.local_day(moment)
        if not calendar.is_session(day) or calendar.session(day).close <= moment:
            day = calendar.next_session(day)
        return calendar.session(day).close

    def cancel(self, order_id: OrderId, now: Nanos, reason: str) -> OrderCanceled | None:
        """Take an order out of the book; None if it is not there (any more)."""
        for queue in self._resting.values():
            for resting in queue:
                if resting.order.id == order_id:
                    queue.remove(resting)
                    return OrderCanceled(now, order_id, reason)
        return None

    def match(self, bar: Bar, account: Account) -> tuple[list[Event], Account]:
        """Let a bar meet the orders accepted before it began (fill-E2)."""
        if not self._resting[bar.symbol]:
            return [], account
        events = self._expire(bar.symbol, bar.start)
        queue = self._resting[bar.symbol]
        meeting = [resting for resting in queue if resting.eligible <= bar.start]
        waiting = [resting for resting in queue if resting.eligible > bar.start]
        if meeting and bar.volume != 0:  # fill-E5: where nothing traded, nobody was filled
            walk = BarWalk(bar, self._market(bar), account, meeting)
            walk.run()
            events += walk.events
            account, meeting = walk.account, walk.orders
        self._resting[bar.symbol] = meeting + waiting
        return events + self._expire(bar.symbol, bar.end), account

    def _expire(self, symbol: str, until: Nanos) -> list[Event]:
        """Let go of the orders whose last session is over (fill-E6)."""
        queue = self._resting[symbol]
        over = [resting for resting in queue if 0 < resting.expires <= until]
        self._resting[symbol] = [resting for resting in queue if resting not in over]
        return [OrderExpired(resting.expires, resting.order.id) for resting in over]

    def _market(self, bar: Bar) -> Market:
        instrument = self._instruments[bar.symbol]
        calendar = calendar_of(instrument.venue)
        day = calendar.local_day(bar.start)
        return Market(
            instrument,
            self._costs,
            self._past[bar.symbol].snapshot(),
            day,
            is_session_open=calendar.session(day).open == bar.start,
        )

    def observe(self, bar: Bar) -> None:
        """Learn from a completed bar; later bars' costs rest on it."""
        self._past[bar.symbol].observe(bar)
        self._last[bar.symbol] = micros(bar.close)

    def restate(self, action: CorporateAction, now: Nanos) -> list[Event]:
        """Adjust or cancel the working orders that a corporate action concerns (fill-K1 to K3)."""
        expired = self._expire(action.symbol, now)  # fill-E6: expire, adjust, match
        return expired + self._adjust(action, now)

    def _adjust(self, action: CorporateAction, now: Nanos) -> list[Event]:
        queue = self._resting[action.symbol]
        if isinstance(action, Split):
            self._past[action.symbol].split(action.ratio)
            self._last[action.symbol] = half_even(
                self._last.get(action.symbol, 0) * action.ratio.denominator, action.ratio.numerator
            )
        if isinstance(action, Split) and action.ratio < 1:
            self._resting[action.symbol] = []
            return [OrderCanceled(now, r.order.id, "reverse split") for r in queue]
        return [event for resting in queue for event in self._restate(resting, action, now)]

    def _restate(self, resting: Resting, action: CorporateAction, now: Nanos) -> list[Event]:
        tick = self._instruments[action.symbol].tick
        if isinstance(action, Split):
            restated = _after_split(resting.order, action.ratio, tick)
            reason = f"split {action.ratio}"
        else:
            restated = _after_dividend(resting.order, action, tick)
            reason = f"dividend {action.amount / 1e6}"
        if restated == resting.order:
            return []
        ratio = action.ratio if isinstance(action, Split) else Fraction(1)
        event = OrderRestated(now, restated, reason, ratio)
        resting.report(event)
        return [event]


def _after_split(order: Order, ratio: Fraction, tick: Micros) -> Order:
    """The order in new shares (fill-K1): more of them, cheaper, rounded against the trader."""

    def scaled(price: Micros | None) -> Micros | None:
        if price is None:
            return None
        exact = half_even(price * ratio.denominator, ratio.numerator)
        # A buyer's limit and a seller's stop are worse for the trader when higher and lower.
        return tick_up(exact, tick) if order.side > 0 else max(tick, tick_down(exact, tick))

    return replace(
        order,
        quantity=int(order.quantity * ratio),
        limit=scaled(order.limit),
        stop=scaled(order.stop),
        stop_distance=half_even(order.stop_distance * ratio.denominator, ratio.numerator),
    )


def _after_dividend(order: Order, dividend: Dividend, tick: Micros) -> Order:
    """The order on the ex-date (fill-K3): buy limits and sell stops fall by the dividend."""
    if order.side > 0 and order.limit is not None:
        return replace(order, limit=max(tick, tick_down(order.limit - dividend.amount, tick)))
    if order.side < 0 and order.stop is not None:
        return replace(order, stop=max(tick, tick_down(order.stop - dividend.amount, tick)))
    return order
