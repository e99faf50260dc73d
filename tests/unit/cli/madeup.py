"""A provider that needs no network, installed for a test as anybody would install a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.errors import ProviderError, SettingsError
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars, Frequency, PriceHistory, Quote, session_times
from papertape.plugins.market_data.source import Capabilities, between, no_bars, refuse

BEGINS = date(2023, 1, 3)
"""The first day of every share it knows."""

ASKED: list[tuple[str, date, date, str]] = []
"""What it was asked for."""

FAULTS: dict[str, Any] = {}
"""What goes wrong: ``after`` so many questions an ``error``; ``factor`` on all prices; ``now``."""


class MadeUpPlugin:
    """Bars of a seeded walk; the same day always has the same bars."""

    def __init__(self, config: Mapping[str, Any] | None = None):
        self._config = dict(config or {})

    @property
    def capabilities(self) -> Capabilities:
        adjustment = FAULTS.get("adjusted", "raw")
        return Capabilities(
            "madeup",
            adjustment=adjustment,
            needs_key=True,
            limits="3 symbols",
            feed=self._config.get("feed", ""),
            terms="made up, do as you like",
        )

    async def fetch_historical_data(
        self, *, symbol: str, start_date: date, end_date: date, frequency: str = "1d"
    ) -> PriceHistory:
        ASKED.append((symbol, start_date, end_date, frequency))
        if self._config["api_key"] == "papertape-test-wrong":
            raise SettingsError("madeup refuses the key", hint="check the key")
        if len(ASKED) > FAULTS.get("after", 10**9):
            raise FAULTS.get("error", ProviderError("madeup cannot be reached", hint="try later"))
        history = bars_of(symbol, Frequency.parse(frequency))
        empty = replace(history, bars=history.bars[:0])
        if symbol == "NOBODY":
            return empty
        if end_date < BEGINS:
            raise no_bars(self.capabilities, symbol, start_date, end_date, f"before {BEGINS}")
        return between(history, start_date, end_date)

    async def fetch_quote(self, symbol: str) -> Quote:
        del symbol
        refuse(self.capabilities, "quotes")

    def stream(self, symbols: Any) -> Any:
        del symbols
        refuse(self.capabilities, "streams")


def bars_of(symbol: str, frequency: Frequency) -> PriceHistory:
    """All the plugin has, to the end of 2026."""
    calendar = calendar_of("XNYS")
    days = calendar.sessions(BEGINS, date(2026, 12, 31))
    start, end = session_times(days, calendar)
    if not frequency.is_daily:
        each = np.arange(0, 390, 60) * 60_000_000_000
        start = (start[:, None] + each).ravel()
        end = start + frequency.nanos
    steps = np.random.default_rng(5).integers(-3, 4, len(start)).cumsum()
    close = (30_000 + steps) / 100
    volume = np.full(len(close), 1_000.0)
    prices = (each * FAULTS.get("factor", 1) for each in (close, close + 0.5, close - 0.5, close))
    columns = (*prices, volume)
    bars = Bars(Instrument(symbol), frequency, start, end, *columns)
    return PriceHistory(bars, adjusted=FAULTS.get("adjusted", "raw"), source=f"{symbol} made up")


def install(folder: Path, module: str = "tests.unit.cli.madeup") -> None:
    """Put the plugin's entry point into a folder, where an installation would."""
    about = folder / "madeup-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: madeup\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        f"[papertape.market_data]\nmadeup = {module}:MadeUpPlugin\n"
    )
