"""When an order fills and at what price: scalar rules over one bar, in integer micro-dollars.

Each answers the market's own price (the *reference*, before costs), or 0 for no fill; a buy has
side 1, a sell side -1. Rule ids are those of the fill contract. Prices are raw, as traded.
"""

from __future__ import annotations

from papertape.domain.money import Micros, tick_down, tick_up

NO_FILL = 0
_NONE = NO_FILL


def stop_reference(side: int, stop: Micros, open_: Micros, high: Micros, low: Micros) -> Micros:
    """Reference of a stop (fill-S1, fill-S2): a touch triggers, a gap fills at the open.

    The answer is never better than the stop itself.
    """
    if side > 0:
        return open_ if open_ >= stop else stop if high >= stop else _NONE
    return open_ if open_ <= stop else stop if low <= stop else _NONE


def is_marketable(side: int, limit: Micros, price: Micros, half_spread: Micros) -> bool:
    """Whether a limit could trade at once against the far side of the spread (fill-L1)."""
    return price + half_spread <= limit if side > 0 else price - half_spread >= limit


def auction_limit_reference(side: int, limit: Micros, price: Micros) -> Micros:
    """Reference of a resting limit in an auction (fill-L3, fill-M3): only strictly better fills."""
    better = price < limit if side > 0 else price > limit
    return price if better else _NONE


def resting_limit_reference(
    side: int, limit: Micros, high: Micros, low: Micros, tick: Micros
) -> Micros:
    """Reference of a resting limit in a bar (fill-L2, fill-L3): crossed by a tick, at the limit.

    Assumption: we are the last in the queue, so a mere touch fills nobody like us.
    """
    crossed = low <= limit - tick if side > 0 else high >= limit + tick
    return limit if crossed else _NONE


def limit_share(side: int, limit: Micros, high: Micros, low: Micros) -> tuple[int, int]:
    """Share of a bar's volume that traded beyond a limit (fill-L4), as numerator, denominator.

    Assumption: volume is spread evenly from low to high.
    """
    if high == low:
        return 1, 1
    return beyond_limit(side, limit, high, low), high - low


def beyond_limit(side: int, limit: Micros, high: Micros, low: Micros) -> Micros:
    """How much of the way from low to high lies beyond a limit."""
    return max(0, min(limit - low if side > 0 else high - limit, high - low))


def has_passed(side: int, stop: Micros, price: Micros) -> bool:
    """Whether the market already stands at or beyond a stop (fill-S3)."""
    return price >= stop if side > 0 else price <= stop


def worse(side: int, price: Micros, other: Micros) -> Micros:
    """The price of two that is worse for a trader on that side."""
    return max(price, other) if side > 0 else min(price, other)


def cross_point(side: int, limit: Micros, here: Micros, tick: Micros) -> Micros:
    """Where a moving price crosses a resting limit: a tick beyond it, or where it stands."""
    return min(here, limit - tick) if side > 0 else max(here, limit + tick)


def trail_distance(anchor: Micros, millionths: int) -> Micros:
    """A share of the best price, rounded up: away from the market (fill-T4)."""
    return -(-anchor * millionths // 1_000_000)


def trail_level(side: int, anchor: Micros, distance: Micros, tick: Micros) -> Micros:
    """Where a trailing stop stands behind the best price so far, rounded away from the market.

    A sell's level of 0 or less is one that no price can reach.
    """
    return tick_up(anchor + distance, tick) if side > 0 else tick_down(anchor - distance, tick)


def ratcheted(side: int, anchor: Micros, price: Micros) -> Micros:
    """The best price so far (fill-T1): the highest for a sell, the lowest for a buy."""
    if anchor == 0:
        return price
    return min(anchor, price) if side > 0 else max(anchor, price)


def worst_trail_exit(side: int, first: Micros, last: Micros, high: Micros, low: Micros) -> Micros:
    """The worst exit that any path through a bar could give a trail, or 0 for none (fill-T3).

    Args:
        side: Of the trailing stop.
        first: Its level at the open, ratcheted by the open.
        last: Its level once the bar's best price has ratcheted it.
        high: The bar's.
        low: The bar's.
    """
    worst = min(high, first) if side > 0 else max(low, first)
    possible = last <= worst if side > 0 else last >= worst
    return worst if possible else _NONE
