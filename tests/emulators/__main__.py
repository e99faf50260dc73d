"""A live day by hand: the command line trades an emulated provider's day, in minutes.

    PYTHONPATH=src:. python -m tests.emulators alpaca --speed 60 --fault 12:40=DROP -- \\
        paper buy_and_hold --symbol ACME --feed live --size percent:9

What is behind ``--`` is given to `papertape` as it is. The market's day is a half one, joined at
12:30, so that its close is near. Other terminals watch with ``papertape --home DIR status``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from contextlib import ExitStack, chdir
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market
from tests.live_days import EMULATORS, KEYS, settings

from papertape.cli.main import main
from papertape.domain.clock import SECOND, Nanos, PacedClock
from papertape.plugins.market_data.transport import Timing

DAY = "2024-07-03"


class Audience(PacedClock):
    """A paced clock that emulators may look at."""

    def __init__(self, start: Nanos, speed: float):
        super().__init__(start, speed)
        self.audience: list[Any] = []


def moment(text: str) -> Nanos:
    """A time of the day in New York."""
    named = datetime.fromisoformat(f"{DAY}T{text}").replace(tzinfo=CALENDAR.zone)
    return int(named.timestamp()) * SECOND


def run(words: list[str]) -> int:
    """Trade the day, and answer the command line's exit code."""
    described = argparse.ArgumentParser("python -m tests.emulators")
    described.add_argument("provider", choices=sorted(EMULATORS))
    described.add_argument("--speed", type=float, default=60)
    described.add_argument("--begin", default="12:30")
    described.add_argument("--home", default="")
    described.add_argument("--fault", action="append", default=[], help="12:40=DROP, 12:50=DROP:0")
    mine, _, theirs = (" ".join(words)).partition(" -- ")
    told = described.parse_args(mine.split())
    clock = Audience(moment(told.begin), told.speed)
    timing = Timing(
        clock,
        lambda seconds: asyncio.sleep(seconds / told.speed),
        within=lambda work, seconds: asyncio.wait_for(work, seconds / told.speed),
    )
    with ExitStack() as stack:
        place = Path(told.home or stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        emulator = stack.enter_context(EMULATORS[told.provider](Market(), clock))
        place.mkdir(exist_ok=True)
        stack.enter_context(chdir(place))
        Path("papertape.toml").write_text(settings(told.provider, emulator.url))
        Path(".env").write_text("".join(f"{name}={key}\n" for name, key in KEYS.items()))
        Path(".env").chmod(0o600)
        for planned in told.fault:
            at, _, name = planned.partition("=")
            name, _, times = name.partition(":")
            wait = max(0, moment(at) - clock.now()) / SECOND / told.speed
            switch = (Fault[name], float(times or "inf"))
            timer = threading.Timer(wait, emulator.switches.on, switch)
            timer.daemon = True
            timer.start()
        sys.stderr.write(f"{told.provider} at {emulator.url}; papertape --home {place}\n")
        return main(["--home", str(place), *theirs.split()], timing=timing)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
