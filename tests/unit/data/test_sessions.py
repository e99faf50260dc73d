"""Which bars of a day count; hours and half days are the exchange's published ones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from papertape.data.sessions import regular_hours
from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, Frequency, PriceHistory

NEW_YORK = ZoneInfo("America/New_York")


def minutes(*local: str) -> PriceHistory:
    """One-minute bars that begin at these New York times."""
    moments = [datetime.fromisoformat(text).replace(tzinfo=NEW_YORK) for text in local]
    start = np.array([int(moment.timestamp()) * SECOND for moment in moments], np.int64)
    price = np.full(len(start), 10.0)
    bars = Bars(Instrument("SPY"), Frequency(1), start, start + MINUTE, *[price] * 4, price)
    return PriceHistory(bars)


def kept(history: PriceHistory) -> list[str]:
    found = regular_hours(history).bars.start
    return [f"{datetime.fromtimestamp(t / 1e9, NEW_YORK):%m-%d %H:%M}" for t in found.tolist()]


def test_the_first_and_the_last_minute_of_the_session_stay() -> None:
    day = [f"2024-03-13 {time}" for time in ("04:00", "09:29", "09:30", "15:59", "16:00", "19:59")]
    assert kept(minutes(*day)) == ["03-13 09:30", "03-13 15:59"]


def test_a_half_day_ends_at_one() -> None:
    assert kept(minutes("2024-07-03 12:59", "2024-07-03 13:00")) == ["07-03 12:59"]


def test_a_holiday_and_a_weekend_have_no_session_and_the_notice_counts_them() -> None:
    history = minutes(
        "2024-07-03 10:00", "2024-07-04 10:00", "2024-07-06 10:00", "2024-07-08 08:00"
    )
    assert kept(history) == ["07-03 10:00"]
    (notice,) = regular_hours(history).notices
    assert notice.startswith("SPY: 3 of 4 bars lie outside the regular session")
    assert "2 of them on days without a session" in notice


def test_the_hours_follow_the_clocks_of_new_york() -> None:
    assert kept(minutes("2024-03-08 09:30", "2024-03-11 09:30")) == ["03-08 09:30", "03-11 09:30"]


def test_bars_that_all_stay_come_back_untouched() -> None:
    history = minutes("2024-03-13 09:30", "2024-03-13 09:31")
    assert regular_hours(history) is history


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(DataError, match="all 1 bars lie outside"):
        regular_hours(minutes("2024-03-13 03:00"))
