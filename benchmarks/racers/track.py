"""The track: the prices and the task of a race, the same for all, and how a racer answers.

The engines' drivers import it in their own environments, so it needs NumPy and nothing else.

Prices move in quarters of a dollar, whose sums are exact in floating point: no engine can see a tie
of two averages where another sees none. Each bar opens where the last one closed: an engine that
trades at the close of the bar that made the decision pays what the others pay at the next open.
Fees of 0.04 % on 500 shares are whole cents: an engine that rounds each fee has nothing to round.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

CASH = 5_000_000.0
SHARES = 500
RATE = 0.0004
FAST, SLOW = 50, 200
STOP, TARGET = 10.10, 10.10
"""Dollars below and above the close that made the decision.

No price of a bar stands there, so a level is passed or missed, never merely touched.
"""

PORTFOLIO_CASH = 10_000_000.0
LOOK, INVESTED, PORTFOLIO_RATE = 126, 0.98, 0.0005


class Fill(NamedTuple):
    """Row of the bar, signed shares, dollars a share."""

    row: int
    shares: float
    price: float


class Tape(NamedTuple):
    """Columns of bars, times in nanoseconds since 1970; of a portfolio a column a symbol."""

    start: np.ndarray
    end: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray


class Run(NamedTuple):
    """One run on the track.

    Attributes:
        work: The engine's work, and nothing else; it is what the clock is held against.
        told: What came of it: final equity (of each setting, where there are several) and fills.
    """

    work: Callable[[], Any]
    told: Callable[[Any], tuple[Any, list[Fill]]]


def pairs(count: int) -> list[tuple[int, int]]:
    """The settings of a sweep, a fast and a slow average: every pair of some of each."""
    slows = range(110, 610, 10)[:count]
    fasts = range(5, 105, 5)[: -(-count // len(slows))]
    return [(fast, slow) for fast in fasts for slow in slows]


def month_ends(start: np.ndarray) -> np.ndarray:
    """The rows of a portfolio's last bars of a month, from the first with a past to look at."""
    months = start.astype("datetime64[ns]").astype("datetime64[M]")
    rows = np.flatnonzero(months[1:] != months[:-1])
    return rows[rows >= LOOK]


def chosen(close: np.ndarray, row: int) -> np.ndarray:
    """The tenth of the symbols that rose most over the last bars, the best first."""
    rise = close[row] / close[row - LOOK] - 1
    return np.argsort(-rise, kind="stable")[: close.shape[1] // 10]


def main(races: dict[str, Callable[[Tape, str], Run]]) -> None:
    """Run the race that the command line names, and print what came of it as JSON.

    The words are the race, the engine's variant (or -), the tape, how often to run it, and where
    the fills go. A run that is not counted comes first where there is more than one.
    """
    race, variant, tape, times, fills = sys.argv[1:]
    run = races[race](_read(tape), variant)
    seconds, came = [], None
    for _ in range(int(times)):
        came = None
        begun = time.perf_counter()
        came = run.work()
        seconds.append(time.perf_counter() - begun)
    peak = peak_mb()
    equity, filled = run.told(came)
    np.save(fills, np.array(filled, float).reshape(-1, 3))
    answer = {"seconds": min(seconds[1:] or seconds), "equity": equity, "peak_mb": peak}
    print(json.dumps(answer))


def _read(file: str) -> Tape:
    if not file.endswith(".csv"):
        with np.load(file) as columns:
            return Tape(**{name: columns[name] for name in Tape._fields})
    import pandas as pd  # noqa: PLC0415 - as a peer's users read a file; all peers have it

    frame = pd.read_csv(file, parse_dates=["Date"])
    start = frame["Date"].astype("datetime64[ns]").astype("int64").to_numpy()
    return Tape(start, start + 1, *(frame[name].to_numpy(float) for name in frame.columns[1:]))


def peak_mb() -> float:
    """This process's peak memory so far."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
