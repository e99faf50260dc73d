"""Lifecycle: no stream of reports, however wild, brings an order into an illegal state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.account import Account
from papertape.domain.event import Event, OrderAccepted, OrderCanceled, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import Effect, OrderState, OrderStatus, book_report
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.report import Execution, Inbox, Report, ReportKind

MOVES_FILLED = {ReportKind.TRADE, ReportKind.BUST, ReportKind.CORRECT, ReportKind.RESTATED}
KINDS = [*ReportKind, *[ReportKind.TRADE] * 10, *[ReportKind.BUST, ReportKind.CORRECT] * 2]
RATIOS = [Fraction(1), Fraction(1), Fraction(2), Fraction(3, 2), Fraction(1, 2)]

names = st.sampled_from("abcdef")


@st.composite
def streams(draw: Any) -> tuple[Order, list[Report]]:
    """An order of a few shares and anything that a broker might say of it, numbered from 1."""
    quantity = draw(st.integers(-8, 8).filter(bool))
    lasts = draw(st.sampled_from(TimeInForce))
    terms = {"expires": 1} if lasts is TimeInForce.GTD else {}
    kind = OrderKind.MARKET
    order = Order("X", "SPY", quantity, kind, 0, "a wild walk", time_in_force=lasts, **terms)
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=25))
    return order, [draw(reports(order, *numbered)) for numbered in enumerate(kinds, 1)]


@st.composite
def reports(draw: Any, order: Order, number: int, kind: ReportKind) -> Report:
    shares = draw(st.integers(-1, 5).filter(bool)) * order.side
    price = draw(st.integers(1, 10**9))
    changed = replace(order, quantity=draw(st.integers(1, 12)) * order.side)
    return Report(
        number,
        kind,
        "X",
        request_id=draw(st.sampled_from("YZ")),
        order=changed if kind in {ReportKind.REPLACED, ReportKind.RESTATED} else None,
        execution=Execution(draw(names), shares, shares * price),
        refers_to=draw(names),
        ratio=draw(st.sampled_from(RATIOS)),
    )


def folded(order: Order, said: Sequence[Report]) -> OrderState:
    state = OrderState(order)
    for report in said:
        state = state.after(report)
    return state


def is_legal(state: OrderState) -> bool:
    """Rules R1 and R2 of the order suite: quantities balance, and the status follows them."""
    ordered, done = abs(state.order.quantity), state.filled * state.order.side
    whole = state.open == 0 if state.is_over else state.filled + state.open == state.order.quantity
    fits = {
        OrderStatus.PENDING_NEW: done == 0,
        OrderStatus.NEW: done == 0,
        OrderStatus.PARTIALLY_FILLED: 0 < done < ordered,
        OrderStatus.FILLED: done == ordered,
        OrderStatus.REJECTED: done == 0,
    }.get(state.status, True)
    return whole and fits and 0 <= done <= ordered


@given(streams())
def test_no_stream_reaches_an_illegal_state(stream: tuple[Order, list[Report]]) -> None:
    order, said = stream
    state = OrderState(order)
    for report in said:
        before, state = state, state.after(report)
        assert is_legal(state), f"{before} -> {report} -> {state}"
        assert before.filled == state.filled or report.kind in MOVES_FILLED
        assert state.stage is OrderStatus.REJECTED or before.stage is not OrderStatus.REJECTED
        assert len({each.id for each in state.executions}) == len(state.executions)
        assert len(state.suspense) <= len(before.suspense) or state.filled == before.filled


@given(streams())
def test_the_average_is_that_of_the_executions_in_force(
    stream: tuple[Order, list[Report]],
) -> None:
    order, said = stream
    state = folded(order, said)
    in_force = [each for each in state.executions if each.in_force]
    shares = sum(each.quantity for each in in_force)
    paid = sum(each.paid for each in in_force)
    assert (state.filled, state.paid) == (shares, paid)
    assert state.average_price == (float(Fraction(paid, shares)) if shares else 0.0)


@given(streams(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_late_and_repeated_reports_end_in_the_state_of_the_sorted_ones(
    stream: tuple[Order, list[Report]], chance: Any, repeated: int
) -> None:
    order, said = stream
    arriving = [*said, *chance.choices(said, k=repeated)] if said else []
    chance.shuffle(arriving)
    state, inbox = OrderState(order), Inbox[Report]()
    for report in arriving:
        inbox, ready = inbox.receive(report)
        for each in ready:
            state = state.after(each)
        assert state == folded(order, said[: inbox.awaited - 1])
    assert (state, inbox.parked) == (folded(order, said), ())


@given(streams(), st.randoms(use_true_random=False))
def test_a_restart_between_any_two_reports_changes_nothing(
    stream: tuple[Order, list[Report]], chance: Any
) -> None:
    order, said = stream
    chance.shuffle(said)
    state, inbox = OrderState(order), Inbox[Report]()
    for report in said:
        inbox, ready = inbox.receive(report)
        for each in ready:
            state = state.after(each)
        assert restarted(state, OrderState) == state
        assert restarted(inbox, Inbox[Report]) == inbox


def restarted(noun: Any, type_: Any) -> Any:
    written = msgspec.json.encode(noun, enc_hook=str)
    return msgspec.json.decode(written, type=type_, dec_hook=lambda kind, text: kind(text))


@st.composite
def events(draw: Any) -> Event:
    id_ = draw(st.sampled_from(["X", "Y"]))
    if draw(st.integers(0, 9)) == 0:
        return OrderCanceled(0, id_, "")
    shares = draw(st.integers(1, 4)) * {"X": 1, "Y": -1}[id_]
    name = f"{id_}{draw(names)}"
    return OrderFilled(0, Fill(name, id_, "SPY", 0, shares, 1_000_000, 0, "fill-M1", 0, 1_000_000))


@given(st.lists(events(), max_size=20), st.integers(0, 20))
def test_the_position_is_the_sum_of_what_the_orders_filled_also_after_a_restart(
    happened: list[Event], at: int
) -> None:
    states: dict[str, OrderState] = {}
    account = Account.opened(1_000_000_000)
    for id_, quantity in (("X", 8), ("Y", -5)):
        order = Order(id_, "SPY", quantity, OrderKind.MARKET, 0, "")
        book_report(states, OrderAccepted(0, order))
    for number, event in enumerate(happened):
        if number == at:
            states = restarted(states, dict[str, OrderState])
        if book_report(states, event) is Effect.BOOKED and isinstance(event, OrderFilled):
            account = account.after(event)
        assert account.quantity("SPY") == sum(state.filled for state in states.values())
