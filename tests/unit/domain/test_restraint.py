"""Restraints: the strictest cause decides, and none undoes another."""

import pytest

from papertape.domain.errors import InvariantBroken
from papertape.domain.restraint import Cause, Restraint, Restraints, TradingState

ACTIVE, REDUCING, HALTED = TradingState


def of(cause: Cause, state: TradingState, since: int = 0, *, flatten: bool = False) -> Restraint:
    return Restraint(cause, state, "because", since, "test", flatten)


def test_nothing_restrains_an_active_session() -> None:
    assert Restraints().state is ACTIVE
    assert Restraints().strictest is None


def test_the_strictest_cause_decides_and_releasing_it_leaves_the_others() -> None:
    both = Restraints().after(of(Cause.FEED, REDUCING)).after(of(Cause.KILL, HALTED))
    assert both.state is HALTED
    assert both.strictest == of(Cause.KILL, HALTED)
    assert both.without(Cause.KILL).state is REDUCING
    assert both.without(Cause.FEED).state is HALTED
    other_way = Restraints().after(of(Cause.KILL, HALTED)).after(of(Cause.FEED, REDUCING))
    assert other_way.state is HALTED


def test_a_second_press_keeps_the_first_word() -> None:
    first = Restraints().after(of(Cause.KILL, HALTED, since=1))
    assert first.after(of(Cause.KILL, HALTED, since=2)) is first


def test_a_cause_may_become_stricter_and_begin_to_flatten_but_never_milder() -> None:
    mild = Restraints().after(of(Cause.DRAWDOWN, REDUCING))
    strict = mild.after(of(Cause.DRAWDOWN, HALTED))
    assert strict.state is HALTED
    assert strict.after(of(Cause.DRAWDOWN, REDUCING)) is strict
    pressed = Restraints().after(of(Cause.KILL, HALTED))
    assert pressed.after(of(Cause.KILL, HALTED, flatten=True)).flattens


def test_active_is_no_restraint_and_each_has_a_reason() -> None:
    with pytest.raises(InvariantBroken):
        of(Cause.KILL, ACTIVE)
    with pytest.raises(InvariantBroken):
        Restraint(Cause.KILL, HALTED, "", 0, "test")
