"""Alerts: few, each once, and what repeats is counted."""

from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.day import Difference, FeedLost, FeedRestored, Reconciled, Restrained
from papertape.domain.event import OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.restraint import Cause, Restraint, TradingState
from papertape.monitoring.alerts import Alert, Alerts, bundled


def filled(at: int) -> OrderFilled:
    fill = Fill("O1#1", "O1", "SPY", at, 1, 500_000_000, 0, "fill-M1", 0, 500_000_000)
    return OrderFilled(at, fill)


def kinds(alerts: list[Alert]) -> list[str]:
    return [each.kind for each in alerts]


def test_only_the_first_fill_is_told() -> None:
    alerts = Alerts("sma-0628a")
    assert kinds(alerts.after([filled(1), filled(2)])) == ["first fill"]
    assert alerts.after([filled(3)]) == []


def test_a_short_loss_of_the_feed_is_not_told_and_its_return_neither() -> None:
    alerts = Alerts("s")
    assert alerts.after([FeedLost(0, "closed")]) == []
    assert alerts.at(30 * SECOND) == []
    assert alerts.after([FeedRestored(31 * SECOND, 0)]) == []


def test_a_loss_of_more_than_half_a_minute_is_told_once_and_so_is_its_return() -> None:
    alerts = Alerts("s")
    alerts.after([FeedLost(0, "closed"), FeedLost(10 * SECOND, "refused")])
    assert kinds(alerts.at(31 * SECOND)) == ["feed lost"]
    assert alerts.at(90 * SECOND) == []
    assert kinds(alerts.after([FeedRestored(95 * SECOND, 1)])) == ["feed back"]


def test_what_repeats_within_minutes_is_counted_and_told_with_the_next_one() -> None:
    alerts = Alerts("s")
    unequal = (Difference("cash", "1", "2"),)
    told = [alerts.after([Reconciled(at * MINUTE, unequal)]) for at in (0, 1, 2, 6)]
    assert [len(each) for each in told] == [1, 0, 0, 1]
    assert told[3][0].repeated == 2
    assert "(2 more like it before)" in bundled(told[3])


def test_a_limit_is_told_when_it_is_used_to_seventy_percent() -> None:
    alerts = Alerts("s")
    assert alerts.at(0, {"R15": 0.699}) == []
    assert kinds(alerts.at(1, {"R15": 0.70})) == ["limit R15"]
    assert alerts.at(2, {"R15": 0.9}) == []


def test_each_restraint_is_told_under_its_own_cause() -> None:
    alerts = Alerts("s")
    causes = (Cause.KILL, Cause.DAILY_LOSS)
    lines = [
        Restrained(1, Restraint(cause, TradingState.HALTED, "because", 1, "R21"))
        for cause in causes
    ]
    assert kinds(alerts.after(lines)) == ["HALTED kill", "HALTED daily loss"]
