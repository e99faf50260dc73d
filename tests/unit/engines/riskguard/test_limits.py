"""RiskGuard: every limit on both sides, and a veto wherever something cannot be known."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from papertape.domain.account import Account
from papertape.domain.clock import DAY, MINUTE, SECOND
from papertape.domain.errors import SettingsError
from papertape.domain.event import OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.terms import CASH_ACCOUNT, MARGIN_ACCOUNT, AccountTerms
from papertape.domain.verdict import Approved, Refused, Verdict
from papertape.engines.riskguard import PROFILES, LastPrice, RiskGuard, RiskLimits, RiskView

NOW = 1_704_229_200 * SECOND
NAN = float("nan")


def order(quantity: int, **terms: Any) -> Order:
    kind = next((kind for kind in ("limit", "stop") if kind in terms), "market")
    prices = {name: micros(terms.pop(name)) for name in ("limit", "stop") if name in terms}
    symbol = terms.pop("symbol", "SPY")
    return Order("o1", symbol, quantity, OrderKind(kind), NOW, "because", **prices, **terms)


def view(
    *,
    cash: float = 100_000,
    held: dict[str, int] | None = None,
    prices: dict[str, float] | None = None,
    age: int = 0,
    length: int = MINUTE,
    working: dict[str, tuple[int, int]] | None = None,
    reserved: float = 0,
    terms: AccountTerms = CASH_ACCOUNT,
) -> RiskView:
    """A view at one instant; a holding comes from nowhere, so cash is what is said."""
    account = Account.opened(micros(cash))
    for symbol, quantity in (held or {}).items():
        gift = Fill("f", "f", symbol, 0, quantity, 1, 0, "gift", 0, 1)
        account = account.after(OrderFilled(0, gift))
        account = Account({**account.balances, ("cash", "USD"): micros(cash)}, account.positions)
    known = prices if prices is not None else {"SPY": 100.0}
    last = {name: LastPrice(micros(price), NOW - age, length) for name, price in known.items()}
    return RiskView(NOW, account, last, working or {}, micros(reserved), terms)


def ask(asked: Order, seen: RiskView, **limits: Any) -> Verdict:
    return RiskGuard(RiskLimits(**limits)).check(asked, seen)


def answer(asked: Order, seen: RiskView, **limits: Any) -> str:
    """The id of the rule that vetoed, or an empty string."""
    verdict = ask(asked, seen, **limits)
    return verdict.rule if isinstance(verdict, Refused) else ""


EQUITY = view()  # 100,000 in cash, SPY at 100
MARGIN = view(terms=MARGIN_ACCOUNT)
SHORT = view(
    cash=110_000, held={"SPY": -100}, prices={"SPY": 100, "IBM": 200}, terms=MARGIN_ACCOUNT
)
SHORTS_OPEN = view(working={"SPY": (0, -100)}, terms=MARGIN_ACCOUNT)
PENNIES = view(prices={"SPY": 0.5})
TENTH, TWENTIETH = {"max_order_notional": Fraction("0.1")}, Fraction("0.05")
COLLARS = {"price_collar": TWENTIETH, "price_collar_below_dollar": Fraction("0.2")}
DELAYED = {"finality_delay": SECOND}
SIDES = [
    # id, order, view, limits, the rule that objects
    ("R4 at the limit", order(500), EQUITY, {"max_order_quantity": 500}, ""),
    ("R4 over", order(501), EQUITY, {"max_order_quantity": 500}, "R4"),
    ("R4 a sale at it", order(-5), view(held={"SPY": 9}), {"max_order_quantity": 5}, ""),
    ("R4 a sale over", order(-6), view(held={"SPY": 9}), {"max_order_quantity": 5}, "R4"),
    ("R5 at the limit", order(100), EQUITY, {"max_order_notional": Fraction("0.10")}, ""),
    ("R5 over", order(101), EQUITY, {"max_order_notional": Fraction("0.10")}, "R5"),
    ("R6 at the collar above", order(1, limit=105), EQUITY, {"price_collar": Fraction("0.05")}, ""),
    ("R6 over", order(1, limit=105.01), EQUITY, {"price_collar": Fraction("0.05")}, "R6"),
    ("R6 at the collar below", order(1, limit=95), EQUITY, {"price_collar": Fraction("0.05")}, ""),
    ("R6 under", order(1, limit=94.99), EQUITY, {"price_collar": Fraction("0.05")}, "R6"),
    ("R7 fresh", order(1), view(age=2 * MINUTE), {}, ""),
    ("R7 stale", order(1), view(age=2 * MINUTE + 1), {}, "R7"),
    ("R7 15 s at least", order(1), view(age=15 * SECOND, length=SECOND), {}, ""),
    ("R7 over 15 s", order(1), view(age=15 * SECOND + 1, length=SECOND), {}, "R7"),
    ("R7 two daily bars", order(1), view(age=13 * 60 * MINUTE, length=390 * MINUTE), {}, ""),
    ("R7 a day later", order(1), view(age=DAY, length=390 * MINUTE), {}, "R7"),
    ("R7 from the future", order(1), view(age=-1), {}, "R7"),
    ("R8 at the limit", order(200), EQUITY, {"max_position": Fraction("0.20")}, ""),
    ("R8 over", order(201), EQUITY, {"max_position": Fraction("0.20")}, "R8"),
    (
        "R8 with what is open",
        order(101),
        view(working={"SPY": (100, 0)}, reserved=10_000),
        {"max_position": Fraction("0.20")},
        "R8",
    ),
    (
        "R8 with what is held",
        order(101),
        view(cash=90_000, held={"SPY": 100}),
        {"max_position": Fraction("0.20")},
        "R8",
    ),
    (
        "R8 held at the limit",
        order(100),
        view(cash=90_000, held={"SPY": 100}),
        {"max_position": Fraction("0.2")},
        "",
    ),
    (
        "R9 at the limit",
        order(400),
        view(cash=90_000, held={"IBM": 50}, prices={"SPY": 100, "IBM": 200}),
        {"max_gross": Fraction("0.5")},
        "",
    ),
    (
        "R9 over",
        order(401),
        view(cash=90_000, held={"IBM": 50}, prices={"SPY": 100, "IBM": 200}),
        {"max_gross": Fraction("0.5")},
        "R9",
    ),
    (
        "R9 with what works",
        order(401),
        view(working={"SPY": (100, 0)}),
        {"max_gross": Fraction("0.5")},
        "R9",
    ),
    ("R11 to the cent", order(1_000), EQUITY, {}, ""),
    ("R11 a cent short", order(1_000), view(cash=99_999.99), {}, "R11"),
    ("R11 promised to others", order(1_000), view(reserved=0.01), {}, "R11"),
    ("R11 a limit counts at its price", order(1_000, limit=100.01), EQUITY, {}, "R11"),
    ("R11 a cheap limit", order(1_001, limit=99.9), EQUITY, {}, ""),
    ("R11 a buy stop counts at its level", order(1_000, stop=100.01), EQUITY, {}, "R11"),
    ("R12 all that is held", order(-10), view(held={"SPY": 10}), {}, ""),
    ("R12 one too many", order(-11), view(held={"SPY": 10}), {}, "R12"),
    (
        "R12 with sales that are open",
        order(-6),
        view(held={"SPY": 10}, working={"SPY": (0, -5)}),
        {},
        "R12",
    ),
    ("R12 from nothing", order(-1), EQUITY, {}, "R12"),
    ("R12 lent to anyone", order(-1), MARGIN, {}, ""),
    ("R12 located", order(-1), MARGIN, {"shortable": frozenset({"SPY"})}, ""),
    ("R12 not located", order(-1), MARGIN, {"shortable": frozenset({"IBM"})}, "R12"),
    ("R6 below a dollar", order(1, limit=0.59), PENNIES, COLLARS, ""),
    ("R6 too far below a dollar", order(1, limit=0.601), PENNIES, COLLARS, "R6"),
    ("R6 from a dollar on", order(1, limit=1.06), view(prices={"SPY": 1.0}), COLLARS, "R6"),
    ("R5 at the collar's edge", order(95), EQUITY, {**TENTH, "price_collar": TWENTIETH}, ""),
    ("R5 over the edge", order(96), EQUITY, {**TENTH, "price_collar": TWENTIETH}, "R5"),
    ("R5 a limit is its own edge", order(100, limit=100), EQUITY, TENTH, ""),
    ("R5 a dear limit", order(100, limit=100.01), EQUITY, TENTH, "R5"),
    ("R5 of capital", order(10), EQUITY, {**TENTH, "capital": micros(10_000)}, ""),
    ("R5 over capital", order(11), EQUITY, {**TENTH, "capital": micros(10_000)}, "R5"),
    ("R5 of less equity than capital", order(101), EQUITY, {**TENTH, "capital": micros(1e6)}, "R5"),
    ("R9 short", order(-400), SHORTS_OPEN, {"max_gross": Fraction("0.5")}, ""),
    ("R9 too short", order(-401), SHORTS_OPEN, {"max_gross": Fraction("0.5")}, "R9"),
    # Short 10,000 of SPY: 60,000 of IBM make it net 50,000 of an equity of 100,000.
    ("R10 at the limit", order(300, symbol="IBM"), SHORT, {"max_net": Fraction("0.5")}, ""),
    ("R10 over", order(301, symbol="IBM"), SHORT, {"max_net": Fraction("0.5")}, "R10"),
    ("R10 short", order(-400, symbol="SPY"), SHORT, {"max_net": Fraction("0.5")}, ""),
    ("R10 too short", order(-401, symbol="SPY"), SHORT, {"max_net": Fraction("0.5")}, "R10"),
    ("R11 no borrowing", order(1_000), MARGIN, {"max_leverage": Fraction(1)}, ""),
    ("R11 a share too many", order(1_001), MARGIN, {"max_leverage": Fraction(1)}, "R11"),
    ("R11 one and a half", order(1_501), MARGIN, {"max_leverage": Fraction("1.5")}, "R11"),
    ("R7 in its feed's delay", order(1), view(age=2 * MINUTE + SECOND), DELAYED, ""),
    ("R7 after its feed's delay", order(1), view(age=2 * MINUTE + SECOND + 1), DELAYED, "R7"),
    ("R7 of any age", order(1), view(age=DAY), {"max_price_age": "unlimited"}, ""),
]


@pytest.mark.parametrize(
    ("asked", "seen", "limits", "objects"),
    [pytest.param(*rest, id=f"risk-{name}") for name, *rest in SIDES],
)
def test_a_limit_is_kept_up_to_the_last_unit(
    asked: Order, seen: RiskView, limits: dict[str, Any], objects: str
) -> None:
    assert answer(asked, seen, **limits) == objects


def test_risk_r7_no_price_is_a_veto() -> None:
    assert answer(order(1), view(prices={})) == "R7"
    assert answer(order(1, limit=100), view(prices={"IBM": 100})) == "R7"
    assert answer(order(-1, reduce_only=True), view(held={"SPY": 1}, prices={})) == "R7"


def test_risk_r7_a_holding_without_a_price_is_a_veto_because_equity_is_unknown() -> None:
    seen = view(held={"IBM": 10}, prices={"SPY": 100})
    verdict = ask(order(1), seen, max_position=Fraction("0.2"), max_gross=Fraction(1))
    assert isinstance(verdict, Refused)
    assert (verdict.rule, verdict.reason) == ("R7", "no price of IBM is known")


@pytest.mark.parametrize("limit", ["max_order_notional", "max_position", "max_gross"])
def test_where_there_is_no_equity_no_share_of_it_is_allowed(limit: str) -> None:
    nothing = view()
    empty = RiskView(NOW, Account(), nothing.prices, {}, 0)
    assert answer(order(1), empty, **{limit: Fraction(1)}) in {"R5", "R8", "R9"}


@pytest.mark.parametrize("value", [NAN, 0, -1, -0.1, True, "", "10"])
@pytest.mark.parametrize("limit", ["max_order_quantity", "price_collar", "max_gross"])
def test_input_b35_a_limit_that_is_no_positive_number_is_refused(limit: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"risk limit {limit}"):
        RiskLimits(**{limit: value})


TIGHT = {
    "max_order_notional": Fraction("0.0001"),
    "max_position": Fraction("0.0001"),
    "max_gross": Fraction("0.0001"),
}


@pytest.mark.parametrize(
    "asked",
    [order(-10), order(-10, reduce_only=True), order(-10, limit=100), order(-4, stop=90)],
    ids=["a sale of all", "reduce only", "a limit", "a stop on a part"],
)
def test_risk_r3_an_order_that_only_reduces_passes_the_limits_on_size(asked: Order) -> None:
    assert answer(asked, view(held={"SPY": 10}), **TIGHT) == ""


def test_risk_r3_quantity_collar_and_freshness_bind_even_an_order_that_reduces() -> None:
    held = view(held={"SPY": 10})
    assert answer(order(-10), held, max_order_quantity=9) == "R4"
    assert answer(order(-10, limit=110), held, price_collar=Fraction("0.05")) == "R6"
    assert answer(order(-10), view(held={"SPY": 10}, age=DAY)) == "R7"


def test_an_order_through_zero_does_not_only_reduce() -> None:
    assert answer(order(-11), view(held={"SPY": 10}), **TIGHT) == "R5"


def test_the_backtest_profile_keeps_only_switch_price_power_and_no_short() -> None:
    verdict = RiskGuard(PROFILES["backtest"]).check(order(1_000), EQUITY)
    assert isinstance(verdict, Approved)
    assert [check.rule for check in verdict.checks] == ["R1", "R7", "R11"]
