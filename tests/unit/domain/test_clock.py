"""Moments as integers, their words, and the clock that replays the past."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.clock import DAY, MINUTE, SECOND, ReplayClock, rfc3339, utc
from papertape.domain.errors import InvariantBroken

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 2**62))
def test_utc_is_the_epoch_plus_whole_microseconds(moment: int) -> None:
    assert utc(moment) == EPOCH + timedelta(microseconds=moment // 1000)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_704_205_800 * SECOND, "2024-01-02T14:30:00Z"),
        (1_704_205_800 * SECOND + 250_000_000, "2024-01-02T14:30:00.250000Z"),
        (951_782_400 * SECOND, "2000-02-29T00:00:00Z"),
    ],
)
def test_a_moment_is_written_as_rfc3339_in_utc(moment: int, text: str) -> None:
    assert rfc3339(moment) == text


def test_a_day_has_1440_minutes_of_60_seconds() -> None:
    assert (DAY, MINUTE) == (1440 * MINUTE, 60 * SECOND)


def test_a_replay_clock_stands_still_until_it_is_moved() -> None:
    clock = ReplayClock(start=5)
    assert [clock.now(), clock.now()] == [5, 5]
    clock.wait_until(7 * DAY)
    assert clock.now() == 7 * DAY
    clock.wait_until(7 * DAY)
    assert clock.now() == 7 * DAY


def test_a_replay_clock_never_goes_back() -> None:
    clock = ReplayClock(start=10)
    with pytest.raises(InvariantBroken, match="never goes back"):
        clock.wait_until(9)
    assert clock.now() == 10
