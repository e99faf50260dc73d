"""Counts the instructions of two small jobs, so that a slow-down shows on a noisy machine.

Run it by ``make bench`` or alone: ``python benchmarks/instructions.py``; it needs valgrind. Each
job is done in two sizes, and the difference counts: starting Python and importing are in both. The
counts are held against ``instructions.json``; more than the tolerance above is an error that names
the job. They hold for what they were counted by: a processor's speed and its load do not matter,
but with another Python, NumPy or Cython, or uncompiled, nothing can be compared. A change that is
meant is stored by ``--store``.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
TOLERANCE = 0.03
JOBS = {
    "order strategy, 20,000 bars": ("order", 2_000, 22_000),
    "sweep, 200 settings over 5,000 bars": ("sweep", 1, 201),
}
"""Words -> the job and its two sizes; what is counted is what lies between them."""


def main() -> None:
    """Count, and compare or store."""
    if shutil.which("valgrind") is None:
        sys.exit(
            "instructions: not counted, there is no valgrind (Debian: apt-get install valgrind)"
        )
    made: dict[str, Any] = {"by": _made_by(), "counts": {}}
    for words, job in JOBS.items():
        print(f"counting twice, some minutes: {words}", flush=True)
        made["counts"][words] = counted(*job)
    if "--store" in sys.argv or not FILE.exists():
        FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    said, is_more = compared(made, json.loads(FILE.read_text(encoding="utf-8")))
    print("\n".join(said))
    sys.exit(is_more)


def compared(made: dict[str, Any], stored: dict[str, Any]) -> tuple[list[str], bool]:
    """A line a job, and whether one of them takes more than it did."""
    said, is_more = [], False
    if made["by"] != stored["by"]:
        said.append(f"counted by {made['by']}, stored by {stored['by']}: nothing to compare")
    for words, count in made["counts"].items():
        line = f"{words:36}{count / 1e6:10,.1f} M instructions"
        before = stored["counts"].get(words)
        if before and made["by"] == stored["by"]:
            change = count / before - 1
            is_more |= change > TOLERANCE
            line += f", {change:+.1%} since they were stored"
            line += " TOO MANY" * (change > TOLERANCE)
        said.append(line)
    return said, is_more


def counted(job: str, small: int, large: int) -> int:
    """Instructions that the larger size takes beyond the smaller one."""
    return _instructions(job, large) - _instructions(job, small)


def _instructions(job: str, size: int) -> int:
    fixed = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            *(sys.executable, __file__, job, str(size)),
        ],
        env={**os.environ, **fixed},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", ran.stderr)
    assert found is not None, ran.stderr[-500:]
    return int(found[1])


def _made_by() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - the counted process has no use for it

    from papertape.domain.native import native  # noqa: PLC0415

    libraries = f"NumPy {version('numpy')}, Cython {version('Cython')}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {libraries}, {platform.machine()}, {native().summary}"


def _order(size: int) -> None:
    from walk import random_walk  # noqa: PLC0415 - the counting process has no use for it

    from papertape import backtest  # noqa: PLC0415

    class Now:
        """Holds shares in every other hundred of bars."""

        warmup, seen = 1, 0

        def on_bar(self, context, bar):
            self.seen += 1
            wanted = 10 * (self.seen // 100 % 2)
            change = wanted - context.position(bar.symbol)
            if change:
                context.submit(bar.symbol, change, reason="its turn")

    settings = {"bar_frequency": "1m", "cost": "percent:0.05", "benchmark": "none"}
    backtest(Now, {"WALK": random_walk(size)}, **settings)


def _sweep(size: int) -> None:
    from walk import random_walk  # noqa: PLC0415

    from papertape.domain.market import PriceHistory  # noqa: PLC0415
    from papertape.engines.proofbench.config import SimulationConfig  # noqa: PLC0415
    from papertape.engines.proofbench.sweep import Plan, run_sweep  # noqa: PLC0415
    from papertape.strategies import MovingAverageCrossoverStrategy  # noqa: PLC0415

    histories = {"WALK": PriceHistory(random_walk(5_000))}
    plan = Plan({"fast": [10], "slow": list(range(20, 20 + size))})
    config = SimulationConfig(bar_frequency="1m", cost="percent:0.05")
    run_sweep(MovingAverageCrossoverStrategy, histories, plan, config)


_DONE: dict[str, Callable[[int], None]] = {"order": _order, "sweep": _sweep}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in _DONE:
        _DONE[sys.argv[1]](int(sys.argv[2]))
    else:
        main()
