"""Resting: a walk's copy stands where the order stood, in everything, and moves by itself."""

from __future__ import annotations

from dataclasses import fields

from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.order import Order, OrderKind
from papertape.matching.resting import Resting


def test_a_twin_is_equal_in_every_field_and_moves_alone() -> None:
    order = Order("o1", "SPY", 10, OrderKind.STOP, 0, "because", stop=90_000_000)
    resting = Resting(OrderState(order, OrderStatus.NEW), 0, 0)
    for number, item in enumerate(fields(Resting)[1:], start=7):
        is_flag = isinstance(getattr(resting, item.name), bool)
        setattr(resting, item.name, not getattr(resting, item.name) if is_flag else number)
    twin = resting.twin()
    for item in fields(Resting):
        assert getattr(twin, item.name) == getattr(resting, item.name), item.name
    twin.number += 1
    assert twin.number != resting.number


def test_a_state_in_another_stage_is_otherwise_the_same() -> None:
    order = Order("o1", "SPY", 10, OrderKind.MARKET, 0, "because")
    state = OrderState(order, OrderStatus.NEW, filled=3, paid=5, earlier=2, accepted_id="y")
    after = state.at_stage(OrderStatus.CANCELED, "asked for")
    for item in fields(OrderState):
        if item.name not in ("stage", "note"):
            assert getattr(after, item.name) == getattr(state, item.name), item.name
    traded = state.having_traded(order, (), 4, 9)
    assert (traded.filled, traded.paid) == (4, 9)
    assert (traded.stage, traded.earlier, traded.accepted_id) == (OrderStatus.NEW, 2, "y")
