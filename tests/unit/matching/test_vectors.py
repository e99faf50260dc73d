"""Every vector of the fill contract: prices, the ambiguity, and the bands beside them."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from tests.exchange import Exchange, costs

from papertape.domain.event import OrderRestated, PathUncertain
from papertape.domain.market import DAILY
from papertape.domain.order import Attached, OrderKind

DOLLAR = 1_000_000
BRACKET = {
    "attached": (
        Attached(OrderKind.STOP, price=95 * DOLLAR),
        Attached(OrderKind.LIMIT, price=105 * DOLLAR),
    )
}
WIDE_BRACKET = {
    "attached": (
        Attached(OrderKind.STOP, price=99 * DOLLAR),
        Attached(OrderKind.LIMIT, price=106 * DOLLAR),
    )
}


class Asked(NamedTuple):
    """An order as it is sent."""

    quantity: int
    kind: str
    terms: dict[str, Any]


class Vector(NamedTuple):
    """A row of the contract's table; bands in dollars."""

    orders: list[Asked]
    bar: tuple[float, float, float, float]
    fills: list[tuple[float, int]]
    held: int = 0
    ambiguous: bool = False
    band: float = 0
    band_trail: float = 0
    last: float = 100
    """Price of a still bar before the orders are sent; a trail is anchored there."""
    arriving: bool = False
    session_open: bool = False
    half_spread: float = 0
    slip: float = 0


def buy(kind: str, quantity: int = 10, **terms: Any) -> Asked:
    return Asked(quantity, kind, terms)


def sell(kind: str, quantity: int = 10, **terms: Any) -> Asked:
    return Asked(-quantity, kind, terms)


EXITS = [sell("stop", stop=95, group="oco"), sell("limit", limit=105, group="oco")]
TRAIL = [sell("trailing_stop", trail=5)]
LOW_STOP_LIMIT = [sell("stop_limit", stop=95, limit=94)]
LIMIT_WITH_EXITS = [buy("limit", limit=98, **BRACKET)]


def rising(limit: float) -> list[Asked]:
    return [buy("stop_limit", stop=105, limit=limit)]


VECTORS = {
    "V01": Vector([buy("market")], (103, 104, 102, 103.5), [(103, 10)], arriving=True),
    "V02": Vector([buy("limit", limit=98)], (100, 101, 98, 100), []),
    "V03": Vector([buy("limit", limit=98)], (100, 101, 97.99, 100), [(98, 10)]),
    "V04": Vector([buy("limit", limit=98)], (95, 97, 94, 96), [(95, 10)], session_open=True),
    "V05": Vector([buy("limit", limit=98)], (95, 97, 94, 96), [(98, 10)]),
    "V06": Vector([buy("limit", limit=98)], (97.5, 99, 97, 98), [(97.5, 10)], arriving=True),
    "V07": Vector([sell("limit", limit=105)], (100, 105, 99, 101), [], held=10),
    "V08": Vector([sell("stop", stop=95)], (90, 92, 88, 91), [(90, -10)], held=10),
    "V09": Vector([sell("stop", stop=95)], (94, 97, 93, 96), [(94, -10)], held=10),
    "V10": Vector([sell("stop", stop=95)], (99, 100, 94, 98), [(95, -10)], held=10),
    "V11": Vector([sell("stop", stop=95)], (99, 100, 95, 98), [(95, -10)], held=10),
    "V12": Vector([buy("stop", stop=105)], (100, 105, 99, 101), [(105, 10)]),
    "V13": Vector(EXITS, (100, 106, 94, 100), [(95, -10)], held=10, ambiguous=True, band=100),
    "V14": Vector(
        [buy("stop", stop=105, group="oco"), buy("limit", limit=95, group="oco")],
        (100, 106, 94, 100),
        [(105, 10)],
        held=-10,
        ambiguous=True,
        band=100,
    ),
    "V15": Vector(EXITS, (110, 112, 108, 111), [(110, -10)], held=10, session_open=True),
    "V16": Vector(EXITS, (105.5, 106, 94, 95), [(105.5, -10)], held=10, session_open=True),
    "V17": Vector(rising(106), (100, 107, 99, 104), [(105, 10)]),
    "V18": Vector(rising(104), (100, 107, 99, 103.5), [(104, 10)]),
    "V19": Vector(rising(104), (100, 107, 99, 104.5), [], ambiguous=True, band=5),
    "V20": Vector(rising(106), (108, 109, 105.5, 107), [(106, 10)]),
    "V21": Vector(rising(106), (108, 109, 106.5, 107), []),
    "V22": Vector(LOW_STOP_LIMIT, (90, 93, 89, 92), [], held=10),
    "V23": Vector(TRAIL, (99, 103, 94, 101), [(95, -10)], held=10, ambiguous=True, band=30),
    "V24": Vector(TRAIL, (101, 110, 100, 104), [(105, -10)], held=10, band_trail=50),
    "V25": Vector(
        TRAIL,
        (101, 110, 100, 108),
        [(105, -10)],
        held=10,
        ambiguous=True,
        band=30,
        band_trail=50,
    ),
    "V26": Vector(TRAIL, (101, 104, 100, 103), [], held=10),
    "V27": Vector(TRAIL, (93, 96, 92, 95), [(93, -10)], held=10),
    "V28": Vector(LIMIT_WITH_EXITS, (100, 106, 97, 100), [(98, 10)], ambiguous=True, band=50),
    "V29": Vector(LIMIT_WITH_EXITS, (100, 101, 94, 100), [(98, 10), (95, -10)]),
    "V30": Vector(
        [buy("stop", stop=102, **WIDE_BRACKET)],
        (100, 107, 98, 101),
        [(102, 10), (99, -10)],
        ambiguous=True,
        band=70,  # what both canonical paths grant, 106, against the 99 that is forced
    ),
    "V31": Vector(
        [buy("market", **WIDE_BRACKET)],
        (100, 107, 99.5, 101),
        [(100, 10), (106, -10)],
        arriving=True,
    ),
    "V32": Vector(
        [buy("limit", limit=98, group="oco"), buy("stop", stop=103, group="oco")],
        (100, 104, 97, 101),
        [(103, 10)],
        ambiguous=True,
        band=50,
    ),
    "V33": Vector(
        [buy("limit", limit=100), sell("stop", stop=100)],
        (100, 100, 100, 100),
        [(100, -10)],
        held=10,
        last=101,
    ),
    "V34": Vector(LOW_STOP_LIMIT, (99, 100, 93, 96), [(95, -10)], held=10),
    "V35": Vector([sell("limit", limit=105)], (100, 105.01, 99, 101), [(105, -10)], held=10),
    "V36": Vector(
        [sell("stop", stop=95), buy("limit", 5, limit=94)],
        (99, 100, 93, 97),
        [(95, -10), (94, 5)],
        held=10,
    ),
    "V42": Vector(
        [buy("market")],
        (100, 101, 99, 100),
        [(100.05, 10)],
        arriving=True,
        half_spread=0.02,
        slip=0.03,
    ),
    "V43": Vector(
        [sell("stop", stop=95)],
        (99, 100, 94, 98),
        [(94.92, -10)],
        held=10,
        half_spread=0.02,
        slip=0.03,
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"fill-{name}") for name in VECTORS])
def test_a_vector_of_the_fill_contract_comes_out(name: str) -> None:
    vector = VECTORS[name]
    exchange = Exchange(costs(vector.half_spread, vector.slip), held=vector.held)
    exchange.quiet(vector.last)
    sent = [exchange.order(each.quantity, each.kind, **each.terms) for each in vector.orders]
    assert all(answer.startswith("o") for answer in sent), sent
    if not vector.arriving:
        assert exchange.quiet(vector.last) == []
    if vector.session_open:
        exchange.next_session()
    assert exchange.bar(*vector.bar) == vector.fills
    uncertain = [each for each in exchange.log if isinstance(each, PathUncertain)]
    bands = [(each.ambiguous, each.band_canonical, each.band_trail) for each in uncertain]
    wanted = (vector.ambiguous, round(vector.band * 1e6), round(vector.band_trail * 1e6))
    assert bands == ([wanted] if any(wanted) else [])
    assert all(fill.ambiguous is vector.ambiguous for fill in exchange.fills)


def test_fill_v16_cancels_the_stop_that_the_target_made_needless() -> None:
    exchange = Exchange(held=10)
    for each in EXITS:
        exchange.order(each.quantity, each.kind, **each.terms)
    exchange.quiet(100)
    exchange.next_session()
    exchange.bar(105.5, 106, 94, 95)
    assert exchange.canceled == {"o1": "o2 of its group was filled"}
    assert [fill.time for fill in exchange.fills] == [exchange.session.open]


def test_fill_v21_and_v22_rest_as_limits_once_they_are_triggered() -> None:
    exchange = Exchange()
    exchange.quiet(100)
    exchange.order(10, "stop_limit", stop=105, limit=106)
    exchange.bar(108, 109, 106.5, 107)
    # below the stop again: a fresh stop-limit would wait, a triggered one is a limit
    assert exchange.bar(104, 104.5, 103, 104) == [(106, 10)]


def test_fill_v26_carries_its_new_anchor_into_the_next_bar() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop", trail=5)
    assert exchange.bar(101, 104, 100, 103) == []
    assert exchange.bar(100, 100, 99.01, 100) == []
    assert exchange.bar(100, 100, 98, 98) == [(99, -10)]


def test_fill_v37_a_capped_market_order_goes_on_at_the_next_opens() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(250)
    bars = [exchange.bar(price, price, price, price, 1_000) for price in range(100, 106)]
    assert bars == [[(price, 50)] for price in range(100, 105)] + [[]]


def test_fill_v38_a_resting_limit_gets_its_share_of_the_capped_volume() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(500, "limit", limit=98)
    exchange.quiet()
    assert exchange.bar(100, 102, 97, 99, 10_000) == [(98, 200)]
    [resting] = exchange.book._resting["SPY"]
    assert resting.state.open == 300


@pytest.mark.parametrize("kind", list(OrderKind))
def test_fill_v39_nobody_is_filled_where_nothing_traded(kind: OrderKind) -> None:
    terms: dict[str, Any] = {"trail": 1} if kind.trails else {}
    if kind.ends_as_limit and not kind.trails:
        terms["limit"] = 95
    if kind in {OrderKind.STOP, OrderKind.STOP_LIMIT} or kind.is_touched:
        terms["stop"] = 95
    exchange = Exchange(held=10)
    assert exchange.order(-10, kind, **terms) == "o1"
    assert exchange.bar(90, 120, 80, 100, 0) == []


def test_fill_v40_an_immediate_order_that_finds_nothing_is_cancelled_at_the_open() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(500, "limit", limit=98, time_in_force="ioc")
    start = exchange.now
    assert exchange.bar(100, 102, 97, 99, 10_000) == []
    assert exchange.canceled == {"o1": "ioc: not marketable when it arrived"}
    assert exchange.log[0].time == start


def test_fill_v41_all_or_nothing_is_nothing_where_the_cap_binds() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(500, time_in_force="fok")
    assert exchange.bar(100, 102, 97, 99, 1_000) == []
    assert exchange.canceled == {"o1": "fok: 50 of 500 shares were to be had"}


def test_fill_v44_an_order_a_millisecond_late_waits_for_the_next_bar() -> None:
    exchange = Exchange()
    exchange.order(10, at=exchange.now + 1_000_000)
    assert exchange.bar(100, 101, 99, 100) == []
    assert exchange.bar(101, 102, 100, 101) == [(101, 10)]


def test_fill_v45_a_split_doubles_an_order_and_halves_its_price() -> None:
    exchange = Exchange()
    exchange.order(100, "limit", limit=50)
    exchange.quiet(60)
    exchange.next_session()
    [restated] = [each for each in exchange.split(2) if isinstance(each, OrderRestated)]
    assert (restated.order.quantity, restated.order.limit) == (200, 25 * DOLLAR)
    assert exchange.bar(30, 31, 24, 26) == [(25, 200)]


def test_fill_v46_a_dividend_lowers_the_sell_stop_and_not_the_buy_stop() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "stop", stop=40)
    exchange.order(10, "stop", stop=60)
    restated = [each.order for each in exchange.dividend(0.50) if isinstance(each, OrderRestated)]
    assert [(order.id, order.stop) for order in restated] == [("o1", 39_500_000)]


def test_fill_v47_an_order_for_the_close_that_was_just_seen_is_late() -> None:
    exchange = Exchange(frequency=DAILY)
    exchange.quiet()
    assert "late for the closing auction of 2024-01-02" in exchange.order(10, time_in_force="cls")
