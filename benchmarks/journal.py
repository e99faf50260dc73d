"""Measure the journal on this disk: lines a second, recovery, and what an acknowledgement costs.

Every figure stands beside the fsync time of its own run, for disks differ from minute to minute.

    python benchmarks/journal.py [LINES]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from papertape.domain.clock import MINUTE
from papertape.domain.day import Line, MomentSeen
from papertape.domain.day_state import DayState
from papertape.domain.event import Decided, Moment, OrderAccepted, OrderApproved, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.market import Bar
from papertape.domain.order import Order, OrderKind
from papertape.domain.signal import Signal
from papertape.domain.verdict import Approved, Check
from papertape.monitoring.journal import LINES, SQLITE, Journal, Place

START = 1_719_581_400_000_000_000
CHECKS = tuple(Check(f"risk-R{n}", "100", "1000") for n in range(4, 12))


def step(n: int) -> list[list[Line]]:
    """What one minute records: the bar; the decision and its order; the reports."""
    now, symbol = START + n * MINUTE, "SPY"
    price = 540 + n % 977 / 100
    bar = Bar(symbol, now - MINUTE, now, price, price + 0.5, price - 0.25, price + 0.13, 81_234.0)
    order = Order(f"{n:032x}", symbol, 1 + n % 7, OrderKind.MARKET, now, "fast above slow")
    micros = round(price * 1e6)
    fill = Fill(
        f"x-{n}", order.id, symbol, now, order.quantity, micros, 5_000, "fill-M1", now, micros
    )
    return [
        [MomentSeen(now, Moment(now, (bar,)))],
        [
            Decided(now, Signal(symbol, now, 0.95, price, "fast above slow"), order.quantity),
            OrderApproved(now, Approved(order, CHECKS)),
        ],
        [OrderAccepted(now, order, 2 * n + 1), OrderFilled(now, fill, 2 * n + 2)],
    ]


def fsync_times(folder: Path, count: int) -> list[float]:
    """Seconds of appending a page and forcing it to the disk."""
    took = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return took


def latency(folder: Path) -> None:
    """What a call of `record` takes, side by side with a bare fsync."""
    bare: list[float] = []
    took: list[float] = []
    with Journal.opened(Place(folder, "latency"), LINES, START) as journal:
        for n in range(500):
            for entries in step(n):
                begun = time.perf_counter()
                journal.record(entries)
                took.append(time.perf_counter() - begun)
            bare += fsync_times(folder, 2)
    fsync, middle, late = median(bare) * 1e3, median(took) * 1e3, quantiles(took, n=100)[98] * 1e3
    print(f"fsync            p50 {fsync:7.3f} ms   p99 {quantiles(bare, n=100)[98] * 1e3:7.3f} ms")
    print(
        f"acknowledgement  p50 {middle:7.3f} ms (at most {1.5 * fsync + 1:.3f})   "
        f"p99 {late:7.3f} ms (at most {5 * fsync + 5:.3f})   {len(took)} calls"
    )


def recovery(folder: Path, count: int) -> None:
    """Write so many lines, then open the file anew and fold every line, verified, to the state."""
    place = Place(folder, "recovery")
    begun = time.perf_counter()
    with Journal.opened(place, LINES, START) as journal:
        for n in range(0, count // 5, 200):
            journal.record([line for m in range(n, n + 200) for part in step(m) for line in part])
    took = time.perf_counter() - begun
    size = place.file.stat().st_size / 2**20
    print(f"written          {count:,} lines, {size:.1f} MB in {took:.2f} s, {count // 1000} calls")
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        journal = Journal.opened(place, LINES, START)
        verified = time.perf_counter() - begun
        state = DayState.of(journal.lines())
        times.append((time.perf_counter() - begun, verified))
        assert (state.lines, len(state.orders), state.unanswered) == (count, count // 5, {})
        journal.close()
    took, verified = (median(each) for each in zip(*times, strict=True))
    print(
        f"recovered        {took:.3f} s (at most 1): opened and verified {verified:.3f}, "
        f"decoded and folded {took - verified:.3f}; medians of 9, best {min(times)[0]:.3f}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=".") as made:
        print(f"SQLite {SQLITE}, Python {sys.version.split()[0]}")
        latency(Path(made))
        recovery(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
