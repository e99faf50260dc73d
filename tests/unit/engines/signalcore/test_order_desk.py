"""OrderDesk and its context: what an order strategy sees, and what it may ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.generators import random_bars

from papertape.data.moments import moments
from papertape.domain.clock import Nanos
from papertape.domain.errors import PapertapeError, UsageError
from papertape.domain.event import (
    Entry,
    NoJournal,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    OrderRejected,
)
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import Bar, Bars
from papertape.domain.order import OrderKind
from papertape.engines.proofbench.assembly import assemble, order_desk
from papertape.engines.proofbench.config import SimulationConfig
from papertape.strategies.strategy import Exits

BARS = random_bars(21, 12)


class Scripted:
    """Does at bar n what its script says, and writes down what it was called for."""

    def __init__(self, warmup: int = 0, **script: Callable[[Any, Bar], None]):
        self.warmup = warmup
        self.calls: list[str] = []
        self._script = script
        self._count = 0

    def on_start(self, context: Any) -> None:
        self.calls.append("start")

    def on_fill(self, context: Any, event: OrderFilled) -> None:
        self.calls.append(f"fill {event.fill.order_id} holding {context.position('SPY')}")

    def on_bar(self, context: Any, bar: Bar) -> None:
        self._count += 1
        self.calls.append(f"bar {self._count}")
        self._script.get(f"bar{self._count}", lambda *_: None)(context, bar)

    def on_stop(self, context: Any) -> None:
        self.calls.append("stop")


def run(strategy: Any, bars: Bars = BARS) -> tuple[list[Entry], Any]:
    config = SimulationConfig(cost="none")
    instruments = {bars.symbol: bars.instrument}
    rig = assemble(order_desk(strategy, instruments, config), instruments, config)
    log = [
        entry
        for moment in moments({bars.symbol: bars}, {})
        for entry in rig.pipeline.step(moment, NoJournal())
    ]
    rig.pipeline.finish()
    return log, rig


def buy(quantity: Any = 1, **terms: Any) -> Callable[[Any, Bar], None]:
    def act(context: Any, bar: Bar) -> None:
        context.submit("SPY", quantity, reason="to buy", **terms)

    return act


def test_it_is_started_then_told_of_fills_then_of_the_bar_and_stopped_at_last() -> None:
    strategy = Scripted(bar2=buy())
    run(strategy, BARS[:4])
    assert strategy.calls == [
        "start",
        "bar 1",
        "bar 2",
        "fill O1 holding 1",
        "bar 3",
        "bar 4",
        "stop",
    ]


def test_the_first_bar_it_is_called_for_ends_its_warm_up() -> None:
    strategy = Scripted(warmup=10)
    run(strategy)
    assert strategy.calls == ["start", "bar 1", "bar 2", "bar 3", "stop"]


def test_a_strategy_without_the_optional_methods_is_a_strategy() -> None:
    class Plain:
        warmup = 0

        def on_bar(self, context: Any, bar: Bar) -> None:
            if context.position("SPY") == 0:
                context.submit("SPY", 1, reason="first")

    log, _ = run(Plain())
    assert sum(isinstance(entry, OrderFilled) for entry in log) == 1


def test_history_ends_at_the_present_bar() -> None:
    seen: list[tuple[Nanos, Nanos, int]] = []

    class Looking:
        warmup = 0

        def on_bar(self, context: Any, bar: Bar) -> None:
            history = context.history("SPY", 1_000)
            assert history.close[-1] == bar.close
            seen.append((context.now, int(history.end[-1]), len(history)))

    run(Looking())
    ends = BARS.end.tolist()
    assert seen == [(end, end, n + 1) for n, end in enumerate(ends)]


def test_history_cannot_be_written_to() -> None:
    def spoil(context: Any, bar: Bar) -> None:
        context.history("SPY", 5).close[:] = 1.0

    with pytest.raises(ValueError, match="read-only"):
        run(Scripted(bar5=spoil))


def test_what_it_submits_fills_at_the_next_open_and_not_before() -> None:
    log, _ = run(Scripted(bar3=buy(5)))
    [filled] = [entry for entry in log if isinstance(entry, OrderFilled)]
    assert filled.fill.price == round(BARS.open[3] * 1e6)
    assert filled.time == BARS.start[3]


def test_it_sees_and_cancels_its_working_orders() -> None:
    working: list[list[str]] = []

    def look(context: Any, bar: Bar) -> None:
        working.append([state.order.id for state in context.working("SPY")])

    def cancel(context: Any, bar: Bar) -> None:
        context.cancel("O1")

    log, rig = run(
        Scripted(bar1=buy(kind="limit", limit=1.0), bar2=look, bar3=cancel, bar4=look, bar5=cancel)
    )
    assert working == [["O1"], []]
    assert rig.broker.get_order_status("O1") is OrderStatus.CANCELED
    assert [type(entry).__name__ for entry in log].count("OrderCanceled") == 1


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"quantity": 0}, "at least one share"),
        ({"quantity": 1.5}, "not a whole number"),
        ({"quantity": 1e300}, "not a whole number"),
        ({"quantity": "1e3"}, "not a whole number"),
        ({"quantity": True}, "not a whole number"),
        ({"quantity": 2**53}, "at least one share"),
        ({"kind": "limit"}, "needs a limit price"),
        ({"kind": "stop"}, "needs a stop price"),
        ({"limit": 100.0}, "takes no limit price"),
        ({"kind": "stop", "stop": 100.0, "limit": 100.0}, "takes no limit price"),
        ({"kind": "limit", "limit": 0.0}, "is positive"),
        ({"kind": "limit", "limit": -5.0}, "is positive"),
        ({"kind": "limit", "limit": float("nan")}, "nan is no price"),
        ({"kind": "stop", "stop": float("inf")}, "inf is no price"),
        ({"kind": "limit", "limit": 1e300}, "1e\\+300 is no price"),
        ({"stop_distance": -1.0}, "a positive distance"),
        ({"stop_distance": float("nan")}, "nan is no price"),
    ],
)
def test_input_b15_an_order_that_cannot_mean_anything_is_an_error(
    terms: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        run(Scripted(bar1=buy(terms.pop("quantity", 1), **terms)))
    assert isinstance(raised.value, PapertapeError)


def test_a_symbol_that_the_run_does_not_trade_is_named_with_those_it_does() -> None:
    def wrong(context: Any, bar: Bar) -> None:
        context.submit("IBM", 1, reason="wrong")

    with pytest.raises(UsageError, match="'IBM' is not part of this run") as raised:
        run(Scripted(bar1=wrong))
    assert raised.value.hint == "it trades SPY"


def test_what_the_exchange_rejects_is_an_event_and_the_run_goes_on() -> None:
    log, rig = run(Scripted(bar1=buy(kind="limit", limit=90.005), bar2=buy()))
    [rejected] = [entry for entry in log if isinstance(entry, OrderRejected)]
    assert "off the 0.01 tick grid" in rejected.reason
    assert rig.broker.get_positions()["SPY"].quantity == 1


def test_an_order_for_the_close_just_seen_is_late_and_for_the_next_one_is_not() -> None:
    def at_next_close(context: Any, bar: Bar) -> None:
        context.submit("SPY", 1, reason="close", time_in_force="cls", not_before=context.now + 1)

    log, _ = run(Scripted(bar1=buy(time_in_force="cls"), bar2=at_next_close))
    [rejected] = [entry for entry in log if isinstance(entry, OrderRejected)]
    assert "late for the closing auction" in rejected.reason
    [filled] = [entry for entry in log if isinstance(entry, OrderFilled)]
    assert (filled.time, filled.fill.price) == (BARS.end[2], round(BARS.close[2] * 1e6))


def test_an_attached_stop_is_held_by_the_exchange_from_the_fill_on() -> None:
    _, rig = run(Scripted(bar1=buy(3, stop_distance=50.0)))
    assert rig.broker.get_order_status("O1.stop1") is OrderStatus.NEW
    assert rig.pipeline.orders["O1.stop1"].order.stop == round((BARS.open[1] - 50) * 100) * 10_000


def test_a_strategys_own_mistake_is_not_hidden() -> None:
    def fail(context: Any, bar: Bar) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        run(Scripted(bar1=fail))


def test_exits_and_trails_are_said_in_dollars_and_percent() -> None:
    exits = Exits(stop=50.0, target_distance=7.5, trail_percent=2.5)
    asked = buy(3, exits=exits, time_in_force="day", group="in", kind="limit", limit=90.0)
    log, _ = run(Scripted(bar1=asked))
    [order] = [entry.approved.order for entry in log if isinstance(entry, OrderApproved)]
    assert [(each.kind, each.price, each.distance) for each in order.attached] == [
        (OrderKind.STOP, 50_000_000, 0),
        (OrderKind.LIMIT, 0, 7_500_000),
        (OrderKind.TRAILING_STOP, 0, 0),
    ]
    assert order.attached[2].trail_millionths == 25_000
    assert (order.group, order.time_in_force) == ("in", "day")


def changing(order_id: str, **terms: Any) -> Callable[[Any, Bar], None]:
    return lambda context, bar: context.replace(order_id, **terms)


def test_a_working_order_is_changed_in_place_and_fills_on_its_new_terms() -> None:
    far = round(BARS.low.min() / 2, 2)
    log, rig = run(
        Scripted(
            bar1=buy(10, kind="limit", limit=far),
            bar2=changing("O1", quantity=4, limit=round(BARS.high.max() * 2, 2)),
        )
    )
    state = rig.pipeline.orders["O1"]
    assert (state.status, state.filled) == (OrderStatus.FILLED, 4)
    assert [type(e).__name__ for e in log if "Replace" in type(e).__name__] == [
        "ReplaceApproved",
        "OrderReplaced",
    ]


def test_a_change_that_the_account_cannot_pay_for_is_refused_and_the_order_stands() -> None:
    far = round(BARS.low.min() / 2, 2)
    log, rig = run(
        Scripted(bar1=buy(10, kind="limit", limit=far), bar2=changing("O1", quantity=10**6))
    )
    [refused] = [entry for entry in log if isinstance(entry, OrderRefused)]
    assert refused.refused.rule == "R11"
    assert rig.pipeline.orders["O1"].open == 10


def test_a_change_to_no_more_than_was_filled_cancels_the_rest() -> None:
    far = round(BARS.low.min() / 2, 2)
    _, rig = run(Scripted(bar1=buy(10, kind="limit", limit=far), bar2=changing("O1", quantity=0)))
    state = rig.pipeline.orders["O1"]
    assert (state.status, state.note) == (
        OrderStatus.CANCELED,
        "changed to 0, of which 0 are filled",
    )


def test_a_change_of_what_is_done_is_left_alone_and_one_of_nothing_is_a_mistake() -> None:
    _, rig = run(Scripted(bar1=buy(1), bar3=changing("O1", quantity=5)))
    assert rig.pipeline.orders["O1"].filled == 1
    with pytest.raises(UsageError, match="changes nothing"):
        run(Scripted(bar1=changing("O1")))
