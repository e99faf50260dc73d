"""Every kind of order and how long it works, beyond what the contract's vectors show."""

from __future__ import annotations

from typing import Any

import pytest
from tests.exchange import Exchange, costs

from papertape.domain.clock import MINUTE
from papertape.domain.event import (
    OrderAccepted,
    OrderExpired,
    OrderReplaced,
    OrderRestated,
    PathUncertain,
    ReplaceRejected,
)
from papertape.domain.market import DAILY
from papertape.domain.order import Attached, Order, OrderKind

DOLLAR = 1_000_000


def exits(**distances: int) -> tuple[Attached, ...]:
    """Exits at whole dollars from the fill."""
    kinds = {
        "stop": OrderKind.STOP,
        "target": OrderKind.LIMIT,
        "trail": OrderKind.TRAILING_STOP,
    }
    return tuple(Attached(kinds[name], distance=away * DOLLAR) for name, away in distances.items())


def held(exchange: Exchange, order_id: str) -> Order:
    resting = exchange.book._find(order_id)
    assert resting is not None
    return resting.order


# If touched (fill-S5)


def test_fill_s5_market_if_touched_buys_where_it_is_touched_at_a_takers_price() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10, "market_if_touched", stop=98)
    assert exchange.bar(100, 101, 98, 100) == [(98.05, 10)]  # a touch is enough, one slippage


def test_fill_s5_an_open_beyond_the_level_is_the_reference() -> None:
    exchange = Exchange()
    exchange.order(10, "market_if_touched", stop=98)
    assert exchange.bar(96, 101, 95, 100) == [(96, 10)]


def test_fill_s5_limit_if_touched_arrives_where_it_is_touched() -> None:
    exchange = Exchange()
    exchange.order(10, "limit_if_touched", stop=98, limit=99)
    assert exchange.bar(100, 101, 97, 100) == [(98, 10)]
    exchange.order(10, "limit_if_touched", stop=98, limit=97)
    assert exchange.bar(100, 101, 97.5, 100) == []  # touched, rests at 97
    assert exchange.bar(99, 101, 96.99, 100) == [(97, 10)]


# Stop-limits: fill-S4


@pytest.mark.parametrize(
    ("half_spread", "expected"),
    [(0.02, [(105.06, 10)]), (0.10, [(105.10, 10)]), (0.11, [(105.10, 10)])],
)
def test_fill_s4_a_triggered_stop_limit_takes_if_the_spread_leaves_room(
    half_spread: float, expected: list[tuple[float, int]]
) -> None:
    exchange = Exchange(costs(half_spread=half_spread, slip=0.02))
    exchange.order(10, "stop_limit", stop=105, limit=105.10)
    assert exchange.bar(100, 107, 99.99, 107) == expected
    # S + h + 2 slip, never beyond X; or it rests at X and the path goes on beneath it
    assert exchange.fills[0].rule == ("fill-L2" if half_spread > 0.10 else "fill-S4")


def test_fill_s4_what_the_path_did_before_the_trigger_does_not_count() -> None:
    # Down to 99 first, then up through the stop: the limit at 104 was never crossed afterwards.
    exchange = Exchange()
    exchange.order(10, "stop_limit", stop=105, limit=104)
    assert exchange.bar(100, 107, 99, 106) == []


# Trails (fill-T1 to T4)


def test_fill_t4_a_percentage_is_taken_of_the_best_price_and_rounded_away() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop", trail_millionths=15_000)
    exchange.bar(100, 101.01, 99.5, 101)  # 101.01 x .985 = 99.49485
    assert exchange.bar(101, 101, 99.50, 100) == []
    assert exchange.bar(100, 100, 99.49, 100) == [(99.49, -10)]


def test_a_buy_trails_from_above() -> None:
    exchange = Exchange(held=-10)
    exchange.quiet(100)
    exchange.order(10, "trailing_stop", trail=5)
    assert exchange.bar(98, 99, 95, 96) == []
    assert exchange.bar(96, 100, 96, 100) == [(100, 10)]


def test_a_triggered_trail_slips_twice() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03), held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop", trail=5)
    assert exchange.bar(99, 99, 94, 94) == [(94.92, -10)]


def test_a_trailing_stop_limit_gets_its_limit_from_the_level_that_was_hit() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop_limit", trail=5, limit_offset=1)
    assert exchange.bar(92, 93, 91, 93) == []  # stop 95 is hit at 92, limit 94 is above
    assert exchange.bar(93, 94.01, 93, 94) == [(94, -10)]


def test_a_trail_waits_for_its_first_price_where_none_is_known() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "trailing_stop", trail=5)
    assert exchange.bar(100, 101, 96, 96) == [(96, -10)]  # 101 - 5; down first it would be 95


# Durations: fill-Q3, fill-E6


def test_an_immediate_order_gets_what_the_open_allows_and_no_more() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(80, time_in_force="ioc")
    assert exchange.bar(100, 101, 99, 100, 1_000) == [(100, 50)]
    assert exchange.canceled == {"o1": "ioc: the rest after one attempt"}


def test_all_or_nothing_is_all_where_the_cap_allows() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(50, "limit", limit=101, time_in_force="fok")
    assert exchange.bar(100, 101, 99, 100, 1_000) == [(100, 50)]


def test_all_or_nothing_is_nothing_where_cash_does_not_suffice() -> None:
    exchange = Exchange(cash=450)
    exchange.order(5, time_in_force="fok")
    assert exchange.quiet(100) == []
    assert "buying power" in exchange.canceled["o1"]


def test_a_dated_order_ends_at_its_moment() -> None:
    exchange = Exchange()
    until = exchange.now + 2 * MINUTE
    exchange.order(10, "limit", limit=98, time_in_force="gtd", expires=until)
    assert exchange.quiet() == exchange.quiet() == []
    assert exchange.log == [OrderExpired(until, "o1")]


def test_a_dated_order_that_ends_within_a_bar_is_not_matched_against_it() -> None:
    exchange = Exchange()
    start = exchange.now
    until = start + MINUTE // 2
    exchange.order(10, "limit", limit=101, time_in_force="gtd", expires=until)
    assert exchange.quiet(100) == []
    assert exchange.log == [OrderExpired(start, "o1")]


def test_a_dated_order_whose_moment_is_past_is_rejected() -> None:
    exchange = Exchange()
    assert "it expired at" in exchange.order(10, time_in_force="gtd", expires=exchange.now)


# Auctions: fill-M2, fill-M3


def test_an_order_for_the_open_waits_for_the_next_one() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.quiet(100)
    exchange.order(10, time_in_force="opg")
    assert exchange.quiet(100) == []
    exchange.next_session()
    assert exchange.bar(101, 102, 100, 101) == [(101.03, 10)]  # slippage and no spread
    assert exchange.fills[0].rule == "fill-M2 opening auction"


@pytest.mark.parametrize(("minutes", "taken"), [(3, True), (2, True), (1, False)])
def test_the_opening_auction_takes_orders_until_two_minutes_before(
    minutes: int, taken: bool
) -> None:
    exchange = Exchange()
    answer = exchange.order(10, at=exchange.session.open - minutes * MINUTE, time_in_force="opg")
    assert answer == "o1" if taken else "late for the opening auction of 2024-01-02" in answer


@pytest.mark.parametrize(("limit", "expected"), [(98, []), (98.01, [(98, 10)])])
@pytest.mark.parametrize("duration", ["opg", "cls"])
def test_fill_m3_an_auction_must_be_strictly_better_than_a_limit(
    duration: str, limit: float, expected: list[tuple[float, int]]
) -> None:
    exchange = Exchange(frequency=DAILY)
    early = exchange.now - 3 * MINUTE
    exchange.order(10, "limit", limit=limit, at=early, time_in_force=duration)
    assert exchange.bar(98, 99, 97, 98) == expected
    ended = [each.order_id for each in exchange.log if isinstance(each, OrderExpired)]
    assert ended == ([] if expected else ["o1"])


def test_what_the_opening_auction_leaves_of_an_order_ends_there() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(80, at=exchange.now - 3 * MINUTE, time_in_force="opg")
    start = exchange.now
    assert exchange.bar(100, 101, 99, 100, 1_000) == [(100, 50)]
    assert exchange.log[-1] == OrderExpired(start, "o1")


# Post-only, reduce-only, stops through the market (fill-L6, fill-S3)


def test_post_only_is_rejected_where_it_would_take_and_rests_where_not() -> None:
    exchange = Exchange(costs(half_spread=0.02))
    exchange.quiet(100)
    taking = exchange.order(10, "limit", limit=100.02, post_only=True)
    assert taking.startswith("POST_ONLY")
    assert exchange.order(10, "limit", limit=99.98, post_only=True) == "o2"
    assert exchange.bar(100, 101, 99, 100) == [(99.98, 10)]


def test_post_only_is_cancelled_where_the_next_open_made_it_marketable() -> None:
    exchange = Exchange()
    exchange.quiet(100)
    exchange.order(10, "limit", limit=99, post_only=True)
    assert exchange.bar(98, 101, 97, 100) == []
    assert exchange.canceled == {"o1": "post-only: it would take liquidity"}


def test_a_stop_through_the_market_is_taken_where_that_is_what_is_meant() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    assert exchange.order(-10, "stop", stop=105, triggers_at_once=True) == "o1"
    assert exchange.quiet(100) == [(100, -10)]


def test_a_triggered_stop_that_was_capped_goes_on_at_the_next_open() -> None:
    exchange = Exchange(costs(cap=0.10), held=200)
    exchange.order(-200, "stop", stop=95)
    assert exchange.bar(100, 101, 94, 99, 1_000) == [(95, -100)]
    # It needs no second trigger, and gains nothing by the recovery to 99 (fill-S2).
    assert exchange.bar(99, 101, 98, 99, 1_000) == [(95, -50)]
    assert exchange.bar(93, 94, 92, 93, 1_000) == [(93, -50)]


# Brackets and groups (fill-B1 to B3)


def test_each_part_of_an_entry_has_exits_of_its_own() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(100, attached=exits(stop=5, target=10))
    exchange.quiet(100, 1_000)
    exchange.quiet(102, 1_000)
    children = [each.order for each in exchange.log if isinstance(each, OrderAccepted)]
    assert [(c.id, c.quantity, c.stop or c.limit, c.group) for c in children] == [
        ("o1.stop1", -50, 95 * DOLLAR, "o1.exits1"),
        ("o1.target1", -50, 110 * DOLLAR, "o1.exits1"),
        ("o1.stop2", -50, 97 * DOLLAR, "o1.exits2"),
        ("o1.target2", -50, 112 * DOLLAR, "o1.exits2"),
    ]


def test_a_target_that_is_hit_in_part_leaves_a_stop_for_the_rest() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(100, attached=exits(stop=5, target=5))
    exchange.quiet(100, 10_000)
    # 0.10 x 1,000 x (106 - 105) / (106 - 101) = 20 shares at the target
    assert exchange.bar(101, 106, 101, 104, 1_000) == [(105, -20)]
    assert held(exchange, "o1.stop1").quantity == -80
    replaced = [each.reason for each in exchange.log if isinstance(each, OrderReplaced)]
    assert replaced == ["o1.target1 of its group was filled"]
    assert exchange.bar(104, 104, 94, 94, 10_000) == [(95, -80)]
    assert exchange.canceled == {"o1.target1": "o1.stop1 of its group was filled"}


def test_a_trailing_exit_starts_from_where_its_entry_was_filled() -> None:
    exchange = Exchange()
    exchange.order(10, attached=exits(trail=3, target=9))
    assert exchange.bar(100, 102, 99.5, 102) == [(100, 10)]
    assert exchange.bar(104, 106, 104, 105) == []  # its stop is 103 now
    assert exchange.bar(105, 105, 102, 103) == [(103, -10)]
    assert exchange.canceled == {"o1.target1": "o1.trail1 of its group was filled"}


def test_a_target_in_the_entry_bar_is_granted_only_if_both_paths_grant_it() -> None:
    exchange = Exchange()
    exchange.order(10, "stop", stop=102, attached=exits(target=2, stop=9))
    # up, then down: bought at 102 and sold at 104; down first: the same, on the way up
    assert exchange.bar(100, 105, 99, 103) == [(102, 10), (104, -10)]
    other = Exchange()
    other.order(10, "limit", limit=98, attached=exits(target=2, stop=9))
    # down first it is sold at 100, up first it is bought too late
    assert other.bar(99, 101, 97, 98) == [(98, 10)]
    uncertain = [each for each in other.log if isinstance(each, PathUncertain)]
    assert [(each.path, each.band_canonical) for each in uncertain] == [("O-H-L-C", 20 * DOLLAR)]


def test_a_fill_of_one_member_reduces_one_that_is_not_yet_due() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "limit", limit=101, group="out")
    exchange.order(-10, "stop", stop=95, group="out", not_before=exchange.now + 9 * MINUTE)
    exchange.quiet(100)
    exchange.bar(100, 102, 100, 101)
    assert exchange.canceled == {"o2": "o1 of its group was filled"}


# Replacing in place


def test_a_new_price_holds_from_the_next_bar_and_arrives_anew() -> None:
    exchange = Exchange()
    exchange.order(10, "limit", limit=90)
    exchange.quiet(100)
    answer = exchange.book.replace("o1", exchange.now, limit=101 * DOLLAR)
    assert isinstance(answer, OrderReplaced)
    assert exchange.bar(100, 102, 99, 100) == [(100, 10)]  # taken at the open: it arrives


def test_only_who_asks_for_less_keeps_the_place_in_the_queue() -> None:
    def served_first(**change: Any) -> str:
        exchange = Exchange(costs(cap=0.10))
        exchange.order(100, "limit", limit=98)
        exchange.order(100, "limit", limit=98)
        exchange.quiet(100)
        exchange.book.replace("o1", exchange.now, **change)
        exchange.bar(98.5, 99, 97, 98, 1_000)
        return exchange.fills[0].order_id

    assert [served_first(quantity=n) for n in (50, 100, 150)] == ["o1", "o1", "o2"]


def test_a_replacement_to_what_was_filled_ends_the_order() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(100)
    exchange.quiet(100, 1_000)
    answer = exchange.book.replace("o1", exchange.now, quantity=30)
    assert isinstance(answer, OrderReplaced)
    assert answer.order.quantity == 50
    assert exchange.quiet(100, 1_000) == []


@pytest.mark.parametrize(
    ("order_id", "change", "why"),
    [
        ("o9", {"quantity": 5}, "not working"),
        ("o1", {"quantity": -5}, "a buy stays a buy"),
        ("o1", {"stop": 99 * DOLLAR}, "no such price"),
        ("o1", {"limit": 98_005_000}, "off the 0.01 tick grid"),
    ],
)
def test_a_change_that_cannot_be_is_rejected_and_changes_nothing(
    order_id: str, change: dict[str, int], why: str
) -> None:
    exchange = Exchange()
    exchange.order(10, "limit", limit=98)
    before = held(exchange, "o1")
    answer = exchange.book.replace(order_id, exchange.now, **change)
    assert isinstance(answer, ReplaceRejected)
    assert why in answer.reason
    assert held(exchange, "o1") == before


# Corporate actions on the newer terms (fill-K1 to K4)


def test_fill_k1_a_split_scales_trails_offsets_and_what_is_attached() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop_limit", trail=6, limit_offset=1)
    levels = (
        Attached(OrderKind.STOP, price=90 * DOLLAR),
        Attached(OrderKind.LIMIT, distance=9 * DOLLAR),
    )
    exchange.order(10, "limit", limit=80, attached=levels)
    trail, entry = (e.order for e in exchange.split(2) if isinstance(e, OrderRestated))
    assert (trail.trail, trail.limit_offset) == (3 * DOLLAR, DOLLAR // 2)
    assert [each.price or each.distance for each in entry.attached] == [45 * DOLLAR, 4_500_000]
    exchange.account = Exchange(held=20).account
    assert exchange.bar(48, 48, 47.01, 47.5) == []  # anchored at 50 now, its stop is 47
    assert exchange.bar(47, 47.5, 46, 47) == [(47, -20)]


def test_fill_k3_a_dividend_lowers_what_a_sell_trail_has_seen() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.order(-10, "trailing_stop", trail=5)
    exchange.dividend(2)
    assert exchange.bar(94, 94, 93.01, 93.5) == []  # 98 - 5
    assert exchange.bar(93.5, 93.5, 93, 93) == [(93, -10)]


def test_fill_k3_an_order_marked_so_is_not_reduced() -> None:
    exchange = Exchange()
    exchange.order(10, "limit", limit=98, do_not_reduce=True)
    assert exchange.dividend(0.50) == []


def test_fill_k3_a_stop_limit_to_sell_falls_with_both_its_prices() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "stop_limit", stop=95, limit=94)
    [restated] = (e.order for e in exchange.dividend(2) if isinstance(e, OrderRestated))
    assert (restated.stop, restated.limit) == (93 * DOLLAR, 92 * DOLLAR)


def test_fill_k4_a_delisting_cancels_whatever_works() -> None:
    exchange = Exchange(held=10)
    exchange.order(10, "limit", limit=98)
    exchange.order(-10, "stop", stop=95)
    exchange.log += exchange.book.cancel_all("SPY", exchange.now, "delisted")
    assert exchange.canceled == {"o1": "delisted", "o2": "delisted"}
    assert exchange.bar(90, 120, 80, 100) == []


def test_exits_outlive_a_holding_that_was_sold_otherwise_and_sell_nothing_that_is_not_held() -> (
    None
):
    exchange = Exchange()
    exchange.order(10, attached=exits(stop=5, target=5))
    exchange.quiet()
    exchange.order(-10)
    assert exchange.quiet() == [(100, -10)]
    assert [state.order.id for state in exchange.book.working()] == ["o1.stop1", "o1.target1"]
    assert exchange.bar(100, 100, 90, 90) == []
    assert exchange.canceled["o1.stop1"] == "only 0 shares are held"


def test_exits_that_were_left_behind_reduce_what_is_bought_later() -> None:
    exchange = Exchange()
    exchange.order(10, attached=exits(stop=5, target=5))
    exchange.quiet()
    exchange.order(-10)
    exchange.quiet()
    exchange.order(4)
    assert exchange.quiet() == [(100, 4)]
    assert exchange.bar(100, 100, 90, 90) == [(95, -4)]
