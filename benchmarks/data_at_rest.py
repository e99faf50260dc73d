"""Times prices on their way into the store and out of it: ten years of one-minute bars.

Each line is a process of its own, so that its peak memory is its own, too; `make bench` runs it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE

FIRST, LAST = date(2014, 1, 2), date(2023, 12, 29)
RUNS = 3

_TYPE = """
import sys
from papertape.cli.main import main
code = main(sys.argv[1:])
"""
_LOAD = """
import sys, time
from pathlib import Path
import duckdb  # the process pays for it once, whatever it reads
from papertape.data.store import Store
from papertape.domain.market import Frequency
store = Store(Path(sys.argv[1]) / "data")
manifest = store.newest("WALK", Frequency.parse("1m"))
store.read(manifest)
begun = time.perf_counter()
bars = store.read(manifest).bars
print(time.perf_counter() - begun)
code = len(bars) != manifest.rows
"""
_CHECK = """
import sys, time
from pathlib import Path
from papertape.data.quality.checking import check
from papertape.data.quality.sheet import Sheet
from papertape.data.store import Store
from papertape.domain.market import Frequency
store = Store(Path(sys.argv[1]) / "data")
sheet = Sheet.of(store.read(store.newest("WALK", Frequency.parse("1m"))))
begun = time.perf_counter()
found = check(sheet).findings
print(time.perf_counter() - begun)
code = any(each.severity == "error" for each in found)
"""
_PEAK = """
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM:")).split()[1])
sys.exit(code)
"""

Measured = tuple[str, float, float]
"""What was done, seconds (median), megabytes at most."""


def measured(folder: Path) -> list[Measured]:
    """Import a file, read it again, hold it against the data rules, list the store."""
    file = folder / "ten_years.csv"
    rows = write(file)
    homes = [folder / f"home-{n}" for n in range(RUNS)]
    words = ("data", "import", str(file), "--symbol", "WALK", "--home")
    imports = [run(_TYPE, *words, str(home)) for home in homes]
    reads = [run(_LOAD, str(homes[0])) for _ in range(RUNS)]
    lists = [run(_TYPE, "data", "list", "--home", str(homes[0])) for _ in range(RUNS)]
    checks = [run(_CHECK, str(homes[0])) for _ in range(RUNS)]
    return [
        row(f"data import, {rows:,} bars", imports),
        row(f"store to NumPy, {rows:,} bars", inside(reads)),
        row(f"all data rules, {rows:,} bars", inside(checks)),
        row("data list", lists),
    ]


def inside(runs: list[tuple[float, list[str]]]) -> list[tuple[float, list[str]]]:
    """The same runs with the seconds that they measured themselves."""
    return [(float(lines[0]), lines) for _, lines in runs]


def row(words: str, runs: list[tuple[float, list[str]]]) -> Measured:
    """The median of the seconds, and the highest of the peaks, which stand in the last lines."""
    peak = max(int(lines[-1]) for _, lines in runs)
    return words, statistics.median(seconds for seconds, _ in runs), peak / 1024


def run(code: str, *words: str) -> tuple[float, list[str]]:
    """Seconds and output of a process, whose last line is its peak memory in kilobytes."""
    begun = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", code + _PEAK, *words], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - begun, ran.stdout.splitlines()


def write(file: Path) -> int:
    """Ten years of regular minutes of a seeded walk, as canonical CSV; the number of bars."""
    calendar = calendar_of("XNYS")
    days = calendar.sessions(FIRST, LAST)
    starts = np.concatenate(list(minutes(days)))
    steps = np.random.default_rng(7).integers(-3, 4, len(starts)).cumsum()
    cents = 100_000 + steps - steps.min()
    stamps = starts.astype("datetime64[ns]").astype("datetime64[s]").tolist()
    with file.open("w", encoding="utf-8") as stream:
        stream.write("timestamp,open,high,low,close,volume\n")
        for stamp, cent in zip(stamps, cents.tolist(), strict=True):
            price = cent / 100
            figures = f"{price:.2f},{price + 0.05:.2f},{price - 0.05:.2f},{price:.2f}"
            stream.write(f"{stamp.isoformat()}Z,{figures},{1_000 + cent % 977}\n")
    return len(starts)


def minutes(days: list[date]) -> Iterator[np.ndarray]:
    """The opening moments of the regular minutes of each day."""
    calendar = calendar_of("XNYS")
    for day in days:
        session = calendar.session(day)
        yield np.arange(session.open, session.close, MINUTE)
