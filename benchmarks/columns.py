"""Times kernels and sweeps: bars a second, and bars times settings a second.

Each line is the median of a few calls in a process of its own, so that its peak memory is its own,
too; `make bench` runs it. For one alone: ``python benchmarks/columns.py kernel``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from walk import many_walks, random_walk

from papertape import PortfolioEngine, backtest
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import Wish, kernel_for
from papertape.engines.proofbench.sweep import Plan, run_sweep
from papertape.engines.proofbench.window import cut
from papertape.strategies import MovingAverageCrossoverStrategy, TopMomentumStrategy

RUNS = 7
BARS, SWEPT_BARS = 1_000_000, 100_000
SYMBOLS, SESSIONS = 500, 2_520
CONFIG = SimulationConfig(bar_frequency="1m", cost="percent:0.05", size="shares:10")
PLAN = Plan({"fast": list(range(5, 105, 5)), "slow": list(range(110, 610, 10))})

Measured = tuple[str, float, int, float]
"""What was done, seconds (median), bars times settings, megabytes at most."""


def measured() -> list[Measured]:
    """Every line, one process after the other."""
    return [_in_its_own_process(name) for name in LINES]


def _in_its_own_process(name: str) -> Measured:
    command = [sys.executable, str(Path(__file__)), name]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    words, _, count = LINES[name]
    return words, float(said[0]), count, float(said[1])


def _kernel(columns: bool) -> Callable[[], object]:
    """Fills, equity and final figures of wishes that are known."""
    bars, strategy = random_walk(BARS), MovingAverageCrossoverStrategy()
    window = cut({"WALK": PriceHistory(bars)}, None, None, strategy.warmup)
    kernel = kernel_for(window, CONFIG)
    wish = Wish(strategy.warmup, strategy.exposure(bars), np.zeros(0))
    return partial(kernel.run if columns else kernel.figures, wish)


def _signal() -> Callable[[], object]:
    """A whole run from bars to figures, indicators and preparation included."""
    bars = random_walk(BARS)
    plan = Plan({"fast": [50], "slow": [200]})
    histories = {"WALK": PriceHistory(bars)}
    return partial(run_sweep, MovingAverageCrossoverStrategy, histories, plan, CONFIG)


def _backtest() -> Callable[[], object]:
    """The same by the bench, with every figure it knows; not the first run over these bars."""
    settings = {name: getattr(CONFIG, name) for name in ("bar_frequency", "cost", "size")}
    prices = {"WALK": PriceHistory(random_walk(BARS))}
    strategy = MovingAverageCrossoverStrategy()
    return partial(backtest, strategy, prices, benchmark="none", **settings)


def _sweep(jobs: int) -> Callable[[], object]:
    histories = {"WALK": PriceHistory(random_walk(SWEPT_BARS))}
    return partial(run_sweep, MovingAverageCrossoverStrategy, histories, PLAN, CONFIG, jobs=jobs)


def portfolio(ask: str) -> Callable[[], object]:
    """Ranking, orders, fills and equity of a portfolio over prices that are ready."""
    engine = PortfolioEngine(
        many_walks(SYMBOLS, SESSIONS),
        initial_capital=10_000_000.0,
        size="percent:98",
        cost="percent:0.05",
        account="margin",
        benchmark="none",
    )
    return partial(engine.run, TopMomentumStrategy(), ask=ask)


LINES: dict[str, tuple[str, Callable[[], Callable[[], object]], int]] = {
    "kernel": ("kernel, final figures", partial(_kernel, columns=False), BARS),
    "columns": ("kernel, fills and equity", partial(_kernel, columns=True), BARS),
    "signal": ("bars to figures, two averages", _signal, BARS),
    "backtest": ("backtest, two averages", _backtest, BARS),
    "sweep1": ("sweep, 1,000 settings, 1 thread", partial(_sweep, 1), len(PLAN) * SWEPT_BARS),
    "sweep2": ("sweep, 1,000 settings, 2 threads", partial(_sweep, 2), len(PLAN) * SWEPT_BARS),
    "monthly": ("500 symbols, monthly top 50", partial(portfolio, "once"), SYMBOLS * SESSIONS),
    "callback": ("the same, asked each month", partial(portfolio, "each"), SYMBOLS * SESSIONS),
}


def _measure(name: str) -> None:
    """Print the median seconds of a line's work and this process's peak memory in megabytes."""
    work, seconds = LINES[name][1](), []
    work()
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    print(statistics.median(seconds), int(peak.split()[1]) / 1000)


if __name__ == "__main__":
    _measure(sys.argv[1])
