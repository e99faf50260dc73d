"""The look-ahead check of a signal strategy: cut off the future, and the past must not move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from papertape.domain.clock import rfc3339
from papertape.domain.market import Bars, FloatArray, IntArray
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.signalcore.answers import ask
from papertape.strategies.strategy import SignalStrategy

TOLERANCE = 1e-9
_BAR_BUDGET = 2_000_000
"""Bars a check may re-read in all, so that it costs a fraction of a second on any history."""


def check_lookahead(
    strategy: SignalStrategy,
    bars: Sequence[Bars],
    exposures: Sequence[FloatArray],
    *,
    seed: int,
    most: int = 60,
) -> LookaheadVerdict:
    """Ask again with the history cut after t; every answer up to t must be the same (PREFIX).

    Cuts fall on each change of exposure first, then at random; the whole past is compared at each
    cut, because some leaks never show in the last row.

    Args:
        strategy: The strategy.
        bars: The bars it was asked about, one `Bars` an instrument.
        exposures: What it answered with all of them in view.
        seed: Of the random cuts.
        most: Cuts an instrument.
    """
    generator = np.random.default_rng(seed)
    name, done = type(strategy).__name__, 0
    for each, whole in zip(bars, exposures, strict=True):
        for cut in _cuts(whole, strategy.warmup, most, generator):
            past, _ = ask(strategy, each[: cut + 1])
            done += 1
            moved = np.flatnonzero(np.abs(past - whole[: cut + 1]) > TOLERANCE)
            if len(moved):
                row = int(moved[0])
                return LookaheadVerdict(
                    "failed",
                    done,
                    f"{name} on {each.symbol}: at the bar of {rfc3339(int(each.start[row]))} it "
                    f"wants {past[row]:g} knowing the past, {whole[row]:g} knowing the future; "
                    f"{len(moved)} of {cut + 1} bars differ at this cut",
                )
    return LookaheadVerdict("passed", done, f"{done} cuts, the past never moved")


def _cuts(exposure: FloatArray, warmup: int, most: int, generator: np.random.Generator) -> IntArray:
    """Rows after which to cut: before and at each change, the last but a few, and random ones."""
    last = len(exposure) - 2
    if last < 0:
        return np.zeros(0, np.int64)
    most = max(1, min(most, _BAR_BUDGET // len(exposure)))
    changes = np.flatnonzero(np.diff(exposure)) + 1
    telling = np.unique(np.concatenate([changes, changes - 1]))
    if len(telling) > most // 2:
        telling = generator.choice(telling, most // 2, replace=False)
    random = generator.integers(min(warmup, last), last + 1, most - len(telling))
    cuts = np.unique(np.concatenate([telling, random]))
    return cuts[(cuts >= 0) & (cuts <= last)].astype(np.int64)
