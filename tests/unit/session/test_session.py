"""A session's day: what is decided, what is ignored, what a person may ask, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pytest
from tests.faults import invariants
from tests.generators import random_bars
from tests.sessions import Day
from tests.unit.session.test_broker_faults import BUY, REST, Scripted, started, walk

from papertape import SimulationConfig
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import (
    BarAmended,
    Commanded,
    DayClosed,
    DayOpened,
    FeedLost,
    FeedRestored,
    JournalRestored,
    MomentDecided,
    MomentIgnored,
    MomentSeen,
    SessionResumed,
    StrategyFailed,
    Verb,
)
from papertape.domain.event import (
    CancelRequest,
    Moment,
    OrderApproved,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRefused,
)
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import Bar, Bars, FloatArray, PriceHistory
from papertape.domain.restraint import Cause, TradingState
from papertape.session.charter import Charter
from papertape.session.closing import FLATTENING
from papertape.session.session import SESSION_ENDS, PaperSession
from papertape.strategies.strategy import Context, Strategy


def asked(verb: Verb, now: Nanos, name: str = "c1") -> Commanded:
    return Commanded(now, name, verb, "me", "a test")


def kinds(day: Day, *wanted: type) -> list[object]:
    return [line for line in day.journal.kept if isinstance(line, wanted)]


# The day -----------------------------------------------------------------------------------------


def test_a_session_is_halted_until_it_is_compared_with_the_broker() -> None:
    day, _, session = started({})
    names = [type(line).__name__ for line in day.journal.kept[:4]]
    assert names == ["DayOpened", "Restrained", "Reconciled", "Released"]
    assert session.state.restraints.state is TradingState.ACTIVE


def test_a_moment_is_kept_before_it_is_decided_and_its_lines_end_with_a_mark() -> None:
    day, _, session = started(BUY)
    walk(day, session, 0, 4)
    names = [type(line).__name__ for line in day.journal.kept]
    at = names.index("OrderApproved")
    assert names[at - 1 : at + 4] == [
        "MomentSeen",
        "OrderApproved",
        "MomentDecided",
        "OrderAccepted",
        "Heard",
    ]


def test_f32_f44_a_moment_that_is_not_newer_is_ignored_and_recorded() -> None:
    day, _, session = started(BUY)
    now = walk(day, session, 0, 5)
    decided = len(kinds(day, MomentDecided))
    for old in (day.traded[4], day.traded[2]):
        (line,) = session.see(old, now + SECOND)
        assert isinstance(line, MomentIgnored)
    assert len(kinds(day, MomentDecided)) == decided
    assert session.state.orders["O1"].filled == 10


def test_f33_a_corrected_bar_is_recorded_and_decides_nothing() -> None:
    day, _, session = started(BUY)
    now = walk(day, session, 0, 5)
    (line,) = session.amend(day.traded[3].bars[0], 2, now)
    assert line == BarAmended(now, day.traded[3].bars[0], 2)


def test_a_moment_that_comes_too_late_is_history() -> None:
    day, _, session = started(BUY)
    walk(day, session, 0, 2)
    late = day.traded[2]
    session.see(late, late.time + 10 * MINUTE)
    seen = [line for line in kinds(day, MomentSeen) if line.moment == late]  # type: ignore[attr-defined]
    assert [line.is_history for line in seen] == [True]  # type: ignore[attr-defined]
    assert not kinds(day, OrderApproved)


def test_f41_missed_bars_meet_the_broker_first_and_are_not_traded() -> None:
    day, broker, session = started({2: (10, None), 6: (5, None)})
    now = walk(day, session, 0, 3)
    session.feed_lost(now + SECOND, "asleep")
    assert session.state.restraints.state is TradingState.REDUCING
    missed = day.traded[3:9]
    session.feed_restored(missed[-1].time + SECOND, missed)
    assert session.state.account.quantity("SPY") == 0  # the entry was cancelled with the feed
    assert [type(line) for line in kinds(day, FeedLost, FeedRestored)] == [FeedLost, FeedRestored]
    assert session.state.restraints.state is TradingState.ACTIVE
    assert len(kinds(day, OrderApproved)) == 1
    invariants.check(session, broker.account, day.journal.kept)


def test_r27_data_that_are_overdue_for_a_minute_leave_only_reducing() -> None:
    day, _, session = started(REST)
    now = walk(day, session, 0, 6)
    session.tick(now + MINUTE + 5 * SECOND + 60 * SECOND)
    assert Cause.FEED not in session.state.restraints
    session.tick(now + MINUTE + 5 * SECOND + 61 * SECOND)
    assert session.state.restraints.state is TradingState.REDUCING
    assert session.state.orders["O2"].status is OrderStatus.CANCELED
    session.see(day.traded[6], day.traded[6].time)
    assert session.state.restraints.state is TradingState.ACTIVE


def half_day(strategy: Strategy, n: int = 210) -> Day:
    """The day after Thanksgiving 2015: 210 minutes, and an hour that nobody should trade in."""
    session = calendar_of("XNYS").session(date(2015, 11, 27))
    start = session.open + np.arange(n + 60) * MINUTE
    walk_ = 100 + np.cumsum(np.random.default_rng(2).integers(-2, 3, n + 60)) / 100
    columns = [walk_, walk_ + 0.02, walk_ - 0.02, walk_]
    like = random_bars(1, 1, "1m")
    bars = Bars(
        like.instrument, like.frequency, start, start + MINUTE, *columns, np.full(n + 60, 1e5)
    )
    config = SimulationConfig(
        benchmark="none", bar_frequency="1m", warmup="inside", allow=("D7", "D9")
    )
    return Day(strategy, {"SPY": PriceHistory(bars)}, config)


@dataclass
class AlwaysAsking:
    """Rests a day order out of reach at each bar."""

    warmup: int = 1

    def on_bar(self, context: Context, bar: Bar) -> None:
        """One more."""
        context.submit(
            bar.symbol, 1, kind="limit", limit=50.0, time_in_force="day", reason="one more"
        )


def test_f43_on_a_half_day_orders_end_at_one_and_nothing_is_decided_after() -> None:
    day = half_day(AlwaysAsking())
    hours = calendar_of("XNYS").session(date(2015, 11, 27))
    assert hours.early_close
    charter = Charter("half", hours.day, "s", "{}", "c", hours.open, hours.close)
    session = day.session(charter=charter)
    session.open(hours.open)
    for moment in day.moments:
        session.see(moment, moment.time)
    decided = [line.moment for line in kinds(day, MomentDecided)]  # type: ignore[attr-defined]
    assert len(decided) == 210
    assert max(decided) == hours.close
    session.close(day.moments[-1].time + SECOND)
    assert session.is_closed
    expired = [line.time for line in kinds(day, OrderExpired)]  # type: ignore[attr-defined]
    assert len(expired) >= 209
    assert set(expired) == {hours.close}


def test_the_close_cancels_what_works_and_records_the_end_once() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    session.close(now + MINUTE)
    session.close(now + 2 * MINUTE)
    (cancelled,) = kinds(day, OrderCanceled)
    assert cancelled.reason == SESSION_ENDS  # type: ignore[attr-defined]
    assert len(kinds(day, DayClosed)) == 1
    (line,) = session.see(day.traded[6], day.traded[6].time)
    assert isinstance(line, MomentIgnored)
    invariants.check(session, broker.account, day.journal.kept)
    invariants.each_intent_ended_once(session)


def test_the_next_day_begins_from_the_statement_of_the_last_to_the_micro_dollar() -> None:
    day, broker, session = started({2: (10, None), 5: (-4, None)})
    now = walk(day, session, 0, 9)
    session.close(now + MINUTE)
    end = broker.account.statement()
    assert end.holdings[0].quantity == 6
    assert end.coming  # the sale has not settled
    day.name = "next"
    day.journal = type(day.journal)()
    account = day.account()
    tomorrow = day.session(account)
    tomorrow.open(now + 5 * MINUTE)
    (opened,) = kinds(day, DayOpened)
    assert isinstance(opened, DayOpened)
    assert (opened.cash, opened.holdings, opened.coming) == (end.cash, end.holdings, end.coming)
    assert tomorrow.state.account.cash == session.state.account.cash
    assert tomorrow.state.account.positions == session.state.account.positions
    assert tomorrow.state.account.unsettled == session.state.account.unsettled
    invariants.the_ledger_balances(tomorrow.state)
    invariants.the_broker_agrees(tomorrow, account)


# Commands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "works", "held"),
    [
        (Verb.STOP, True, 10),
        (Verb.STOP_NOW, False, 10),
        (Verb.KILL, False, 10),
        (Verb.FLATTEN, False, 0),
    ],
)
def test_each_verb_does_what_the_table_says(verb: Verb, works: bool, held: int) -> None:
    day, broker, session = started({**REST, 8: (1, None)})
    now = walk(day, session, 0, 6)
    lines = session.command(asked(verb, now), now)
    assert session.state.restraints.state is TradingState.HALTED
    resting = [state for state in session.state.working if state.order.reason == "as written"]
    assert bool(resting) is works
    if not works:
        assert any(isinstance(line, CancelRequest) for line in lines)  # within the same call
    walk(day, session, 6, 14)
    refused = [line.refused.rule for line in kinds(day, OrderRefused)]  # type: ignore[attr-defined]
    assert set(refused) <= {"R1", "R2"}
    assert refused
    assert session.state.account.quantity("SPY") == held
    invariants.check(session, broker.account, day.journal.kept)


def test_flattening_is_collared_and_follows_the_market() -> None:
    day, _, session = started({2: (10, None)})
    now = walk(day, session, 0, 5)
    last = day.traded[4].bars[0].close
    lines = session.command(asked(Verb.FLATTEN, now), now)
    (approved,) = [line for line in lines if isinstance(line, OrderApproved)]
    order = approved.approved.order
    assert order.reason == FLATTENING
    assert order.quantity == -10
    assert order.reduce_only
    assert order.limit is not None
    assert 0.95 * last <= order.limit / 1e6 < 0.95 * last + 0.011


def test_a_command_is_done_once_however_often_it_comes() -> None:
    day, _, session = started(REST)
    now = walk(day, session, 0, 6)
    assert session.command(asked(Verb.KILL, now), now)
    assert session.command(asked(Verb.KILL, now), now + SECOND) == []
    session.command(asked(Verb.REARM, now, "c2"), now + 2 * SECOND)
    assert session.command(asked(Verb.KILL, now), now + 3 * SECOND) == []
    assert session.state.restraints.state is TradingState.ACTIVE
    assert len(kinds(day, Commanded)) == 2


def test_a_kill_is_released_by_rearm_alone_and_a_stop_by_resume() -> None:
    _, _, session = started(REST)
    now = day_time = session.state.seen_until
    session.command(asked(Verb.KILL, now, "a"), now)
    session.command(asked(Verb.STOP, now, "b"), now)
    session.command(asked(Verb.RESUME, now, "c"), now)
    assert Cause.KILL in session.state.restraints
    assert Cause.STOP not in session.state.restraints
    session.command(asked(Verb.ACCEPT, now, "d"), now)
    assert Cause.KILL in session.state.restraints
    session.command(asked(Verb.REARM, now, "e"), day_time)
    assert session.state.restraints.state is TradingState.ACTIVE


# Restarts ----------------------------------------------------------------------------------------


def again(day: Day, strategy: Strategy, **charter: object) -> PaperSession:
    base = day.charter
    kept = {name: getattr(base, name) for name in base.__slots__}
    return day.session(strategy=strategy, charter=Charter(**{**kept, **charter}))  # type: ignore[arg-type]


def test_f53_a_kill_is_latched_across_a_restart() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    session.command(asked(Verb.KILL, now), now)
    other = again(day, Scripted(dict(REST)))
    other.resume(now + SECOND)
    assert other.state.restraints.state is TradingState.HALTED
    assert Cause.KILL in other.state.restraints
    invariants.check(other, broker.account, day.journal.kept)


def test_f52_three_starts_in_five_minutes_stay_halted_until_accepted() -> None:
    day, _, session = started(REST)
    now = walk(day, session, 0, 6)
    for start in range(3):
        session = again(day, Scripted(dict(REST)))
        session.resume(now + start * SECOND)
    assert Cause.CRASH_LOOP in session.state.restraints
    assert session.state.restraints.state is TradingState.HALTED
    session.command(asked(Verb.ACCEPT, now + 9 * SECOND), now + 9 * SECOND)
    assert session.state.restraints.state is TradingState.ACTIVE


@pytest.mark.parametrize("changed", [{"code": "beef"}, {"settings": "{1}"}])
def test_f56_changed_code_or_settings_halt_until_accepted(changed: dict[str, str]) -> None:
    day, _, session = started(REST)
    now = walk(day, session, 0, 6)
    session = again(day, Scripted(dict(REST)), **changed)
    session.resume(now + SECOND)
    assert Cause.CHANGED in session.state.restraints
    session.command(asked(Verb.REARM, now + SECOND, "r"), now + SECOND)
    assert Cause.CHANGED in session.state.restraints
    session.command(asked(Verb.ACCEPT, now + SECOND), now + SECOND)
    assert session.state.restraints.state is TradingState.ACTIVE
    session = again(day, Scripted(dict(REST)), **changed)
    session.resume(now + 400 * SECOND)
    assert Cause.CHANGED not in session.state.restraints


def test_a_strategy_that_does_not_repeat_itself_is_found_out() -> None:
    day, _, session = started(BUY)
    now = walk(day, session, 0, 8)
    session = again(day, Scripted({2: (11, None)}))
    session.resume(now + SECOND)
    changed = session.state.restraints[Cause.CHANGED]
    assert changed is not None
    assert "does not repeat itself" in changed.reason


def test_a_restart_of_a_closed_day_records_nothing() -> None:
    day, _, session = started(BUY)
    now = walk(day, session, 0, 8)
    session.close(now + MINUTE)
    session.close(now + 2 * MINUTE)
    other = again(day, Scripted(dict(BUY)))
    assert other.resume(now + 3 * MINUTE) == []
    assert other.is_closed


def test_a_moment_seen_and_not_decided_is_history_when_it_is_old() -> None:
    day, broker, session = started({6: (10, None)})
    walk(day, session, 0, 6)
    moment = day.traded[6]
    day.journal.record([MomentSeen(moment.time, moment)])
    other = again(day, Scripted({6: (10, None)}))
    other.resume(moment.time + 10 * MINUTE)
    assert other.state.pending is None
    assert not kinds(day, OrderApproved)
    invariants.check(other, broker.account, day.journal.kept)


def test_twice_resumed_is_once_resumed() -> None:
    day, broker, session = started(BUY)
    now = walk(day, session, 0, 8)
    states = []
    for start in (SECOND, 400 * SECOND):
        session = again(day, Scripted(dict(BUY)))
        session.resume(now + start)
        states.append((session.state.orders, session.state.account))
    assert states[0] == states[1]
    assert len(kinds(day, SessionResumed)) == 2
    invariants.check(session, broker.account, day.journal.kept)


# Strategies --------------------------------------------------------------------------------------


@dataclass
class Failing:
    """Buys, rests an order with no chance, and then does something wrong."""

    how: str
    warmup: int = 1
    count: int = -1
    asked_after: list[int] = field(default_factory=list)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Go wrong at the sixth bar."""
        self.count += 1
        if self.count == 1:
            context.submit(bar.symbol, 10, reason="to hold something")
        if self.count == 3:
            context.submit(bar.symbol, 5, kind="limit", limit=1.0, reason="no chance")
        if self.count == 6:
            self._fail(context, bar)
        if self.count > 6:
            self.asked_after.append(self.count)

    def _fail(self, context: Context, bar: Bar) -> None:
        match self.how:
            case "raises":
                raise RuntimeError("my mistake\nin two lines")
            case "exits":
                raise SystemExit(3)
            case "nan":
                context.submit(bar.symbol, 1, kind="limit", limit=float("nan"), reason="x")
            case "floods":
                for _ in range(100_000):
                    context.submit(bar.symbol, 1, reason="more")


@pytest.mark.parametrize("how", ["raises", "exits", "nan", "floods"])
def test_f49_f60_a_strategy_that_fails_is_halted_and_its_holdings_are_kept(how: str) -> None:
    bars = random_bars(7, 420, "1m", volatility=0.0005)
    config = SimulationConfig(benchmark="none", bar_frequency="1m", start=date(2015, 1, 5))
    strategy = Failing(how)
    day = Day(strategy, {"SPY": PriceHistory(bars)}, config)
    account = day.account()
    session = day.session(account)
    session.open(day.window.start - 1)
    now = walk(day, session, 0, 12)
    (failed,) = kinds(day, StrategyFailed)
    assert failed.reason.isprintable()  # type: ignore[attr-defined]
    cause = Cause.FLOOD if how == "floods" else Cause.STRATEGY
    assert session.state.restraints.state is TradingState.HALTED
    assert cause in session.state.restraints
    assert session.state.account.quantity("SPY") == 10
    assert session.state.orders["O2"].status is OrderStatus.CANCELED
    assert strategy.asked_after == []
    assert len(kinds(day, MomentDecided)) == 12
    invariants.check(session, account, day.journal.kept)
    other = day.session(account, strategy=Failing(how))
    other.resume(now + SECOND)
    assert other.state.restraints[Cause.CHANGED] is None
    assert cause in other.state.restraints
    other.command(asked(Verb.REARM, now + SECOND), now + SECOND)
    walk(day, other, 12, 15)
    assert len(kinds(day, OrderApproved)) == 2


class NotANumber:
    """A signal strategy that loses its way."""

    warmup = 2

    def exposure(self, bars: Bars) -> FloatArray:
        """One, and NaN later on."""
        column = np.ones(len(bars))
        column[400:] = np.nan
        return column

    def reason(self, bars: Bars) -> str:
        """No reason."""
        return "none"


def test_f49_a_signal_that_is_no_number_halts() -> None:
    config = SimulationConfig(benchmark="none", bar_frequency="1m", warmup="inside")
    whole = Day(NotANumber(), {"SPY": PriceHistory(random_bars(7, 420, "1m"))}, config)
    session = whole.session()
    session.open(whole.window.start - 1)
    walk(whole, session, 0, 410)
    assert Cause.STRATEGY in session.state.restraints
    assert any(isinstance(line, OrderFilled) for line in whole.journal.kept)


def test_f48_a_strategy_that_hung_is_not_asked_again() -> None:
    day, broker, session = started({**REST, 6: (7, None)})
    walk(day, session, 0, 6)
    moment = day.traded[6]
    day.journal.record([MomentSeen(moment.time, moment)])  # and then it hung
    strategy = Scripted({**REST, 6: (7, None)})
    other = again(day, strategy)
    other.resume(moment.time + SECOND, hung="on_bar did not end within 10 s")
    assert strategy.count == 5
    assert Cause.STRATEGY in other.state.restraints
    assert other.state.orders["O2"].status is OrderStatus.CANCELED
    assert other.state.account.quantity("SPY") == 10
    invariants.check(other, broker.account, day.journal.kept)


def test_a_watchdog_sees_a_step_begin_and_end() -> None:
    day, _, session = started({})
    steps, working = session.steps, []

    class Looking:
        def record(self, entries: object) -> None:
            working.append((session.steps, session.is_working))

    session._parts.journal.record = Looking().record  # type: ignore[method-assign]
    session.see(Moment(day.traded[0].time, day.traded[0].bars), day.traded[0].time)
    assert working
    assert set(working) == {(steps + 1, True)}
    assert not session.is_working


def test_f7_with_a_dead_journal_cancels_are_still_sent_and_heard_of_later() -> None:
    day, broker, session = started(REST)
    now = walk(day, session, 0, 6)
    before = len(day.journal.kept)
    session.abandon(now)
    assert broker.asked[-1] == ("cancel", "O2")
    assert len(day.journal.kept) == before
    other = again(day, Scripted(dict(REST)))
    other.resume(now + SECOND)
    assert other.state.orders["O2"].status is OrderStatus.CANCELED
    assert other.state.restraints.state is TradingState.ACTIVE
    invariants.check(other, broker.account, day.journal.kept)


def test_f15_after_an_older_copy_nothing_is_sent_again_and_somebody_has_to_accept() -> None:
    day, broker, session = started(BUY)
    walk(day, session, 0, 8)
    moment = day.traded[2].time
    at = next(n for n, line in enumerate(day.journal.kept) if isinstance(line, MomentDecided)
              and line.moment == moment) + 1  # fmt: skip
    whole = len(day.journal.kept)
    del day.journal.kept[at:]
    now = day.traded[7].time + SECOND
    day.journal.record([JournalRestored(now, at, whole, "me")])
    other = again(day, Scripted(dict(BUY)))
    other.resume(now)
    assert Cause.CHANGED in other.state.restraints
    assert other.state.account.quantity("SPY") == 6  # what the broker says of both orders
    assert sum(ask[0] == "submit" for ask in broker.asked) == 2
    invariants.the_broker_agrees(other, broker.account)
    other.command(asked(Verb.ACCEPT, now), now)
    assert Cause.CHANGED not in other.state.restraints
