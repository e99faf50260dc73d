"""Acceptance: whether the exchange takes an order, and how long it will hold it."""

from __future__ import annotations

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos, rfc3339
from papertape.domain.instrument import Instrument
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.matching import rules

OPENING_CUTOFF: Nanos = 2 * MINUTE
"""Assumption: the exchange takes orders for the opening auction until two minutes before it."""

CLOSING_CUTOFF: Nanos = 10 * MINUTE
"""Assumption: the exchange takes orders for the closing auction until ten minutes before it."""


def refusal(
    order: Order, instrument: Instrument, now: Nanos, last: Micros, half_spread: Micros
) -> str:
    """Why an order is not taken, or an empty string.

    Args:
        order: What is asked for.
        instrument: What it trades.
        now: When it arrives.
        last: The last price; 0 while none is known.
        half_spread: What lies between that price and the other side's.
    """
    return (
        _off_grid(order, instrument)
        or _through_market(order, last)
        or _would_take(order, last, half_spread)
        or _late(order, instrument, now)
    )


def _off_grid(order: Order, instrument: Instrument) -> str:
    attached = (each.price for each in order.attached if each.price)
    for price in (order.limit, order.stop, *attached):
        if price is not None and price % instrument.tick:
            return f"price {price / 1e6} is off the {instrument.tick / 1e6} tick grid"
    if order.quantity % instrument.lot:
        return f"{order.quantity} shares are not a multiple of the lot {instrument.lot}"
    return ""


def _through_market(order: Order, last: Micros) -> str:
    """fill-S3; an if-touched order that is touched already is merely prompt."""
    if order.stop is None or not last or order.kind.is_touched or order.triggers_at_once:
        return ""
    if not rules.has_passed(order.side, order.stop, last):
        return ""
    return f"STOP_THROUGH_MARKET: the stop {order.stop / 1e6} is passed, last {last / 1e6}"


def _would_take(order: Order, last: Micros, half_spread: Micros) -> str:
    """fill-L6: a post-only order that would trade on arrival."""
    if not order.post_only or not last or order.limit is None:
        return ""
    if not rules.is_marketable(order.side, order.limit, last, half_spread):
        return ""
    return f"POST_ONLY: the limit {order.limit / 1e6} would take liquidity, last {last / 1e6}"


def _late(order: Order, instrument: Instrument, now: Nanos) -> str:
    """fill-M2: an auction is closed to orders a while before it is held."""
    if not order.time_in_force.is_auction:
        return f"it expired at {rfc3339(order.expires)}" if 0 < order.expires <= now else ""
    opens = order.time_in_force is TimeInForce.OPG
    # One step back: at the very moment, the auction meant is the one that is just being held.
    auction = auction_moment(order, instrument, max(now - 1, order.not_before))
    until = auction - (OPENING_CUTOFF if opens else CLOSING_CUTOFF)
    if now <= until:
        return ""
    day = calendar_of(instrument.venue).local_day(auction)
    return (
        f"late for the {'opening' if opens else 'closing'} auction of {day}, which took orders "
        f"until {rfc3339(until)}; say not_before to mean the next one"
    )


def auction_moment(order: Order, instrument: Instrument, after: Nanos) -> Nanos:
    """When the auction is held that an order is for; 0 if it is for none.

    An order for the open may trade at the first open at or after its `not_before`.
    """
    match order.time_in_force:
        case TimeInForce.CLS:
            return session_close(instrument, after)
        case TimeInForce.OPG:
            return _session_open(instrument, after)
        case _:
            return 0


def expiry(order: Order, instrument: Instrument, after: Nanos) -> Nanos:
    """When an order ends if nothing else ends it; 0 for never (fill-E6)."""
    match order.time_in_force:
        case TimeInForce.DAY | TimeInForce.CLS:
            return session_close(instrument, after)
        case TimeInForce.OPG:
            return session_close(instrument, _session_open(instrument, after))
        case _:
            return order.expires


def session_close(instrument: Instrument, moment: Nanos) -> Nanos:
    """The close of the session that trades at, or next after, a moment."""
    calendar = calendar_of(instrument.venue)
    day = calendar.local_day(moment)
    if not calendar.is_session(day) or calendar.session(day).close <= moment:
        day = calendar.next_session(day)
    return calendar.session(day).close


def _session_open(instrument: Instrument, moment: Nanos) -> Nanos:
    """The first open at or after a moment."""
    calendar = calendar_of(instrument.venue)
    day = calendar.local_day(moment)
    if not calendar.is_session(day) or calendar.session(day).open < moment:
        day = calendar.next_session(day)
    return calendar.session(day).open


def keeps_its_place(order: Order, changed: Order) -> bool:
    """Whether a changed order stays where it was in the queue.

    Assumption: as on most exchanges, it does if it only became smaller; a new price, or more
    shares, send it to the end.
    """
    same_terms = (order.limit, order.stop) == (changed.limit, changed.stop)
    return same_terms and abs(changed.quantity) <= abs(order.quantity)


def change_fault(order: Order, changed: Order, is_triggered: bool) -> str:
    """Why a working order cannot be changed like this, or an empty string."""
    if order.side != changed.side:
        return "a buy stays a buy, and a sell a sell"
    if is_triggered and order.stop != changed.stop:
        return "its stop was hit already"
    if order.kind is OrderKind.MARKET and order.quantity == changed.quantity:
        return "there is nothing to change"
    return ""
