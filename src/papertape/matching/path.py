"""The two canonical ways through a bar, and the choice of the one that is worse for us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from papertape.domain.account import Account
from papertape.domain.event import Event, LimitTouched, OrderFilled, PathUncertain
from papertape.domain.market import Bar
from papertape.domain.money import Micros, micros
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.matching import rules
from papertape.matching.counter import Counter, Market
from papertape.matching.resting import Resting
from papertape.matching.walk import Path, Walk

_MARKET = OrderKind.MARKET
_ONE_PATH = (OrderKind.LIMIT, OrderKind.STOP, OrderKind.MARKET_IF_TOUCHED)


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
    if not any(each.is_asleep for each in orders) and _is_certain(live, extent, tick):
        only = _walk(bar, market, account, orders, extent.paths[0])
        events = only.counter.events + _touches(live, only, extent, tick)
        return Outcome(events, only.counter.account, only.orders)
    both = [_walk(bar, market, account, orders, path) for path in extent.paths]
    worse = min(both, key=lambda walk: (walk.equity, walk.counter.targets_on_entry))
    others = [path for walk in both for path in _past_births(walk, extent)]
    if any(walk.was_forced for walk in both):
        others += extent.paths
    both += [_walk(bar, market, account, orders, path, forces=False) for path in others]
    return _judged(worse, both, live, extent)


def _past_births(walk: Walk, extent: Extent) -> list[Path]:
    """Ways that come to an entry first and to both extremes after it.

    On the canonical ways an entry is met on the way to an extreme, which its exits then meet
    first; the market may just as well have turned at the entry. Nothing is booked by these ways:
    they widen the band.
    """
    points = dict.fromkeys(birth.point for birth in walk.births if not birth.is_at_open)
    return [
        Path(f"O-entry-{name[2:]}", (extent.open, point, *turns[1:]))
        for point in points
        for name, turns in extent.paths
    ]


def meet_close(
    bar: Bar,
    market: Market,
    account: Account,
    orders: list[Resting],
    order_id: OrderId,
    quoted: Micros = 0,
) -> Outcome:
    """Let one order meet the close of a bar that has ended, whatever the bar did before.

    Args:
        bar: The bar.
        market: What else is known.
        account: Cash and holdings.
        orders: Every order held for the instrument.
        order_id: Which of them.
        quoted: What was bid or asked at the close, where quotes tell; 0 for the bar's own close.
    """
    copies, path = [each.twin() for each in orders], Extent.of(bar).paths[0]
    walk = Walk(Counter(bar, market, account, copies, path.name), path, forces=False)
    walk.fill_at_close(order_id, quoted)
    return Outcome(walk.counter.events, walk.counter.account, walk.orders)


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
    copies = [each.twin() for each in orders]
    walk = Walk(Counter(bar, market, account, copies, path.name), path, forces=forces)
    walk.run()
    return walk


def _judged(worse: Walk, walks: Sequence[Walk], live: Sequence[Resting], extent: Extent) -> Outcome:
    """What is booked, and beside it how far it could have been otherwise."""
    bar, tick = worse.bar, worse.market.instrument.tick
    band = max(walk.equity for walk in walks) - worse.equity
    ambiguous = band > 0 or any(_came_of(walk) != _came_of(worse) for walk in walks)
    carried = [each for each in live if each.is_waiting and each.order.kind.trails]
    born = [each.exit for each in worse.births if each.exit.order.kind.trails]
    beyond = sum(_carried_band(trail, worse, extent, tick) for trail in carried)
    beyond += sum(_trail_band(trail, trail.anchor, worse, extent, tick) for trail in born)
    events = [_marked(event) if ambiguous else event for event in worse.counter.events]
    events += _touches(live, worse, extent, tick)
    if ambiguous or beyond:
        name = worse.path.name
        events.append(PathUncertain(bar.end, bar.symbol, bar.start, name, ambiguous, band, beyond))
    return Outcome(events, worse.counter.account, worse.orders)


def _touches(live: Sequence[Resting], walk: Walk, extent: Extent, tick: Micros) -> list[Event]:
    """The limits that the bar came to and not beyond, and that still work (fill-L2)."""
    bar, working = walk.bar, {resting.order.id for resting in walk.orders}
    return [
        LimitTouched(bar.end, bar.symbol, resting.order.id, resting.limit)
        for resting in live
        if resting.order.id in working
        and not (resting.is_waiting or resting.is_market)
        and not resting.order.time_in_force.is_auction
        and _is_touched(resting, extent, tick)
    ]


def _is_touched(resting: Resting, extent: Extent, tick: Micros) -> bool:
    side = resting.order.side
    beyond = side * (resting.limit - (extent.low if side > 0 else extent.high))
    return 0 <= beyond < tick


def _is_certain(live: Sequence[Resting], extent: Extent, tick: Micros) -> bool:
    """Whether both paths must come to the same: at most one order can act within the bar."""
    acting = 0
    for resting in live:
        exits = resting.order.exits
        if resting.order.kind is _MARKET or resting.is_market:
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


def _came_of(walk: Walk) -> tuple[list[tuple[str, int, Micros]], list[tuple[str, bool, Micros]]]:
    """Fills, and where orders were triggered: a cap may have left them nothing yet."""
    fills = [(fill.order_id, fill.quantity, fill.price) for fill in walk.counter.fills]
    return fills, [(each.order.id, each.is_triggered, each.anchor) for each in walk.orders]


def _marked(event: Event) -> Event:
    if not isinstance(event, OrderFilled):
        return event
    return OrderFilled(event.time, replace(event.fill, ambiguous=True))


def _carried_band(trail: Resting, walk: Walk, extent: Extent, tick: Micros) -> Micros:
    """The band of a trail that was there before the bar; at a gap it is gone at the open."""
    level = trail.level(tick)
    if level and rules.has_passed(trail.order.side, level, extent.open):
        return 0
    first = rules.ratcheted(trail.order.side, trail.anchor, extent.open)
    return _trail_band(trail, first, walk, extent, tick)


def _trail_band(trail: Resting, first: Micros, walk: Walk, extent: Extent, tick: Micros) -> Micros:
    """How much worse a trail's exit could have been than on the path taken (fill-T3).

    Args:
        trail: As it was when the bar began, or when it came to life.
        first: The best price that it had seen by then.
        walk: What was booked.
        extent: The bar's prices.
        tick: The instrument's.
    """
    order = trail.order
    last = rules.ratcheted(order.side, first, extent.low if order.side > 0 else extent.high)
    levels = trail.level(tick, first), trail.level(tick, last)
    worst = rules.worst_trail_exit(order.side, *levels, extent.high, extent.low)
    if worst == rules.NO_FILL:
        return 0
    # What the shares it guards brought instead: by itself, by another exit of its group, or none.
    names = _group(order, walk)
    fills = [fill for fill in walk.counter.fills if fill.order_id in names]
    rest = trail.state.open - sum(fill.quantity for fill in fills)
    booked = rest * extent.close + sum(fill.quantity * fill.reference for fill in fills)
    return max(0, trail.state.open * worst - booked) * walk.market.instrument.multiplier


def _group(order: Order, walk: Walk) -> set[OrderId]:
    """The order and those that it cancels."""
    members = (each.order for each in walk.counter.orders if order.group)
    return {order.id, *(each.id for each in members if each.group == order.group)}
