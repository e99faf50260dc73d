"""Orders refuse what cannot be sent."""

import pytest

from papertape.domain.errors import UsageError
from papertape.domain.order import Attached, Order, OrderKind, TimeInForce

DOLLAR = 1_000_000


def order(quantity: int = 900, kind: OrderKind = OrderKind.MARKET, **terms: object) -> Order:
    return Order("o1", "SPY", quantity, kind, time=0, reason="test", **terms)


def test_two_exits_of_one_kind_are_refused() -> None:
    two = (Attached(OrderKind.STOP, price=90 * DOLLAR), Attached(OrderKind.STOP, distance=DOLLAR))
    with pytest.raises(UsageError, match="at most one exit of each kind"):
        Order("X", "SPY", 1, OrderKind.MARKET, 0, "why", attached=two)


def test_an_order_that_only_reduces_brings_no_protective_stop() -> None:
    with pytest.raises(UsageError, match="brings no exits"):
        Order("X", "SPY", -1, OrderKind.MARKET, 0, "why", stop_distance=1, reduce_only=True)


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
        (OrderKind.LIMIT_IF_TOUCHED, {"limit": DOLLAR}, "needs a stop price"),
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


STOP, TARGET = Attached(OrderKind.STOP, price=99 * DOLLAR), Attached(OrderKind.LIMIT, price=DOLLAR)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"trail": DOLLAR}, "takes no trail"),
        ({"kind": OrderKind.TRAILING_STOP}, "trails by a positive amount"),
        ({"kind": OrderKind.TRAILING_STOP, "trail": 1, "trail_millionths": 1}, "positive amount"),
        ({"kind": OrderKind.TRAILING_STOP, "trail_millionths": 1_000_000}, "percentage below 100"),
        ({"kind": OrderKind.TRAILING_STOP, "trail": 1, "limit_offset": 1}, "no such limit offset"),
        ({"time_in_force": TimeInForce.GTD}, "needs a moment"),
        ({"expires": 1}, "takes no moment"),
        (
            {"kind": OrderKind.STOP, "stop": DOLLAR, "time_in_force": TimeInForce.IOC},
            "only market and limit orders",
        ),
        ({"post_only": True}, "post-only is for limit orders"),
        (
            {
                "kind": OrderKind.LIMIT,
                "limit": DOLLAR,
                "post_only": True,
                "time_in_force": TimeInForce.FOK,
            },
            "post-only is for limit orders",
        ),
        ({"attached": (STOP,), "reduce_only": True}, "brings no exits"),
        ({"attached": (STOP, TARGET)}, "on the wrong side"),
    ],
)
def test_terms_that_contradict_each_other_are_refused(terms: dict[str, object], words: str) -> None:
    kind = terms.pop("kind", OrderKind.MARKET)
    with pytest.raises(UsageError, match=words):
        order(kind=kind, **terms)


@pytest.mark.parametrize(
    ("kind", "terms"),
    [
        (OrderKind.MARKET, {"distance": 1}),
        (OrderKind.STOP, {}),
        (OrderKind.STOP, {"price": 1, "distance": 1}),
        (OrderKind.STOP, {"trail_millionths": 1}),
        (OrderKind.TRAILING_STOP, {"price": 1}),
        (OrderKind.LIMIT, {"distance": -1}),
    ],
)
def test_an_exit_lies_at_a_price_or_at_a_distance(kind: OrderKind, terms: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="attached"):
        Attached(kind, **terms)
