"""Restatement: what a split, a dividend or a new symbol makes of a working order (fill-K1, K3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from papertape.domain.clock import Nanos
from papertape.domain.event import OrderRestated
from papertape.domain.market import Dividend, Renaming, Split
from papertape.domain.money import Micros, against_trader, half_even, tick_down
from papertape.domain.order import Attached, Order, OrderKind
from papertape.matching.resting import Resting


def restate(
    resting: Resting, action: Split | Dividend | Renaming, now: Nanos, tick: Micros
) -> OrderRestated | None:
    """Bring an order up to date with a corporate action; None where it changes nothing."""
    if isinstance(action, Renaming):
        restated = replace(resting.order, symbol=action.new_symbol)
        report = OrderRestated(now, restated, f"{action.symbol} trades as {action.new_symbol}")
        resting.report(report)
        return report
    order = resting.order
    if isinstance(action, Split):
        restated, reason = _after_split(order, action.ratio, tick), f"split {action.ratio}"
        resting.anchor = _split(resting.anchor, action.ratio)
        if resting.late_limit:
            late = _split(resting.late_limit, action.ratio)
            resting.late_limit = max(tick, against_trader(late, tick, order.side))
    else:
        restated, reason = _after_dividend(order, action, tick), f"dividend {action.amount / 1e6}"
        if order.side < 0 and resting.anchor and not order.do_not_reduce:
            resting.anchor = max(tick, resting.anchor - action.amount)
    if restated == order:
        return None
    ratio = action.ratio if isinstance(action, Split) else Fraction(1)
    report = OrderRestated(now, restated, reason, ratio)
    resting.report(report)
    return report


def _split(amount: Micros, ratio: Fraction) -> Micros:
    return half_even(amount * ratio.denominator, ratio.numerator)


def _after_split(order: Order, ratio: Fraction, tick: Micros) -> Order:
    """The order in new shares: more of them, cheaper, rounded against the trader."""

    def scaled(price: Micros | None) -> Micros | None:
        # A buyer's limit and a seller's stop are worse for the trader when higher and lower.
        return (
            None
            if price is None
            else max(tick, against_trader(_split(price, ratio), tick, order.side))
        )

    def exit_after(exit_: Attached) -> Attached:
        price = against_trader(_split(exit_.price, ratio), tick, -order.side)
        return replace(
            exit_,
            price=max(tick, price) if exit_.price else 0,
            distance=_at_least_one(_split(exit_.distance, ratio), exit_.distance),
        )

    return replace(
        order,
        quantity=int(order.quantity * ratio),
        limit=scaled(order.limit),
        stop=scaled(order.stop),
        stop_distance=_at_least_one(_split(order.stop_distance, ratio), order.stop_distance),
        trail=_at_least_one(_split(order.trail, ratio), order.trail),
        limit_offset=_split(order.limit_offset, ratio),
        attached=tuple(exit_after(each) for each in order.attached),
    )


def _at_least_one(after: Micros, before: Micros) -> Micros:
    """A distance that was there is never split away to nothing."""
    return max(after, 1) if before else 0


_FALLS: dict[OrderKind, Callable[[int], bool]] = {
    OrderKind.LIMIT: lambda side: side > 0,
    OrderKind.MARKET_IF_TOUCHED: lambda side: side > 0,
    OrderKind.LIMIT_IF_TOUCHED: lambda side: side > 0,
    OrderKind.STOP: lambda side: side < 0,
    OrderKind.STOP_LIMIT: lambda side: side < 0,
}
"""Whether an order's prices fall on an ex-date: those below the market do.

Assumption: a stop-limit's two prices move together or not at all.
"""


def _after_dividend(order: Order, dividend: Dividend, tick: Micros) -> Order:
    """The order on the ex-date: buy limits and sell stops fall by the dividend, a tick down."""
    if order.do_not_reduce:
        return order

    def lower(price: Micros | None) -> Micros | None:
        return None if price is None else max(tick, tick_down(price - dividend.amount, tick))

    def exit_after(exit_: Attached) -> Attached:
        falls = exit_.price and _falls(exit_.kind, -order.side)
        return replace(exit_, price=lower(exit_.price) or 0) if falls else exit_

    falls = _falls(order.kind, order.side)
    return replace(
        order,
        limit=lower(order.limit) if falls else order.limit,
        stop=lower(order.stop) if falls else order.stop,
        attached=tuple(exit_after(each) for each in order.attached),
    )


def _falls(kind: OrderKind, side: int) -> bool:
    return kind in _FALLS and _FALLS[kind](side)
