"""The sessions at whose close a portfolio is put right, held against a calendar on paper."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from papertape.domain.calendar import calendar_of
from papertape.domain.errors import UsageError
from papertape.domain.rebalancing import Rebalancing

NYSE = calendar_of("XNYS")


def due(spec: str | list[date], first: str, last: str, without: tuple[str, ...] = ()) -> list[str]:
    sessions = NYSE.sessions(date.fromisoformat(first), date.fromisoformat(last))
    days = np.array([day for day in sessions if day.isoformat() not in without], "datetime64[D]")
    return [str(day) for day in days[Rebalancing.parse(spec).due(days, NYSE)]]


def test_a_month_ends_with_its_last_session_also_where_a_holiday_follows_it() -> None:
    # Memorial Day was 2010-05-31, so May's last session was Friday the 28th.
    assert due("monthly", "2010-03-30", "2010-06-03") == ["2010-03-31", "2010-04-30", "2010-05-28"]


def test_the_first_session_of_a_month_may_be_its_fourth_day() -> None:
    # 2015-01-01 was a holiday; 2015-02-01 and 2015-03-01 were Sundays.
    assert due("monthly:first", "2014-12-29", "2015-03-06") == [
        "2015-01-02",
        "2015-02-02",
        "2015-03-02",
    ]


def test_weeks_end_on_thursday_before_good_friday() -> None:
    assert due("weekly", "2019-04-08", "2019-04-26") == ["2019-04-12", "2019-04-18", "2019-04-26"]


def test_weeks_begin_on_tuesday_after_labor_day() -> None:
    assert due("weekly:first", "2019-08-26", "2019-09-09") == [
        "2019-08-26",
        "2019-09-03",
        "2019-09-09",
    ]


def test_quarters() -> None:
    assert due("quarterly", "2018-01-02", "2018-12-31") == [
        "2018-03-29",  # the 30th was Good Friday
        "2018-06-29",
        "2018-09-28",
        "2018-12-31",
    ]
    assert due("quarterly:first", "2018-01-02", "2018-12-31") == [
        "2018-01-02",
        "2018-04-02",
        "2018-07-02",
        "2018-10-01",
    ]


def test_where_the_last_session_has_no_bar_the_next_one_stands_in() -> None:
    found = due("monthly", "2018-01-25", "2018-03-02", without=("2018-01-31",))
    assert found == ["2018-02-01", "2018-02-28"]


def test_a_run_that_begins_within_a_month_waits_for_its_end() -> None:
    assert due("monthly", "2018-01-10", "2018-01-30") == []
    assert due("monthly:first", "2018-01-10", "2018-01-30") == []


def test_every_so_many_sessions_are_counted_from_the_first_of_the_run() -> None:
    assert due("every:3", "2018-01-02", "2018-01-12") == ["2018-01-02", "2018-01-05", "2018-01-10"]


def test_days_that_are_stated_are_due_where_they_are_traded() -> None:
    stated = [date(2018, 1, 3), date(2018, 1, 6), date(2018, 1, 9)]
    assert due(stated, "2018-01-02", "2018-01-12") == ["2018-01-03", "2018-01-09"]


@pytest.mark.parametrize("spec", ["", "daily", "monthly:", "every:0", "every:1.5", "Monthly"])
def test_what_names_no_days_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="names no days"):
        Rebalancing.parse(spec)
