"""Orders, cancels and replacements that take time (fill-E1 to fill-E3, fill-B2, FIX B.1, C.2)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, sqrt

import pytest
from tests.exchange import FIRST_DAY, MINUTE_BARS, SPY, costs
from tests.tape import OPEN, TapedBroker

from papertape.domain.clock import MILLISECOND, MINUTE, SECOND, Nanos
from papertape.domain.errors import InvariantBroken
from papertape.domain.event import (
    CancelPending,
    CancelRejected,
    Event,
    GroupOverfilled,
    Moment,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderPending,
    OrderRejected,
    OrderReplaced,
    ReplacePending,
    ReplaceRejected,
)
from papertape.domain.market import Bar, Split
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.matching.costs import CostModel, free_of_cost
from papertape.matching.wire import Latency


class MinuteBroker:
    """A broker with a latency that sees minute bars from the open on."""

    def __init__(self, latency: Latency, charges: CostModel | None = None):
        charges = charges or free_of_cost()
        money = micros(1e6)
        self.broker = PaperBroker(money, {"SPY": SPY}, MINUTE_BARS, charges, latency=latency)
        self.now: Nanos = OPEN
        self.log: list[Event] = []

    def order(self, quantity: int, name: str = "o1", kind: str = "market", **terms: float) -> None:
        """Send an order at the present bar's end."""
        prices = {key: micros(price) for key, price in terms.items()}
        order = Order(name, "SPY", quantity, OrderKind(kind), self.now, "", **prices)
        self.broker.submit_order(Approved(order), self.now)
        self.log += self.broker.reports()

    def bar(self, *prices: float) -> list[tuple[float, int]]:
        end = self.now + MINUTE
        self.broker.collect(Moment(end, (Bar("SPY", self.now, end, *prices, 1e6),)))
        self.now = end
        new = self.broker.reports()
        self.log += new
        fills = [event.fill for event in new if isinstance(event, OrderFilled)]
        return [(fill.price / 1e6, fill.quantity) for fill in fills]

    def kinds(self) -> list[type]:
        return [type(event) for event in self.log]


def ms(delay: float, **grace: int) -> Latency:
    return Latency(round(delay * MILLISECOND), **grace)


# On bars


def test_v44_an_order_that_arrives_a_millisecond_late_waits_for_the_next_bar() -> None:
    market = MinuteBroker(ms(1, grace=0))
    market.bar(100, 100, 100, 100)
    market.order(10)
    assert market.bar(100, 102, 99, 100) == []
    assert market.bar(101, 102, 100, 101) == [(101, 10)]
    assert market.kinds() == [OrderPending, OrderAccepted, OrderFilled]


def test_within_the_time_of_grace_the_open_is_used_for_half_the_range_of_so_short_a_time() -> None:
    market = MinuteBroker(ms(240))
    market.bar(100, 100.50, 99.50, 100)  # true range 1.00
    market.bar(102, 103, 102, 103)  # true range 3.00, the gap from 100 included
    market.order(10)
    charge = ceil(1e6 * 0.5 * 2.0 * sqrt(0.240 / 60))
    assert charge == 63_246
    [(price, quantity)] = market.bar(103, 104, 102, 103)
    assert (price, quantity) == (103.07, 10)  # 103.063246, to the tick and against us
    [fill] = [event.fill for event in market.log if isinstance(event, OrderFilled)]
    assert (fill.reference, fill.delay, fill.time) == (103_000_000, charge, fill.bar_start)


@pytest.mark.parametrize(("delay", "uses_open"), [(999, True), (1_000, True), (1_001, False)])
def test_the_time_of_grace_is_a_second_of_a_minute(delay: float, uses_open: bool) -> None:
    market = MinuteBroker(ms(delay))
    market.bar(100, 101, 99, 100)
    market.order(10)
    assert bool(market.bar(100, 101, 99, 100)) is uses_open


def test_the_time_of_grace_is_never_more_than_a_share_of_the_bar() -> None:
    latency = ms(100)
    assert latency.grace_within(10 * SECOND) == SECOND // 5
    assert latency.grace_within(MINUTE) == SECOND
    assert ms(0).grace_within(MINUTE) == 0


def test_who_has_seen_no_bar_cannot_say_what_lateness_costs_and_waits() -> None:
    market = MinuteBroker(ms(10))
    market.order(10)
    assert market.bar(100, 101, 99, 100) == []
    assert market.bar(101, 101, 99, 100) == [(101, 10)]


def test_the_charge_is_for_that_open_alone_and_not_for_limits_at_rest() -> None:
    market = MinuteBroker(ms(100))
    market.bar(100, 101, 99, 100)
    market.order(10, "o1", "limit", limit=99)
    market.order(10, "o2", "stop", stop=105)
    assert market.bar(100, 101, 98.5, 100) == [(99, 10)]
    assert market.bar(106, 107, 106, 106) == [(106, 10)]


def test_nothing_arrives_before_it_is_sent() -> None:
    with pytest.raises(InvariantBroken, match="nothing arrives before it is sent"):
        Latency(-1)


def test_fills_of_a_bar_beat_a_cancel_that_arrives_within_it() -> None:
    market = MinuteBroker(ms(2_000))
    market.bar(100, 100, 100, 100)
    market.order(10, "o1", "limit", limit=99)
    market.bar(100, 100, 100, 100)
    assert market.broker.cancel_order("o1", market.now)
    assert market.broker.get_order_status("o1") == "pending_cancel"
    assert market.bar(100, 100, 98, 100) == [(99, 10)]
    assert market.kinds()[-2:] == [OrderFilled, CancelRejected]
    assert market.broker.get_order_status("o1") == "filled"


def test_a_cancel_that_has_arrived_before_a_bar_beats_its_fills() -> None:
    market = MinuteBroker(ms(2_000))
    market.bar(100, 100, 100, 100)
    market.order(10, "o1", "limit", limit=99)
    market.bar(100, 100, 100, 100)
    market.broker.cancel_order("o1", market.now)
    market.bar(100, 100, 100, 100)
    assert market.bar(100, 100, 98, 100) == []
    assert market.broker.get_order_status("o1") == "canceled"


def test_an_order_under_way_arrives_before_a_split_of_the_next_day() -> None:
    market = MinuteBroker(ms(5))
    market.bar(100, 100, 100, 100)
    market.order(10, "o1", "limit", limit=50)
    start = OPEN + 86_400 * SECOND
    day = FIRST_DAY.replace(day=FIRST_DAY.day + 1)
    bar = Bar("SPY", start, start + MINUTE, 50, 50, 50, 50, 1e6)
    market.broker.collect(Moment(bar.end, (bar,), (Split("SPY", day, Fraction(2)),)))
    assert market.broker._orders["o1"].order.limit == micros(25)


# On the tape


def test_an_order_meets_only_what_the_tape_says_after_its_arrival() -> None:
    tape = TapedBroker(latency=50)
    tape.quote(0, 100.00, 100.02)
    assert tape.order(10, at=1) == "pending_new"
    assert tape.quote(50, 99.00, 99.02) == []
    assert tape.quote(51, 100.00, 100.05) == [(100.05, 10)]
    accepted = tape.said(OrderAccepted)[0]
    assert (accepted.time - tape._at(0)) / MILLISECOND == 51


def test_s04_a_cancel_is_pending_until_it_arrives() -> None:
    tape = TapedBroker(latency=50)
    tape.order(10, "o1", "limit", limit=99, at=0)
    tape.trade(60, 100)
    assert tape.cancel("o1", at=100)
    assert tape.status("o1") == "pending_cancel"
    tape.trade(149, 100)
    assert tape.status("o1") == "pending_cancel"
    tape.trade(150, 100)
    assert tape.status("o1") == "canceled"
    assert tape.trade(151, 90) == []


def test_s06_fills_in_between_win_and_the_rest_is_cancelled() -> None:
    tape = TapedBroker(latency=50)
    tape.order(800, "o1", "limit", limit=99, at=0)
    tape.trade(60, 100)
    tape.cancel("o1", at=100)
    assert tape.trade(120, 98.5, 300) == [(99, 300)]
    assert tape.status("o1") == "pending_cancel"
    tape.trade(150, 100)
    state = tape.broker._orders["o1"]
    assert (state.status, state.filled, state.open) == ("canceled", 300, 0)


def test_s07_a_cancel_of_what_was_filled_meanwhile_is_rejected_as_too_late() -> None:
    tape = TapedBroker(latency=50)
    tape.order(10, "o1", "limit", limit=99, at=0)
    tape.trade(60, 100)
    tape.cancel("o1", at=100)
    tape.trade(120, 98)
    assert tape.status("o1") == "pending_cancel"  # R3: until the cancel is answered
    tape.trade(150, 98)
    [rejected] = tape.said(CancelRejected)
    assert "too late" in rejected.reason
    assert tape.status("o1") == "filled"
    assert tape.cancel("o1", at=200) is False


def test_s08_a_cancel_sent_right_after_its_order_finds_it_there() -> None:
    tape = TapedBroker(latency=50)
    tape.order(10, at=0)
    tape.cancel("o1", at=1)
    tape.trade(49, 100)
    assert tape.trade(51, 100) == []
    kinds = [type(event) for event in tape.log]
    assert kinds == [OrderPending, CancelPending, OrderAccepted, OrderCanceled]


def test_s11_s15_a_replacement_takes_time_too_and_may_be_too_late() -> None:
    tape = TapedBroker(latency=50)
    tape.order(10, "o1", "limit", limit=99, at=0)
    tape.trade(60, 100)
    assert tape.replace("o1", at=100, quantity=13, limit=98)
    assert tape.status("o1") == "pending_replace"
    assert tape.trade(120, 98.5, 4) == [(99, 4)]
    tape.trade(150, 100)
    state = tape.broker._orders["o1"]
    assert (state.status, state.order.quantity, state.order.limit) == (
        "partially_filled",
        13,
        98_000_000,
    )
    tape.replace("o1", at=160, limit=97)
    assert tape.trade(170, 97.5) == [(98, 9)]
    tape.trade(210, 97.5)
    assert [type(each) for each in tape.said(OrderReplaced, ReplaceRejected, ReplacePending)] == [
        ReplacePending,
        OrderReplaced,
        ReplacePending,
        ReplaceRejected,
    ]
    assert tape.status("o1") == "filled"


def test_s21_two_replacements_under_way_are_served_in_turn() -> None:
    tape = TapedBroker(latency=50)
    tape.order(10, "o1", "limit", limit=99, at=0)
    tape.trade(60, 100)
    tape.replace("o1", at=100, quantity=8)
    tape.replace("o1", at=120, quantity=7)
    tape.trade(150, 100)
    assert tape.broker._orders["o1"].figures[:2] == ("pending_replace", 8)
    tape.trade(170, 100)
    assert tape.broker._orders["o1"].figures[:2] == ("new", 7)


def test_a_stop_is_judged_where_the_market_stands_when_it_arrives() -> None:
    tape = TapedBroker(latency=50)
    tape.hold(10)
    tape.trade(60, 100)
    assert tape.order(-10, "o1", "stop", stop=99, at=61) == "pending_new"
    tape.trade(100, 98.90)
    tape.trade(111, 98.90)
    assert "STOP_THROUGH_MARKET" in tape.said(OrderRejected)[0].reason


def test_siblings_trade_until_their_cancel_is_there_and_the_overfill_is_reported() -> None:
    tape = TapedBroker(latency=50)
    tape.trade(0, 100)
    tape.order(100, "dip", "limit", limit=99, group="g", at=0)
    tape.order(100, "rise", "stop", stop=101, group="g", at=0)
    tape.trade(60, 100)
    assert tape.trade(100, 98.9, 1_000) == [(99, 100)]
    assert tape.status("rise") == "pending_cancel"
    assert tape.trade(149, 101.0, 60) == [(101.0, 60)]
    [beyond] = tape.said(GroupOverfilled)
    assert (beyond.order_id, beyond.quantity) == ("rise", 60)
    assert tape.trade(150, 101.5, 1_000) == []
    assert tape.status("rise") == "canceled"
    assert tape.broker.get_positions()["SPY"].quantity == 160


def test_a_siblings_part_fill_takes_back_as_much_and_no_more() -> None:
    tape = TapedBroker(latency=50)
    tape.trade(0, 100)
    tape.order(100, "dip", "limit", limit=99, group="g", at=0)
    tape.order(100, "rise", "stop", stop=101, group="g", at=0)
    tape.trade(60, 100)
    tape.trade(100, 98.9, 30)
    assert tape.status("rise") == "pending_replace"
    assert tape.trade(140, 101, 50) == [(101, 50)]  # 50 of the 70 that are still meant
    assert tape.said(GroupOverfilled) == []
    assert tape.trade(150, 100) == [(101, 20)]  # the rest of 70, no better than its stop
    tape.trade(190, 100)
    assert tape.broker._orders["dip"].open == 20
    tape.trade(200, 100)
    assert tape.status("dip") == "canceled"
    assert tape.broker.get_positions()["SPY"].quantity == 100


def test_without_latency_a_sibling_is_reduced_at_once() -> None:
    tape = TapedBroker()
    tape.trade(0, 100)
    tape.order(100, "dip", "limit", limit=99, group="g", at=0)
    tape.order(100, "rise", "stop", stop=101, group="g", at=0)
    tape.trade(1, 100)
    tape.trade(2, 98.9, 1_000)
    assert tape.status("rise") == "canceled"
    assert tape.trade(3, 101, 1_000) == []


def test_latency_costs_on_the_tape_are_what_the_market_did_meanwhile() -> None:
    tape = TapedBroker(costs(half_spread=0.01), latency=50)
    tape.trade(0, 100)
    tape.order(10, at=1)
    tape.trade(30, 100)
    assert tape.trade(60, 100.40) == [(100.41, 10)]
    assert tape.fills[0].delay == 0
