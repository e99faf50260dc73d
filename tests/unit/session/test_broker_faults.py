"""Whatever a broker loses, repeats or invents, no order is doubled and no cent is off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

import pytest
from tests.faults import invariants
from tests.faults.brokers import FaultyBroker, fill_of
from tests.generators import random_bars
from tests.sessions import Day

from papertape import SimulationConfig
from papertape.domain.client_id import client_id
from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.day import Commanded, Line, OutcomeUnknown, Reconciled, Verb
from papertape.domain.event import (
    CancelRequest,
    FillBusted,
    OrderApproved,
    OrderFilled,
    OrderRejected,
)
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import Bar, PriceHistory
from papertape.domain.restraint import Cause, TradingState
from papertape.session.session import NEVER_ARRIVED, PaperSession
from papertape.strategies.strategy import Context


@dataclass
class Scripted:
    """At the n-th bar it does what stands under n: buy so many at the market, or rest a limit."""

    orders: dict[int, tuple[int, float | None]]
    warmup: int = 1
    count: int = -1
    heard: list[str] = field(default_factory=list)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Follow the script."""
        self.count += 1
        if self.count in self.orders:
            quantity, limit = self.orders[self.count]
            kind = "market" if limit is None else "limit"
            context.submit(bar.symbol, quantity, kind=kind, limit=limit, reason="as written")

    def on_fill(self, context: Context, filled: OrderFilled) -> None:
        """Remember it."""
        self.heard.append(filled.fill.order_id)


BUY = {2: (10, None), 6: (-4, None), 9: (3, None)}
REST = {2: (10, None), 4: (5, 1.0)}
"""Buys, then rests a limit far below the market."""


def started(
    orders: dict[int, tuple[int, float | None]], profile: str = "backtest"
) -> tuple[Day, FaultyBroker, PaperSession]:
    bars = random_bars(7, 390 + 30, "1m", volatility=0.0005)
    config = SimulationConfig(
        benchmark="none", bar_frequency="1m", start=date(2015, 1, 5), risk_profile=profile
    )
    day = Day(Scripted(dict(orders)), {"SPY": PriceHistory(bars)}, config)
    broker = FaultyBroker(day.account())
    session = day.session(broker)
    session.open(day.window.start - 1)
    session.show(day.history, day.window.start - 1)
    return day, broker, session


def walk(day: Day, session: PaperSession, first: int, last: int) -> int:
    """See the moments of a stretch, with a tick after each; the time of the last."""
    for moment in day.traded[first:last]:
        session.see(moment, moment.time)
        session.tick(moment.time + SECOND)
        session.tick(moment.time + 3 * SECOND)
    return day.traded[last - 1].time


def end(day: Day, session: PaperSession, broker: FaultyBroker, last: int) -> None:
    now = day.traded[last - 1].time
    for minute in range(1, 5):
        session.close(now + minute * MINUTE)
    invariants.check(session, broker.account, day.journal.kept)
    invariants.the_broker_agrees(session, broker.account)
    invariants.each_intent_ended_once(session)


def calm_outcome(orders: dict[int, tuple[int, float | None]], last: int) -> object:
    day, broker, session = started(orders)
    walk(day, session, 0, last)
    end(day, session, broker, last)
    return session.state.orders, session.state.account


@pytest.mark.parametrize("fault", ["lost_replies", "lost_requests"])
@pytest.mark.parametrize("count", [1, 2])
def test_f17_f18_an_unanswered_order_is_asked_for_by_id_and_sent_once(
    fault: str, count: int
) -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    setattr(broker, fault, count)
    walk(day, session, 2, 15)
    assert any(isinstance(line, OutcomeUnknown) for line in day.journal.kept)
    end(day, session, broker, 15)
    assert (session.state.orders, session.state.account) == calm_outcome(BUY, 15)


def test_f17_an_order_that_the_broker_knows_is_not_sent_again_before_it_says_so() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    broker.lost_replies, broker.is_mute = 1, True
    now = walk(day, session, 2, 3)
    for second in range(4, 20, 4):
        session.tick(now + second * SECOND)
    assert ("O1" in session.state.orders, session.state.orders["O1"].filled) == (True, 0)
    assert session.state.unanswered
    broker.is_mute = False
    walk(day, session, 3, 8)
    assert broker.asked == [("submit", "O1"), ("submit", "O2")]
    end(day, session, broker, 8)


def names(lines: Iterable[Line]) -> dict[str, str]:
    return {
        line.approved.order.id: line.client_id for line in lines if isinstance(line, OrderApproved)
    }


def test_every_order_has_a_name_that_is_kept_before_it_is_sent_and_found_by() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 15)
    kept = names(day.journal.kept)
    opened = session.state.opened
    assert opened is not None
    assert kept == {order_id: client_id(opened, order_id) for order_id in ("O1", "O2", "O3")}
    assert names(day.log.kept) == kept
    for order_id, name in kept.items():
        found = broker.account.find(name)
        assert found is not None
        assert found.order.id == order_id
    again, _, other = started(BUY)
    walk(again, other, 0, 15)
    assert names(again.journal.kept) == kept  # the same day has the same names


@pytest.mark.parametrize("fault", ["lost_replies", "lost_requests"])
def test_f17_f18_a_new_process_asks_and_sends_again_under_the_recorded_name(fault: str) -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    setattr(broker, fault, 1)
    session.see(day.traded[2], day.traded[2].time)
    (before,) = names(day.journal.kept).values()
    account = day.account()  # rebuilt from its log alone, like the session
    assert (account.find(before) is None) is (fault == "lost_requests")
    resumed = day.session(FaultyBroker(account), strategy=Scripted(dict(BUY)))
    resumed.resume(day.traded[2].time + SECOND)
    assert names(day.log.kept) == {"O1": before}
    assert len([line for line in day.log.kept if isinstance(line, OrderApproved)]) == 1
    assert resumed.state.orders["O1"].is_working or resumed.state.orders["O1"].filled


def test_f18_an_order_that_never_arrived_is_not_sent_once_it_is_old() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    broker.lost_requests = 1
    session.see(day.traded[2], day.traded[2].time)
    late = day.traded[2].time + 5 * MINUTE
    session.tick(late)
    (ended,) = [line for line in day.journal.kept if isinstance(line, OrderRejected)]
    assert ended.reason == NEVER_ARRIVED
    assert ("submit", "O1") not in broker.asked


def test_f19_a_silent_broker_is_asked_again_with_growing_pauses() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 5)
    broker.is_down = True
    tries, now = [], day.traded[4].time
    for second in range(4, 600):
        before = broker.refused
        session.tick(now + second * SECOND)
        if broker.refused > before:
            assert broker.refused == before + 1
            tries.append(second)
    pauses = [b - a for a, b in pairwise(tries)]
    assert [min(each, 30) for each in pauses] == sorted(min(each, 30) for each in pauses)
    assert 30 <= max(pauses) <= 61
    assert session.state.restraints.state is TradingState.REDUCING


def test_f20_f21_repeated_and_shuffled_reports_change_nothing() -> None:
    day, broker, session = started(BUY)
    broker.shuffles = True
    walk(day, session, 0, 15)
    end(day, session, broker, 15)
    assert (session.state.orders, session.state.account) == calm_outcome(BUY, 15)


def test_f20_an_execution_told_again_under_a_new_number_is_booked_once() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 5)
    told = next(line for line in day.journal.kept if isinstance(line, OrderFilled))
    before = session.state.account
    broker.says.append(told)
    session.tick(day.traded[4].time + 5 * SECOND)
    assert session.state.account == before


def test_f23_an_overfill_goes_to_suspense_and_halts() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    broker.says.append(fill_of("O2", "SPY", 9, 1_000_000, now))
    before = session.state.account
    session.tick(now + 10 * SECOND)
    assert session.state.account == before
    assert session.state.restraints.state is TradingState.HALTED
    assert Cause.OVERFILL in session.state.restraints
    assert [state.order.id for state in session.state.suspense] == ["O2"]
    invariants.check(session, broker.account, day.journal.kept)


def test_f24_a_fill_of_an_unknown_order_is_booked_as_external_and_only_reduces() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    held = session.state.account.quantity("SPY")
    broker.says.append(fill_of("stranger", "SPY", 7, 100_000_000, now))
    session.tick(now + 10 * SECOND)
    assert session.state.account.quantity("SPY") == held + 7
    assert session.state.restraints.state is TradingState.REDUCING
    invariants.the_fold_is_the_state(session, day.journal.kept)


def test_f25_a_bust_is_a_correcting_entry() -> None:
    day, broker, session = started(BUY)
    now = walk(day, session, 0, 5)
    fill = next(line.fill for line in day.journal.kept if isinstance(line, OrderFilled))
    broker.account.bust_fill(fill, now, "clearly erroneous")
    session.tick(now + 40 * SECOND)
    assert any(isinstance(line, FillBusted) for line in day.journal.kept)
    assert session.state.account.quantity("SPY") == 0
    invariants.check(session, broker.account, day.journal.kept)
    invariants.the_broker_agrees(session, broker.account)
    assert not session.state.restraints.in_force


def test_f26_orders_that_a_broker_forgot_end_here_too() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    broker.forgotten.add("O2")
    session.tick(now + 40 * SECOND)
    assert session.state.orders["O2"].status is OrderStatus.CANCELED
    (found,) = [line.differences for line in day.journal.kept
                if isinstance(line, Reconciled) and line.differences]  # fmt: skip
    assert found[0].item == "order O2"
    assert found[0].decision
    assert not session.state.restraints.in_force


def test_f27_a_holding_off_by_a_share_is_seen_in_a_cycle_and_healed_by_an_equal_one() -> None:
    day, broker, session = started(BUY)
    now = walk(day, session, 0, 5)
    broker.skew = 1
    session.tick(now + 34 * SECOND)
    assert session.state.restraints.state is TradingState.REDUCING
    reconciled = session.state.reconciled
    assert reconciled is not None
    (found,) = reconciled.differences
    assert (found.item, found.journal, found.broker) == ("position SPY", "10", "11")
    session.see(day.traded[5], day.traded[5].time)
    assert session.state.restraints.state is TradingState.REDUCING  # a bar heals nothing
    broker.skew = 0
    session.tick(now + 100 * SECOND)
    assert session.state.restraints.state is TradingState.ACTIVE


@pytest.mark.parametrize("verb", [Verb.KILL, Verb.STOP_NOW])
def test_f54_a_kill_while_the_broker_is_unreachable_is_repeated_until_it_works(verb: Verb) -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    broker.is_down = True
    session.command(Commanded(now, "k1", verb, "me", "enough"), now)
    assert session.state.restraints.state is TradingState.HALTED
    for second in range(1, 100, 7):
        session.tick(now + second * SECOND)
    assert session.state.working
    broker.is_down = False
    for second in range(100, 300, 7):
        session.tick(now + second * SECOND)
    assert not session.state.working
    asked = [line for line in day.journal.kept if isinstance(line, CancelRequest)]
    assert len(asked) == 1
    invariants.check(session, broker.account, day.journal.kept)


def test_an_order_unknown_when_the_kill_comes_is_not_sent_again() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    broker.lost_requests = 1
    now = day.traded[2].time
    session.see(day.traded[2], now)
    session.command(Commanded(now, "k1", Verb.KILL, "me", "enough"), now)
    for second in range(1, 20):
        session.tick(now + second * SECOND)
    assert ("submit", "O1") not in broker.asked
    assert session.state.orders["O1"].status is OrderStatus.REJECTED
    assert not session.state.unanswered


def test_an_order_that_did_arrive_when_the_kill_comes_is_cancelled() -> None:
    day, broker, session = started(REST)
    walk(day, session, 0, 4)
    broker.lost_replies = 1
    now = day.traded[4].time
    session.see(day.traded[4], now)
    session.command(Commanded(now, "k1", Verb.KILL, "me", "enough"), now)
    session.tick(now + 5 * SECOND)
    assert session.state.orders["O2"].status is OrderStatus.CANCELED


def test_no_new_order_passes_while_the_broker_is_down() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 2)
    broker.is_down = True
    walk(day, session, 2, 4)
    assert not [ask for ask in broker.asked if ask[0] == "submit"]
    broker.is_down = False
    walk(day, session, 4, 6)
    assert session.state.restraints.state is TradingState.ACTIVE
    end(day, session, broker, 6)


def test_every_report_lost_for_a_while_comes_in_the_end() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 3)
    broker.is_down = True
    walk(day, session, 3, 5)  # the market order fills meanwhile
    assert session.state.account.quantity("SPY") == 0
    broker.is_down = False
    walk(day, session, 5, 6)
    assert session.state.account.quantity("SPY") == 10
    end(day, session, broker, 6)


def test_a_strategy_hears_each_fill_once() -> None:
    day, broker, session = started(BUY)
    broker.shuffles = True
    walk(day, session, 0, 15)
    strategy = day.strategy
    assert isinstance(strategy, Scripted)
    assert strategy.heard == ["O1", "O2", "O3"]
