"""The exchange keeps its promises over random orders and bars (fill-m1 to fill-m5)."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as some
from tests.exchange import Exchange, costs

from papertape.domain.event import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderReplaced,
    PathUncertain,
)
from papertape.domain.fill import Fill
from papertape.domain.market import DAILY
from papertape.domain.order import Attached, OrderKind

AXIS = 10_000
"""Cents; a mirror turns p into 2 x AXIS - p."""

HELD = 10_000
CENT = 10_000


class Prices(NamedTuple):
    """A bar in cents and shares."""

    open: int
    high: int
    low: int
    close: int
    volume: int = 1_000_000


class Asked(NamedTuple):
    """An order in cents, sent before the bar of that number."""

    before: int
    quantity: int
    kind: OrderKind
    price: int
    width: int
    duration: str = "gtc"
    group: str = ""
    exits: bool = False


cents = some.integers(AXIS - 300, AXIS + 300)
thick = some.just(1_000_000)


@some.composite
def prices(draw: some.DrawFn, volume: some.SearchStrategy[int] = thick) -> Prices:
    low, *inner, high = sorted(draw(some.lists(cents, min_size=4, max_size=4)))
    open_, close = draw(some.permutations(inner))
    return Prices(open_, high, low, close, draw(volume))


volumes = some.integers(0, 20_000)
bars = some.lists(prices(), min_size=1, max_size=6)
thin_bars = some.lists(prices(volumes), min_size=1, max_size=6)
MARKETS_AND_STOPS = [OrderKind.MARKET, OrderKind.STOP]


@some.composite
def asked(
    draw: some.DrawFn,
    sides: tuple[int, ...] = (1, -1),
    kinds: list[OrderKind] = list(OrderKind),  # noqa: B006 - read only
    durations: tuple[str, ...] = ("gtc", "day", "ioc", "fok"),
    groups: tuple[str, ...] = ("", "oco"),
) -> Asked:
    kind = draw(some.sampled_from(kinds))
    plain = kind in {OrderKind.MARKET, OrderKind.LIMIT}
    allowed = [each for each in durations if plain or each in {"gtc", "day"}]
    side = draw(some.sampled_from(sides))
    return Asked(
        draw(some.integers(0, 4)),
        side * draw(some.integers(1, 2_000)),
        kind,
        draw(cents),
        draw(some.integers(1, 150)),
        draw(some.sampled_from(allowed)),
        draw(some.sampled_from(groups)),
        side > 0 and draw(some.booleans()),
    )


def terms(each: Asked) -> dict[str, Any]:
    side = 1 if each.quantity > 0 else -1
    found: dict[str, Any] = {"time_in_force": each.duration, "group": each.group}
    match each.kind:
        case OrderKind.LIMIT:
            found["limit"] = each.price / 100
        case OrderKind.STOP | OrderKind.MARKET_IF_TOUCHED:
            found["stop"] = each.price / 100
        case OrderKind.STOP_LIMIT | OrderKind.LIMIT_IF_TOUCHED:
            found["stop"] = each.price / 100
            found["limit"] = (each.price + side * (each.width - 75)) / 100
        case OrderKind.TRAILING_STOP:
            found["trail"] = each.width / 100
        case OrderKind.TRAILING_STOP_LIMIT:
            found |= {"trail": each.width / 100, "limit_offset": 0.05}
    if each.exits:
        found["attached"] = (
            Attached(OrderKind.STOP, distance=each.width * CENT),
            Attached(OrderKind.LIMIT, distance=2 * each.width * CENT),
        )
    return found


def run(orders: list[Asked], tape: list[Prices], exchange: Exchange) -> list[int]:
    """Let the bars come, the orders before them; equity at each close, micro-dollars."""
    worth = []
    for number, bar in enumerate(tape):
        for each in orders:
            if each.before == number:
                send(each, exchange)
        exchange.bar(*(price / 100 for price in bar[:4]), volume=bar.volume)
        held = exchange.account.quantity("SPY")
        worth.append(exchange.account.cash + held * bar.close * CENT)
    return worth


def send(each: Asked, exchange: Exchange) -> None:
    past = len(exchange.log)
    answer = exchange.order(each.quantity, each.kind, **terms(each))
    if answer.startswith("o"):
        order = exchange.book._find(answer).order
        exchange.log.insert(past, OrderAccepted(exchange.now, order))


def seen(fills: list[Fill]) -> list[tuple[str, int, int, int]]:
    return [(fill.id, fill.time, fill.quantity, fill.price) for fill in fills]


@given(some.lists(asked(), max_size=6), thin_bars)
def test_cash_and_shares_and_every_order_add_up(orders: list[Asked], tape: list[Prices]) -> None:
    exchange = Exchange(costs(0.01, 0.005, cap=0.10), held=HELD)
    cash = exchange.account.cash
    run(orders, tape, exchange)
    fills = exchange.fills
    assert exchange.account.cash == cash + sum(fill.cash for fill in fills)
    assert exchange.account.quantity("SPY") == HELD + sum(fill.quantity for fill in fills)
    asked_for, open_ = {}, {}
    for event in exchange.log:
        match event:
            case OrderAccepted(order=order) | OrderReplaced(order=order):
                asked_for[order.id] = order.quantity
            case OrderCanceled(order_id=order_id) | OrderExpired(order_id=order_id):
                open_[order_id] = 0
    for resting in exchange.book._all():
        open_[resting.order.id] = resting.state.open
    for order_id, quantity in asked_for.items():
        filled = sum(fill.quantity for fill in fills if fill.order_id == order_id)
        assert filled * quantity >= 0
        assert abs(filled) <= abs(quantity)
        if order_id not in open_:
            assert filled == quantity
        elif open_[order_id]:
            assert filled + open_[order_id] == quantity


@given(some.lists(asked(), max_size=6), thin_bars)
def test_no_fill_is_early_or_large_or_kinder_than_the_bar(
    orders: list[Asked], tape: list[Prices]
) -> None:
    exchange = Exchange(costs(0.01, 0.005, cap=0.10), held=HELD)
    first = exchange.now
    run(orders, tape, exchange)
    orders_by_id = {each.order.id: each for each in exchange.log if isinstance(each, OrderAccepted)}
    for number, bar in enumerate(tape):
        start = first + number * exchange.frequency.nanos
        here = [fill for fill in exchange.fills if fill.bar_start == start]
        assert sum(abs(fill.quantity) for fill in here) <= bar.volume // 10
        at_open = [fill for fill in here if fill.time == start]
        assert sum(abs(fill.quantity) for fill in at_open) <= bar.volume // 20
        for fill in here:
            side = 1 if fill.quantity > 0 else -1
            accepted = orders_by_id[fill.order_id]
            assert accepted.time <= fill.time
            best = bar.low if side > 0 else bar.high
            assert side * (fill.reference - best * CENT) >= 0
            assert side * (fill.price - fill.reference) >= 0 or fill.rule.startswith("fill-L")
            limit = accepted.order.limit
            assert limit is None or side * (limit - fill.price) >= 0


@given(some.lists(asked(), max_size=6), thin_bars)
def test_at_most_one_member_of_a_group_gets_what_was_asked_for(
    orders: list[Asked], tape: list[Prices]
) -> None:
    exchange = Exchange(costs(cap=0.10), held=HELD)
    run(orders, tape, exchange)
    members = {e.order.id: e.order for e in exchange.log if isinstance(e, OrderAccepted)}
    grouped: dict[str, list[str]] = {}
    for order in members.values():
        if order.group.endswith("exits1"):
            grouped.setdefault(order.group, []).append(order.id)
    for ids in grouped.values():
        got = sum(abs(fill.quantity) for fill in exchange.fills if fill.order_id in ids)
        assert got <= abs(members[ids[0]].quantity)


EXIT_KINDS = [kind for kind in OrderKind if kind is not OrderKind.TRAILING_STOP_LIMIT]
exits = asked(sides=(-1,), kinds=EXIT_KINDS)


def mirrored(orders: list[Asked], tape: list[Prices]) -> tuple[list[Asked], list[Prices]]:
    flip = 2 * AXIS
    turned = [
        Prices(flip - b.open, flip - b.low, flip - b.high, flip - b.close, b.volume) for b in tape
    ]
    return [o._replace(quantity=-o.quantity, price=flip - o.price) for o in orders], turned


@given(some.lists(exits, max_size=4), thin_bars)
def test_m1_a_mirrored_market_fills_mirrored_exits(orders: list[Asked], tape: list[Prices]) -> None:
    charges = costs(0.01, 0.02, cap=0.10)
    plain, mirror = Exchange(charges, held=HELD), Exchange(charges, held=-HELD, cash=10_000_000)
    run(orders, tape, plain)
    run(*mirrored(orders, tape), mirror)
    uncertain = [e for e in plain.log if isinstance(e, PathUncertain)]
    if any(each.ambiguous and each.band_canonical == 0 for each in uncertain):
        return  # a tie goes to the way up first, on both sides of the mirror
    assert [(f.id, f.time, f.quantity, f.price) for f in plain.fills] == [
        (f.id, f.time, -f.quantity, 2 * AXIS * CENT - f.price) for f in mirror.fills
    ]


@some.composite
def halves(draw: some.DrawFn) -> tuple[Prices, Prices, Prices]:
    """A bar and two that follow each other within it."""
    first, other = draw(prices()), draw(prices())
    second = Prices(
        first.close,
        max(other.high, first.close),
        min(other.low, first.close),
        other.close,
        other.volume,
    )
    whole = Prices(
        first.open, max(first.high, second.high), min(first.low, second.low), second.close
    )
    return whole, first, second


def resting_cases(level: int, width: int) -> list[list[Asked]]:
    def sale(kind: OrderKind, price: int) -> Asked:
        return Asked(0, -HELD, kind, price, 1, group="oco")

    stop, target = sale(OrderKind.STOP, level - width), sale(OrderKind.LIMIT, level + width)
    return [[stop], [target], [stop, target]]


@given(halves(), cents, some.integers(1, 200), some.integers(0, 2))
def test_m2_a_finer_look_is_never_worse_than_the_adverse_choice(
    three: tuple[Prices, Prices, Prices], level: int, width: int, case: int
) -> None:
    whole, first, second = three
    orders = resting_cases(level, width)[case]
    still = Prices(level, level, level, level)
    coarse, fine = Exchange(costs(0.01, 0.02), held=HELD), Exchange(costs(0.01, 0.02), held=HELD)
    assert run(orders, [still, first, second], fine)[-1] >= run(orders, [still, whole], coarse)[-1]


@given(some.lists(asked(), max_size=6), thin_bars, thin_bars, some.integers(0, 6))
def test_m3_what_comes_later_changes_no_fill(
    orders: list[Asked], tape: list[Prices], other: list[Prices], keep: int
) -> None:
    one, two = Exchange(costs(cap=0.10), held=HELD), Exchange(costs(cap=0.10), held=HELD)
    start, length = one.now, one.frequency.nanos
    run(orders, tape, one)
    run(orders, tape[:keep] + other, two)
    until = start + min(keep, len(tape)) * length
    early = [[fill for fill in each.fills if fill.bar_start < until] for each in (one, two)]
    assert seen(early[0]) == seen(early[1])


@given(some.lists(asked(), max_size=6), some.lists(prices(volumes), min_size=2, max_size=2))
def test_m3_a_fill_at_the_open_knows_nothing_of_its_bar(
    orders: list[Asked], tape: list[Prices]
) -> None:
    bar, other = tape
    around = Prices(
        bar.open, max(other.high, bar.open), min(other.low, bar.open), other.close, bar.volume
    )
    early = [each._replace(before=0) for each in orders]
    found = []
    for each in (bar, around):
        exchange = Exchange(costs(0.01, 0.02, cap=0.10), held=HELD)
        start = exchange.now
        run(early, [each], exchange)
        found.append(seen([fill for fill in exchange.fills if fill.time == start]))
    assert found[0] == found[1]


SINGLE = asked(durations=("gtc", "day", "ioc"), groups=("",))


@given(SINGLE, thin_bars)
def test_m4_more_volume_never_fills_less_of_an_order(order: Asked, tape: list[Prices]) -> None:
    order = order._replace(exits=False)
    filled = []
    for times in (1, 2):
        exchange = Exchange(costs(cap=0.10), held=HELD)
        run([order], [bar._replace(volume=times * bar.volume) for bar in tape], exchange)
        filled.append(sum(abs(fill.quantity) for fill in exchange.fills))
    assert filled[0] <= filled[1]


cost = some.integers(0, 30)


@given(
    some.lists(asked(kinds=MARKETS_AND_STOPS, groups=("",)), max_size=5),
    bars,
    some.lists(cost, min_size=2, max_size=2),
    some.lists(cost, min_size=2, max_size=2),
)
def test_m5_dearer_markets_never_leave_more(
    orders: list[Asked], tape: list[Prices], spread: list[int], slip: list[int]
) -> None:
    plain = [each._replace(exits=False) for each in orders]
    worth = []
    for half_spread, slippage in zip(sorted(spread), sorted(slip), strict=True):
        exchange = Exchange(costs(half_spread / 1000, slippage / 1000), held=HELD, cash=10_000_000)
        worth.append(run(plain, tape, exchange)[-1])
    dearer, cheaper = worth[1], worth[0]
    assert dearer <= cheaper


@given(some.lists(asked(), max_size=4), bars)
def test_the_band_is_never_negative_and_the_events_come_in_order(
    orders: list[Asked], tape: list[Prices]
) -> None:
    exchange = Exchange(costs(0.01), held=HELD, frequency=DAILY)
    run(orders, tape[:1], exchange)
    for each in exchange.log:
        if isinstance(each, PathUncertain):
            assert min(each.band_canonical, each.band_trail) >= 0
            assert each.ambiguous or each.band_trail
    times = [each.time for each in exchange.log if isinstance(each, OrderFilled | OrderCanceled)]
    assert all(earlier <= later for earlier, later in pairwise(times))


@given(some.lists(asked(), max_size=6), thin_bars)
def test_filled_and_open_and_canceled_are_what_was_ordered(
    orders: list[Asked], tape: list[Prices]
) -> None:
    exchange = Exchange(costs(0.01, 0.005, cap=0.10), held=HELD)
    run(orders, tape, exchange)
    ordered, filled, canceled = Counter[str](), Counter[str](), Counter[str]()
    for event in exchange.log:
        match event:
            case OrderAccepted(order=order) | OrderReplaced(order=order):
                assert order.id not in canceled
                ordered[order.id] = order.quantity
            case OrderFilled(fill=fill):
                assert fill.order_id not in canceled
                filled[fill.order_id] += fill.quantity
            case OrderCanceled(order_id=name) | OrderExpired(order_id=name):
                canceled[name] = ordered[name] - filled[name]
    for resting in exchange.book._all():
        assert resting.state.open != 0
        canceled[resting.order.id] += resting.state.open
    assert {name: filled[name] + canceled[name] for name in ordered} == dict(ordered)
    assert all(canceled[name] * ordered[name] >= 0 for name in ordered)


@given(
    some.lists(asked(), max_size=6),
    thin_bars,
    some.lists(cost, min_size=2, max_size=2),
    some.lists(cost, min_size=2, max_size=2),
)
def test_more_cost_never_betters_the_price_of_the_same_fill(
    orders: list[Asked], tape: list[Prices], spread: list[int], slip: list[int]
) -> None:
    found = []
    for half_spread, slippage in zip(sorted(spread), sorted(slip), strict=True):
        exchange = Exchange(costs(half_spread / 1000, slippage / 1000, cap=0.10), held=HELD)
        run(orders, tape, exchange)
        found.append({(f.id, f.time, f.rule, f.quantity, f.reference): f for f in exchange.fills})
    for same in found[0].keys() & found[1].keys():
        cheap, dear = (fills[same] for fills in found)
        assert cheap.quantity * (dear.price - cheap.price) >= 0
        assert dear.cost >= cheap.cost
        assert min(dear.spread_cost, dear.slippage_cost) >= 0
