"""Tuning: which settings to try next, in the light of those tried before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from papertape.domain.errors import SettingsError

TOGETHER = 8
"""Settings that are chosen at once; so many with any number of threads, which change nothing."""

PATIENCE = 20
"""Rounds in a row without a new setting, after which there is none that is worth a try."""


class Tuner:
    """Chooses among combinations of values by a tree of Parzen estimators (TPE, by Optuna).

    Numbers are taken in their order, other values for kinds that have none.

    Args:
        values: Parameter -> the values to choose from.
        seed: Of the chance in it.

    Raises:
        SettingsError: If Optuna is not installed.
    """

    def __init__(self, values: Mapping[str, Sequence[Any]], seed: int):
        self._optuna = _optuna()
        self._values, self._asked = values, dict[int, list[Any]]()
        # `constant_liar`: the settings of one round keep away from each other.
        sampler = self._optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self._study = self._optuna.create_study(direction="maximize", sampler=sampler)

    def rounds(self, count: int) -> Iterator[list[int]]:
        """Places of the settings to try, until there are so many; `learn` of each in between."""
        seen: set[int] = set()
        stale = 0
        while len(seen) < count and stale < PATIENCE:
            self._asked.clear()
            for _ in range(min(TOGETHER, count - len(seen))):
                trial = self._study.ask()
                self._asked.setdefault(self._place(trial), []).append(trial)
            stale = 0 if self._asked.keys() - seen else stale + 1
            seen |= self._asked.keys()
            yield list(self._asked)

    def learn(self, place: int, score: float | None) -> None:
        """Take note of what came of a setting; None if nothing did."""
        state = self._optuna.trial.TrialState
        for trial in self._asked[place]:
            if score is None:
                self._study.tell(trial, state=state.FAIL)
            else:
                self._study.tell(trial, score)

    def _place(self, trial: Any) -> int:
        """Where among all combinations, the last parameter turning fastest, it points to."""
        indices, sizes = [], [len(values) for values in self._values.values()]
        for name, values in self._values.items():
            if all(isinstance(value, int | float) for value in values):
                ranked = sorted(range(len(values)), key=values.__getitem__)
                indices.append(ranked[trial.suggest_int(name, 0, len(values) - 1)])
            else:
                indices.append(trial.suggest_categorical(name, list(range(len(values)))))
        return int(np.ravel_multi_index(indices, sizes))


def _optuna() -> Any:
    try:
        optuna = import_module("optuna")
    except ImportError:
        raise SettingsError(
            "tuning needs the package optuna, which is not installed",
            hint="pip install 'papertape[tune]', or try settings at random",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
