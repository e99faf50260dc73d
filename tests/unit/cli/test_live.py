"""A live session on a provider that says what it is told to, at two hundred times the speed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path

import pytest
from tests.unit.monitoring.published import OPENS

from papertape.cli import paper as command
from papertape.cli.main import main
from papertape.cli.providers import Provider
from papertape.data.sessions import regular_hours
from papertape.domain.clock import MINUTE, SECOND, PacedClock
from papertape.domain.day import DayOpened
from papertape.domain.market import Bar, PriceHistory, Quote
from papertape.domain.money import micros
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.plugins.market_data.csv import read_prices
from papertape.plugins.market_data.source import Capabilities, MarketEvent, between
from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder

DAY = date(2024, 3, 5)
OPEN = 1_709_649_000 * SECOND
"""2024-03-05 09:30 in New York."""
MINUTES = 30
WORDS = (
    *("paper", "moving_average_crossover", "--symbol", "SPY", "--feed", "live"),
    *("--param", "fast=3", "--param", "slow=8", "--size", "percent:9"),
)


class Told:
    """Real minutes, each told two seconds after its end; after some of them somebody stops it."""

    capabilities = Capabilities("told", streams=True, frequencies=("1m",))

    def __init__(self, history: PriceHistory, clock: PacedClock, box: CommandBox):
        self._history, self.clock, self.box = history, clock, box

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        return between(self._history, start_date, end_date)

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[MarketEvent]:
        told = 0
        for bar in self._history.bars:
            if bar.start < OPEN:
                continue
            await self._until(bar)
            yield bar
            told += 1
            if told == MINUTES:
                await asyncio.sleep(0.1)  # twenty seconds: the last minute is decided on
                self.box.put("stop --now", at=self.clock.now(), by="ann")
                await asyncio.Event().wait()

    async def _until(self, bar: Bar) -> None:
        while self.clock.now() < bar.end + 2 * SECOND:
            await asyncio.sleep(0.001)

    async def fetch_quote(self, symbol: str) -> Quote:
        raise NotImplementedError


def test_live_minutes_are_traded_and_proved(
    folder: Path,
    tmp_path: Path,
    shared_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    history = regular_hours(read_prices(file, symbol="SPY", frequency="1m"))
    account = AccountFolder.under(tmp_path / "home", "sim")
    clock = PacedClock(OPEN - MINUTE, speed=200)
    source = Told(history, clock, CommandBox(account.commands, account.kill_file))
    monkeypatch.setattr(command, "provider_of", lambda *_: Provider("told", source))
    assert main([*WORDS, "--json"], clock) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    # All that may differ is the order that the stop cancelled, and why is known.
    assert {each["cause"] for each in data["differences"]} <= {"risk veto"}
    assert data["cash_difference_micros"] == 0
    assert (data["profile"], data["day"], data["closed"]) == ("first-day", "2024-03-05", False)
    assert data["bars_seen"] == MINUTES
    assert data["outages"] == []
    assert data["orders"] > 0
    # The account goes on, and so does the highest equity that it ever had (risk-R22).
    again = Told(history, PacedClock(OPEN - MINUTE, speed=200), source.box)
    monkeypatch.setattr(command, "provider_of", lambda *_: Provider("told", again))
    main([*WORDS, "--json"], again.clock)
    first, second = (opening(account, name) for name in sorted(account.sessions()))
    assert (first.peak, first.cash) == (0, 10_000_000_000)
    assert second.peak == micros(data["peak"]) >= micros(data["equity"])
    assert second.cash == micros(data["cash"])


def opening(account: AccountFolder, session: str) -> DayOpened:
    lines = Journal.read(Place(account.path, session), LINES, OPEN)
    assert isinstance(lines[0], DayOpened)
    return lines[0]


def test_a_provider_without_live_prices_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(
        ["paper", "buy_and_hold", "--symbol", "SPY", "--feed", "live"], PacedClock(OPENS, 1)
    ) in (2, 3)
    assert "try:" in capsys.readouterr().err
