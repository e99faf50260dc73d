"""The look-ahead checks: cut the future off, or replace it, and the past must not move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from papertape.domain.clock import Nanos
from papertape.domain.market import Bars, BoolArray, FloatArray, IntArray
from papertape.engines.proofbench.evidence.decisions import (
    Decide,
    Decisions,
    Difference,
    Wishes,
    decisions,
    difference,
)
from papertape.engines.proofbench.evidence.other_prices import FUTURES
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.signalcore.answers import ask
from papertape.strategies.strategy import SignalStrategy

_BAR_BUDGET = 2_000_000
"""Bars a check may re-read in all, so that it costs a fraction of a second on any history."""

_WORTH_BUDGET = 20_000_000
"""Bars that may be re-read to find what a leak was worth; only a failed check pays that."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many replays were made, and the first of them that moved the past."""

    count: int
    moved: Difference | None = None


def check_lookahead(
    strategy: SignalStrategy,
    bars: Sequence[Bars],
    exposures: Sequence[FloatArray | BoolArray],
    *,
    seed: int,
    most: int = 60,
) -> LookaheadVerdict:
    """Ask again with the history cut after t; every answer up to t must be the same (PREFIX).

    The whole past is compared at each cut, because some leaks never show in the last row.

    Args:
        strategy: The strategy.
        bars: The bars it was asked about, one `Bars` an instrument.
        exposures: What it answered with all of them in view.
        seed: Of the random cuts.
        most: Cuts an instrument.
    """
    generator = np.random.default_rng(seed)
    name, done = type(strategy).__name__, 0
    for each, exposure in zip(bars, exposures, strict=True):
        _, stops = ask(strategy, each)
        whole = Wishes.over(each, exposure, stops, warmup=strategy.warmup)
        allowed = max(1, min(most, _BAR_BUDGET // max(len(each), 1)))
        cuts = cuts_in_order(each, whole, strategy.warmup, generator, allowed)
        found = cut_off(lambda past: decisions(strategy, past), each, whole, cuts)
        done += found.count
        if found.moved:
            detail = f"{name} on {each.symbol}: {_in_words(found.moved, strategy, each, whole)}"
            return LookaheadVerdict("failed", done, detail)
    return LookaheadVerdict("passed", done, f"{done} cuts, the past never moved")


def cut_off(
    decide: Decide,
    bars: Bars,
    whole: Decisions,
    cuts: Iterable[int],
    goes_on: Callable[[], bool] = lambda: True,
) -> Replayed:
    """PREFIX: decide again without the rows after each cut, and compare everything before it."""
    count = 0
    for cut in cuts:
        if not goes_on():
            break
        past = decide(bars[: cut + 1].detached())
        count += 1
        moved = difference(whole, past, _close(bars, cut))
        if moved:
            return Replayed(count, moved)
    return Replayed(count)


def replace_future(
    decide: Callable[[Bars, int], Decisions],
    bars: Bars,
    whole: Decisions,
    cuts: Iterable[int],
    generator: np.random.Generator,
    goes_on: Callable[[], bool] = lambda: True,
) -> Replayed:
    """FUTURE: decide again with other prices after each cut, and compare everything before it.

    Several futures a cut, because a rule on a sign flips only about half the time on one.
    """
    count = 0
    for cut in cuts:
        for future in FUTURES:
            if not goes_on():
                return Replayed(count)
            other = decide(future(bars, cut, generator), cut)
            count += 1
            moved = difference(whole, other, _close(bars, cut))
            if moved:
                return Replayed(count, moved)
    return Replayed(count)


def cuts_in_order(
    bars: Bars,
    whole: Decisions,
    warmup: int,
    generator: np.random.Generator,
    most: int | None = None,
) -> IntArray:
    """Rows after which to cut, the telling ones first; every row there is, or so many.

    Cuts at and just before a change of the decision alternate with random ones: a leak may hide
    where the decision changes, or just where it does not and should have.
    """
    first, last = max(warmup - 1, 0), len(bars) - 2
    if last < first:
        return np.zeros(0, np.int64)
    changes = np.searchsorted(bars.end, whole.changes())
    tells = np.zeros(len(bars) + 1, np.bool_)
    tells[changes] = tells[changes - 1] = True
    telling, others = (np.flatnonzero(tells[first : last + 1] == kind) + first for kind in (1, 0))
    telling, others = generator.permutation(telling)[:most], generator.permutation(others)[:most]
    turns = np.concatenate([2 * np.arange(len(telling)), 2 * np.arange(len(others)) + 1])
    return np.concatenate([telling, others])[np.argsort(turns)][:most]


def _close(bars: Bars, row: int) -> Nanos:
    return int(bars.end[row])


def _in_words(moved: Difference, strategy: SignalStrategy, bars: Bars, whole: Wishes) -> str:
    """The first bar that disagrees with what was known then, and what the difference earned.

    Assumption: exposures are held from close to close, before costs and with shorts; no order is
    simulated.
    """
    if len(bars) ** 2 // 2 > _WORTH_BUDGET:
        return f"{moved.words()}; {len(bars)} bars are too many to measure what that is worth"
    honest = Wishes.bar_by_bar(strategy, bars)
    leaky, fair = _earned(bars, whole), _earned(bars, honest)
    return (
        f"{(whole.difference(honest) or moved).words()}; before costs it earns {leaky:+.1%} "
        f"knowing the future and {fair:+.1%} without: {leaky - fair:+.1%} of the result "
        "came from the future"
    )


def _earned(bars: Bars, wishes: Wishes) -> float:
    late = len(bars) - len(wishes.exposure)
    changes = bars.close[late + 1 :] / bars.close[late:-1] - 1
    return float(np.prod(1 + wishes.exposure[:-1] * changes) - 1)
