"""Real processes of the command line, for the faults that only a real one can meet (level L2).

The day is short so that many of them fit into a test run: a half day in bars of five minutes.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from papertape.cli.main import main
from papertape.domain.clock import ReplayClock
from papertape.domain.day import Line
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.session.folder import AccountFolder

DAY, BARS = "2024-11-29", 42
RUNS = 5
"""Of each fault in an ordinary test run."""
PACE = "1000x"
"""A bar in 0.3 s: slow enough for a busy machine, quick enough for a test."""
CROSSOVER = ("moving_average_crossover", "--param", "fast=2", "--param", "slow=4")
_EVENING = 1_732_914_000 * 10**9
_BEGIN = "import os; os.environ['ODD'] = 'yes'; from papertape.cli.main import run; "
"""What a strategy of a test may know its real process by."""


@dataclass
class Desk:
    """A folder with prices, a home of its own, and whoever types there.

    Attributes:
        folder: Where everything lies.
        processes: Whatever was started here.
    """

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "day.csv").write_text("\n".join(_rows()))

    @property
    def account(self) -> AccountFolder:
        return AccountFolder.under(self.folder / "home", "sim")

    def start(
        self,
        *more: str,
        by: Sequence[str] = CROSSOVER,
        first: str = "",
        around: str = "",
        **how: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a session in a process of its own.

        Args:
            more: Further words of its command line.
            by: The strategy, with its parameters.
            first: Python that the process does before anything else.
            around: Python that starts the words of its command line in its own place.
            how: Of the process; without a word it speaks into files.
        """
        words = (*("paper", by[0], "--symbol", "SPY", "--bar", "5m", "--adjusted", "raw"), *by[1:])
        home = ("--home", str(self.folder / "home"))
        feed = ("--feed", f"replay:{self.folder / 'day.csv'}", "--day", DAY)
        told = {
            name: self.folder / f"{name}-{len(self.processes)}" for name in ("stdout", "stderr")
        }
        for each in ("stdout", "stderr"):
            how.setdefault(each, os.open(told[each], os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        before = ("-c", around) if around else ()
        process = subprocess.Popen(
            [sys.executable, *before, "-c", f"{_BEGIN}{first}\nrun()", *words, *feed, *home, *more],
            cwd=self.folder,
            **how,
        )
        for descriptor in {how[each] for each in ("stdin", "stdout", "stderr") if each in how}:
            os.close(descriptor)
        self.processes.append(process)
        return process

    def told(self, number: int = -1) -> str:
        """What a process said beside its answer."""
        return (self.folder / f"stderr-{range(len(self.processes))[number]}").read_text()

    @property
    def status(self) -> Any:
        """What the newest process published last."""
        return json.loads(self.account.status.read_bytes())

    def wait_until(self, bars: int) -> None:
        """Wait until the newest process has published so many bars of its day."""
        self.wait_for(lambda status: status["health"]["bars_seen"] >= bars)

    def wait_for(self, seen: Callable[[Any], bool]) -> None:
        """Wait until the published status is as wanted."""
        until = time.monotonic() + 60
        while time.monotonic() < until and self.processes[-1].poll() is None:
            if self.account.status.exists() and seen(self.status):
                return
            time.sleep(0.01)
        raise AssertionError(f"it never came to that: {self.told()}")

    def say(self, *words: str) -> tuple[int, Any]:
        """Type a command here and now; its exit code and its answer's data."""
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), chdir(self.folder):
            code = main([*words, "--json", "--home", str(self.folder / "home")], _clock())
        answer = json.loads(out.getvalue())
        assert answer["ok"] or code, err.getvalue()
        return code, answer["data"] if answer["ok"] else answer["error"]

    def proved(self) -> Any:
        """What the evening says of the day: whole, equal to the broker, each cause named."""
        proof = self.say("eod")[1]
        assert proof.get("closed"), proof
        assert proof["bars_seen"] == proof["bars_due"] == BARS
        assert proof["broker_equal"]
        assert all(each["cause"] != "unexplained" for each in proof["differences"])
        return proof

    def resumed(self) -> Any:
        """Go on after whatever it was, as fast as can be, and prove the day."""
        code, answer = self.say("resume", "--speed", "max")
        assert code == 0, answer
        assert answer["closed"], answer
        return self.proved()

    def lines(self) -> list[Line]:
        """The journal of the newest session."""
        place = Place(self.account.path, self.account.sessions()[-1])
        return Journal.read(place, LINES, _EVENING)

    def clear(self) -> None:
        """End what still runs, whoever started it and failed."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def _clock() -> ReplayClock:
    return ReplayClock(_EVENING)


def _rows() -> list[str]:
    """Made-up bars: all of the Wednesday before, and a Friday that ends at one o'clock."""
    rows = ["time,open,high,low,close,volume"]
    for opens, count in (("2024-11-27T09:30", 78), (f"{DAY}T09:30", BARS)):
        begin = datetime.fromisoformat(f"{opens}-05:00")
        for number in range(count):
            price = 600 + 2 * math.sin(number / 1.5)
            at = (begin + timedelta(minutes=5 * number)).isoformat()
            rows.append(f"{at},{price:.2f},{price + 0.05:.2f},{price - 0.05:.2f},{price:.2f},90000")
    return rows
