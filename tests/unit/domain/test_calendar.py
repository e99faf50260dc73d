"""The session table against exchange_calendars, which made it, and against published days."""

from datetime import UTC, date, datetime, time

import exchange_calendars
import pytest

from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.clock import utc
from papertape.domain.errors import UsageError


@pytest.fixture(scope="module")
def newyork() -> Calendar:
    return calendar_of("XNYS")


# exchange_calendars 4.13 asks pandas 3 in a way that pandas 4 will no longer answer.
@pytest.mark.filterwarnings("ignore:Series.values:DeprecationWarning")
def test_the_table_equals_exchange_calendars_on_every_day(newyork: Calendar) -> None:
    referee = exchange_calendars.get_calendar(
        "XNYS", start=str(newyork.first), end=str(newyork.last)
    )
    expected = [
        (day.date(), hours.open.value, hours.close.value)
        for day, hours in zip(referee.sessions, referee.schedule.itertuples(), strict=True)
    ]
    sessions = map(newyork.session, newyork.sessions(newyork.first, newyork.last))
    assert [(each.day, each.open, each.close) for each in sessions] == expected


def test_many_days_have_the_times_that_each_has_alone(newyork: Calendar) -> None:
    span = range(newyork.first.toordinal(), newyork.last.toordinal() + 1)
    days = [date.fromordinal(each) for each in span]  # weekends and holidays among them
    opens, closes = newyork.times(days)
    sessions = [newyork.session(day) for day in days]
    assert opens.tolist() == [each.open for each in sessions]
    assert closes.tolist() == [each.close for each in sessions]
    assert [len(column) for column in newyork.times([])] == [0, 0]


@pytest.mark.parametrize(("year", "count"), [(2001, 248), (2023, 250), (2024, 252), (2025, 250)])
def test_a_year_has_as_many_sessions_as_the_exchange_says(
    newyork: Calendar, year: int, count: int
) -> None:
    assert len(newyork.sessions(date(year, 1, 1), date(year, 12, 31))) == count


def test_the_day_before_independence_day_2024_closes_at_one(newyork: Calendar) -> None:
    session = newyork.session(date(2024, 7, 3))
    assert session.early_close
    assert utc(session.close) == datetime(2024, 7, 3, 17, 0, tzinfo=UTC)


def test_a_regular_day_is_no_early_close(newyork: Calendar) -> None:
    session = newyork.session(date(2024, 7, 2))
    assert not session.early_close
    assert session.close - session.open == 390 * 60 * 10**9


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2024, 3, 8), 14),  # Friday before the clocks go forward
        (date(2024, 3, 11), 13),
        (date(2024, 11, 1), 13),  # Friday before they go back
        (date(2024, 11, 4), 14),
    ],
)
def test_the_opening_moves_in_utc_when_the_clocks_change(
    newyork: Calendar, day: date, opens: int
) -> None:
    assert utc(newyork.session(day).open).time() == time(opens, 30)


def test_the_exchange_was_closed_for_four_days_in_september_2001(newyork: Calendar) -> None:
    closed = [date(2001, 9, day) for day in (11, 12, 13, 14)]
    assert not any(map(newyork.is_session, closed))
    assert newyork.next_session(date(2001, 9, 10)) == date(2001, 9, 17)


def test_the_next_session_after_a_friday_before_a_holiday_is_tuesday(newyork: Calendar) -> None:
    assert newyork.next_session(date(2024, 1, 12)) == date(2024, 1, 16)


def test_a_moment_after_midnight_in_utc_is_still_yesterday_in_new_york(newyork: Calendar) -> None:
    moment = int(datetime(2024, 1, 3, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    assert newyork.local_day(moment) == date(2024, 1, 2)


def test_the_table_says_which_days_it_covers(newyork: Calendar) -> None:
    assert newyork.covers(newyork.first)
    assert newyork.covers(newyork.last)
    assert not newyork.covers(date(1989, 12, 29))
    assert not newyork.covers(date(2040, 1, 3))


def test_outside_the_table_weekdays_count_as_regular_sessions(newyork: Calendar) -> None:
    assert newyork.is_session(date(1989, 12, 25))  # truly a holiday, but the table does not say
    assert not newyork.is_session(date(1989, 12, 24))
    assert utc(newyork.session(date(1989, 12, 29)).open).time() == time(14, 30)


@pytest.mark.parametrize("venue", ["XXXX", "", "../xnys", "xnys/../xnys"])
def test_a_venue_without_a_table_is_wrong_usage(venue: str) -> None:
    with pytest.raises(UsageError, match="no session table"):
        calendar_of(venue)
