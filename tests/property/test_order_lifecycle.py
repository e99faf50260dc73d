"""Lifecycle: no walk over reports, however wild, brings an order into an illegal state."""

from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.errors import InvariantBroken
from papertape.domain.order import Order, OrderKind, OrderState, OrderStatus

ENDS = {OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED}

reports = st.one_of(
    st.sampled_from(list(OrderStatus)),
    st.tuples(st.integers(-8, 8), st.integers(1, 10**9)),
)


def reported(state: OrderState, report: OrderStatus | tuple[int, int]) -> OrderState:
    """The state after the report, or the same one where the report is refused."""
    try:
        return state.moved(report) if isinstance(report, OrderStatus) else state.traded(*report)
    except InvariantBroken:
        return state


def is_legal(state: OrderState) -> bool:
    """The rules R1 and R2 of the order suite: quantities balance, and the status follows them."""
    ordered, done = abs(state.order.quantity), abs(state.filled)
    whole = state.filled + state.open == state.order.quantity if state.status not in ENDS else True
    fits = {
        OrderStatus.PENDING_NEW: done == 0,
        OrderStatus.NEW: done == 0,
        OrderStatus.PARTIALLY_FILLED: 0 < done < ordered,
        OrderStatus.FILLED: done == ordered,
        OrderStatus.REJECTED: done == 0,
    }.get(state.status, done <= ordered)
    shut = state.open == 0 if state.status in ENDS else True
    return whole and fits and shut and state.filled * state.order.quantity >= 0


@given(st.integers(-8, 8).filter(bool), st.lists(reports, max_size=30))
def test_no_walk_reaches_an_illegal_state(
    quantity: int, walk: list[OrderStatus | tuple[int, int]]
) -> None:
    state = OrderState(Order("o1", "SPY", quantity, OrderKind.MARKET, 0, "a wild walk"))
    for report in walk:
        before, state = state, reported(state, report)
        assert is_legal(state), f"{before} -> {report} -> {state}"
        assert before.status not in ENDS or state == before
        assert abs(state.filled) >= abs(before.filled)


@given(st.integers(1, 8), st.lists(reports, max_size=30))
def test_what_was_paid_lies_between_the_cheapest_and_the_dearest_fill(
    quantity: int, walk: list[OrderStatus | tuple[int, int]]
) -> None:
    state, prices = OrderState(Order("o1", "SPY", quantity, OrderKind.MARKET, 0, "walk")), []
    for report in walk:
        before, state = state, reported(state, report)
        if state.filled != before.filled:
            prices.append(report[1])
    if prices:
        assert min(prices) <= state.average_price <= max(prices)
