"""A session that dies at any line, or its account at any input, loses and doubles nothing."""

from __future__ import annotations

from datetime import date

import pytest
from tests.faults import invariants
from tests.faults.simulation import Restless
from tests.generators import random_bars
from tests.parity.test_bench_and_session import DipBuyer
from tests.sessions import Day, MemoryJournal, Power

from papertape import SimulationConfig
from papertape.domain.day import DayClosed
from papertape.domain.market import PriceHistory
from papertape.session.session import PaperSession
from papertape.strategies import MovingAverageCrossoverStrategy
from papertape.strategies.strategy import Strategy


def a_day(strategy: Strategy, latency: float, profile: str) -> Day:
    bars = random_bars(3, 390 + 12, "1m", volatility=0.001)
    config = SimulationConfig(
        benchmark="none",
        bar_frequency="1m",
        start=date(2015, 1, 5),
        latency=latency,
        risk_profile=profile,
    )
    return Day(strategy, {"SPY": PriceHistory(bars)}, config)


def live(day: Day, session: PaperSession, *, resumes: bool) -> None:
    """From wherever it stands to the end of the day."""
    now = day.window.start - 1
    if not resumes:
        session.open(now)
    else:
        seen = [
            each.moment.time
            for each in day.journal.kept
            if hasattr(each, "moment") and hasattr(each.moment, "time")
        ]
        session.resume(max([now, *seen]))
    day.play(session)
    end = day.moments[-1].time
    for wait in range(1, 4):
        session.close(end + wait * 10**9)


MAKERS = {
    "brackets": (Restless, 0.0, "backtest"),
    "late brackets": (Restless, 250.0, "backtest"),
    "guarded brackets": (Restless, 0.0, "paper"),
    "limits": (lambda: DipBuyer(away=0.0002), 0.0, "backtest"),
    "crossover": (lambda: MovingAverageCrossoverStrategy(fast=3, slow=8), 0.0, "backtest"),
}


def outcome(session: PaperSession) -> object:
    state = session.state
    return state.orders, state.account, state.restraints.state


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "torn"])
@pytest.mark.parametrize(
    ("name", "which"),
    [
        *((name, "journal") for name in MAKERS),
        ("brackets", "log"),
        ("late brackets", "log"),
    ],
)
def test_a_crash_at_every_line_changes_nothing(name: str, which: str, is_kept: bool) -> None:
    make, latency, profile = MAKERS[name]
    calm = a_day(make(), latency, profile)
    session = calm.session()
    live(calm, session, resumes=False)
    assert session.is_closed
    assert any(each.filled for each in session.state.orders.values())
    writes = len(getattr(calm, which).kept)
    at = 0
    while True:
        day = calm.opened_again()
        journal: MemoryJournal = getattr(day, which)
        journal.fuse, journal.is_last_kept = at, is_kept
        try:
            live(day, day.session(strategy=make()), resumes=False)
        except Power:
            pass
        else:
            break
        journal.fuse = None
        account = day.account()
        again = day.session(account, strategy=make())
        live(day, again, resumes=bool(day.journal.kept))
        assert outcome(again) == outcome(session), at
        invariants.check(again, account, day.journal.kept)
        invariants.the_broker_agrees(again, account)
        invariants.each_intent_ended_once(again)
        assert sum(isinstance(line, DayClosed) for line in day.journal.kept) == 1
        at += 1
    assert 20 < at <= writes
