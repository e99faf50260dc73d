"""Shows that time grows with bars and settings, and memory does not; projects 490 million bars.

Run it by ``make bench`` or alone: ``python benchmarks/growth.py``. It fills a store in
``build/bench/growth`` with ten years of one-minute bars of several symbols, and runs over more and
more of them by `sweep_each` and `backtest_each`, each size in a process of its own. The page goes
to ``docs/growth.md``. ``--quick`` does it with months instead of years and writes no page.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data_at_rest import minutes
from plots import lines
from racers.track import peak_mb

PROJECT = Path(__file__).parents[1]
SYMBOLS, BARS = 500, 490_000_000
"""What is projected to: ten years of one-minute bars of so many symbols."""

SETTINGS = {"bar_frequency": "1m", "cost": "percent:0.05", "size": "shares:10", "benchmark": "none"}


class Point(NamedTuple):
    """A run: its bars, its settings, its seconds from the store to the figures, its megabytes."""

    bars: int
    settings: int
    seconds: float
    peak_mb: float


def main() -> None:
    """Measure and write the page."""
    quick = "--quick" in sys.argv
    folder = PROJECT / "build" / "bench" / ("growth-quick" if quick else "growth")
    most = 2 if quick else 16
    rows = fill(folder, most, date(2023, 11, 1) if quick else date(2014, 1, 2))
    sizes = [1, 2] if quick else [1, 2, 4, 8, 16]
    found = {
        "signals, 1 setting": [point(folder, "signals", n, 1, rows) for n in sizes],
        "signals, 20 settings": [point(folder, "signals", n, 20, rows) for n in sizes],
        "a Python on_bar": [point(folder, "orders", n, 1, rows) for n in sizes],
    }
    tried = [1, 4] if quick else [10, 100, 1_000]
    more = [point(folder, "signals", 1, settings, rows) for settings in tried]
    shared = [point(folder, "together", n, 1, rows) for n in ([1, 2] if quick else [2, 4])]
    docs = folder if quick else PROJECT / "docs"
    write(docs, found, more, shared)
    sys.stdout.write((docs / "growth.md").read_text(encoding="utf-8"))


def point(folder: Path, work: str, symbols: int, settings: int, rows: int) -> Point:
    """One run in a process of its own."""
    words = (work, str(folder), str(symbols), str(settings))
    ran = subprocess.run(
        [sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True
    )
    seconds, peak = map(float, ran.stdout.split())
    print(f"  {work}, {symbols} x {rows:,} bars x {settings}: {seconds:.2f} s", flush=True)
    return Point(symbols * rows, settings, seconds, peak)


def projected(points: list[Point]) -> tuple[float, float]:
    """Seconds for all bars at what a further bar took, and the exponent of the growth.

    An exponent of 1 is growth in proportion. It is that of the last doubling: before it, starting
    Python is most of the time.
    """
    few, half, many = points[0], points[-2], points[-1]
    each = (many.seconds - few.seconds) / (many.bars - few.bars)
    exponent = log(many.seconds / half.seconds) / log(many.bars / half.bars)
    return many.seconds + each * (BARS - many.bars), exponent


def write(
    docs: Path, found: dict[str, list[Point]], more: list[Point], shared: list[Point]
) -> None:
    """The page and its two pictures."""
    pictures = docs / "benchmarks"
    pictures.mkdir(exist_ok=True)
    series = {name: [(float(p.bars), p.seconds) for p in points] for name, points in found.items()}
    (pictures / "growth.svg").write_text(lines("bars", "seconds", series), encoding="utf-8")
    over = [(float(p.settings), p.seconds) for p in more]
    text = lines("settings", "seconds", {"10 years of minutes": over})
    (pictures / "growth-settings.svg").write_text(text, encoding="utf-8")
    rows = [_row(name, point) for name, points in found.items() for point in points]
    rows += [_row(f"signals, {point.settings:,} settings", point) for point in more]
    ends = []
    for name, points in found.items():
        seconds, exponent = projected(points)
        peak = max(each.peak_mb for each in points)
        ends.append(f"| {name} | {seconds / 60:,.1f} | {peak:,.0f} | {exponent:.2f} |")
    few, many = shared
    a_bar = (many.peak_mb - few.peak_mb) * 2**20 / (many.bars - few.bars)
    page = PAGE.format(
        symbols=SYMBOLS,
        bars=BARS / 1e6,
        rows="\n".join(rows),
        ends="\n".join(ends),
        a_bar=a_bar,
        all_gb=a_bar * BARS / 1e9,
        rate=many.bars / many.seconds,
        hours=BARS * many.seconds / many.bars / 3600,
    )
    (docs / "growth.md").write_text(page, encoding="utf-8")


def _row(name: str, point: Point) -> str:
    rate = point.bars * point.settings / point.seconds / 1e6
    return (
        f"| {name} | {point.bars:,} | {point.seconds:.2f} | {rate:,.1f} M | {point.peak_mb:,.0f} |"
    )


PAGE = """# More than memory

Written by `benchmarks/growth.py` (`make bench`): do not edit it here. Symbols are read from the
store one after the other, each is run with an account of its own, and let go of before the next
(`sweep_each`, `backtest_each`): memory is that of one symbol, however many there are. Seconds are
those from the store to the figures, on all cores where there are several settings. Memory is the
most that a process ever took.

| run | bars | seconds | bar-settings a second | MB |
|---|---|---|---|---|
{rows}

![Seconds over bars](benchmarks/growth.svg)

![Seconds over settings](benchmarks/growth-settings.svg)

On these scales a line at 45 degrees is growth in proportion.

## Projected: {symbols} symbols, ten years of one-minute bars, {bars:,.0f} million of them

From the largest of these runs, at what a further bar took. The exponent is that of seconds over
bars in the last doubling: 1 is growth in proportion.

| run | minutes | MB | exponent |
|---|---|---|---|
{ends}

## What is not streamed

- **One account over several symbols**: `backtest` with several of them, `portfolio` and
  cross-sections hold the bars of all symbols, from the first to the last. A further bar takes
  {a_bar:,.0f} bytes there, so that {bars:,.0f} million would take {all_gb:,.0f} GB and {hours:,.1f}
  hours, at {rate:,.0f} bars a second. {symbols} symbols of daily bars are no trouble.
- **The bars of one symbol**: they are read whole, for a signal strategy answers a whole column.

Why, and what it would need: [One symbol at a time](decisions/0022-one-symbol-at-a-time.md).
"""


def fill(folder: Path, symbols: int, first: date) -> int:
    """Make sure that the store holds so many symbols; the bars of each."""
    from tapes import walk  # noqa: PLC0415

    from papertape.data.store import Origin, Store  # noqa: PLC0415 - the parent stays small
    from papertape.domain.calendar import calendar_of  # noqa: PLC0415
    from papertape.domain.clock import MINUTE  # noqa: PLC0415
    from papertape.domain.instrument import Instrument  # noqa: PLC0415
    from papertape.domain.market import Bars, Frequency, PriceHistory  # noqa: PLC0415

    store, length = Store(folder / "data"), Frequency.parse("1m")
    days = calendar_of("XNYS").sessions(first, date(2023, 12, 29))
    start = np.concatenate(list(minutes(days)))
    origin = Origin(provider="madeup", feed="walk", source="a seeded walk", terms="any")
    for number in range(symbols):
        symbol = f"W{number:03}"
        if store.newest(symbol, length) is None:
            columns = walk(len(start), number, spread=3, lowest=2_000)
            bars = Bars(Instrument(symbol), length, start, start + MINUTE, *columns)
            store.add(PriceHistory(bars), origin, 1_780_000_000_000_000_000)
    return len(start)


def _signals(folder: Path, symbols: int, settings: int) -> None:
    from papertape import across, sweep_each  # noqa: PLC0415 - only the measured process
    from papertape.data.store import Store, StoredPrices  # noqa: PLC0415
    from papertape.strategies import MovingAverageCrossoverStrategy  # noqa: PLC0415

    names = [f"W{number:03}" for number in range(symbols)]
    prices = StoredPrices(Store(folder / "data"), "1m", names)
    values = {"fast": [50], "slow": list(range(200, 200 + 9 * settings, 9))}
    found = across(sweep_each(MovingAverageCrossoverStrategy, prices, values, **SETTINGS))
    assert [each.symbols for each in found] == [symbols] * settings


def _orders(folder: Path, symbols: int, _: int) -> None:
    from papertape import backtest_each  # noqa: PLC0415
    from papertape.data.store import Store, StoredPrices  # noqa: PLC0415

    class Turns:
        """Buys and sells in turns of a thousand bars."""

        warmup, seen, held = 1, 0, 0

        def on_bar(self, context: object, bar: object) -> None:
            self.seen += 1
            if self.seen % 1_000 == 0:
                self.held = 10 - self.held
                context.submit(bar.symbol, 2 * self.held - 10, reason="its turn")

    names = [f"W{number:03}" for number in range(symbols)]
    prices = StoredPrices(Store(folder / "data"), "1m", names)
    for _, results in backtest_each(Turns, prices, **SETTINGS):
        assert results.metrics["final_equity"]


def _together(folder: Path, symbols: int, _: int) -> None:
    from papertape import backtest  # noqa: PLC0415
    from papertape.data.store import Store, StoredPrices  # noqa: PLC0415
    from papertape.strategies import MovingAverageCrossoverStrategy  # noqa: PLC0415

    names = [f"W{number:03}" for number in range(symbols)]
    prices = dict(StoredPrices(Store(folder / "data"), "1m", names))
    results = backtest(MovingAverageCrossoverStrategy(fast=50, slow=200), prices, **SETTINGS)
    assert results.metrics["final_equity"]


WORK: dict[str, Callable[[Path, int, int], None]] = {
    "signals": _signals,
    "orders": _orders,
    "together": _together,
}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WORK:
        begun = time.perf_counter()
        WORK[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))
        print(time.perf_counter() - begun, peak_mb())
    else:
        main()
