"""The band of a coarse bar holds what its minutes truly did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from benchmarks.path_band import judged, sessions, stretches
from tests.exchange import Exchange

from papertape.domain.event import PathUncertain
from papertape.domain.market import DAILY
from papertape.domain.order import Attached, OrderKind

CENT = 10_000


def test_the_minutes_end_inside_the_band_of_their_day(shared_data: Path) -> None:
    some_days = list(stretches(sessions(shared_data / "intraday"), 1))[::9]
    verdicts = [verdict for stretch in some_days for verdict in judged(stretch)]
    assert len(verdicts) >= 500
    inside = sum(each.is_inside for each in verdicts) / len(verdicts)
    assert inside >= 0.95
    # A band that is always wide would be honest and useless.
    assert sum(each.better + each.worse == 0 for each in verdicts) / len(verdicts) > 0.25
    kinds = Counter((each.entry, each.exits) for each in verdicts)
    assert {entry for entry, _ in kinds} == {"market", "limit", "stop"}
    assert any("trailing" in exits for _, exits in kinds)


def band(exchange: Exchange) -> tuple[float, float]:
    found = [each for each in exchange.log if isinstance(each, PathUncertain)]
    canonical, trail = (
        sum(getattr(each, name) for each in found) for name in ("band_canonical", "band_trail")
    )
    return canonical / 1e6, trail / 1e6


def bought(kind: str, *exits: tuple[str, float], low: float = 94, **terms: float) -> Exchange:
    """A day's bar from 100 up to 106, down and back meets an entry for 10, a day old."""
    exchange = Exchange(frequency=DAILY)
    attached = tuple(
        Attached(OrderKind(name), distance=round(width * 100) * CENT) for name, width in exits
    )
    if kind != "market":
        exchange.order(10, kind, attached=attached, **terms)
    exchange.quiet()
    exchange.next_session()
    if kind == "market":
        exchange.order(10, kind, attached=attached)
    exchange.bar(100, 106, low, 100)
    return exchange


def test_a_target_may_have_come_before_the_stop_of_an_entry_within_the_bar() -> None:
    # 98, then 95 by both canonical ways; the price may also have gone 98, 105 and then 94.
    exchange = bought("limit", ("stop", 3), ("limit", 7), limit=98.0)
    assert [fill.price / 1e6 for fill in exchange.fills] == [98, 95]
    assert band(exchange) == (100, 0)


@pytest.mark.parametrize(
    ("kind", "terms", "booked", "expected"),
    [
        # Bought when 97.99 trades, trailing by 2: both ways fall on; after 106 it would be 104.
        ("limit", {"limit": 98.0}, [98, 95.99], (80.1, 0)),
        # Bought at 102, trailing by 2: at best 104 from the top; at worst 100 at once, for the
        # way from 102 down need not pass 106 first.
        ("stop", {"stop": 102.0}, [102, 104], (0, 40)),
    ],
)
def test_a_trail_that_came_to_life_within_the_bar_has_a_band(
    kind: str, terms: dict[str, float], booked: list[float], expected: tuple[float, float]
) -> None:
    exchange = bought(kind, ("trailing_stop", 2), **terms)
    assert [fill.price / 1e6 for fill in exchange.fills] == booked
    assert band(exchange) == expected


def test_a_trail_beside_a_target_has_a_band_even_where_the_target_was_booked() -> None:
    # Bought at 100, trailing by 5, target 102: both ways meet the target. From 101 the price may
    # also have fallen back to 96, where the trail then stands.
    exchange = bought("market", ("trailing_stop", 5), ("limit", 2), low=96)
    assert [fill.price / 1e6 for fill in exchange.fills] == [100, 102]
    assert band(exchange) == (0, 60)
