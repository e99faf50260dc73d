"""Orders on a tape of quotes and trades (fill-L5, fill-E5, fill-Q1, fill-S1, fill-L6)."""

from __future__ import annotations

import pytest
from tests.exchange import costs
from tests.tape import CLOSE, OPEN, TapedBroker

from papertape.domain.clock import MILLISECOND, SECOND
from papertape.domain.event import OrderCanceled, OrderRejected
from papertape.domain.market import Bar, Trade
from papertape.domain.order import Attached, OrderKind


def test_a_market_order_takes_the_far_side_of_the_next_quote_at_its_time() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02)
    tape.order(10, at=1)
    assert tape.quote(5, 100.00, 100.04) == [(100.04, 10)]
    [fill] = tape.fills
    assert (fill.time - OPEN) / MILLISECOND == 600_005
    assert (fill.reference, fill.half_spread, fill.slippage) == (100_020_000, 20_000, 0)


def test_a_quote_is_no_model_so_even_free_costs_pay_its_spread() -> None:
    tape = TapedBroker()
    tape.hold(10)
    tape.quote(0, 100.00, 100.05)
    tape.order(-10, at=1)
    assert tape.trade(2, 100.02) == [(100.00, -10)]


def test_slippage_comes_on_top_and_twice_for_a_stop() -> None:
    tape = TapedBroker(costs(slip=0.03))
    tape.hold(20)
    tape.quote(0, 100.00, 100.02)
    tape.order(-10, at=1)
    tape.order(-10, "o2", "stop", stop=99.99, at=1)
    assert tape.quote(2, 100.00, 100.02) == [(99.97, -10)]
    assert tape.quote(3, 99.98, 99.99) == []  # a quote triggers nothing
    assert tape.trade(4, 99.98) == [(99.92, -10)]  # 99.98 - 2 x 0.03


def test_a_trade_beyond_the_far_side_says_that_the_quote_is_old() -> None:
    tape = TapedBroker()
    tape.hold(10)
    tape.quote(0, 100.00, 100.02)
    tape.order(-10, "o1", "stop", stop=99.90, at=1)
    assert tape.trade(2, 99.50) == [(99.49, -10)]


def test_a_stop_is_never_better_than_its_level_whatever_is_quoted() -> None:
    tape = TapedBroker()
    tape.hold(10)
    tape.quote(0, 100.20, 100.22)
    tape.order(-10, "o1", "stop", stop=99.90, at=1)
    [(price, _)] = tape.trade(2, 99.90)
    assert price <= 99.90


def test_nobody_is_filled_before_the_quote_is_known_or_while_it_is_not() -> None:
    tape = TapedBroker()
    tape.unquoted(0)
    tape.order(10, at=1)
    assert tape.trade(2, 100) == []
    tape.quote(3, 100.00, 100.02)
    assert [fill.quantity for fill in tape.fills] == [10]
    tape.unquoted(4)
    tape.order(10, "o2", at=5)
    tape.order(10, "o3", "limit", limit=101, time_in_force="ioc", at=5)
    assert tape.trade(6, 100) == []
    assert tape.quote(7, 100.01, 100.03) == [(100.03, 10), (100.03, 10)]


def test_without_any_quote_a_trade_is_the_price_and_the_spread_is_estimated() -> None:
    tape = TapedBroker(costs(half_spread=0.02))
    tape.order(10, at=1)
    assert tape.trade(2, 100) == [(100.02, 10)]


def test_a_display_is_taken_once_until_it_changes() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, ask_size=300)
    tape.order(1_000, at=1)
    assert tape.quote(2, 100.00, 100.02, ask_size=300) == [(100.02, 300)]
    assert tape.fills[0].cap == "displayed 300"
    assert tape.trade(3, 100.01, 5_000) == []
    assert tape.quote(4, 99.99, 100.02, ask_size=300) == []  # only the bid moved
    assert tape.quote(5, 99.99, 100.03, ask_size=500) == [(100.03, 500)]
    assert tape.quote(6, 99.99, 100.02, ask_size=300) == [(100.02, 200)]


def test_the_cap_holds_for_displays_and_for_what_has_traded_in_a_moment() -> None:
    tape = TapedBroker(costs(cap=0.10))
    tape.quote(0, 100.00, 100.02, ask_size=500)
    tape.order(1_000, at=1)
    assert tape.quote(2, 100.00, 100.02, ask_size=500) == [(100.02, 50)]
    tape.cancel("o1", at=3)
    tape.order(100, "o2", "limit", limit=99.99, at=3)
    at = tape._at(4)
    prints = [Trade("SPY", at + n, 99.98, 85) for n in range(3)]
    assert tape.hear(*prints) == [(99.99, 8), (99.99, 9), (99.99, 8)]  # 10 % of 85, 170, 255


def test_a_resting_limit_waits_behind_what_was_displayed_when_it_came() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, bid_size=500)
    tape.order(100, "o1", "limit", limit=100.00, at=1)
    tape.quote(2, 100.00, 100.02, bid_size=200)  # who left stood behind us
    assert tape.trade(3, 100.00, 300) == []
    assert tape.trade(4, 100.00, 200) == []  # exactly what was ahead
    assert tape.trade(5, 100.00, 60) == [(100.00, 60)]
    assert tape.fills[0].rule == "fill-L5"
    assert tape.trade(6, 100.01, 500) == []
    assert tape.trade(7, 100.00, 500) == [(100.00, 40)]


def test_one_trade_empties_the_queue_and_fills_with_the_rest() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, bid_size=50)
    tape.order(100, "o1", "limit", limit=100.00, at=1)
    assert tape.trade(3, 100.00, 80) == [(100.00, 30)]


def test_a_trade_beyond_the_limit_fills_at_once_at_the_limit_within_its_size() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, bid_size=10_000)
    tape.order(100, "o1", "limit", limit=100.00, at=1)
    assert tape.trade(3, 99.99, 70) == [(100.00, 70)]
    assert tape.trade(4, 100.00, 70) == [(100.00, 30)]  # nobody is ahead any more


@pytest.mark.parametrize(("limit", "touch"), [(100.01, 100), (99.98, 0)])
def test_a_better_limit_is_first_and_a_deeper_one_of_unknown_place_is_last(
    limit: float, touch: int
) -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, bid_size=500)
    tape.order(100, "o1", "limit", limit=limit, at=1)
    assert sum(quantity for _, quantity in tape.trade(3, limit, 1_000)) == touch


def test_a_deep_limit_learns_its_place_when_the_bid_comes_down_to_it() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02)
    tape.order(100, "o1", "limit", limit=99.98, at=1)
    tape.quote(2, 99.98, 100.00, bid_size=40)
    assert tape.trade(3, 99.98, 100) == [(99.98, 60)]


def test_a_limit_without_quotes_fills_only_beyond_it() -> None:
    tape = TapedBroker()
    tape.order(100, "o1", "limit", limit=98, at=0)
    assert tape.trade(1, 100) == []
    assert tape.trade(2, 98, 1_000) == []
    assert tape.trade(3, 97.995, 1_000) == []  # less than a tick beyond
    assert tape.trade(4, 97.99, 1_000) == [(98, 100)]


def test_a_quote_that_crosses_a_resting_limit_fills_it_with_what_it_shows() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02)
    tape.order(100, "o1", "limit", limit=99.95, at=1)
    assert tape.quote(3, 99.90, 99.95, ask_size=60) == []  # a touch
    assert tape.quote(4, 99.90, 99.94, ask_size=60) == [(99.95, 60)]
    assert tape.quote(5, 99.90, 99.94, ask_size=60) == []


def test_an_arriving_limit_takes_the_far_side_and_never_pays_more_than_its_limit() -> None:
    tape = TapedBroker(costs(slip=0.05))
    tape.quote(0, 100.00, 100.02)
    tape.order(10, "o1", "limit", limit=100.03, at=1)
    assert tape.quote(2, 100.00, 100.02) == [(100.03, 10)]


def test_fok_takes_all_or_nothing_and_ioc_what_there_is() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02, ask_size=300)
    tape.order(400, "o1", time_in_force="fok", at=1)
    tape.order(400, "o2", time_in_force="ioc", at=1)
    tape.order(10, "o3", "limit", limit=99.5, time_in_force="ioc", at=1)
    assert tape.quote(2, 100.00, 100.02, ask_size=300) == [(100.02, 300)]
    assert {each.order_id: each.reason for each in tape.said(OrderCanceled)} == {
        "o1": "fok: 300 of 400 shares were to be had",
        "o2": "ioc: the rest after one attempt",
        "o3": "ioc: not marketable when it arrived",
    }


def test_post_only_is_measured_against_the_quote() -> None:
    tape = TapedBroker()
    tape.trade(0, 100.00)
    tape.quote(1, 99.90, 100.10)
    assert tape.order(10, "o1", "limit", limit=100.05, post_only=True, at=2) == "new"
    assert tape.order(10, "o2", "limit", limit=100.10, post_only=True, at=2) == "rejected"
    [rejected] = tape.said(OrderRejected)
    assert rejected.reason.startswith("POST_ONLY")
    # Without a quote only the first price it meets tells that it would take.
    tape.unquoted(3)
    assert tape.order(10, "o3", "limit", limit=99.95, post_only=True, at=4) == "new"
    tape.quote(5, 99.90, 99.95)
    assert "post-only" in tape.said(OrderCanceled)[0].reason


def test_trailing_stops_follow_trades_and_no_quotes() -> None:
    tape = TapedBroker()
    tape.hold(10)
    tape.order(-10, "o1", "trailing_stop", trail=1, at=0)
    tape.trade(1, 102)
    tape.quote(2, 104.99, 105.01)
    assert tape.trade(3, 101.01) == []
    assert tape.trade(4, 101.00) == [(100.99, -10)]  # half the quoted spread below the print


def test_reduce_only_is_clipped_to_what_is_held() -> None:
    tape = TapedBroker()
    tape.hold(7)
    tape.quote(0, 100.00, 100.02)
    tape.order(-10, reduce_only=True, at=1)
    assert tape.quote(2, 100.00, 100.02) == [(100.00, -7)]


def test_a_bracket_lives_on_the_tape_and_its_stop_cancels_the_target() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02)
    exits = (
        Attached(OrderKind.STOP, price=99_000_000),
        Attached(OrderKind.LIMIT, price=101_000_000),
    )
    tape.order(10, attached=exits, at=1)
    assert tape.quote(2, 100.00, 100.02) == [(100.02, 10)]
    assert tape.trade(3, 98.90) == [(98.89, -10)]
    assert tape.status("o1.target1") == "canceled"
    assert tape.trade(4, 102) == []


def test_the_first_trade_of_the_session_is_the_auction_and_later_ones_are_not() -> None:
    tape = TapedBroker()
    start = (OPEN - tape._at(0)) / MILLISECOND
    tape.order(10, "o1", time_in_force="opg", at=start - 1e6)
    tape.order(10, "o2", "limit", limit=98, at=start - 1e6)
    assert tape.trade(start - 60_000, 90) == []  # before the session nobody trades
    assert tape.trade(start + 300, 95) == [(95, 10), (95, 10)]
    assert [fill.rule for fill in tape.fills] == ["fill-M2 opening auction", "fill-L1"]
    assert tape.order(10, "o3", time_in_force="opg", not_before=tape._at(start), at=start + 301)
    assert tape.trade(start + 302, 95) == []


def test_a_tape_that_begins_late_has_no_opening_auction() -> None:
    tape = TapedBroker()
    tape.order(10, "o1", "limit", limit=98, at=0)
    tape.trade(1, 99)
    assert tape.trade(2, 95) == [(98, 10)]


def test_an_order_for_the_close_gets_the_last_trade_of_the_session() -> None:
    tape = TapedBroker()
    tape.order(10, time_in_force="cls", at=0)
    tape.trade(1, 100)
    tape.hear(Trade("SPY", CLOSE - SECOND, 101.5, 1_000))
    assert tape.fills == []
    tape.wait(CLOSE)
    [fill] = tape.fills
    assert (fill.price, fill.time, fill.rule) == (101_500_000, CLOSE, "fill-M2 closing auction")


def test_a_day_order_ends_at_the_close_though_nothing_is_heard() -> None:
    tape = TapedBroker()
    tape.trade(0, 100)
    tape.order(10, "o1", "limit", limit=90, time_in_force="day", at=1)
    tape.wait(CLOSE)
    assert tape.status("o1") == "expired"


def test_in_a_halt_nothing_fills_and_no_order_is_taken_and_after_it_comes_an_auction() -> None:
    tape = TapedBroker()
    tape.trade(0, 100)
    tape.order(10, "o1", "limit", limit=98, at=1)
    tape.trade(2, 99)
    tape.halt(3)
    assert tape.trade(4, 90) == []
    assert tape.order(10, "o2", at=5) == "rejected"
    assert "halted" in tape.said(OrderRejected)[0].reason
    tape.halt(6, is_halted=False)
    assert tape.trade(7, 95) == [(95, 10)]
    assert tape.fills[0].rule == "fill-L3 auction"


def test_bars_of_what_has_a_tape_only_inform() -> None:
    tape = TapedBroker()
    tape.order(10, at=0)
    start = tape._at(0)
    bar = Bar("SPY", start, start + 60 * SECOND, 100, 101, 99, 100, 1e6)
    from papertape.domain.event import Moment  # noqa: PLC0415

    tape.broker.collect(Moment(bar.end, (bar,)))
    assert tape.broker.reports() == []
    assert tape.trade(60_001, 100.5) == [(100.5, 10)]


def test_a_fill_says_which_message_made_it_and_how_old_the_quote_was() -> None:
    tape = TapedBroker()
    tape.quote(0, 100.00, 100.02)
    tape.order(10, at=1)
    tape.trade(12, 100.01, 300)
    assert tape.fills[0].tape == "trade of 300 at 100.01; quote 100 x 100.02, 12 ms old"


def test_all_orders_together_get_no_more_than_a_trade_offered() -> None:
    tape = TapedBroker()
    tape.trade(0, 100)
    tape.order(60, "o1", "limit", limit=98, at=0)
    tape.order(60, "o2", "limit", limit=98, at=0)
    tape.trade(1, 100)
    assert tape.trade(2, 97.90, 100) == [(98, 60), (98, 40)]
    assert tape.trade(3, 97.90, 5) == [(98, 5)]


def test_takers_share_a_trade_where_nothing_is_quoted() -> None:
    tape = TapedBroker()
    tape.order(60, "o1", at=0)
    tape.order(60, "o2", at=0)
    assert tape.trade(1, 100, 100) == [(100, 60), (100, 40)]
