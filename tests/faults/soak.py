"""Ten thousand simulated days, over every core; it may be stopped, and goes on where it was.

    python -m tests.faults.soak [--until SEED] [--jobs N] [--log FILE]

The log has a line for each batch of seeds that is done, under a hash of the code that it was done
with: another start leaves out what is done and takes up again what failed. ``tail -f`` shows it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TextIO

from tests.disk import Crash
from tests.faults.simulation import Simulation

import papertape

TESTED = 500
"""Seeds of the ordinary test run."""
BATCH = 50
TESTS = Path(__file__).resolve().parents[1]


class Batch(NamedTuple):
    """What became of some days: their first seed, how often they crashed, and which failed how."""

    first: int
    crashes: int
    failures: tuple[str, ...]

    def __str__(self) -> str:
        seeds = f"{self.first} to {self.first + BATCH - 1}"
        return f"{seeds}: {self.crashes} crashes, {len(self.failures)} failed"


def lived(first: int) -> Batch:
    """Live a batch of days; one that fails does not end the others."""
    crashes, failures = 0, []
    for seed in range(first, first + BATCH):
        day = Simulation(seed)
        try:
            day.run()
        except (Exception, Crash) as error:  # noqa: BLE001 - whatever it is, a soak looks for it
            story = "".join(traceback.format_exception(error))
            failures.append(f"seed {seed} after {', '.join(day.faults)}\n{story}")
        crashes += day.faults.count("crash")
    return Batch(first, crashes, tuple(failures))


def code() -> str:
    """A hash over the package and what the days are made of."""
    package = Path(papertape.__file__).parent
    files = [*package.rglob("*.py"), *TESTS.glob("*.py"), *TESTS.glob("faults/*.py")]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def done(log: Path, mark: str) -> set[int]:
    """The first seeds of the batches that this code has been through without a failure."""
    words = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return {int(each[1]) for each in words if each[:1] == [mark] and each[-2:] == ["0", "failed"]}


def told(batches: Iterable[Batch], count: int, mark: str, log: TextIO) -> Iterator[Batch]:
    """The batches as they come, each told in the log and with what is left on the terminal."""
    begun = time.perf_counter()
    for n, batch in enumerate(batches, 1):
        print(mark, batch, *batch.failures, sep=" ", file=log, flush=True)
        rate = n * BATCH / (time.perf_counter() - begun) * 60
        left = (count - n) * BATCH / rate
        print(f"{batch}; {rate:,.0f} seeds a minute, {left:.0f} minutes left", flush=True)
        yield batch


def main() -> int:
    """Live all the days that are asked for and not done; 1 if any of them failed."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--until", type=int, default=10_000, metavar="SEED")
    asked.add_argument("--jobs", type=int, default=os.cpu_count())
    asked.add_argument("--log", type=Path, default=Path("build", "soak.log"), metavar="FILE")
    words = asked.parse_args()
    mark = code()
    known = done(words.log, mark)
    firsts = [first for first in range(TESTED, words.until, BATCH) if first not in known]
    words.log.parent.mkdir(parents=True, exist_ok=True)
    found: list[Batch] = []
    # A Ctrl-C is for this process; it ends the others in the middle of their days.
    pool = get_context("spawn").Pool(words.jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN))
    with pool, words.log.open("a") as log, suppress(KeyboardInterrupt):
        found.extend(told(pool.imap_unordered(lived, firsts), len(firsts), mark, log))
    crashes, failures = sum(each.crashes for each in found), [f for b in found for f in b.failures]
    print(
        *failures,
        f"{len(found) * BATCH:,} days with {crashes:,} crashes lived, {len(failures)} failed; "
        f"{len(known) * BATCH:,} were done before; code {mark}",
        sep="\n",
    )
    return 1 if failures or len(found) < len(firsts) else 0


if __name__ == "__main__":
    sys.exit(main())
