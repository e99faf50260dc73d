"""backtest(...) and sweep(...): the bench in one call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from papertape.engines.proofbench.bench import SimulationEngine
from papertape.engines.proofbench.cluster import cluster
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.evidence.ledger import Ledger
from papertape.engines.proofbench.results import SimulationResults
from papertape.engines.proofbench.sweep import Plan, Sweep, Trial, run_sweep
from papertape.engines.proofbench.verdict import Verdict, judged, sitting_of, walk_forward
from papertape.strategies.strategy import Strategy

if TYPE_CHECKING:
    from pandas import DataFrame


def backtest(
    strategy: Strategy | type, prices: Mapping[str, Any], **settings: Any
) -> SimulationResults:
    """Run a strategy over prices.

    Args:
        strategy: A strategy, or its class for one with the default parameters.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        **settings: Fields of `SimulationConfig`.
    """
    engine = _loaded(prices, settings)
    engine.set_strategy(strategy() if isinstance(strategy, type) else strategy)
    return engine.run()


def _loaded(prices: Mapping[str, Any], settings: Mapping[str, Any]) -> SimulationEngine:
    engine = SimulationEngine(SimulationConfig(**settings))
    for symbol, each in prices.items():
        engine.load_data(symbol, each)
    return engine


@dataclass(frozen=True, eq=False, slots=True)
class SweepResults:
    """A sweep and what its best is worth.

    Attributes:
        sweep: The trials.
        verdict: The best and the plateau, held against how many were tried.
    """

    sweep: Sweep
    verdict: Verdict

    @property
    def best(self) -> Trial | None:
        """The best trial."""
        return self.verdict.best

    @property
    def trials(self) -> DataFrame:
        """Every trial, a row each: its parameters, then its figures."""
        import pandas as pd  # noqa: PLC0415 - half a second that only users of frames pay

        rows = [
            each.parameters | msgspec.structs.asdict(each.figures) for each in self.sweep.trials
        ]
        return pd.DataFrame(rows)


def sweep(
    strategy: type,
    prices: Mapping[str, Any],
    parameters: Mapping[str, Iterable[Any]],
    *,
    draws: int = 0,
    tune: bool = False,
    objective: str = "sharpe",
    folds: int = 0,
    jobs: int = 0,
    ray: str = "",
    ledger: Path | None = None,
    **settings: Any,
) -> SweepResults:
    """Run a signal strategy under many settings, and judge the best.

    Args:
        strategy: Its class.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        parameters: Parameter -> the values to try.
        draws: How many combinations to draw at random; 0 for all.
        tune: Whether each draw is to rest on those before (needs ``papertape[tune]``).
        objective: What to look for, see `papertape.engines.proofbench.sweep.OBJECTIVES`.
        folds: Steps of a walk forward; 0 for none.
        jobs: Threads; 0 for all cores. The result is the same with any number.
        ray: Address of a Ray cluster that does it instead, or ``local`` to start one (needs
            ``papertape[ray]``).
        ledger: File that counts the trials ever made; without one only these count.
        **settings: Fields of `SimulationConfig`.
    """
    engine, threads = _loaded(prices, settings), jobs or os.cpu_count() or 1
    histories, book = engine.histories, Ledger(ledger) if ledger else None
    values = {name: list(each) for name, each in parameters.items()}
    plan = Plan(values, draws, engine.config.seed, objective if tune else "")
    with cluster(ray, len(plan)) if ray else nullcontext() as hands:
        done = run_sweep(strategy, histories, plan, engine.config, jobs=threads, hands=hands)
        walked = None
        if folds and done.is_complete:
            walked = walk_forward(
                strategy, histories, plan, done, folds, objective, jobs=threads, hands=hands
            )
    if book is not None:
        book.add(sitting_of(done, histories))
        if walked is not None:
            book.add(walked[1])
    return SweepResults(done, judged(done, histories, objective, book, walked))
