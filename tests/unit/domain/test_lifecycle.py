"""An order's state beyond the suite: late words, contradictions, splits, and who books them."""

from dataclasses import replace
from fractions import Fraction

import pytest

from papertape.domain.errors import InvariantBroken
from papertape.domain.event import (
    DividendPaid,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderRestated,
)
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import (
    Effect,
    OrderState,
    OrderStatus,
    Request,
    RequestKind,
    book_report,
)
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.report import Execution, Report, ReportKind

DOLLAR = 1_000_000


def order(quantity: int = 900, lasts: TimeInForce = TimeInForce.GTC) -> Order:
    return Order("X", "SPY", quantity, OrderKind.MARKET, 0, "", time_in_force=lasts)


def report(kind: str, **terms: object) -> Report:
    return Report(1, ReportKind(kind), "X", **terms)


def trade(quantity: int, price: int = 1, id_: str = "a") -> Report:
    return report("trade", execution=Execution(id_, quantity, quantity * price * DOLLAR))


def working(quantity: int = 900, *reports: Report) -> OrderState:
    state = OrderState(order(quantity), OrderStatus.NEW)
    for each in reports:
        state = state.after(each)
    return state


def fill(quantity: int, id_: str = "a") -> OrderFilled:
    return OrderFilled(0, Fill(id_, "X", "SPY", 0, quantity, DOLLAR, 0, "fill-M1", 0, DOLLAR))


def booked(*events: Event) -> OrderState:
    states = {"X": OrderState(order())}
    for event in events:
        assert book_report(states, event) is Effect.BOOKED
    return states["X"]


def test_the_events_of_our_own_broker_are_reports_too() -> None:
    accepted, cancel = OrderAccepted(0, order()), OrderCanceled(0, "X", "asked for")
    assert booked(accepted).status is OrderStatus.NEW
    assert booked(accepted, fill(300)).figures[1:4] == (900, 300, 600)
    assert booked(accepted, fill(300), cancel).note == "asked for"
    assert booked(accepted, fill(300), cancel).figures[0:4] == (OrderStatus.CANCELED, 900, 300, 0)
    assert booked(accepted, OrderExpired(0, "X")).status is OrderStatus.EXPIRED
    assert booked(OrderRejected(0, order(), "no such symbol")).note == "no such symbol"
    split = OrderRestated(0, order(1800), "split 2", Fraction(2))
    assert booked(accepted, fill(300), split).figures[1:4] == (1800, 600, 1200)


def test_a_child_is_first_heard_of_when_it_is_accepted() -> None:
    states: dict[str, OrderState] = {}
    assert book_report(states, OrderAccepted(0, order())) is Effect.BOOKED
    assert states == {"X": working()}


def test_a_fill_of_an_order_that_was_never_sent_stops_the_run() -> None:
    with pytest.raises(InvariantBroken, match="never sent"):
        book_report({}, fill(1))


def test_what_is_not_about_an_order_passes_by() -> None:
    assert book_report({}, DividendPaid(0, "SPY", 5)) is Effect.BOOKED


def test_only_a_fill_that_is_booked_may_reach_the_account() -> None:
    states = {"X": working()}
    effects = [book_report(states, each) for each in (fill(500), fill(500), fill(500, "b"))]
    assert effects == [Effect.BOOKED, Effect.NOTHING, Effect.SUSPENDED]
    assert states["X"].filled == 500


@pytest.mark.parametrize("quantity", [901, -1], ids=["too much", "the wrong way"])
def test_an_execution_that_cannot_be_of_this_order_never_enters_it(quantity: int) -> None:
    state = working(900, trade(quantity))
    assert (state.filled, state.executions, len(state.suspense)) == (0, (), 1)


def test_an_overfill_told_twice_waits_in_suspense_once() -> None:
    assert len(working(900, trade(901), trade(901)).suspense) == 1


def test_a_broker_that_takes_an_overfill_back_settles_it() -> None:
    state = working(900, trade(900), trade(1, id_="b"))
    assert state.needs_reconciliation
    settled = state.after(report("bust", refers_to="b"))
    assert settled == working(900, trade(900))


def test_a_bust_of_an_execution_that_nobody_knows_is_flagged() -> None:
    state = working(900, trade(100), report("bust", refers_to="z"))
    assert [each.note for each in state.suspense] == ["no execution z is known"]


@pytest.mark.parametrize(
    "said",
    [
        report("new", order=order()),
        trade(1),
        report("canceled"),
        report("replaced", request_id="Y", order=order(5)),
        report("restated"),
        report("done_for_day"),
        report("pending_cancel", request_id="Y"),
    ],
    ids=lambda said: said.kind.value,
)
def test_no_word_brings_a_rejected_order_back(said: Report) -> None:
    rejected = OrderState(order()).after(report("rejected", note="no such symbol"))
    after = rejected.after(said)
    assert after.figures == rejected.figures
    assert [each.note for each in after.suspense] == ["it was rejected"]


@pytest.mark.parametrize("end", ["canceled", "expired"])
@pytest.mark.parametrize("kind", ["replaced", "restated", "done_for_day", "rejected"])
def test_an_order_that_has_ended_is_not_changed_any_more(end: str, kind: str) -> None:
    ended = working(900, trade(100), report(end))
    terms = {"request_id": "Y", "order": order(950)} if kind == "replaced" else {}
    after = ended.after(report(kind, **terms))
    assert (after.figures, len(after.suspense)) == (ended.figures, 1)


def test_an_order_that_has_traded_cannot_be_rejected() -> None:
    state = working(900, trade(100), report("rejected"))
    assert (state.status, len(state.suspense)) == (OrderStatus.PARTIALLY_FILLED, 1)


def test_a_late_execution_that_completes_a_canceled_order_leaves_it_canceled() -> None:
    state = working(900, trade(100), report("canceled"), trade(800, id_="b"))
    assert state.figures[0:4] == (OrderStatus.CANCELED, 900, 900, 0)


def test_a_cancel_that_finds_nothing_open_leaves_a_filled_order_filled() -> None:
    asked = working().asked(Request("Y", RequestKind.CANCEL))
    state = asked.after(report("pending_cancel", request_id="Y")).after(trade(900))
    state = state.after(report("canceled", request_id="Y"))
    assert (state.status, state.requests) == (OrderStatus.FILLED, ())


def test_a_pending_cancel_outranks_a_pending_replacement() -> None:
    state = working(
        900,
        report("pending_replace", request_id="Y"),
        report("pending_cancel", request_id="Z"),
    )
    assert state.status is OrderStatus.PENDING_CANCEL
    assert state.after(report("cancel_reject", request_id="Z")).status is (
        OrderStatus.PENDING_REPLACE
    )


def test_a_day_order_that_is_done_has_nothing_open_and_another_keeps_its_rest() -> None:
    done = report("done_for_day")
    day = OrderState(order(lasts=TimeInForce.DAY), OrderStatus.NEW).after(done)
    assert [(state.open, state.is_working) for state in (day, working(900, done))] == [
        (0, False),
        (900, True),
    ]


def test_a_bust_while_a_replacement_is_pending_keeps_the_pending_status() -> None:
    state = working(900, trade(900), report("pending_replace", request_id="Y"))
    state = state.after(report("bust", refers_to="a"))
    assert state.figures == (OrderStatus.PENDING_REPLACE, 900, 0, 900, 0.0)


def test_a_corrected_execution_cannot_be_busted_again() -> None:
    made = Execution("b", 90, 90 * DOLLAR)
    state = working(900, trade(100), report("correct", refers_to="a", execution=made))
    assert state.after(report("bust", refers_to="a")) is state
    assert state.filled == 90


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
def test_a_three_for_two_split_loses_no_share_to_rounding(side: int) -> None:
    # 1 + 1 + 1 shares become 4.5, of which 4 are whole: 1, then 3 whole in all, then 4.
    state = working(9 * side, *(trade(side, price=30, id_=name) for name in "abc"))
    split = report("restated", order=order(13 * side), ratio=Fraction(3, 2))
    after = state.after(split)
    assert [each.quantity * side for each in after.executions] == [1, 2, 1]
    assert (after.filled * side, after.open * side, after.paid) == (4, 9, state.paid)
    assert after.after(report("bust", refers_to="b")).filled * side == 2


def test_a_reduction_below_what_traded_is_flagged() -> None:
    state = working(900, trade(300), report("restated", order=order(200)))
    assert (state.order.quantity, len(state.suspense)) == (900, 1)


def test_a_replacement_of_an_order_that_was_not_acknowledged_acknowledges_it() -> None:
    state = OrderState(order()).after(report("replaced", request_id="Y", order=order(500)))
    assert (state.status, state.open) == (OrderStatus.NEW, 500)


def test_terms_of_the_other_side_are_flagged() -> None:
    state = working(900, report("replaced", request_id="Y", order=order(-900)))
    assert (state.order.quantity, len(state.suspense)) == (900, 1)


def test_a_report_of_another_order_is_not_taken() -> None:
    with pytest.raises(InvariantBroken, match="Q is not X"):
        working().after(replace(trade(1), order_id="Q"))
