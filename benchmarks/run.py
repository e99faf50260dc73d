"""Times what a user waits for, as whole processes and as bars a second; medians, never a test.

Run it by ``make bench``. Machines are noisy: read the ratios between lines of one run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import columns
import data_at_rest
import numpy as np
from walk import random_walk

from papertape import Bars, backtest
from papertape.domain.native import native
from papertape.plugins.market_data.csv import read_prices
from papertape.strategies import MovingAverageCrossoverStrategy

RUNS = 5
BARS = 200_000


class EveryBar:
    """An order strategy that looks at each bar and trades once."""

    warmup = 1

    def on_bar(self, context, bar):  # noqa: D102 - what a user would type
        if context.position(bar.symbol) == 0:
            context.submit(bar.symbol, 1, reason="once")


def main() -> None:
    """Measure and print a table."""
    bars, binary = random_walk(BARS), [sys.executable, "-m", "papertape"]
    settings = {"bar_frequency": "1m", "cost": "none", "size": "shares:1", "benchmark": "none"}
    with tempfile.TemporaryDirectory() as folder:
        home, file = ["--home", folder], Path(folder, "walk.csv")
        write(bars, file)
        rows = [
            ("papertape --help", wall([*binary, "--help"]), None),
            ("papertape demo", wall([*binary, *home, "demo"]), None),
            (f"read a CSV of {BARS:,} bars", timed(lambda: read_prices(file, symbol="WALK")), BARS),
            (
                "backtest, signal strategy",
                timed(lambda: backtest(MovingAverageCrossoverStrategy, {"WALK": bars}, **settings)),
                BARS,
            ),
            (
                "backtest, order strategy",
                timed(lambda: backtest(EveryBar, {"WALK": bars}, **settings)),
                BARS,
            ),
        ]
        at_rest = data_at_rest.measured(Path(folder))
    sys.stdout.write(f"{native().summary}; median of {RUNS}\n")
    for words, seconds, count in rows:
        rate = f"{count / seconds:12,.0f} bars/s" if count else ""
        sys.stdout.write(f"{words:32} {seconds:8.3f} s {rate}\n")
    for words, seconds, count, megabytes in columns.measured():
        rate = f"{count / seconds / 1e6:8,.0f} M bars/s"
        sys.stdout.write(f"{words:32} {seconds:8.4f} s {rate} {megabytes:8,.0f} MB at most\n")
    for words, seconds, megabytes in at_rest:
        sys.stdout.write(f"{words:32} {seconds:8.3f} s {megabytes:8,.0f} MB at most\n")


def wall(command: list[str]) -> float:
    """Median seconds of a whole process, after one that is not counted."""
    return timed(lambda: subprocess.run(command, check=True, capture_output=True))


def timed(work: Callable[[], object]) -> float:
    """Median seconds of a call, after one that is not counted."""
    work()
    seconds = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def write(bars: Bars, file: Path) -> None:
    """The bars in the canonical CSV form."""
    stamps = np.array(bars.start, "datetime64[ns]").astype("datetime64[s]")
    rows = zip(stamps, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    lines = [f"{t}Z,{o:.2f},{h:.2f},{low:.2f},{c:.2f},{v:.0f}" for t, o, h, low, c, v in rows]
    file.write_text("timestamp,open,high,low,close,volume\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
