"""A live day by command: the real command line on a provider's emulator, by one clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.alpaca import AlpacaEmulator
from tests.emulators.faults import Fault
from tests.emulators.massive import MassiveEmulator
from tests.emulators.server import KEY, SECRET, Emulator
from tests.emulators.tiingo import TiingoEmulator
from tests.fakes import SharedTime

from papertape.cli.main import main
from papertape.domain.clock import Nanos
from papertape.domain.day import Line
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.plugins.market_data.transport import Timing
from papertape.session.folder import AccountFolder

EMULATORS: dict[str, Callable[..., Emulator]] = {
    "alpaca": AlpacaEmulator,
    "massive": MassiveEmulator,
    "tiingo": TiingoEmulator,
}
PLANS = {
    "alpaca": "",
    "massive": "calls_per_minute = 10000\n",
    "tiingo": "calls_per_hour = 3600\ncalls_per_day = 86400\n",
}
KEYS = {
    "ALPACA_API_KEY": KEY,
    "ALPACA_SECRET_KEY": SECRET,
    "MASSIVE_API_KEY": KEY,
    "TIINGO_API_KEY": KEY,
}
CROSSOVER = (
    *("moving_average_crossover", "--symbol", "ACME", "--param", "fast=2", "--param", "slow=5"),
    *("--profile", "paper", "--size", "percent:9"),
)


def settings(name: str, url: str) -> str:
    """A project's file that points a provider at another address."""
    stream = url.replace("http", "ws", 1)
    return (
        f'[data]\nprovider = "{name}"\n[providers.{name}]\n'
        f'base_url = "{url}"\nws_url = "{stream}"\n{PLANS[name]}'
    )


@dataclass
class LiveDay:
    """A provider that answers, the time that both sides go by, and a command line."""

    emulator: Emulator
    time: SharedTime
    home: Path
    capsys: pytest.CaptureFixture[str]
    err: str = ""

    def at(self, moment: Nanos, fault: Fault, times: float = float("inf")) -> None:
        """Have the provider show a fault from a moment on."""
        self.time.at(moment, lambda: self.emulator.switches.on(fault, times))

    def over(self, moment: Nanos, *faults: Fault) -> None:
        """Have faults end at a moment."""
        for fault in faults:
            self.time.at(moment, lambda fault=fault: self.emulator.switches.on(fault, 0))

    def typed(self, *words: str) -> tuple[int, Any]:
        """A command's exit code and the data of its answer."""
        self.capsys.readouterr()
        timing = Timing(self.time, self.time.sleep, lambda: 0.5, self.time.within)
        code = main([*words, "--json"], self.time, timing)
        out, self.err = self.capsys.readouterr()
        return code, json.loads(out)["data"]

    @property
    def status(self) -> Any:
        """What the session published last."""
        return json.loads((self.home / "paper" / "sim" / "status.json").read_bytes())

    @property
    def lines(self) -> list[Line]:
        """The journal of the last session."""
        folder = AccountFolder.under(self.home, "sim")
        return Journal.read(Place(folder.path, folder.sessions()[-1]), LINES, self.time.now())

    def traded(self, feed: str = "live", *more: str) -> Any:
        """The page of a day that was traded on the feed."""
        code, data = self.typed("paper", *CROSSOVER, "--feed", feed, *more)
        assert code == 0, self.err
        return data
