"""The two canonical ways through a bar, and the choice of the one that is worse for us."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from papertape.domain.account import Account
from papertape.domain.event import Event, OrderFilled, PathUncertain
from papertape.domain.market import Bar
from papertape.domain.money import Micros, micros
from papertape.domain.order import OrderKind
from papertape.matching import rules
from papertape.matching.counter import Counter, Market
from papertape.matching.resting import Resting
from papertape.matching.walk import Path, Walk

_ONE_PATH = frozenset({OrderKind.LIMIT, OrderKind.STOP, OrderKind.MARKET_IF_TOUCHED})


class Outcome(NamedTuple):
    """What came of a bar: the events in order, the account after them, the orders still held."""

    events: list[Event]
    account: Account
    orders: list[Resting]


class Extent(NamedTuple):
    """The four prices of a bar, micro-dollars."""

    open: Micros
    high: Micros
    low: Micros
    close: Micros

    @classmethod
    def of(cls, bar: Bar) -> Extent:
        """A bar's prices, as the rules count them."""
        return cls(micros(bar.open), micros(bar.high), micros(bar.low), micros(bar.close))

    @property
    def paths(self) -> tuple[Path, Path]:
        """Up first, and down first; the former is taken where both come to the same."""
        return (
            Path("O-H-L-C", (self.open, self.high, self.low, self.close)),
            Path("O-L-H-C", (self.open, self.low, self.high, self.close)),
        )


def concerns(bar: Bar, orders: Sequence[Resting], tick: Micros) -> bool:
    """Whether a bar can change anything about an order, be it only that it rests from now on."""
    extent = Extent.of(bar)
    return any(
        resting.eligible <= bar.start
        and (
            resting.order.time_in_force.is_auction
            or (resting.is_arriving and not resting.is_waiting)
            or _can_act(resting, extent, tick)
        )
        for resting in orders
    )


def meet(bar: Bar, market: Market, account: Account, orders: list[Resting]) -> Outcome:
    """Let a bar meet the orders, on the path that leaves us with less at its close (fill-P1)."""
    extent, tick = Extent.of(bar), market.instrument.tick
    live = [resting for resting in orders if resting.eligible <= bar.start]
    if _is_certain(live, extent, tick):
        only = _walk(bar, market, account, orders, extent.paths[0])
        return Outcome(only.counter.events, only.counter.account, only.orders)
    both = [_walk(bar, market, account, orders, path) for path in extent.paths]
    worse = min(both, key=lambda walk: (walk.equity, walk.counter.targets_on_entry))
    if any(walk.was_forced for walk in both):
        both += [_walk(bar, market, account, orders, path, forces=False) for path in extent.paths]
    return _judged(worse, both, [each for each in live if each.order.kind.trails], extent)


def _walk(
    bar: Bar,
    market: Market,
    account: Account,
    orders: list[Resting],
    path: Path,
    *,
    forces: bool = True,
) -> Walk:
    """A walk that is over; it changed copies, so that the next one finds what it found."""
    copies = [copy(each) for each in orders]
    walk = Walk(Counter(bar, market, account, copies, path.name), path, forces=forces)
    walk.run()
    return walk


def _judged(
    worse: Walk, walks: Sequence[Walk], trails: Sequence[Resting], extent: Extent
) -> Outcome:
    """What is booked, and beside it how far it could have been otherwise."""
    bar, tick = worse.bar, worse.market.instrument.tick
    band = max(walk.equity for walk in walks) - worse.equity
    ambiguous = band > 0 or any(_came_of(walk) != _came_of(worse) for walk in walks)
    beyond = sum(_trail_band(trail, worse, extent, tick) for trail in trails)
    events = [_marked(event) if ambiguous else event for event in worse.counter.events]
    if ambiguous or beyond:
        name = worse.path.name
        events.append(PathUncertain(bar.end, bar.symbol, bar.start, name, ambiguous, band, beyond))
    return Outcome(events, worse.counter.account, worse.orders)


def _is_certain(live: Sequence[Resting], extent: Extent, tick: Micros) -> bool:
    """Whether both paths must come to the same: at most one order can act within the bar."""
    acting = 0
    for resting in live:
        exits = resting.order.exits
        if resting.order.kind is OrderKind.MARKET or resting.is_market:
            acting += len(exits)
        elif _can_act(resting, extent, tick):
            acting += 1 + len(exits)
            if resting.is_waiting and resting.order.kind not in _ONE_PATH:
                return False
        if any(each.kind.trails for each in exits):
            return False
    return acting <= 1


def _can_act(resting: Resting, extent: Extent, tick: Micros) -> bool:
    """Whether the bar's range comes near enough to an order; a trail moves with every bar."""
    side = resting.order.side
    if resting.is_market:
        return True
    if not resting.is_waiting:
        best = extent.low if side > 0 else extent.high
        return side * (resting.limit - best) >= 0
    if resting.order.kind.trails:
        return True
    level = resting.level(tick)
    return rules.stop_reference(resting.trigger_side, level, *extent[:3]) != rules.NO_FILL


def _came_of(walk: Walk) -> tuple[list[tuple[str, int, Micros]], list[tuple[str, bool]]]:
    """Fills, and which orders were triggered: a cap may have left them nothing yet."""
    fills = [(fill.order_id, fill.quantity, fill.price) for fill in walk.counter.fills]
    return fills, [(each.order.id, each.is_triggered) for each in walk.orders]


def _marked(event: Event) -> Event:
    if not isinstance(event, OrderFilled):
        return event
    return OrderFilled(event.time, replace(event.fill, ambiguous=True))


def _trail_band(before: Resting, walk: Walk, extent: Extent, tick: Micros) -> Micros:
    """How much worse a trail's exit could have been than on the path taken (fill-T3).

    Assumption: a trail that came to life within the bar has no band of its own.
    """
    side, carried = before.order.side, before.level(tick)
    if not before.is_waiting or (carried and rules.has_passed(side, carried, extent.open)):
        return 0  # at a gap it is gone at the open, whatever came after
    first = rules.ratcheted(side, before.anchor, extent.open)
    last = rules.ratcheted(side, first, extent.low if side > 0 else extent.high)
    levels = before.level(tick, first), before.level(tick, last)
    worst = rules.worst_trail_exit(side, *levels, extent.high, extent.low)
    if worst == rules.NO_FILL:
        return 0
    fills = [fill for fill in walk.counter.fills if fill.order_id == before.order.id]
    if fills:
        lost = sum(max(0, fill.quantity * (worst - fill.reference)) for fill in fills)
    else:
        after = next((each for each in walk.orders if each.order.id == before.order.id), None)
        lost = max(0, after.state.open * (worst - extent.close)) if after else 0
    return lost * walk.market.instrument.multiplier
