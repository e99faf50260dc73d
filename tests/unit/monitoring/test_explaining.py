"""Why a session did a thing, and why it did not, from its lines alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.generators import random_bars
from tests.sessions import Day

from papertape import SimulationConfig
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Commanded, Holding, Line, Verb
from papertape.domain.errors import UsageError
from papertape.domain.event import Moment, OrderApproved, OrderFilled, OrderRefused
from papertape.domain.market import Bar, Frequency, PriceHistory
from papertape.monitoring.explaining import Diary, Explained, Span
from papertape.session.session import PaperSession
from papertape.strategies import MovingAverageCrossoverStrategy
from papertape.strategies.strategy import Context

NEW_YORK = ZoneInfo("America/New_York")
STRATEGY = MovingAverageCrossoverStrategy(fast=3, slow=8)


@pytest.fixture(scope="module")
def prototype() -> Day:
    bars = random_bars(5, 390 + 60, "1m", volatility=0.001)
    config = SimulationConfig(benchmark="none", bar_frequency="1m", start=date(2015, 1, 5))
    return Day(STRATEGY, {"SPY": PriceHistory(bars)}, config)


Between = Callable[[PaperSession, Moment, int], bool]


def lived(day: Day, between: Between = lambda session, moment, row: True) -> list[Line]:
    session = day.session()
    session.open(day.window.start - 1)
    session.show(day.history, day.window.start - 1)
    for row, moment in enumerate(day.traded):
        if between(session, moment, row):
            session.see(moment, moment.time + 2 * SECOND)
        session.tick(moment.time + 2 * SECOND)
    session.close(day.moments[-1].time + MINUTE)
    return day.journal.kept


def diary(day: Day, lines: Iterable[Line], warmup: int = 8) -> Diary:
    return Diary(list(lines), day.instruments, Frequency.parse("1m"), warmup, NEW_YORK)


def minute(moment: Nanos) -> Span:
    return Span("then", moment, moment + MINUTE)


def said(explained: Explained, label: str) -> str:
    return "; ".join(fact.text for fact in explained.facts if fact.label == label)


def clock(moment: Nanos) -> str:
    return datetime.fromtimestamp(moment / SECOND, NEW_YORK).strftime("%H:%M")


def test_an_order_is_explained_from_the_bar_to_the_fill(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    approved = next(line for line in lines if isinstance(line, OrderApproved))
    fill = next(line.fill for line in lines if isinstance(line, OrderFilled))
    order = approved.approved.order
    seen = next(each for each in day.moments if each.time == order.time).bars[0]
    found = diary(day, lines).why(order.id)
    assert found.head.startswith(f"{order.id}  BUY {order.quantity:,} SPY market  2015-01-0")
    assert said(found, "saw") == f"bar {clock(seen.start)} closed {seen.close:,.2f} (age 2.0 s)"
    assert said(found, "reason") == f'"{order.reason}"'
    assert said(found, "rule") == "the wanted exposure changed from 0 to 1"
    assert said(found, "wanted") == (
        f"exposure 1 at {seen.close:,.2f} -> {order.quantity:+,} shares"
    )
    assert "R11" in said(found, "checks")
    assert said(found, "sent").endswith(f" as {approved.client_id}")
    assert len(approved.client_id) == 32
    assert diary(day, lines).why(approved.client_id) == found
    worse = (fill.price / 1e6 / seen.close - 1) * 10_000
    assert f"average {fill.price / 1e6:,.4f}, cost {fill.cost / 1e6:,.2f}" in said(found, "became")
    assert f"{abs(worse):.1f} bp {'worse' if worse > 0 else 'better'}" in said(found, "became")


def test_a_trade_is_explained_by_its_orders_and_by_what_it_brought(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    first, second = [line.fill for line in lines if isinstance(line, OrderFilled)][:2]
    found = diary(day, lines).why("T1")
    assert [fact.text.split()[0] for fact in found.facts if fact.label == "order"] == ["O1", "O2"]
    gained = first.cash + second.cash
    assert f"{gained / 1e6:+,.2f}, costs {(first.cost + second.cost) / 1e6:,.2f}" in (
        said(found, "result")
    )
    held = [
        bar
        for moment in day.moments
        for bar in moment.bars
        if first.time <= bar.start and bar.end <= second.time
    ]
    best = max([bar.high for bar in held]) / (first.price / 1e6) - 1
    assert f"best {max(best, 0):+.1%}" in said(found, "result")


def test_no_signal_means_the_wish_stands(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    orders = [line for line in lines if isinstance(line, OrderApproved)]
    times = {each.time for each in orders}
    first = orders[0]
    quiet = next(
        each.time for each in day.traded if each.time > first.time and each.time not in times
    )
    found = diary(day, lines).why_not("SPY", minute(quiet))
    assert found.head == "SPY then: no order"
    shares = first.approved.order.quantity
    assert said(found, "have") == f"{shares:,}, so nothing to do"
    assert said(found, "rule").startswith(f"wants exposure 1 since {clock(first.time)}")
    assert said(found, "warm-up") == said(found, "when") == said(found, "state") == ""


def test_a_time_at_which_something_was_done_tells_of_it(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    order = next(line for line in lines if isinstance(line, OrderApproved)).approved.order
    found = diary(day, lines).why_not("SPY", minute(order.time))
    assert found.head == f"SPY then: order {order.id}"
    assert said(found, "reason") == f'"{order.reason}"'


def test_a_veto_names_its_rule_and_its_limit(prototype: Day) -> None:
    day = prototype.opened_again()
    day.config = replace(day.config, risk_profile="paper")
    lines = lived(day)
    veto = next(line for line in lines if isinstance(line, OrderRefused))
    found = diary(day, lines).why_not("SPY", minute(veto.time))
    assert found.head == f"SPY then: no order: {veto.refused.rule} refused it"
    assert said(found, "blocked") == f"{veto.refused.rule} {veto.refused.reason}"
    assert diary(day, lines).why(veto.refused.order.id).facts == found.facts
    later = diary(day, lines).why_not("SPY", minute(veto.time + MINUTE))
    assert f"blocked: {veto.refused.rule} {veto.refused.reason}" in said(later, "last no")


def test_a_kill_shows_who_and_why(prototype: Day) -> None:
    def killed(session: PaperSession, moment: Moment, row: int) -> bool:
        if row == 15:
            asked = Commanded(moment.time, "k", Verb.KILL, "ann", "odd fills")
            session.command(asked, moment.time)
        return True

    day = prototype.opened_again()
    found = diary(day, lived(day, killed))
    after, before = day.traded[20].time, day.traded[10].time
    assert "HALTED since" in said(found.why_not("SPY", minute(after)), "state")
    assert "kill by ann: odd fills" in said(found.why_not("SPY", minute(after)), "state")
    assert said(found.why_not("SPY", minute(before)), "state") == ""


def test_stale_data_are_told_with_the_age_of_what_was_seen(prototype: Day) -> None:
    def lost(session: PaperSession, moment: Moment, row: int) -> bool:
        if row == 10:
            session.feed_lost(moment.time, "the line is dead")
        if row == 40:
            session.feed_restored(moment.time, prototype.traded[10:40])
        return not 10 <= row < 40

    day = prototype.opened_again()
    found = diary(day, lived(day, lost)).why_not("SPY", minute(day.traded[20].time))
    assert said(found, "saw").endswith("seen as history")
    assert said(found, "when").startswith("shown as history only")
    assert "the line is dead" in said(found, "feed")
    after = diary(day, day.journal.kept).why_not("SPY", minute(day.traded[50].time))
    assert said(after, "feed") == ""


def test_before_the_strategy_has_enough_bars_it_waits(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    sent = {line.time for line in lines if isinstance(line, OrderApproved)}
    quiet = next(each for each in day.traded if each.time not in sent)
    seen = sum(each.time <= quiet.time for each in day.moments)
    few = diary(day, lines, warmup=seen + 1).why_not("SPY", minute(quiet.time))
    assert said(few, "warm-up") == f"{seen} of {seen + 1} bars seen: the strategy waits"
    enough = diary(day, lines, warmup=seen).why_not("SPY", minute(quiet.time))
    assert said(enough, "warm-up") == ""


@dataclass
class Raises:
    """Raises at its twentieth bar."""

    warmup: int = 1
    count: int = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Twenty bars of life."""
        self.count += 1
        if self.count == 20:
            raise ValueError("bad luck")


def test_a_strategy_that_failed_is_asked_nothing_more(prototype: Day) -> None:
    day = prototype.opened_again()
    day.strategy = Raises()
    found = diary(day, lived(day), warmup=1).why_not("SPY", minute(day.traded[60].time))
    assert "bad luck" in said(found, "strategy")
    assert "asked nothing more" in said(found, "strategy")


def test_times_outside_of_what_was_seen_say_so(prototype: Day) -> None:
    day = prototype.opened_again()
    lines = lived(day)
    seen = day.traded[40].time
    half = [line for line in lines if line.time <= seen + 2 * SECOND]
    assert said(diary(day, half).why_not("SPY", minute(seen + MINUTE)), "when").startswith(
        f"not seen yet; the market is known to {clock(seen)}"
    )
    after = diary(day, lines).why_not("SPY", minute(day.moments[-1].time + 30 * MINUTE))
    assert said(after, "when").startswith("the day was closed")
    before = diary(day, lines).why_not("SPY", minute(day.window.start - 30 * MINUTE))
    assert said(before, "when").startswith("before the session")
    between = Span("then", seen + SECOND, seen + 2 * SECOND)
    assert said(diary(day, lines).why_not("SPY", between), "when").startswith("no bar of SPY")


def test_shares_from_the_day_before_are_no_trade_of_this_one(prototype: Day) -> None:
    """Selling them is a deed of today; their round trip began where this journal does not reach."""
    day = prototype.opened_again()
    lines = lived(day)
    opened = lines[0]
    held = replace(opened, holdings=(Holding("SPY", 10, 1_000_000_000),))  # type: ignore[type-var]
    found = diary(day, [held, *lines[1:]])
    with pytest.raises(UsageError, match="T1"):
        found.why("T1")
    before = found.why_not("SPY", minute(day.traded[0].time))
    assert said(before, "have").startswith("10,") or "order" in before.head


def test_what_is_not_there_is_answered_by_what_is(prototype: Day) -> None:
    day = prototype.opened_again()
    found = diary(day, lived(day))
    with pytest.raises(UsageError) as wrong:
        found.why("O9999")
    assert "T1 to T" in str(wrong.value.hint)
    with pytest.raises(UsageError, match="QQQ"):
        found.why_not("QQQ", minute(day.traded[0].time))
