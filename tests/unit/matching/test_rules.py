"""The scalar rules: the contract's vectors, and that a buy mirrors a sell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from papertape.domain.money import LARGEST
from papertape.matching import rules

CENT = 10_000
AXIS = 100_000_000
"""Mirroring turns a price p into 2 x AXIS - p, and low into high."""


def dollars(*prices: float) -> tuple[int, ...]:
    return tuple(round(price * 1_000_000) for price in prices)


def mirrored(price: int) -> int:
    return 2 * AXIS - price if price else rules.NO_FILL


@pytest.mark.parametrize(
    ("side", "stop", "bar", "expected"),
    [
        pytest.param(-1, 95, (90, 92, 88), 90, id="fill-V08 gap through"),
        pytest.param(-1, 95, (94, 97, 93), 94, id="fill-V09 gap beyond"),
        pytest.param(-1, 95, (99, 100, 94), 95, id="fill-V10 within"),
        pytest.param(-1, 95, (99, 100, 95), 95, id="fill-V11 touch"),
        pytest.param(1, 105, (100, 105, 99), 105, id="fill-V12 touch"),
        pytest.param(-1, 100, (100, 100, 100), 100, id="fill-V33 still bar"),
        pytest.param(-1, 95, (99, 100, 95.01), 0, id="not reached"),
        pytest.param(1, 105, (108, 109, 107), 108, id="gap above a buy stop"),
    ],
)
def test_a_stop_fills_at_its_level_or_at_a_worse_open(
    side: int, stop: float, bar: tuple[float, ...], expected: float
) -> None:
    assert (rules.stop_reference(side, *dollars(stop, *bar)),) == dollars(expected)


@pytest.mark.parametrize(
    ("side", "limit", "high", "low", "expected"),
    [
        pytest.param(1, 98, 101, 98, 0, id="fill-V02 touch"),
        pytest.param(1, 98, 101, 97.99, 98, id="fill-V03 cross"),
        pytest.param(-1, 105, 105, 99, 0, id="fill-V07 touch"),
        pytest.param(-1, 105, 105.01, 99, 105, id="fill-V35 cross"),
        pytest.param(1, 98, 97, 94, 98, id="fill-V05 jumped over, no gift"),
        pytest.param(1, 100, 100, 100, 0, id="fill-V33 still bar"),
    ],
)
def test_a_resting_limit_fills_at_its_price_when_crossed_by_a_tick(
    side: int, limit: float, high: float, low: float, expected: float
) -> None:
    found = rules.resting_limit_reference(side, *dollars(limit, high, low), CENT)
    assert (found,) == dollars(expected)


def test_a_coarser_tick_asks_for_a_deeper_cross() -> None:
    limit, low, high = dollars(98, 97.96, 99)
    assert rules.resting_limit_reference(1, limit, high, low, CENT) == limit
    assert rules.resting_limit_reference(1, limit, high, low, 5 * CENT) == rules.NO_FILL


@pytest.mark.parametrize(("price", "expected"), [(97.99, 97.99), (98, 0), (98.01, 0)])
def test_an_auction_must_beat_a_resting_limit_strictly(price: float, expected: float) -> None:
    assert (rules.auction_limit_reference(1, *dollars(98, price)),) == dollars(expected)


@pytest.mark.parametrize(("price", "marketable"), [(97.97, True), (97.98, True), (97.99, False)])
def test_an_arriving_limit_pays_the_spread_before_it_is_marketable(
    price: float, marketable: bool
) -> None:
    limit, price_in_micros = dollars(98, price)
    assert rules.is_marketable(1, limit, price_in_micros, 2 * CENT) is marketable


def test_the_share_of_volume_beyond_a_limit_is_its_depth_in_the_range() -> None:
    # fill-V38: a bar from 97 to 102 traded a fifth of its range below 98
    above, below = rules.limit_share(1, *dollars(98, 102, 97))
    assert above * 5 == below
    assert rules.limit_share(1, *dollars(98, 97, 97)) == (1, 1)  # a bar without range
    above, below = rules.limit_share(1, *dollars(98, 97, 94))  # wholly beyond
    assert above == below


@pytest.mark.parametrize(("stop", "passed"), [(99.99, False), (100, True), (100.01, True)])
def test_a_sell_stop_is_passed_when_the_market_stands_at_or_below_it(
    stop: float, passed: bool
) -> None:
    assert rules.has_passed(-1, *dollars(stop, 100)) is passed


prices = some.integers(1, 2 * AXIS - 1)


@given(side=some.sampled_from([1, -1]), level=prices, three=some.tuples(prices, prices, prices))
def test_m1_a_mirrored_bar_fills_the_mirrored_order_at_the_mirrored_price(
    side: int, level: int, three: tuple[int, int, int]
) -> None:
    low, open_, high = sorted(three)
    turned = [mirrored(price) for price in (open_, low, high)]
    stop = rules.stop_reference(side, level, open_, high, low)
    assert mirrored(stop) == rules.stop_reference(-side, mirrored(level), *turned)
    resting = rules.resting_limit_reference(side, level, high, low, CENT)
    mirror = rules.resting_limit_reference(-side, mirrored(level), *turned[1:], CENT)
    assert mirrored(resting) == mirror
    share = rules.limit_share(side, level, high, low)
    assert share == rules.limit_share(-side, mirrored(level), *turned[1:])
    auction = rules.auction_limit_reference(side, level, open_)
    assert mirrored(auction) == rules.auction_limit_reference(-side, mirrored(level), turned[0])
    for spread in (0, CENT):
        assert rules.is_marketable(side, level, open_, spread) == rules.is_marketable(
            -side, mirrored(level), turned[0], spread
        )


@given(side=some.sampled_from([1, -1]), level=prices, three=some.tuples(prices, prices, prices))
def test_no_rule_is_kinder_than_the_contract(
    side: int, level: int, three: tuple[int, int, int]
) -> None:
    low, open_, high = sorted(three)
    stop = rules.stop_reference(side, level, open_, high, low)
    if stop:
        assert side * stop >= side * level
        assert low <= stop <= high
    limit = rules.resting_limit_reference(side, level, high, low, CENT)
    if limit:
        assert limit == level
        assert low < limit if side > 0 else high > limit


def test_the_largest_price_there_is_does_not_overflow() -> None:
    top = LARGEST - 1
    assert rules.stop_reference(1, top, top, top, top) == top
    assert rules.is_marketable(1, top, top, top) is False
    assert rules.is_marketable(-1, top, top, top) is False
    assert rules.resting_limit_reference(-1, top, top, top, CENT) == rules.NO_FILL
