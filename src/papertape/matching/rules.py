"""When an order fills and at what price: scalar rules over one bar, in integer micro-dollars.

Each answers the market's own price (the *reference*, before costs), or 0 for no fill; a buy has
side 1, a sell side -1. Rule ids are those of the fill contract. Prices are raw, as traded.
"""

from __future__ import annotations

from papertape.domain.money import Micros

NO_FILL = 0


def stop_reference(side: int, stop: Micros, open_: Micros, high: Micros, low: Micros) -> Micros:
    """Reference of a stop (fill-S1, fill-S2): a touch triggers, a gap fills at the open.

    The answer is never better than the stop itself.
    """
    if side > 0:
        return open_ if open_ >= stop else stop if high >= stop else NO_FILL
    return open_ if open_ <= stop else stop if low <= stop else NO_FILL


def is_marketable(side: int, limit: Micros, price: Micros, half_spread: Micros) -> bool:
    """Whether a limit could trade at once against the far side of the spread (fill-L1)."""
    return price + half_spread <= limit if side > 0 else price - half_spread >= limit


def auction_limit_reference(side: int, limit: Micros, price: Micros) -> Micros:
    """Reference of a resting limit in an auction (fill-L3, fill-M3): only strictly better fills."""
    better = price < limit if side > 0 else price > limit
    return price if better else NO_FILL


def resting_limit_reference(
    side: int, limit: Micros, high: Micros, low: Micros, tick: Micros
) -> Micros:
    """Reference of a resting limit in a bar (fill-L2, fill-L3): crossed by a tick, at the limit.

    Assumption: we are the last in the queue, so a mere touch fills nobody like us.
    """
    crossed = low <= limit - tick if side > 0 else high >= limit + tick
    return limit if crossed else NO_FILL


def limit_share(side: int, limit: Micros, high: Micros, low: Micros) -> tuple[int, int]:
    """Share of a bar's volume that traded beyond a limit (fill-L4), as numerator, denominator.

    Assumption: volume is spread evenly from low to high.
    """
    if high == low:
        return 1, 1
    beyond = limit - low if side > 0 else high - limit
    return max(0, min(beyond, high - low)), high - low


def has_passed(side: int, stop: Micros, price: Micros) -> bool:
    """Whether the market already stands at or beyond a stop (fill-S3)."""
    return price >= stop if side > 0 else price <= stop
