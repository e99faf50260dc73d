"""Sweeps: one strategy under many settings, each as a run of its own, with nothing kept a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from math import prod
from statistics import median_low
from threading import Lock
from typing import Any, cast

import msgspec
import numpy as np

from papertape.domain.errors import StrategyError, UsageError
from papertape.domain.market import Bars, PriceHistory
from papertape.engines.proofbench.assembly import is_signal_strategy
from papertape.engines.proofbench.bench import simulate_in_steps
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.crew import by_crew
from papertape.engines.proofbench.figures import Figures, figures_of
from papertape.engines.proofbench.kernel import Kernel, Refusal, Wish, kernel_for
from papertape.engines.proofbench.tuning import Tuner
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.signalcore.answers import ask, exposure_of
from papertape.strategies.memo import Memo, remembering
from papertape.strategies.strategy import SignalStrategy, Strategy, declared_parameters

MEMO_ROOM = 64 * 1024 * 1024
"""Bytes of indicators to keep."""

WORTH_A_THREAD = 3_000_000
"""Bars times settings, some ten milliseconds, below which waking another thread costs more."""

WORTH_A_SHARE = 1_000_000
"""The same that a thread takes at once: some milliseconds, a wake-up being far less."""

Parameters = Mapping[str, Any]


class Trial(msgspec.Struct, frozen=True):
    """One setting and what came of it; ``number`` is its place in the plan."""

    number: int
    parameters: dict[str, Any]
    figures: Figures


OBJECTIVES = ("sharpe", "total_return", "profit_factor", "max_drawdown", "win_rate", "expectancy")
"""What a sweep can look for; more of each is better."""


Item = tuple[int, dict[str, Any]]
"""A place in a plan, and the setting there."""


@dataclass(frozen=True)
class Plan:
    """Which settings are tried: every combination of the values, or some of them drawn.

    Attributes:
        values: Parameter -> the values to try, in the order given.
        draws: How many combinations to draw, each at most once; 0 for all.
        seed: Of the draw.
        tuned_by: What is looked for, if each draw is to rest on those before; empty for chance.
    """

    values: Mapping[str, Sequence[Any]]
    draws: int = 0
    seed: int = 0
    tuned_by: str = ""

    def __post_init__(self) -> None:
        empty = [name for name, values in self.values.items() if not values]
        if not self.values or empty:
            raise UsageError(
                f"a sweep needs values to try{', none for ' + empty[0] if empty else ''}",
                hint="--param fast=5:50:5 --param slow=20:200:20",
            )
        if self.draws < 0:
            raise UsageError(f"{self.draws} settings cannot be drawn")
        if self.tuned_by:
            check_objective(self.tuned_by)
            if not self.draws:
                raise UsageError("tuning needs to be told how many settings to try")

    @property
    def size(self) -> int:
        """How many combinations there are."""
        return prod(len(values) for values in self.values.values())

    def __len__(self) -> int:
        return min(self.draws, self.size) or self.size

    def settings(self) -> Iterator[Item]:
        """Each combination with its place among all of them, the last parameter turning fastest."""
        if not self.draws or self.draws >= self.size:
            combinations = product(*self.values.values())
            return (
                (place, dict(zip(self.values, each, strict=True)))
                for place, each in enumerate(combinations)
            )
        return ((place, self.at(place)) for place in self._drawn())

    def _drawn(self) -> list[int]:
        """Different places, ascending, so that neighbours share their indicators."""
        generator = np.random.default_rng(self.seed)
        drawn: dict[int, None] = {}
        while len(drawn) < self.draws:
            drawn.update(dict.fromkeys(generator.integers(self.size, size=self.draws).tolist()))
        return sorted(islice(drawn, self.draws))

    def at(self, place: int) -> dict[str, Any]:
        """The combination at a place."""
        chosen: dict[str, Any] = {}
        for name, values in reversed(list(self.values.items())):
            place, index = divmod(place, len(values))
            chosen[name] = values[index]
        return dict(reversed(chosen.items()))

    def neighbours(self, place: int) -> list[int]:
        """The places that lie no more than one step away in any parameter, itself included."""
        around, stride = [0], self.size
        for values in self.values.values():
            size, stride = len(values), stride // len(values)
            index = place // stride % size
            near = [step for step in (index - 1, index, index + 1) if 0 <= step < size]
            around = [at * size + step for at in around for step in near]
        return around


@dataclass(frozen=True, eq=False)
class Sweep:
    """What came of a plan.

    Attributes:
        kind: The strategy's class.
        plan: What was to be tried.
        config: The settings that all trials share.
        trials: Those that were made, in the order of the plan.
        impossible: How many settings the strategy refused.
        is_complete: Whether none is missing.
        served_by: ``kernel``, or why the pipeline had to do it.
    """

    kind: type
    plan: Plan
    config: SimulationConfig
    trials: list[Trial]
    impossible: int
    is_complete: bool
    served_by: str

    def best(self, objective: str = "sharpe") -> Trial | None:
        """The trial with most of what is looked for; the first of equals.

        Raises:
            UsageError: If nobody can look for that.
        """
        check_objective(objective)
        rated = [(score_of(each, objective), each) for each in self.trials]
        known = [(score, each) for score, each in rated if score is not None]
        return max(known, key=lambda pair: pair[0])[1] if known else None

    def plateau(self, objective: str = "sharpe") -> tuple[Trial, float] | None:
        """The trial whose neighbourhood is best, and the median of its neighbours and itself.

        A single peak among bad neighbours is luck; on a plateau a small error costs little. The
        lower median, or one peak would carry the two settings at an end.
        """
        scores = {each.number: score_of(each, objective) for each in self.trials}
        found: tuple[Trial, float] | None = None
        for trial in self.trials:
            around = [scores.get(place) for place in self.plan.neighbours(trial.number)]
            known = [score for score in around if score is not None]
            # Half of a neighbourhood that is missing is no neighbourhood.
            if scores[trial.number] is None or 2 * len(known) <= len(around):
                continue
            median = median_low(known)
            if found is None or median > found[1]:
                found = trial, median
        return found


def check_objective(objective: str) -> None:
    """Make sure that somebody can look for it.

    Raises:
        UsageError: If nobody can.
    """
    if objective not in OBJECTIVES:
        raise UsageError(f"objective {objective!r} is none of {', '.join(OBJECTIVES)}")


def score_of(trial: Trial, objective: str) -> float | None:
    """What a trial reached of an objective; None where it is not defined."""
    return cast("float | None", getattr(trial.figures, objective))


class Laboratory:
    """Runs trials of a strategy over histories; everything they share is made once.

    Args:
        kind: The strategy's class, of a signal strategy.
        histories: Prices by symbol.
        config: The settings that all trials share.
    """

    def __init__(self, kind: type, histories: Mapping[str, PriceHistory], config: SimulationConfig):
        self.kind, self.histories, self.config = kind, histories, config
        self._memo = Memo(MEMO_ROOM)
        self._views: dict[int, tuple[Window, Kernel | str]] = {}
        self._lock = Lock()
        self.rows = sum(len(history.bars) for history in histories.values())
        self.refusal = ""

    def attempt(self, item: Item) -> Trial | None:
        """The trial of a place and its setting; None if the strategy refuses the setting."""
        place, chosen = item
        strategy = self.made(chosen)
        if strategy is None:
            return None
        return Trial(place, chosen, self.figures(cast("SignalStrategy", strategy)))

    def made(self, parameters: Parameters) -> Strategy | None:
        """The strategy under a setting; None if it refuses the setting."""
        with suppress(UsageError):
            return cast("Strategy", self.kind(**parameters))
        return None

    def view(self, strategy: Strategy) -> tuple[Window, Kernel | str]:
        """The window as this strategy's warm-up wants it, and a kernel, or why there is none."""
        wanted = strategy.warmup if self.config.warmup == "before" else None
        key = -1 if wanted is None or self.config.start is None else wanted
        with self._lock:
            if key not in self._views:
                config = self.config
                window = cut(
                    self.histories,
                    config.start,
                    config.end,
                    wanted,
                    config.compatibility,
                    config.allow,
                )
                try:
                    self._views[key] = window, kernel_for(window, self.config)
                except Refusal as refusal:
                    self._views[key] = window, str(refusal)
            return self._views[key]

    def figures(self, strategy: SignalStrategy) -> Figures:
        """What a run of this strategy amounts to."""
        window, kernel = self.view(strategy)
        if isinstance(kernel, str):
            self.refusal = kernel
        else:
            [bars] = window.bars.values()
            tally = kernel.figures(self.wish(strategy, bars))
            if tally is not None:
                return figures_of(tally, self.config)
            ask(strategy, bars)  # an answer that is none is told here
            self.refusal = self.refusal or "amounts beyond what the kernel counts"
        return self._by_pipeline(strategy, window)

    def wish(self, strategy: SignalStrategy, bars: Bars) -> Wish:
        """The strategy's answers, its indicators computed once for all settings."""
        with remembering(self._memo):
            try:
                return _asked(strategy, bars)
            except ValueError:  # it writes into an indicator's column, which here it must not
                pass
        return _asked(strategy, bars)

    def _by_pipeline(self, strategy: SignalStrategy, window: Window) -> Figures:
        outcome = simulate_in_steps(strategy, self.histories, self.config, window)
        return outcome.figures(self.config)


def _asked(strategy: SignalStrategy, bars: Bars) -> Wish:
    """The answers; those without stops are looked at by the kernel, and only where they change."""
    if hasattr(strategy, "stop_distance"):
        return Wish(strategy.warmup, *ask(strategy, bars))
    exposure = exposure_of(strategy, bars)
    if exposure.shape != (len(bars),):
        ask(strategy, bars)
        raise StrategyError(f"{type(strategy).__name__} answers differently each time")
    return Wish(strategy.warmup, exposure, np.zeros(0))


Told = Callable[[Trial | None, int, int], None]
"""Hears of each trial (None for a setting that cannot be), how many are done, and of how many."""

Hands = Callable[[Laboratory, Iterable[Item]], Iterator[Trial | None]]
"""Make the trials of some settings, None for one that cannot be, in the order of the settings."""


def by_threads(
    laboratory: Laboratory, items: Iterable[Item], threads: int
) -> Iterator[Trial | None]:
    """Trials made on this machine."""
    # What the kernel does is done in a moment; what the pipeline does is told of one by one.
    at_a_time = 1 if laboratory.refusal else max(1, WORTH_A_SHARE // laboratory.rows)
    return by_crew(laboratory.attempt, items, threads, at_a_time)


def run_sweep(
    kind: type,
    histories: Mapping[str, PriceHistory],
    plan: Plan,
    config: SimulationConfig,
    *,
    jobs: int = 1,
    done: Iterable[Trial] = (),
    told: Told | None = None,
    hands: Hands | None = None,
) -> Sweep:
    """Try every setting of a plan; an interrupt ends it early and keeps what was done.

    Args:
        kind: The class of a signal strategy.
        histories: Prices by symbol.
        plan: What to try.
        config: The settings that all trials share.
        jobs: Threads; the result is the same with any number.
        done: Trials made before.
        told: Hears how it goes on, from this thread, in the order of the plan.
        hands: Who makes the trials instead; the result is the same again.

    Raises:
        UsageError: If the strategy is none, or refuses every setting.
    """
    laboratory = Laboratory(kind, histories, config)
    made = {trial.number: trial for trial in done}
    _check_kind(kind, plan, laboratory)
    threads = jobs if len(plan) * laboratory.rows > WORTH_A_THREAD else 1
    hands = hands or partial(by_threads, threads=threads)
    impossible, interrupted, count = 0, False, len(made)
    try:
        for items in _rounds(plan, made):
            for trial in hands(laboratory, items):
                count += 1
                if trial is None:
                    impossible += 1
                else:
                    made[trial.number] = trial
                if told is not None:
                    told(trial, count, len(plan))
    except KeyboardInterrupt:
        interrupted = True
    trials = [made[place] for place in sorted(made)]
    by = laboratory.refusal or "kernel"
    return Sweep(kind, plan, config, trials, impossible, not interrupted, by)


def _rounds(plan: Plan, made: Mapping[int, Trial]) -> Iterator[Iterable[Item]]:
    """What is to be tried at once, and then what follows from that."""
    if not plan.tuned_by:
        yield (item for item in plan.settings() if item[0] not in made)
        return
    tuner = Tuner({name: list(values) for name, values in plan.values.items()}, plan.seed)
    for places in tuner.rounds(len(plan)):
        yield [(place, plan.at(place)) for place in places if place not in made]
        for place in places:
            trial = made.get(place)
            tuner.learn(place, None if trial is None else score_of(trial, plan.tuned_by))


def _check_kind(kind: type, plan: Plan, laboratory: Laboratory) -> None:
    """Make sure that there is something to try before any time is spent."""
    if not hasattr(kind, "exposure"):
        raise UsageError(
            f"{kind.__name__} is no signal strategy; a sweep needs one with exposure(bars)",
            hint="papertape backtest runs an order strategy with one setting",
        )
    known = [item.name for item in declared_parameters(kind)]
    for name in plan.values:
        if name not in known:
            hint = f"it has: {', '.join(known) or 'none'}"
            raise UsageError(f"{kind.__name__} has no parameter {name!r}", hint=hint)
    some = next((each for _, chosen in plan.settings() if (each := laboratory.made(chosen))), None)
    if some is None:
        kind(**next(plan.settings())[1])  # tells why
    is_signal_strategy(cast("Strategy", some))
    _, kernel = laboratory.view(cast("Strategy", some))
    laboratory.refusal = kernel if isinstance(kernel, str) else ""
