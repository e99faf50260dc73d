"""Each: the same work over many instruments, one after the other, with an account for each.

Only one instrument's prices are read at a time, so that what is worked on may be far more than the
memory holds: prices that are a `papertape.data.store.StoredPrices`, or any mapping that reads when
it is asked. One account over several instruments is `papertape.backtest`, which holds all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from papertape.engines.proofbench.bench import SimulationEngine
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.figures import Figures
from papertape.engines.proofbench.results import SimulationResults
from papertape.engines.proofbench.sweep import Plan, Sweep, run_sweep
from papertape.strategies.strategy import Strategy


def backtest_each(
    strategy: Callable[[], Strategy], prices: Mapping[str, Any], **settings: Any
) -> Iterator[tuple[str, SimulationResults]]:
    """Run a strategy over one instrument after the other, each time with a new account.

    Args:
        strategy: Its class, or whatever makes a new one.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        **settings: Fields of `SimulationConfig`.

    Yields:
        A symbol and its results, which hold its prices: keep what is needed of them, and let go.
    """
    for symbol in prices:
        engine = _loaded(symbol, prices, settings)
        engine.set_strategy(strategy())
        yield symbol, engine.run()


def sweep_each(
    strategy: type,
    prices: Mapping[str, Any],
    parameters: Mapping[str, Iterable[Any]],
    *,
    draws: int = 0,
    jobs: int = 0,
    **settings: Any,
) -> Iterator[tuple[str, Sweep]]:
    """Sweep a signal strategy over one instrument after the other, each with its own accounts.

    Args:
        strategy: Its class.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        parameters: Parameter -> the values to try, the same for all.
        draws: How many combinations to draw at random; 0 for all.
        jobs: Threads; 0 for all cores. The result is the same with any number.
        **settings: Fields of `SimulationConfig`.

    Yields:
        A symbol and its sweep, until an interrupt leaves one incomplete. How good the best of so
        many is by luck alone, nobody has said yet: `across` looks at all of them.
    """
    values = {name: list(each) for name, each in parameters.items()}
    for symbol in prices:
        engine = _loaded(symbol, prices, settings)
        config = engine.config
        plan = Plan(values, draws, config.seed)
        threads = jobs or os.cpu_count() or 1
        done = run_sweep(strategy, engine.histories, plan, config, jobs=threads)
        yield symbol, done
        if not done.is_complete:
            return


def _loaded(
    symbol: str, prices: Mapping[str, Any], settings: Mapping[str, Any]
) -> SimulationEngine:
    engine = SimulationEngine(SimulationConfig(**settings))
    engine.load_data(symbol, prices[symbol])
    return engine


@dataclass(slots=True)
class Across:
    """What one setting came to over many instruments, summed as they come.

    Attributes:
        parameters: The setting.
        symbols: On how many instruments it was tried.
        gained: On how many of them it made money.
        returns: The sum of their total returns.
        sharpes, rated: The sum of their Sharpe ratios, and how many have one.
        drawdown: The deepest of all.
        trades: Closed ones.
    """

    parameters: dict[str, Any]
    symbols: int = 0
    gained: int = 0
    returns: float = 0.0
    sharpes: float = 0.0
    rated: int = 0
    drawdown: float = 0.0
    trades: int = 0

    def add(self, figures: Figures) -> None:
        """Take in what came of it on one more instrument."""
        self.symbols += 1
        self.gained += figures.total_return > 0
        self.returns += figures.total_return
        if figures.sharpe is not None:
            self.sharpes += figures.sharpe
            self.rated += 1
        self.drawdown = min(self.drawdown, figures.max_drawdown)
        self.trades += figures.trades_closed

    @property
    def mean_return(self) -> float:
        """Of the total returns, each instrument counting the same."""
        return self.returns / self.symbols

    @property
    def mean_sharpe(self) -> float | None:
        """Of the ratios of those that have one."""
        return self.sharpes / self.rated if self.rated else None


def across(sweeps: Iterable[tuple[str, Sweep]]) -> list[Across]:
    """What each setting came to over all instruments, in the order of the plan.

    It takes each sweep as it comes and keeps none: ``across(sweep_each(...))``.
    """
    found: dict[int, Across] = {}
    for _, swept in sweeps:
        for trial in swept.trials:
            found.setdefault(trial.number, Across(trial.parameters)).add(trial.figures)
    return [found[place] for place in sorted(found)]
