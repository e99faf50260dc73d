"""Kill switch and trading state: what passes under each restraint, and what never does."""

from __future__ import annotations

import pytest
from tests.unit.engines.riskguard.test_limits import NOW, order, view

from papertape.domain.order import Order
from papertape.domain.restraint import Cause, Restraint, Restraints, TradingState
from papertape.domain.verdict import Approved, Refused
from papertape.engines.riskguard import RiskGuard, RiskLimits

HELD = view(held={"SPY": 10})
BUY, SELL = order(1), order(-10)
HALTED, REDUCING = TradingState.HALTED, TradingState.REDUCING


def under(
    state: TradingState, cause: Cause = Cause.DAILY_LOSS, *, flatten: bool = False
) -> Restraints:
    return Restraints((Restraint(cause, state, "a reason", NOW, "me", flatten),))


def answer(asked: Order, restraints: Restraints) -> str:
    verdict = RiskGuard(RiskLimits(), restraints).check(asked, HELD)
    return f"{verdict.rule} {verdict.reason}" if isinstance(verdict, Refused) else ""


@pytest.mark.parametrize("asked", [BUY, SELL, order(-1, reduce_only=True)])
def test_risk_r1_nothing_passes_a_pressed_switch_not_even_a_sale(asked: Order) -> None:
    killed = under(HALTED, Cause.KILL)
    assert answer(asked, killed) == "R1 the kill switch is pressed: a reason"


def test_risk_r1_it_is_named_whatever_else_is_in_force() -> None:
    both = under(HALTED, Cause.UNRECONCILED).after(under(HALTED, Cause.KILL).in_force[0])
    assert answer(BUY, both).startswith("R1")


def test_risk_r1_it_is_armed_while_nothing_restrains() -> None:
    verdict = RiskGuard(RiskLimits()).check(BUY, HELD)
    assert isinstance(verdict, Approved)
    first = verdict.checks[0]
    assert (first.rule, first.found, first.limit) == ("R1", "armed", "armed")


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.KILL])
def test_risk_r2_no_order_passes_while_halted_for_any_cause(cause: Cause) -> None:
    for asked in (BUY, SELL):
        assert answer(asked, under(HALTED, cause)) == f"R2 HALTED, {cause}: a reason"


@pytest.mark.parametrize(
    ("asked", "passes"),
    [(BUY, False), (SELL, True), (order(-11), False), (order(-1, reduce_only=True), True)],
    ids=["a buy", "all that is held", "through zero", "reduce only"],
)
@pytest.mark.parametrize(
    "restraints",
    [under(REDUCING), under(HALTED, Cause.KILL, flatten=True)],
    ids=["REDUCING", "HALTED to close all"],
)
def test_risk_r2_only_what_reduces_passes(
    asked: Order, restraints: Restraints, passes: bool
) -> None:
    assert (answer(asked, restraints) == "") is passes


def test_risk_r2_two_sales_of_all_that_is_held_do_not_both_only_reduce() -> None:
    one_open = view(held={"SPY": 10}, working={"SPY": (0, -1)})
    guard = RiskGuard(RiskLimits(), under(REDUCING))
    assert isinstance(guard.check(order(-9), one_open), Approved)
    assert isinstance(guard.check(order(-10), one_open), Refused)


def test_risk_r2_a_change_passes_no_halt() -> None:
    verdict = RiskGuard(RiskLimits(), under(HALTED)).check_change(BUY, HELD)
    assert isinstance(verdict, Refused)
    assert verdict.rule == "R2"


def test_what_only_reduces_is_still_held_against_the_other_limits() -> None:
    verdict = RiskGuard(RiskLimits(max_order_quantity=9), under(REDUCING)).check(SELL, HELD)
    assert isinstance(verdict, Refused)
    assert verdict.rule == "R4"
