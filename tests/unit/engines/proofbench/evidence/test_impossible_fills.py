"""L09 and L10 cannot be expressed: no fill happens in a bar that was known when it was ordered."""

from __future__ import annotations

import pytest
from tests.generators import random_bars
from tests.unit.engines.proofbench.evidence.conftest import Specimen

from papertape.domain.clock import MINUTE
from papertape.domain.event import OrderApproved, OrderFilled, OrderRejected
from papertape.domain.fill import Fill
from papertape.domain.market import DAILY
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.engines.proofbench.evidence.decisions import run
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.matching.book import Book
from papertape.matching.tariffs import cost_model

BARS = random_bars(5, 300)


def ordered_and_filled(source: StrategySource) -> list[tuple[Order, Fill]]:
    log = run(source.strategy(), BARS).log
    orders = {e.approved.order.id: e.approved.order for e in log if isinstance(e, OrderApproved)}
    return [(orders[e.fill.order_id], e.fill) for e in log if isinstance(e, OrderFilled)]


def test_an_order_decided_on_a_close_is_filled_in_the_next_bar_at_its_open(
    specimen: Specimen,
) -> None:
    pairs = ordered_and_filled(specimen("impossible_fills", "L09MarketOrder"))
    row_of = {int(end): row for row, end in enumerate(BARS.end)}
    assert len(pairs) > 50
    for order, fill in pairs:
        row = row_of[order.time]
        assert fill.bar_start == BARS.start[row + 1]
        assert fill.reference == round(BARS.open[row + 1] * 1e6)


def test_a_limit_at_a_bar_s_own_low_is_never_filled_in_that_bar(specimen: Specimen) -> None:
    pairs = ordered_and_filled(specimen("impossible_fills", "L10LimitAtTheLow"))
    assert len(pairs) > 50
    for order, fill in pairs:
        assert fill.bar_start > order.time - DAILY.nanos
        assert fill.bar_start >= order.time


@pytest.mark.parametrize("minutes", [0, 9])
def test_an_at_close_order_that_comes_with_that_close_is_rejected(minutes: int) -> None:
    book = Book({"SPY": BARS.instrument}, BARS.frequency, cost_model("none"))
    moment = int(BARS.end[20]) - minutes * MINUTE
    order = Order(
        "O1",
        "SPY",
        1,
        OrderKind.MARKET,
        moment,
        "that was cheap",
        time_in_force=TimeInForce.CLS,
    )
    answer = book.accept(order, moment)
    assert isinstance(answer, OrderRejected)
    assert "late for the closing auction" in answer.reason
