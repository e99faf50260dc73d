"""One triggers other: an order that sleeps until another is filled whole."""

from __future__ import annotations

from tests.exchange import Exchange, costs

from papertape.domain.event import PathUncertain


def test_the_second_order_wakes_when_the_first_is_filled() -> None:
    exchange = Exchange()
    first = exchange.order(10, "limit", limit=98)
    second = exchange.order(-10, "limit", limit=103, after=first)
    assert exchange.bar(100, 104, 99, 100) == []  # it would have sold at 103, awake
    assert exchange.bar(100, 101, 97, 100) == [(98, 10)]
    assert exchange.bar(100, 104, 99, 100) == [(103, -10)]
    assert [fill.order_id for fill in exchange.fills] == [first, second]


def test_where_one_bar_holds_both_the_way_through_it_decides_and_the_worse_is_booked() -> None:
    exchange = Exchange()
    first = exchange.order(10, "limit", limit=98)
    exchange.order(-10, "limit", limit=103, after=first)
    exchange.quiet()
    # down first: bought at 98, sold at 103; up first: bought at 98 and still held at 100
    assert exchange.bar(100, 104, 97, 100) == [(98, 10)]
    [band] = [event for event in exchange.log if isinstance(event, PathUncertain)]
    assert band.band_canonical == 30_000_000


def test_part_of_a_fill_wakes_nobody() -> None:
    exchange = Exchange(costs(cap=0.10))
    first = exchange.order(60)
    exchange.order(-10, "stop", stop=95, after=first)
    assert exchange.quiet(volume=1_000) == [(100, 50)]
    assert exchange.bar(100, 100, 90, 90, volume=1_000) == [(100, 10), (95, -10)]


def test_what_waits_for_an_order_that_ends_unfilled_is_cancelled() -> None:
    exchange = Exchange()
    first = exchange.order(10, "limit", limit=90)
    second = exchange.order(-10, "stop", stop=85, after=first)
    exchange.quiet()
    assert exchange.book.cancel(first, exchange.now, "asked for") is not None
    exchange.quiet()
    assert exchange.canceled[second] == f"{first} ended and was not filled"


def test_an_order_waits_only_for_one_that_works() -> None:
    exchange = Exchange()
    assert exchange.order(1, after="o9") == "it waits for o9, which does not work in SPY"


def test_a_chain_wakes_link_by_link() -> None:
    exchange = Exchange()
    first = exchange.order(10)
    second = exchange.order(-10, "limit", limit=102, after=first)
    exchange.order(10, "limit", limit=101, after=second)
    assert exchange.quiet() == [(100, 10)]
    assert exchange.bar(100, 103, 100, 103) == [(102, -10)]
    assert exchange.bar(103, 103, 100, 100) == [(101, 10)]
