"""Watches: what the counts call for, on both sides of each limit, and how long it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from tests.unit.engines.riskguard.test_counts import bar, counted, filled, moment, sent
from tests.unit.engines.riskguard.test_limits import NOW, order

from papertape.domain.clock import DAY, MINUTE, SECOND, Nanos
from papertape.domain.day import DayOpened, Difference, Line, Reconciled
from papertape.domain.event import OrderRefused, OrderRejected, Released
from papertape.domain.money import micros
from papertape.domain.restraint import Cause, TradingState
from papertape.domain.verdict import Refused
from papertape.engines.riskguard import PROFILES, RiskGuard, RiskLimits, RiskTally
from papertape.engines.riskguard.watch import (
    near_limits,
    reconcile_due,
    silence,
    unequal,
    watch,
)

LOSS, DRAWDOWN = {"max_daily_loss": Fraction("0.03")}, {"max_drawdown": Fraction("0.1")}


def causes(lines: Sequence[Line], now: Nanos = NOW, **limits: Any) -> list[Cause]:
    return [found.cause for found in watch(counted(lines, **limits), now)]


def day_of(*closes: float, held: int = 500) -> list[Line]:
    """Buys at 100 when the day begins, and sees these closes; equity begins at 100,000."""
    lines: list[Line] = [moment(bar(close=100)), filled(held)]
    return lines + [
        moment(bar(close=close, at=NOW + n), at=NOW + n) for n, close in enumerate(closes)
    ]


@pytest.mark.parametrize(
    ("lines", "halts"),
    [
        (day_of(94.01), False),  # 500 shares, 5.99 lower: 2,995 of 100,000
        (day_of(94), True),  # 3,000: exactly 3 %
        (day_of(94, 94.01), False),
        (day_of(110, 104.01), False),  # measured from the day's first equity, not from its best
        (day_of(100, held=-500), False),
        (day_of(106, held=-500), True),
    ],
)
def test_risk_r21_a_daily_loss_halts(lines: Sequence[Line], halts: bool) -> None:
    assert causes(lines, **LOSS) == [Cause.DAILY_LOSS] * halts


def test_risk_r21_says_how_much_and_cancels() -> None:
    (found,) = watch(counted(day_of(94), **LOSS), NOW)
    assert found.state is TradingState.HALTED
    assert found.cancels
    assert (found.by, found.reason) == (
        "R21",
        "lost 3,000.00 of the 100,000.00 the day began with (3.00%, limit 3.00%)",
    )


def test_risk_r21_a_day_begins_with_the_equity_of_the_last_close() -> None:
    before = day_of(96)  # 98,000 at the close: not yet a loss that halts
    tomorrow = NOW + DAY
    assert causes([*before, moment(bar(close=90.13, at=tomorrow), at=tomorrow)], **LOSS) == []
    # 98,000 less 3 % is 95,060: 500 shares at 90.12.
    assert causes([*before, moment(bar(close=90.12, at=tomorrow), at=tomorrow)], **LOSS) == [
        Cause.DAILY_LOSS
    ]


def test_risk_r21_a_holding_without_a_price_leaves_the_beginning_open() -> None:
    lines: list[Line] = [filled(500)]
    assert counted(lines, **LOSS).loss == 0
    lines.append(moment(bar(close=90)))
    assert causes(lines, **LOSS) == []  # nobody knows what it was worth before
    lines.append(moment(bar(close=83.9)))
    # It began with 50,000 and 500 at 90, that is 95,000; 3 % of it are 2,850, or 5.70 a share.
    assert causes([*lines[:-1], moment(bar(close=84.31))], **LOSS) == []
    assert causes([*lines[:-1], moment(bar(close=84.3))], **LOSS) == [Cause.DAILY_LOSS]


@pytest.mark.parametrize(
    ("lines", "reduces"),
    [
        (day_of(80.01), False),  # 9,995 below 100,000
        (day_of(80), True),
        (day_of(200, 170.01), False),  # the peak is 150,000, a tenth of it 15,000: 30 a share
        (day_of(200, 170), True),
    ],
)
def test_risk_r22_a_drawdown_leaves_only_reducing(lines: Sequence[Line], reduces: bool) -> None:
    found = watch(counted(lines, **DRAWDOWN), NOW)
    assert [(each.cause, each.state) for each in found] == [
        (Cause.DRAWDOWN, TradingState.REDUCING)
    ] * reduces


def test_risk_r22_the_peak_outlasts_the_day() -> None:
    later = [moment(bar(close=170, at=NOW + n * DAY), at=NOW + n * DAY) for n in (1, 2)]
    assert causes([*day_of(200), *later], **DRAWDOWN) == [Cause.DRAWDOWN]


@pytest.mark.parametrize(
    ("peak", "close", "reduces"),
    [
        (111_111.10, 100, False),  # a tenth of it is 11,111.11: 100,000 lies 11,111.10 below
        (111_111.12, 100, True),
        (100_000, 80.01, False),  # as if there were no days before
        (100_000, 80, True),
        (90_000, 80.01, False),  # today's peak is the higher one
        (90_000, 80, True),
    ],
)
def test_risk_r22_counts_from_the_peak_of_the_days_before(
    peak: float, close: float, reduces: bool
) -> None:
    opened = DayOpened(
        NOW, "s", date(2015, 1, 5), "sma", "{}", "", micros(100_000), peak=micros(peak)
    )
    lines: list[Line] = [opened, *day_of(close)]
    found = watch(RiskTally.of(RiskLimits(**DRAWDOWN), lines), NOW)
    assert [(each.cause, each.state) for each in found] == [
        (Cause.DRAWDOWN, TradingState.REDUCING)
    ] * reduces


def test_risk_r22_what_was_released_is_past_on_the_next_day_too() -> None:
    opened = DayOpened(
        NOW, "s", date(2015, 1, 5), "sma", "{}", "", micros(100_000), peak=micros(200_000)
    )
    lines: list[Line] = [opened, *day_of(100), Released(NOW, Cause.DRAWDOWN, "seen", "ann")]
    assert RiskTally.of(RiskLimits(**DRAWDOWN), lines).peak == micros(100_000)


REJECTS = {"max_rejects": 3, "reject_window": 60 * SECOND}


def rejected(*times: Nanos) -> list[Line]:
    return [OrderRejected(time, order(1), "no") for time in times]


@pytest.mark.parametrize(
    ("lines", "halts"),
    [
        (rejected(NOW, NOW), False),
        (rejected(NOW, NOW, NOW), True),
        (rejected(NOW - 60 * SECOND, NOW, NOW), False),
        (rejected(NOW - 60 * SECOND + 1, NOW, NOW), True),
    ],
)
def test_risk_r23_a_burst_of_rejections_halts(lines: Sequence[Line], halts: bool) -> None:
    assert causes(lines, **REJECTS) == [Cause.REJECTS] * halts


@pytest.mark.parametrize(("age", "halts"), [(60 * SECOND - 1, True), (60 * SECOND, False)])
def test_risk_r23_rejections_age_without_another_one(age: Nanos, halts: bool) -> None:
    assert causes(rejected(NOW, NOW, NOW), NOW + age, **REJECTS) == [Cause.REJECTS] * halts


def refused(many: int, rule: str, time: Nanos = NOW) -> list[Line]:
    return [OrderRefused(time, Refused(order(1), rule, "why"))] * many


@pytest.mark.parametrize(
    ("lines", "halts"),
    [
        (refused(4, "R13"), False),
        (refused(5, "R13"), True),
        (refused(2, "R13") + refused(3, "R14"), True),
        (refused(9, "R8"), False),
        (refused(1, "R13", NOW - MINUTE) + refused(4, "R13"), False),
        (refused(1, "R13", NOW - MINUTE + 1) + refused(4, "R13"), True),
    ],
)
def test_risk_r13_fault_f60_who_floods_on_is_halted(lines: Sequence[Line], halts: bool) -> None:
    assert causes(lines, max_throttled=5) == [Cause.FLOOD] * halts


@pytest.mark.parametrize(("age", "halts"), [(MINUTE - 1, True), (MINUTE, False)])
def test_risk_r13_a_flood_is_over_a_minute_later(age: Nanos, halts: bool) -> None:
    assert causes(refused(5, "R13"), NOW + age, max_throttled=5) == [Cause.FLOOD] * halts


@pytest.mark.parametrize(
    ("cause", "lines", "limits"),
    [
        (Cause.DAILY_LOSS, day_of(94), LOSS),
        (Cause.DRAWDOWN, day_of(80), DRAWDOWN),
        (Cause.REJECTS, rejected(NOW, NOW, NOW), REJECTS),
        (Cause.FLOOD, refused(5, "R13"), {"max_throttled": 5}),
    ],
)
def test_who_releases_a_restraint_is_not_restrained_again_at_once(
    cause: Cause, lines: Sequence[Line], limits: dict[str, Any]
) -> None:
    assert causes(lines, **limits) == [cause]
    assert causes([*lines, Released(NOW, cause, "looked into it", "me")], **limits) == []


def test_a_watch_is_latched_and_tells_once() -> None:
    guard = RiskGuard(RiskLimits(**LOSS))  # type: ignore[arg-type]
    guard.tally = counted(day_of(94), **LOSS)
    (told,) = guard.watch(NOW)
    assert guard.watch(NOW + 1) == []
    assert guard.tally.restrained == (told,)  # for the evidence of the day (R30)
    assert guard.restraints.in_force == (told.restraint,)
    guard.tally = counted(day_of(94, 101), **LOSS)
    assert guard.watch(NOW + 2) == []
    assert guard.restraints.state is TradingState.HALTED


@pytest.mark.parametrize(("age", "silent"), [(60 * SECOND, False), (60 * SECOND + 1, True)])
def test_risk_r27_silence_reduces_and_cancels(age: Nanos, silent: bool) -> None:
    found = silence(PROFILES["paper"], NOW - age, NOW, "the feed")
    assert (found is not None) is silent
    if found is not None:
        assert (found.cause, found.state, found.cancels) == (
            Cause.FEED,
            TradingState.REDUCING,
            True,
        )
        assert found.reason == "nothing heard of the feed for 60 s, limit 60 s"


def test_risk_r27_without_a_limit_silence_is_golden() -> None:
    assert silence(PROFILES["backtest"], 0, NOW, "the feed") is None


OPEN, SETTLED = Difference("cash", "1.00", "2.00"), Difference("o1", "sent", "filled", "adopted")


def test_risk_r28_a_difference_that_stands_reduces() -> None:
    assert unequal(Reconciled(NOW)) is None
    assert unequal(Reconciled(NOW, (SETTLED,))) is None
    found = unequal(Reconciled(NOW, (SETTLED, OPEN, OPEN)))
    assert found is not None
    assert (found.cause, found.state) == (Cause.UNRECONCILED, TradingState.REDUCING)
    assert found.reason == "cash: journal 1.00, broker 2.00, and 1 more"


@pytest.mark.parametrize(("age", "due"), [(30 * SECOND - 1, False), (30 * SECOND, True)])
def test_risk_r28_the_books_are_compared_every_so_often(age: Nanos, due: bool) -> None:
    tally = counted([Reconciled(NOW)], reconcile_every=30 * SECOND)
    assert reconcile_due(tally, NOW + age) is due


@pytest.mark.parametrize(("orders", "told"), [(6, []), (7, ["R14"])])
def test_risk_r15_somebody_is_told_from_seventy_percent_on(orders: int, told: list[str]) -> None:
    lines = [sent(order(1))] * orders
    assert list(near_limits(counted(lines, max_orders=10, alert_at=Fraction("0.7")))) == told
