"""Orders refuse what cannot be sent; their state is the fold over what was reported (FIX)."""

import pytest

from papertape.domain.errors import InvariantBroken, UsageError
from papertape.domain.order import Order, OrderKind, OrderState, OrderStatus

DOLLAR = 1_000_000


def order(quantity: int = 900, kind: OrderKind = OrderKind.MARKET, **terms: object) -> Order:
    return Order("o1", "SPY", quantity, kind, time=0, reason="test", **terms)


def test_a_quantity_is_signed_and_tells_the_side() -> None:
    assert [order(5).side, order(-5).side] == [1, -1]


@pytest.mark.parametrize(
    "quantity",
    [0, 1e-12, 1e300, "1e3", True, 1.0, 2**53, None],
    ids=lambda value: f"input-B15-{value!r}",
)
def test_a_quantity_that_is_no_whole_number_of_shares_is_refused(quantity: object) -> None:
    with pytest.raises(UsageError, match=r"whole number of shares|at least one share"):
        order(quantity)


@pytest.mark.parametrize(
    ("kind", "terms", "words"),
    [
        (OrderKind.LIMIT, {}, "needs a limit price"),
        (OrderKind.STOP, {}, "needs a stop price"),
        (OrderKind.MARKET, {"limit": DOLLAR}, "takes no limit price"),
        (OrderKind.AT_CLOSE, {"stop": DOLLAR}, "takes no stop price"),
        (OrderKind.LIMIT, {"limit": 0}, "positive"),
        (OrderKind.STOP, {"stop": -DOLLAR}, "positive"),
        (OrderKind.MARKET, {"stop_distance": -1}, "positive distance"),
    ],
)
def test_an_order_has_exactly_the_prices_its_kind_needs(
    kind: OrderKind, terms: dict[str, int], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        order(kind=kind, **terms)


def test_seq_s01_a_plain_fill_in_two_parts() -> None:
    state = OrderState(order(900)).moved(OrderStatus.NEW)
    state = state.traded(300, 10 * DOLLAR)
    assert (state.status, state.filled, state.open) == (OrderStatus.PARTIALLY_FILLED, 300, 600)
    state = state.traded(600, 13 * DOLLAR)
    assert (state.status, state.filled, state.open) == (OrderStatus.FILLED, 900, 0)
    assert state.average_price == 12 * DOLLAR


def test_seq_s02_a_rejection_leaves_nothing_open() -> None:
    state = OrderState(order(900)).moved(OrderStatus.REJECTED, "no such symbol")
    assert (state.open, state.average_price, state.note) == (0, 0.0, "no such symbol")


def test_seq_s05_a_refused_cancel_leaves_the_order_as_it_was() -> None:
    state = OrderState(order(500)).moved(OrderStatus.NEW)
    assert state.moved(OrderStatus.PENDING_CANCEL).cancel_refused() == state


def test_seq_s07_a_completing_fill_while_a_cancel_is_pending_shows_when_it_is_refused() -> None:
    state = OrderState(order(800)).moved(OrderStatus.NEW).traded(200, 20 * DOLLAR)
    state = state.moved(OrderStatus.PENDING_CANCEL).traded(600, 20 * DOLLAR)
    assert (state.status, state.filled, state.open) == (OrderStatus.PENDING_CANCEL, 800, 0)
    assert state.cancel_refused("too late").status is OrderStatus.FILLED


def test_seq_s06_fills_while_a_cancel_is_pending_keep_the_pending_status() -> None:
    state = OrderState(order(800)).moved(OrderStatus.NEW).traded(300, 20 * DOLLAR)
    state = state.moved(OrderStatus.PENDING_CANCEL).traded(50, 21 * DOLLAR)
    assert (state.status, state.filled, state.open) == (OrderStatus.PENDING_CANCEL, 350, 450)
    state = state.moved(OrderStatus.CANCELED)
    assert (state.filled, state.open) == (350, 0)


def test_a_sell_counts_with_the_sign_of_the_order() -> None:
    state = OrderState(order(-900)).moved(OrderStatus.NEW).traded(-300, 10 * DOLLAR)
    assert (state.filled, state.open, state.paid) == (-300, -600, -3000 * DOLLAR)
    assert state.average_price == 10 * DOLLAR


@pytest.mark.parametrize("quantity", [901, -1, 0])
def test_an_execution_that_cannot_be_of_this_order_stops_the_run(quantity: int) -> None:
    with pytest.raises(InvariantBroken, match="o1"):
        OrderState(order(900)).moved(OrderStatus.NEW).traded(quantity, DOLLAR)


@pytest.mark.parametrize(
    "end", [OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.FILLED]
)
@pytest.mark.parametrize("status", list(OrderStatus))
def test_nothing_moves_an_order_that_has_ended(end: OrderStatus, status: OrderStatus) -> None:
    state = OrderState(order(), end)
    with pytest.raises(InvariantBroken, match="cannot go from"):
        state.moved(status)
    with pytest.raises(InvariantBroken, match="cannot trade"):
        state.traded(1, DOLLAR)
