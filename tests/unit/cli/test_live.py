"""Live sessions by command, on emulators of their providers, through what feeds do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.emulators.market import CALENDAR, Market
from tests.fakes import SharedTime
from tests.live_days import EMULATORS, KEYS, LiveDay, settings

from papertape.domain.clock import MINUTE, SECOND

DAY = date(2024, 7, 3)
"""It closes at 13:00."""
CLOSES = CALENDAR.session(DAY).close
MINUTES = 25
BEGUN = CLOSES - MINUTES * MINUTE + 10 * SECOND


@pytest.fixture
def name() -> str:
    return "alpaca"


@pytest.fixture
def live(
    name: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[LiveDay]:
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)
    time = SharedTime(BEGUN)
    with EMULATORS[name](Market(), time) as emulator:
        (folder / "papertape.toml").write_text(settings(name, emulator.url))
        yield LiveDay(emulator, time, tmp_path / "home", capsys)


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("alpaca", "live"),
        ("alpaca", "live:poll"),
        ("massive", "live"),
        ("tiingo", "live"),
        ("tiingo", "live:poll"),
    ],
)
def test_a_live_day_is_traded_to_its_close_and_proved(live: LiveDay, feed: str) -> None:
    page = live.traded(feed)
    assert (page["verdict"], page["differences"], page["cash_difference_micros"]) == (
        "equal",
        [],
        0,
    )
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    assert (page["closed"], page["outages"], page["day"]) == (True, [], "2024-07-03")
    assert page["orders"] > 2
