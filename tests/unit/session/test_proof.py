"""The proof names each difference between paper and bench, and finds none where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest
from tests.generators import random_bars
from tests.sessions import Day

from papertape import SimulationConfig
from papertape.domain.day import Commanded, Verb
from papertape.domain.event import Moment
from papertape.domain.market import Bar, PriceHistory
from papertape.engines.riskguard import PROFILES, RiskGuard
from papertape.session.proof import Proof, Reason, prove
from papertape.session.session import PaperSession
from papertape.strategies import MovingAverageCrossoverStrategy
from papertape.strategies.strategy import Context

STRATEGY = MovingAverageCrossoverStrategy(fast=3, slow=8)


@pytest.fixture(scope="module")
def prototype() -> Day:
    bars = random_bars(5, 390 + 60, "1m", volatility=0.001)
    config = SimulationConfig(benchmark="none", bar_frequency="1m", start=date(2015, 1, 5))
    return Day(STRATEGY, {"SPY": PriceHistory(bars)}, config)


Between = Callable[[PaperSession, Moment, int], bool]
"""What happens before the moment of a row; whether the session sees it in order."""


def proved(prototype: Day, between: Between = lambda session, moment, row: True) -> Proof:
    day = prototype.opened_again()
    session = day.session()
    session.open(day.window.start - 1)
    session.show(day.history, day.window.start - 1)
    for row, moment in enumerate(day.traded):
        if between(session, moment, row):
            session.see(moment, moment.time)
        session.tick(moment.time)
    end = day.moments[-1].time
    session.close(end)
    session.close(end + 1)
    guard = RiskGuard(PROFILES["backtest"])
    return prove(day.journal.kept, STRATEGY, day.instruments, day.config, guard)


def reasons(proof: Proof) -> set[Reason]:
    return {each.reason for each in proof.mismatches}


def test_a_day_without_a_fault_is_equal(prototype: Day) -> None:
    proof = proved(prototype)
    assert proof.is_equal
    assert proof.orders > 5


def test_a_corrected_bar_is_a_different_bar(prototype: Day) -> None:
    def corrected(session: PaperSession, moment: Moment, row: int) -> bool:
        if row == 30:
            old = prototype.traded[20].bars[0]
            lower = replace(old, low=old.low * 0.9, close=old.low * 0.9)
            session.amend(lower, 1, moment.time)
        return True

    proof = proved(prototype, corrected)
    assert not proof.is_equal
    assert reasons(proof) == {Reason.DIFFERENT_BAR}


def test_minutes_that_came_too_late_are_late_data(prototype: Day) -> None:
    def lost(session: PaperSession, moment: Moment, row: int) -> bool:
        if row == 10:
            session.feed_lost(moment.time, "the line is dead")
        if row == 40:
            missed = prototype.traded[10:40]
            session.feed_restored(moment.time, missed)
        return not 10 <= row < 40

    proof = proved(prototype, lost)
    assert not proof.is_equal
    assert reasons(proof) == {Reason.LATE_DATA}


def test_what_a_kill_withheld_is_a_risk_veto(prototype: Day) -> None:
    def killed(session: PaperSession, moment: Moment, row: int) -> bool:
        if row == 15:
            command = Commanded(moment.time, "k", Verb.KILL, "ann", "odd fills")
            session.command(command, moment.time)
        return True

    proof = proved(prototype, killed)
    assert not proof.is_equal
    assert reasons(proof) == {Reason.RISK_VETO}


def test_a_fill_at_another_price_than_the_bench_pays_is_a_fill_rule(prototype: Day) -> None:
    day = prototype.opened_again()
    session = day.session()
    session.open(day.window.start - 1)
    day.play(session)
    dearer = replace(day.config, cost="half-spread:9bp")
    guard = RiskGuard(PROFILES["backtest"])
    proof = prove(day.journal.kept, STRATEGY, day.instruments, dearer, guard)
    assert Reason.FILL_RULE in reasons(proof)
    assert proof.cash > 0


@pytest.mark.parametrize(("above", "state"), [(-1, "ACTIVE"), (1, "REDUCING")])
def test_risk_r22_a_peak_of_earlier_days_restrains_over_restarts_and_in_the_proof(
    prototype: Day, above: int, state: str
) -> None:
    """Equity begins at 100,000: a tenth below 111,111.11 and a fraction of a cent."""
    day = prototype.opened_again()
    day.config = replace(day.config, risk_profile="paper")
    charter = replace(day.charter, peak=111_111_111_112 + above)
    session = day.session(charter=charter)
    session.open(day.window.start - 1)
    session.show(day.history, day.window.start - 1)
    for moment in day.traded[:3]:
        session.see(moment, moment.time)
        session.tick(moment.time)
    assert str(session.state.restraints.state) == state
    again = day.session(charter=day.charter)  # a new process knows the peak from the journal alone
    again.resume(day.traded[2].time + 1)
    assert again.tally.peak == charter.peak
    assert str(again.state.restraints.state) == state
    guard = RiskGuard(PROFILES["paper"])
    config = day.config
    assert prove(day.journal.kept, STRATEGY, day.instruments, config, guard).is_equal


@dataclass
class Raises:
    """Buys once, and raises later."""

    warmup: int = 1
    count: int = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Forty bars of life."""
        self.count += 1
        if self.count == 5:
            context.submit(bar.symbol, 10, reason="enter")
        if self.count == 40:
            raise ValueError("bad luck")


def test_a_strategy_that_failed_fails_for_the_bench_as_well(prototype: Day) -> None:
    day = prototype.opened_again()
    session = day.session(strategy=Raises())
    session.open(day.window.start - 1)
    day.play(session)
    assert session.state.failed is not None
    guard = RiskGuard(PROFILES["backtest"])
    proof = prove(day.journal.kept, Raises(), day.instruments, day.config, guard)
    assert proof.is_equal
    assert proof.orders == 1
