"""Closing: which working orders a restraint cancels, and the orders that close holdings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId, OrderKind, TimeInForce
from papertape.domain.restraint import Sweep
from papertape.engines.riskguard import Collar

COLLAR = Collar(Fraction(1, 20), Fraction(1, 5))
"""The collar of closing orders where the profile sets none."""
FLATTENING = "closes the holding: kill --flatten"


def swept(sweep: Sweep, working: Iterable[OrderState], account: Account) -> Iterator[OrderId]:
    """The working orders that are to be cancelled; those that close holdings stay."""
    for state in working:
        order = state.order
        if sweep is Sweep.NOTHING or order.reason == FLATTENING:
            continue
        if sweep is Sweep.ALL or not _reduces(state, account.quantity(order.symbol)):
            yield order.id


def _reduces(state: OrderState, held: int) -> bool:
    """Whether it can only bring a holding nearer to zero, as stops and targets do."""
    return state.order.reduce_only or (held * state.open < 0 and abs(state.open) <= abs(held))


def closing_order(
    order_id: OrderId,
    symbol: str,
    held: int,
    last: Micros,
    collar: Fraction,
    tick: Micros,
    now: Nanos,
) -> Order:
    """An order that closes a holding at a price no worse than the collar's edge."""
    side = -1 if held > 0 else 1
    edge = last * (1 + side * collar) / tick
    # Inwards to the tick: the order itself must lie within the collar (risk-R6).
    limit = (floor(edge) if side > 0 else ceil(edge)) * tick
    return Order(
        order_id,
        symbol,
        -held,
        OrderKind.LIMIT,
        now,
        FLATTENING,
        limit=max(tick, limit),
        time_in_force=TimeInForce.DAY,
        reduce_only=True,
    )


def is_out_of_reach(state: OrderState, last: Micros) -> bool:
    """Whether the market has left a closing order behind, so that it needs another limit."""
    limit = state.order.limit
    return limit is not None and (last - limit) * state.order.side > 0
