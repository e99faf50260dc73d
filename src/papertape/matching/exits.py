"""Exits: the orders that an entry's fill brings to life (fill-B1)."""

from __future__ import annotations

from papertape.domain.fill import Fill
from papertape.domain.money import Micros, against_trader
from papertape.domain.order import Attached, Order, OrderKind

_NAMES = {OrderKind.STOP: "stop", OrderKind.LIMIT: "target", OrderKind.TRAILING_STOP: "trail"}
WORDS = {
    OrderKind.STOP: "protective stop",
    OrderKind.LIMIT: "target",
    OrderKind.TRAILING_STOP: "trailing stop",
}
"""What people call an exit of that kind."""


def exits_of(entry: Order, fill: Fill, opened: int, number: int, tick: Micros) -> list[Order]:
    """The exits of one fill of an entry, each for what it opened, one cancelling the others.

    Assumption: every fill has exits of its own, at its own distance; a stop so far below that no
    price could reach it is left out.
    """
    group = f"{entry.id}.exits{number}" if len(entry.exits) > 1 else ""
    levels = ((each, _level(each, entry.side, fill.price, tick)) for each in entry.exits)
    return [
        _exit(each, level, entry, fill, opened, f"{entry.id}.{_NAMES[each.kind]}{number}", group)
        for each, level in levels
        if level > 0 or each.kind.trails
    ]


def _level(attached: Attached, side: int, paid: Micros, tick: Micros) -> Micros:
    """Where it stands, rounded against the trader; a trailing stop stands nowhere yet."""
    if attached.price:
        return attached.price
    away = side if attached.kind is OrderKind.LIMIT else -side
    return against_trader(paid + away * attached.distance, tick, -side)


def _exit(
    attached: Attached, level: Micros, entry: Order, fill: Fill, opened: int, name: str, group: str
) -> Order:
    kind, distance = attached.kind, attached.distance
    where = f"{distance / 1e6:.2f} from the fill" if distance else "of the entry"
    return Order(
        id=name,
        symbol=entry.symbol,
        quantity=-entry.side * opened,
        kind=kind,
        time=fill.time,
        reason=f"{WORDS[kind]} {where}",
        limit=level if kind is OrderKind.LIMIT else None,
        stop=level if kind is OrderKind.STOP else None,
        reduce_only=True,
        parent=entry.id,
        trail=distance if kind.trails else 0,
        trail_millionths=attached.trail_millionths,
        group=group,
    )
