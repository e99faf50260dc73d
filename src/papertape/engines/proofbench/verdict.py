"""Verdict: what the best of a sweep is worth, once it is known how many were tried."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite, sqrt
from typing import Any, cast

import msgspec
import numpy as np

from papertape.domain.errors import DataError
from papertape.domain.market import PriceHistory
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.engines.proofbench.bench import simulate
from papertape.engines.proofbench.evidence.ledger import Ledger, Sitting
from papertape.engines.proofbench.evidence.many_trials import (
    dsr,
    expected_max,
    walk_forward_efficiency,
)
from papertape.engines.proofbench.figures import Figures
from papertape.engines.proofbench.metrics import Figure, Reason, kurtosis, returns, skew
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome
from papertape.engines.proofbench.shape import shape_of
from papertape.engines.proofbench.sweep import (
    Hands,
    Plan,
    Sweep,
    Told,
    Trial,
    run_sweep,
)
from papertape.strategies.strategy import Strategy

FEWEST_DAYS = 10
"""Days that a stretch of a walk forward must have."""


class Fold(msgspec.Struct, frozen=True):
    """One step of a walk forward: chosen on what came before, then traded on what came after.

    ``inside`` and ``outside`` are yearly returns.
    """

    chosen_until: str
    traded_from: str
    traded_until: str
    parameters: dict[str, Any]
    inside: float
    outside: float


@dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """A sweep's best and what to think of it.

    Attributes:
        best: The best trial, or None if none has what was looked for.
        plateau: The trial amid the best neighbours, and their median; None for drawn settings.
        tried: All trials ever made on these prices, with this sweep's.
        deflated: Chance that so good a ratio is not merely the best of so many useless trials.
        to_beat: The yearly Sharpe ratio that the best of so many useless trials would show.
        outcome: The best one's run, whole; None if there is none.
        folds: The walk forward, if there was one; ``efficiency`` is its yearly return after the
            choice over that before.
    """

    best: Trial | None
    plateau: tuple[Trial, float] | None
    tried: Sitting
    deflated: Figure
    to_beat: float | None
    outcome: Outcome | None = field(repr=False)
    folds: list[Fold]
    efficiency: Figure

    @property
    def lookahead(self) -> LookaheadVerdict | None:
        """Whether the best one's past stands still when the future is cut off; asked once."""
        return None if self.outcome is None else self.outcome.lookahead


def judged(
    sweep: Sweep,
    histories: Mapping[str, PriceHistory],
    objective: str,
    ledger: Ledger | None = None,
    folds: tuple[list[Fold], Sitting] | None = None,
) -> Verdict:
    """Judge a sweep; its trials are added to the others in the ledger, which have been written."""
    walked, more = folds or ([], Sitting("", "", 0, 0.0, 0.0))
    tried = ledger.on(data_hash(histories)) if ledger else sitting_of(sweep, histories) + more
    best = sweep.best(objective)
    drawn = len(sweep.plan) < sweep.plan.size
    deflated: Figure = Reason.TOO_FEW_RETURNS
    to_beat, outcome = None, None
    if best is not None:
        strategy = cast("Strategy", sweep.kind(**best.parameters))
        outcome = simulate(strategy, histories, sweep.config)
        deflated = _deflated(best, outcome, tried)
        root = sqrt(sweep.config.frequency.per_year)
        if tried.trials > 1:
            to_beat = expected_max(tried.trials, tried.variance) * root
    return Verdict(
        best,
        None if drawn else sweep.plateau(objective),
        tried,
        deflated,
        to_beat,
        outcome,
        walked,
        walk_forward_efficiency([f.inside for f in walked], [f.outside for f in walked]),
    )


def _deflated(best: Trial, outcome: Outcome, tried: Sitting) -> Figure:
    """The chance of the best one's ratio, by the shape of its returns."""
    ratio = best.figures.sharpe_per_period
    if ratio is None:
        return Reason.FLAT
    r = returns(outcome.valuation.equity / MICROS_PER_DOLLAR)
    shape = shape_of(r)
    lean, tails = skew(shape), kurtosis(shape)
    if isinstance(lean, Reason) or isinstance(tails, Reason):
        return Reason.FLAT
    return dsr(ratio, len(r), lean, tails, trials=tried.trials, variance=tried.variance)


def sitting_of(sweep: Sweep, histories: Mapping[str, PriceHistory]) -> Sitting:
    """A sweep's trials for the ledger."""
    ratios = (each.figures.sharpe_per_period for each in sweep.trials)
    known = (ratio for ratio in ratios if ratio is not None)
    return Sitting.of(data_hash(histories), sweep.kind.__name__, known)


def data_hash(histories: Mapping[str, PriceHistory]) -> str:
    """Of the prices themselves, whatever part of them is traded."""
    digest = hashlib.sha256()
    for symbol in sorted(histories):
        bars = histories[symbol].bars
        digest.update(symbol.encode())
        for column in (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume):
            digest.update(column.tobytes())
        digest.update(repr(histories[symbol].actions).encode())
    return digest.hexdigest()[:16]


def walk_forward(
    kind: type,
    histories: Mapping[str, PriceHistory],
    plan: Plan,
    sweep: Sweep,
    folds: int,
    objective: str,
    *,
    jobs: int = 1,
    told: Told | None = None,
    hands: Hands | None = None,
) -> tuple[list[Fold], Sitting]:
    """Choose on all days so far, trade the next stretch with that choice, and so on.

    Args:
        kind: The strategy's class.
        histories: Prices by symbol.
        plan: What to try each time.
        sweep: The sweep over all days, for its settings.
        folds: How many choices.
        objective: What to choose by.
        jobs: Threads.
        told: Hears how it goes on.
        hands: Who makes the trials instead of these threads.

    Returns:
        The folds, and the trials that they took.

    Raises:
        DataError: If there are too few days.
    """
    found: list[Fold] = []
    trials: list[Trial] = []
    for first, last, next_first, next_last in _stretches(histories, sweep, folds):
        inside = replace(sweep.config, start=first, end=last)
        chosen_of = run_sweep(kind, histories, plan, inside, jobs=jobs, told=told, hands=hands)
        trials += chosen_of.trials
        if not chosen_of.is_complete:
            raise KeyboardInterrupt
        chosen = chosen_of.best(objective)
        if chosen is None:
            continue
        outside = replace(sweep.config, start=next_first, end=next_last)
        single = Plan({name: [value] for name, value in chosen.parameters.items()})
        [after] = run_sweep(kind, histories, single, outside).trials
        ppy = sweep.config.frequency.per_year
        found.append(
            Fold(
                last.isoformat(),
                next_first.isoformat(),
                next_last.isoformat(),
                chosen.parameters,
                _yearly(chosen.figures, ppy),
                _yearly(after.figures, ppy),
            )
        )
    ratios = (each.figures.sharpe_per_period for each in trials)
    known = (ratio for ratio in ratios if ratio is not None)
    return found, Sitting.of(data_hash(histories), kind.__name__, known)


def _stretches(
    histories: Mapping[str, PriceHistory], sweep: Sweep, folds: int
) -> list[tuple[date, date, date, date]]:
    """First and last day of each choice, and of each stretch traded with it."""
    days = np.unique(np.concatenate([each.bars.days() for each in histories.values()]))
    start, end = sweep.config.start, sweep.config.end
    kept = [day for day in days.tolist() if (not start or day >= start) and (not end or day <= end)]
    edges = np.linspace(0, len(kept), folds + 2).astype(int).tolist()
    if folds < 1 or min(np.diff(edges)) < FEWEST_DAYS:
        raise DataError(
            f"{len(kept)} days are too few to walk forward in {folds} steps",
            hint=f"each of the {folds + 1} stretches needs {FEWEST_DAYS} days",
        )
    return [
        (kept[0], kept[edges[n] - 1], kept[edges[n]], kept[edges[n + 1] - 1])
        for n in range(1, folds + 1)
    ]


def _yearly(figures: Figures, ppy: float) -> float:
    """Growth a year, by periods."""
    if figures.total_return <= -1 or not figures.periods:
        return -1.0 if figures.periods else 0.0
    growth = float(np.float64(1 + figures.total_return) ** (ppy / figures.periods)) - 1
    return growth if isfinite(growth) else float(np.finfo(np.float64).max)
