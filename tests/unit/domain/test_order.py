"""Orders refuse what cannot be sent."""

import pytest

from papertape.domain.errors import UsageError
from papertape.domain.order import Order, OrderKind

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
