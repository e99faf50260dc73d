"""The Book against the fill contract: its vectors, and the rules around them."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from tests.exchange import SPY, Exchange, costs

from papertape.domain.clock import MINUTE
from papertape.domain.errors import DataError
from papertape.domain.event import OrderAccepted, OrderExpired, OrderRejected, OrderRestated
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Delisting, Renaming
from papertape.domain.order import Order, OrderKind
from papertape.matching.book import Book
from papertape.matching.costs import free_of_cost
from papertape.matching.fees import PerShareFee, ProportionalFee

NAN = float("nan")


class Asked(NamedTuple):
    quantity: int
    kind: str
    terms: dict[str, Any]


class Vector(NamedTuple):
    """Orders, the bar they meet, what is held before, and the fills that the contract wants."""

    orders: list[Asked]
    bar: tuple[float, float, float, float]
    fills: list[tuple[float, int]]
    held: int = 0
    quiet: float | None = 100
    """Price of a still bar before; the orders rest then. None: they arrive with the bar."""
    opens_session: bool = False
    half_spread: float = 0
    slip: float = 0


def market(quantity: int = 10, **terms: Any) -> Asked:
    return Asked(quantity, "market", terms)


def limit(price: float, quantity: int, **terms: Any) -> Asked:
    return Asked(quantity, "limit", {"limit": price, **terms})


def stop(price: float, quantity: int, **terms: Any) -> Asked:
    return Asked(quantity, "stop", {"stop": price, **terms})


BUY, SELL, ARRIVING, OPENING = 10, -10, {"quiet": None}, {"opens_session": True}
VECTORS = {
    "V01": Vector([market()], (103, 104, 102, 103.5), [(103, 10)], **ARRIVING),
    "V02": Vector([limit(98, BUY)], (100, 101, 98, 100), []),
    "V03": Vector([limit(98, BUY)], (100, 101, 97.99, 100), [(98, 10)]),
    "V04": Vector([limit(98, BUY)], (95, 97, 94, 96), [(95, 10)], **OPENING),
    "V05": Vector([limit(98, BUY)], (95, 97, 94, 96), [(98, 10)]),
    "V06": Vector([limit(98, BUY)], (97.5, 99, 97, 98), [(97.5, 10)], **ARRIVING),
    "V07": Vector([limit(105, SELL)], (100, 105, 99, 101), [], held=10),
    "V08": Vector([stop(95, SELL)], (90, 92, 88, 91), [(90, -10)], held=10),
    "V08-overnight": Vector([stop(95, SELL)], (90, 92, 88, 91), [(90, -10)], 10, **OPENING),
    "V09": Vector([stop(95, SELL)], (94, 97, 93, 96), [(94, -10)], held=10),
    "V10": Vector([stop(95, SELL)], (99, 100, 94, 98), [(95, -10)], held=10),
    "V11": Vector([stop(95, SELL)], (99, 100, 95, 98), [(95, -10)], held=10),
    "V12": Vector([stop(105, BUY)], (100, 105, 99, 101), [(105, 10)]),
    "V28-stop": Vector([limit(98, BUY, stop_distance=3)], (100, 106, 97, 100), [(98, 10)]),
    "V29-stop": Vector(
        [limit(98, BUY, stop_distance=3)], (100, 101, 94, 100), [(98, 10), (95, -10)]
    ),
    "V30-stop": Vector(
        [stop(102, BUY, stop_distance=3)], (100, 107, 98, 101), [(102, 10), (99, -10)]
    ),
    "V31-stop": Vector([market(stop_distance=1)], (100, 107, 99.5, 101), [(100, 10)], **ARRIVING),
    "V33": Vector(
        [limit(100, BUY), stop(100, SELL)], (100, 100, 100, 100), [(100, -10)], 10, quiet=101
    ),
    "V35": Vector([limit(105, SELL)], (100, 105.01, 99, 101), [(105, -10)], held=10),
    "V36": Vector([stop(95, SELL), limit(94, 5)], (99, 100, 93, 97), [(95, -10), (94, 5)], held=10),
    "V42": Vector(
        [market()], (100, 101, 99, 100), [(100.05, 10)], half_spread=0.02, slip=0.03, **ARRIVING
    ),
    "V43": Vector(
        [stop(95, SELL)], (99, 100, 94, 98), [(94.92, -10)], 10, half_spread=0.02, slip=0.03
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"fill-{name}") for name in VECTORS])
def test_the_vectors_of_the_fill_contract_come_out(name: str) -> None:
    vector = VECTORS[name]
    charges = costs(vector.half_spread, vector.slip)
    exchange = Exchange(charges, held=vector.held)
    if vector.quiet is not None:
        exchange.quiet(vector.quiet)
    sent = [exchange.order(each.quantity, each.kind, **each.terms) for each in vector.orders]
    assert all(answer.startswith("o") for answer in sent)
    if vector.quiet is not None:
        assert exchange.quiet(vector.quiet) == []
    if vector.opens_session:
        exchange.next_session()
    assert exchange.bar(*vector.bar) == vector.fills


# Caps (fill-Q1) and where nothing trades (fill-E5)


def test_fill_v37_a_capped_market_order_goes_on_at_the_next_opens() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(250)
    bars = [exchange.bar(price, price, price, price, 1_000) for price in range(100, 106)]
    assert bars == [[(price, 50)] for price in range(100, 105)] + [[]]
    assert [fill.id for fill in exchange.fills] == [f"o1#{n}" for n in range(1, 6)]
    assert [fill.cap for fill in exchange.fills] == ["volume 1000"] * 4 + [""]


def test_fill_v38_a_resting_limit_gets_its_share_of_the_capped_volume() -> None:
    exchange = Exchange(costs(cap=0.10))
    order = exchange.order(500, "limit", limit=98)
    exchange.quiet()
    assert exchange.bar(100, 102, 97, 99, 10_000) == [(98, 200)]
    canceled = exchange.book.cancel(order, exchange.now, "enough")
    assert canceled is not None
    assert exchange.bar(100, 102, 97, 99, 10_000) == []


@pytest.mark.parametrize(
    ("quantity", "kind", "terms"),
    [
        (10, "market", {}),
        (10, "limit", {"limit": 98}),
        (-10, "stop", {"stop": 95}),
        (10, "market", {"time_in_force": "cls"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fill_v39_nobody_is_filled_where_nothing_traded(
    quantity: int, kind: str, terms: dict[str, float]
) -> None:
    exchange = Exchange(held=10, frequency=DAILY)
    exchange.order(quantity, kind, **terms)
    assert exchange.bar(90, 120, 80, 100, 0) == []


def test_all_orders_of_a_bar_share_one_budget_and_market_orders_come_first() -> None:
    exchange = Exchange(costs(cap=0.10), held=1_000)
    exchange.order(-80, "limit", limit=101)
    exchange.order(-80, "stop", stop=99)
    exchange.quiet(100, 1)
    exchange.order(-30)
    # 100 shares in all: 30 to the market order, 70 to the stop, nothing left for the limit
    assert exchange.bar(100, 110, 90, 100, 1_000) == [(100, -30), (99, -70)]


def test_a_cap_needs_a_volume_and_says_what_to_type() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(10)
    with pytest.raises(DataError, match="give no volume") as raised:
        exchange.bar(100, 101, 99, 100, NAN)
    assert "--cost none" in raised.value.hint


def test_without_a_cap_an_unknown_volume_fills_whole() -> None:
    exchange = Exchange()
    exchange.order(10)
    assert exchange.bar(100, 101, 99, 100, NAN) == [(100, 10)]


def test_a_capped_fill_is_a_multiple_of_the_lot() -> None:
    exchange = Exchange(costs(cap=0.10), instrument=Instrument("SPY", lot=100))
    exchange.order(1_000)
    assert exchange.bar(100, 101, 99, 100, 5_990) == [(100, 200)]  # 299 at the open, two lots
    assert "multiple of the lot" in exchange.order(150)


# Time (fill-E1 to E6)


def test_fill_v44_an_order_a_millisecond_late_waits_for_the_next_bar() -> None:
    exchange = Exchange()
    exchange.order(10, at=exchange.now + 1_000_000)
    assert exchange.bar(100, 101, 99, 100) == []
    assert exchange.bar(101, 102, 100, 101) == [(101, 10)]


def test_leak_l10_a_limit_set_at_the_low_of_a_bar_is_not_filled_in_that_bar() -> None:
    exchange = Exchange()
    exchange.bar(100, 101, 95, 100)
    exchange.order(10, "limit", limit=95.01)
    assert exchange.bar(100, 101, 99, 100) == []


def test_an_order_waits_for_the_moment_before_which_it_may_not_trade() -> None:
    exchange = Exchange()
    exchange.order(10, not_before=exchange.now + 2 * MINUTE)
    assert exchange.quiet() == exchange.quiet() == []
    assert exchange.quiet() == [(100, 10)]


def test_a_fill_at_the_open_bears_the_open_and_one_within_the_bar_its_end() -> None:
    exchange = Exchange()
    start = exchange.now
    exchange.order(10)
    exchange.order(10, "limit", limit=98)
    exchange.bar(100, 101, 97, 100)
    assert [fill.time for fill in exchange.fills] == [start, exchange.now]
    assert [fill.bar_start for fill in exchange.fills] == [start, start]


def test_a_day_order_expires_at_the_close_and_a_lasting_one_does_not() -> None:
    exchange = Exchange(frequency=DAILY)
    today = exchange.order(10, "limit", limit=90, time_in_force="day")
    exchange.order(10, "limit", limit=91)
    exchange.quiet()
    assert [
        (each.order_id, each.time) for each in exchange.log if isinstance(each, OrderExpired)
    ] == [(today, exchange.session.close)]
    exchange.next_session()
    assert exchange.bar(95, 95, 80, 85) == [(91, 10)]


def test_a_day_order_sent_at_the_close_is_for_the_next_session() -> None:
    exchange = Exchange(frequency=DAILY)
    exchange.quiet()
    exchange.order(10, "market", time_in_force="day")
    exchange.next_session()
    assert exchange.quiet(101) == [(101, 10)]


def test_a_day_order_expires_though_the_last_bar_of_its_day_is_missing() -> None:
    exchange = Exchange()
    exchange.order(10, "limit", limit=98, time_in_force="day")
    exchange.quiet()
    close = exchange.session.close
    exchange.next_session()
    assert exchange.bar(95, 97, 94, 96) == []
    assert exchange.log == [OrderExpired(close, "o1")]


def test_fill_e6_what_expired_overnight_is_not_restated_first() -> None:
    exchange = Exchange()
    exchange.order(10, "limit", limit=98, time_in_force="day")
    exchange.quiet()
    close = exchange.session.close
    exchange.next_session()
    assert exchange.split(2) == [OrderExpired(close, "o1")]
    assert exchange.quiet(40) == []


def test_a_cancel_finds_only_what_still_works() -> None:
    exchange = Exchange()
    order = exchange.order(10)
    assert exchange.book.cancel("another", exchange.now, "") is None
    exchange.quiet()
    assert exchange.book.cancel(order, exchange.now, "") is None


# The closing auction (fill-M2, fill-C6)


def at(exchange: Exchange, before_close: int) -> int:
    return int(exchange.session.close - before_close * MINUTE)


def test_fill_v47_an_order_for_the_close_that_was_just_seen_is_late() -> None:
    exchange = Exchange(frequency=DAILY)
    exchange.quiet()
    assert "late for the closing auction of 2024-01-02" in exchange.order(10, time_in_force="cls")


def test_it_is_taken_for_the_next_close_if_it_says_so() -> None:
    exchange = Exchange(frequency=DAILY)
    exchange.quiet()
    assert exchange.order(10, time_in_force="cls", not_before=exchange.now + 1) == "o1"
    exchange.next_session()
    assert exchange.bar(100, 105, 95, 104) == [(104, 10)]
    assert exchange.fills[0].time == exchange.session.close


@pytest.mark.parametrize(("minutes", "taken"), [(11, True), (10, True), (9, False)])
def test_the_auction_takes_orders_until_ten_minutes_before(minutes: int, taken: bool) -> None:
    exchange = Exchange()
    answer = exchange.order(10, time_in_force="cls", at=at(exchange, minutes))
    assert (answer == "o1") is taken


def test_a_late_order_is_not_smuggled_in_by_a_not_before_on_the_same_day() -> None:
    exchange = Exchange()
    late = exchange.order(10, time_in_force="cls", at=at(exchange, 5), not_before=at(exchange, 4))
    assert "late for the closing auction" in late


def test_a_half_day_has_its_auction_at_one() -> None:
    exchange = Exchange()
    exchange.day = exchange.day.replace(year=2024, month=11, day=29)
    exchange.now = exchange.session.close - 11 * MINUTE
    assert exchange.order(10, time_in_force="cls") == "o1"
    fills = [exchange.bar(100, 101, 99, 100 + n / 100) for n in range(11)]
    assert fills[:-1] == [[]] * 10
    assert fills[-1] == [(100.10, 10)]
    assert "late" in exchange.order(10, time_in_force="cls", at=at(exchange, 9))


def test_an_auction_charges_slippage_and_no_spread() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03), frequency=DAILY)
    exchange.order(10, time_in_force="cls")
    assert exchange.bar(100, 101, 99, 100.50) == [(100.53, 10)]


# Costs of limits (fill-L1, C3, C5)


@pytest.mark.parametrize(
    ("open_", "expected"),
    [(97.90, [(97.95, 10)]), (97.97, [(98, 10)]), (97.99, [(98, 10)])],
    ids=["O + h + slip", "never worse than X", "not marketable, crossed later"],
)
def test_fill_l1_an_arriving_limit_takes_at_most_its_price(
    open_: float, expected: list[tuple[float, int]]
) -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10, "limit", limit=98)
    assert exchange.bar(open_, 99, 97, 98) == expected
    assert exchange.fills[0].rule == ("fill-L2" if open_ == 97.99 else "fill-L1")


def test_fill_c3_a_resting_limit_pays_no_spread_and_no_slippage() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10, "limit", limit=98)
    exchange.quiet()
    exchange.bar(100, 101, 97, 98)
    fill = exchange.fills[0]
    assert (fill.price, fill.half_spread, fill.slippage) == (98_000_000, 0, 0)


def test_costs_may_carry_a_price_outside_the_bar_and_are_then_flagged() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10)
    exchange.order(10)
    exchange.bar(100, 100.04, 99, 100)
    assert [fill.outside for fill in exchange.fills] == [True, True]
    exchange.order(10)
    exchange.bar(100, 100.05, 99, 100)
    assert exchange.fills[-1].outside is False


def test_an_added_cost_is_rounded_to_the_tick_against_the_trader() -> None:
    exchange = Exchange(costs(half_spread=0.001), held=10)
    exchange.order(10)
    exchange.order(-10)
    assert exchange.bar(100.005, 101, 99, 100) == [(100.01, 10), (100.00, -10)]


def test_the_fees_of_a_capped_order_are_those_of_one_order() -> None:
    exchange = Exchange(costs(cap=0.10, fees=PerShareFee()))  # .005 a share, 1.00 at least
    exchange.order(250)
    for _ in range(5):
        exchange.quiet(100, 1_000)
    assert [fill.fee for fill in exchange.fills] == [1_000_000, 0, 0, 0, 250_000]


# Stops on arrival (fill-S3)


@pytest.mark.parametrize(
    ("quantity", "level", "taken"),
    [(-10, 99.99, True), (-10, 100, False), (10, 100.01, True), (10, 100, False)],
)
def test_fill_s3_a_stop_that_the_market_has_passed_is_rejected(
    quantity: int, level: float, taken: bool
) -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    answer = exchange.order(quantity, "stop", stop=level)
    assert answer == "o1" if taken else answer.startswith("STOP_THROUGH_MARKET")


def test_fill_s3_after_a_split_the_last_price_is_in_new_shares() -> None:
    exchange = Exchange(held=10)
    exchange.quiet(100)
    exchange.split(2)
    assert exchange.order(-10, "stop", stop=49) == "o1"
    assert exchange.order(-10, "stop", stop=51).startswith("STOP_THROUGH_MARKET")


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"kind": "limit", "limit": 98.005}, "off the 0.01 tick grid"),
        ({"kind": "stop", "stop": 98.005}, "off the 0.01 tick grid"),
    ],
)
def test_input_b11_a_price_off_the_tick_grid_is_rejected(terms: dict[str, Any], why: str) -> None:
    assert why in Exchange(held=10).order(-10, **terms)


# Attached stops (fill-B1, fill-B3)


def test_an_attached_stop_lies_its_distance_below_what_was_paid_rounded_down() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10, stop_distance=1.234567)
    exchange.bar(100, 101, 99.5, 100)
    child = next(each.order for each in exchange.log if isinstance(each, OrderAccepted))
    assert (child.id, child.parent, child.quantity) == ("o1.stop1", "o1", -10)
    assert child.stop == 98_810_000  # 100.05 - 1.234567 = 98.815433
    assert child.reduce_only


def test_a_stop_is_never_triggered_by_prices_from_before_its_entry() -> None:
    # Bought at 105 within the bar, so its stop at 102 cannot have traded at the open of 100.
    exchange = Exchange()
    exchange.order(10, "stop", stop=105, stop_distance=3)
    exchange.quiet()
    assert exchange.bar(100, 106, 99, 104) == [(105, 10), (102, -10)]


def test_an_attached_stop_within_costs_of_its_entry_goes_at_the_open() -> None:
    exchange = Exchange(costs(half_spread=0.02, slip=0.03))
    exchange.order(10, stop_distance=0.04)
    assert exchange.bar(100, 101, 99, 100) == [(100.05, 10), (99.92, -10)]


def test_an_entry_jumped_over_by_the_open_has_its_stop_at_that_open() -> None:
    # fill-V05 grants 98; the market stood at 95 already, beyond the stop at 97.
    exchange = Exchange()
    exchange.order(10, "limit", limit=98, stop_distance=1)
    exchange.quiet()
    assert exchange.bar(95, 97, 94, 96) == [(98, 10), (95, -10)]


def test_the_next_bars_gap_counts_for_an_attached_stop() -> None:
    exchange = Exchange()
    exchange.order(10, "stop", stop=105, stop_distance=3)
    exchange.quiet()
    assert exchange.bar(104, 106, 102.01, 104) == [(105, 10)]
    assert exchange.bar(90, 92, 88, 91) == [(90, -10)]


def test_each_part_of_a_capped_entry_has_its_own_stop() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(100, stop_distance=5)
    exchange.quiet(100, 1_000)
    exchange.quiet(102, 1_000)
    children = [each.order for each in exchange.log if isinstance(each, OrderAccepted)]
    assert [(child.quantity, child.stop) for child in children] == [
        (-50, 95_000_000),
        (-50, 97_000_000),
    ]


def test_once_its_stop_was_hit_the_rest_of_an_entry_is_not_bought_any_more() -> None:
    exchange = Exchange(costs(cap=0.10))
    exchange.order(100, stop_distance=5)
    assert exchange.bar(100, 101, 94, 95, 1_000) == [(100, 50), (95, -50)]
    assert exchange.canceled == {"o1": "its protective stop was hit"}
    assert exchange.quiet(95, 1_000) == []


def test_a_stop_so_far_away_that_no_price_reaches_it_is_not_sent() -> None:
    exchange = Exchange()
    exchange.order(10, stop_distance=100)
    assert exchange.quiet(100) == [(100, 10)]
    assert not [each for each in exchange.log if isinstance(each, OrderAccepted)]


# What an account can bear (fill-Q5, fill-L6)


def test_a_buy_is_reduced_to_what_cash_pays_for_and_the_rest_is_cancelled() -> None:
    exchange = Exchange(cash=1_000)
    exchange.order(10)
    assert exchange.quiet(110) == [(110, 9)]
    assert exchange.account.cash == 10_000_000
    assert exchange.canceled == {"o1": "buying power: 9 of 10 shares at 110.0"}


def test_the_fee_counts_against_buying_power() -> None:
    exchange = Exchange(costs(fees=ProportionalFee(Fraction(1, 100))), cash=1_000)
    exchange.order(10)
    assert exchange.quiet(100) == [(100, 9)]
    assert exchange.account.cash == 91_000_000  # 1,000 - 900 - 9


def test_a_buy_that_cash_cannot_begin_to_pay_is_cancelled() -> None:
    exchange = Exchange(cash=50)
    exchange.order(1)
    assert exchange.quiet(100) == []
    assert "buying power" in exchange.canceled["o1"]


def test_an_order_that_may_only_reduce_is_clipped_to_the_holding() -> None:
    exchange = Exchange(held=4)
    exchange.order(-10, reduce_only=True)
    assert exchange.quiet(100) == [(100, -4)]
    assert exchange.account.quantity("SPY") == 0


def test_a_sale_of_more_than_is_held_is_cancelled_whole() -> None:
    exchange = Exchange(held=4)
    exchange.order(-10)
    assert exchange.quiet(100) == []
    assert exchange.canceled == {"o1": "only 4 shares are held"}


# Corporate actions (fill-K1 to K3)


def restated(exchange: Exchange, order_id: str) -> Any:
    return next(
        each.order
        for each in reversed(exchange.log)
        if isinstance(each, OrderRestated) and each.order.id == order_id
    )


def test_fill_v45_a_split_doubles_an_order_and_halves_its_price() -> None:
    exchange = Exchange()
    exchange.order(100, "limit", limit=50)
    exchange.quiet(60)
    exchange.next_session()
    exchange.log += exchange.split(2)
    order = restated(exchange, "o1")
    assert (order.quantity, order.limit) == (200, 25_000_000)
    assert exchange.bar(30, 31, 24, 26) == [(25, 200)]


@pytest.mark.parametrize(
    ("quantity", "kind", "price", "after"),
    [
        (10, "limit", 50, 16.67),
        (-10, "limit", 50, 16.66),
        (10, "stop", 50, 16.67),
        (-10, "stop", 40, 13.33),
    ],
)
def test_fill_k1_prices_are_rounded_against_the_trader(
    quantity: int, kind: str, price: float, after: float
) -> None:
    exchange = Exchange(held=10)
    exchange.order(quantity, kind, **{kind: price})
    exchange.log += exchange.split(3)
    order = restated(exchange, "o1")
    assert (order.limit or order.stop) == round(after * 1e6)
    assert order.quantity == 3 * quantity


def test_fill_k1_no_price_is_split_away_to_nothing() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "stop", stop=0.05)
    exchange.order(-10, "limit", limit=0.05)
    exchange.log += exchange.split(20)
    assert [restated(exchange, order).quantity for order in ("o1", "o2")] == [-200, -200]
    assert restated(exchange, "o1").stop == restated(exchange, "o2").limit == 10_000


def test_fill_k1_a_fraction_of_a_share_is_dropped() -> None:
    exchange = Exchange()
    exchange.order(5, "limit", limit=30)
    exchange.log += exchange.split(3, 2)
    assert restated(exchange, "o1").quantity == 7


def test_fill_k1_the_distance_of_a_stop_to_come_is_split_too() -> None:
    exchange = Exchange()
    exchange.order(10, stop_distance=10)
    exchange.log += exchange.split(2)
    assert restated(exchange, "o1").stop_distance == 5_000_000
    assert exchange.bar(50, 51, 44, 46) == [(50, 20), (45, -20)]


def test_fill_k2_a_reverse_split_cancels_what_is_open() -> None:
    exchange = Exchange()
    exchange.order(100, "limit", limit=50)
    exchange.log += exchange.split(1, 10)
    assert exchange.canceled == {"o1": "reverse split"}
    assert exchange.quiet(40) == []


def test_fill_k4_a_delisting_cancels_what_is_open_and_takes_nothing_new() -> None:
    exchange = Exchange()
    exchange.order(100, "limit", limit=50)
    exchange.log += exchange.book.restate(Delisting("SPY", exchange.day), exchange.now)
    assert exchange.canceled == {"o1": "delisted"}
    assert exchange.order(100) == "SPY is delisted since 2024-01-02"


def test_a_new_symbol_takes_over_the_orders_where_it_is_traded() -> None:
    renaming = Renaming("SPY", date(2024, 1, 2), "NEW")
    exchange = Exchange()
    exchange.order(100, "limit", limit=50)
    exchange.log += exchange.book.restate(renaming, exchange.now)
    assert exchange.canceled == {"o1": "it trades as NEW, which is not traded here"}

    both = {name: Instrument(name) for name in ("SPY", "NEW")}
    book = Book(both, DAILY, free_of_cost())
    for number, kind in enumerate(("trailing_stop", "limit")):
        terms: dict[str, Any] = {"trail": 5_000_000} if number == 0 else {"limit": 50_000_000}
        order = Order(f"o{number}", "SPY", -10, OrderKind(kind), 0, "", **terms)
        assert isinstance(book.accept(order, 0), OrderAccepted)
    reports = book.restate(renaming, 1)
    assert [(each.order.id, each.order.symbol) for each in reports] == [
        ("o0", "NEW"),
        ("o1", "NEW"),
    ]
    assert {state.order.symbol for state in book.working()} == {"NEW"}
    late = book.accept(Order("o2", "SPY", 1, OrderKind.MARKET, 2, ""), 2)
    assert isinstance(late, OrderRejected)
    assert late.reason == "SPY trades as NEW since 2024-01-02"


@pytest.mark.parametrize(
    ("quantity", "kind", "price", "after"),
    [
        pytest.param(-10, "stop", 40, 39.50, id="fill-V46 sell stop"),
        pytest.param(10, "limit", 40, 39.50, id="buy limit"),
        pytest.param(10, "stop", 60, None, id="fill-V46 buy stop unchanged"),
        pytest.param(-10, "limit", 60, None, id="sell limit unchanged"),
    ],
)
def test_fill_k3_a_dividend_lowers_buy_limits_and_sell_stops(
    quantity: int, kind: str, price: float, after: float | None
) -> None:
    exchange = Exchange(held=10)
    exchange.order(quantity, kind, **{kind: price})
    exchange.log += exchange.dividend(0.50)
    if after is None:
        assert exchange.log == []
    else:
        order = restated(exchange, "o1")
        assert (order.limit or order.stop) == round(after * 1e6)


def test_fill_k3_a_dividend_off_the_grid_is_rounded_down_and_stops_at_a_tick() -> None:
    exchange = Exchange(held=10)
    exchange.order(-10, "stop", stop=40)
    exchange.order(10, "limit", limit=1)
    exchange.log += exchange.dividend(1.505)
    assert restated(exchange, "o1").stop == 38_490_000
    assert restated(exchange, "o2").limit == 10_000


def test_an_attached_stop_follows_splits_and_dividends() -> None:
    exchange = Exchange(frequency=DAILY)
    exchange.order(10, stop_distance=10)
    exchange.quiet(100)
    exchange.next_session()
    exchange.dividend(1)  # 90 -> 89
    exchange.split(2)  # 89 -> 44.50
    fill = exchange.fills[0]
    assert (fill.price, fill.quantity) == (100_000_000, 10)
    assert restated_levels(exchange) == [44_500_000]


def restated_levels(exchange: Exchange) -> list[int | None]:
    return [each.order.stop for each in exchange.book._resting[SPY.symbol]]
