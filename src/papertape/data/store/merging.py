"""Merging: stored bars and bars fetched later become one series, or are refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from papertape.data.store.columns import COLUMNS, joined
from papertape.data.store.manifest import Change, by_date
from papertape.domain.clock import rfc3339
from papertape.domain.errors import DataError
from papertape.domain.market import (
    Bars,
    CorporateAction,
    FloatArray,
    IntArray,
    PriceHistory,
    Split,
)

OnDifference = Literal["latest", "stored", "refuse"]
"""Which bar wins where two fetches tell different ones of one time.

``latest``: the one fetched later, because a vendor corrects and completes what it has sent before.
``stored``: the one that is there. ``refuse``: neither; the difference is an error.
"""

Rows: TypeAlias = NDArray[np.intp]

_PRICES = ("open", "high", "low", "close")
_STEPS = (0.01, 0.0001)
_FINEST = 0.000001
_JITTER = 1e-5
"""Relative difference below which two prices are one price, written with other decimals."""
_MANY = 5
_EXPLAINED = 0.005
"""How near a shift of scale is to the splits that explain it."""


@dataclass(frozen=True, slots=True)
class Merged:
    """One series, and what it changes in the stored one."""

    history: PriceHistory
    change: Change


@dataclass(frozen=True)
class _Overlap:
    """The bars that both have: their rows here and there, and the fetched prices as a multiple."""

    stored: Rows
    fetched: Rows
    factor: FloatArray
    is_scaled: NDArray[np.bool_]
    is_other: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.stored)


def merged(stored: PriceHistory, fetched: PriceHistory, policy: OnDifference) -> Merged:
    """Bars of both, each time once.

    Assumption: a bar or an action that a later fetch leaves out is still true; to lose it takes a
    revision that replaces all of them. An action fetched later wins over a stored one of its day.

    Raises:
        DataError: If the two are on different scales, or differ and the policy refuses that.
    """
    actions = _actions(stored.actions, fetched.actions)
    fitting = _on_one_scale(stored, fetched, actions, policy)
    bars, policy = fitting.bars, fitting.policy
    overlap = _overlap(stored.bars, bars)
    changed = _changed(stored.bars, bars, overlap)
    if policy == "refuse" and changed.any():
        at = int(overlap.stored[np.flatnonzero(changed)[0]])
        raise DataError(
            f"{bars.symbol}: {int(changed.sum()):,} of {len(overlap):,} bars differ from the "
            f"stored ones, the first at {rfc3339(int(stored.bars.start[at]))}",
            hint="--on-difference latest takes the new ones, stored keeps the old ones",
        )
    if policy == "stored":
        changed = np.zeros_like(changed)
    first, last = _span(stored.bars.start[overlap.stored[changed]])
    change = Change(
        added=len(bars) - len(overlap),
        corrected=int(changed.sum()),
        actions=_different(stored.actions, actions),
        unsaid=_unsaid(stored.bars, bars, overlap),
        first=first,
        last=last,
        words=fitting.words,
    )
    both = _union(stored.bars, bars, overlap, changed)
    notices = tuple(dict.fromkeys((*stored.notices, *fetched.notices)))
    return Merged(replace(fetched, bars=both, actions=actions, notices=notices), change)


def compared(stored: PriceHistory, other: PriceHistory) -> Change:
    """What it means to put a whole other series in the place of the stored one."""
    overlap = _overlap(stored.bars, other.bars)
    changed = _changed(stored.bars, other.bars, overlap)
    first, last = _span(stored.bars.start[overlap.stored[changed]])
    return Change(
        added=len(other.bars) - len(overlap),
        corrected=int(changed.sum()),
        removed=len(stored.bars) - len(overlap),
        actions=_different(stored.actions, other.actions),
        first=first,
        last=last,
    )


def _span(starts: IntArray) -> tuple[str, str]:
    """The first and the last of some moments in words; empty if there are none."""
    return (rfc3339(int(starts[0])), rfc3339(int(starts[-1]))) if len(starts) else ("", "")


@dataclass(frozen=True, slots=True)
class _Fitting:
    """Fetched bars that are on the stored ones' scale, how to decide, and what to tell."""

    bars: Bars
    policy: OnDifference
    words: tuple[str, ...] = ()


def _on_one_scale(
    stored: PriceHistory,
    fetched: PriceHistory,
    actions: Sequence[CorporateAction],
    policy: OnDifference,
) -> _Fitting:
    """The fetched bars on the scale of the stored ones.

    A source that adjusts its history moves all of it when a share splits (or pays, where it adjusts
    for that, too), so that what it sent before and what it sends now do not belong together.

    Raises:
        DataError: If the scales differ and no known split of raw bars explains it.
    """
    bars = fetched.bars
    overlap = _overlap(stored.bars, bars)
    if not len(overlap) and fetched.adjusted != "raw":
        raise _unproven(stored, fetched)
    factor = _other_scale(stored, bars, overlap)
    if factor is None:
        return _Fitting(bars, policy)
    if policy == "latest" and len(overlap) == len(stored.bars):
        words = f"the source has restated its prices, about {factor:g} times as before"
        return _Fitting(bars, policy, (words,))
    splits = _splits_after(bars.days()[overlap.fetched[-1]], actions)
    in_all = float(prod(split.ratio for split in splits))
    explained = bool(splits) and abs(factor * in_all - 1) < _EXPLAINED
    if fetched.adjusted == "raw" and explained:
        named = ", ".join(f"{split.ratio}:1 of {split.ex_date}" for split in splits)
        words = f"raw prices were rebuilt from rounded ones: the source had applied {named}"
        # The stored bars are as traded; the rebuilt ones went through a rounding.
        return _Fitting(_raw_again(bars, splits), "stored", (words,))
    raise _mixed(stored, fetched, factor)


def _splits_after(day: np.datetime64, actions: Sequence[CorporateAction]) -> list[Split]:
    splits = (each for each in actions if isinstance(each, Split))
    return [each for each in splits if np.datetime64(each.ex_date, "D") > day]


def _raw_again(bars: Bars, splits: Sequence[Split]) -> Bars:
    """The bars before each split times its ratio.

    Assumption: who divides prices by a split's ratio multiplies volumes by it.
    """
    days = bars.days()
    ratios = np.ones(len(bars))
    for split in splits:
        ratios[days < np.datetime64(split.ex_date, "D")] *= float(split.ratio)
    raw = bars.scaled(ratios)
    columns = (getattr(raw, name) for name in COLUMNS[:-1])
    volume = np.rint(bars.volume / ratios)
    return Bars.trusted(bars.instrument, bars.frequency, *columns, volume)


def _overlap(stored: Bars, fetched: Bars) -> _Overlap:
    place = np.searchsorted(stored.start, fetched.start)
    found = np.zeros(len(fetched), np.bool_)
    inside = place < len(stored)
    found[inside] = stored.start[place[inside]] == fetched.start[inside]
    there, here = np.flatnonzero(found), place[found]
    old = np.stack([getattr(stored, name)[here] for name in _PRICES])
    new = np.stack([getattr(fetched, name)[there] for name in _PRICES])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = new / old
        factor = new.sum(axis=0) / old.sum(axis=0)
        rounding = (_step(old) / old + _step(new) / new).max(axis=0) / 2
    noise = np.maximum(_JITTER, rounding)
    is_other = np.abs(ratio - 1).max(axis=0) > _JITTER
    agree = np.abs(ratio / factor - 1).max(axis=0) <= noise
    return _Overlap(here, there, factor, agree & (np.abs(factor - 1) > noise), is_other)


def _step(prices: FloatArray) -> float:
    """What prices were rounded to: cents, hundredths of a cent, or the store's own grid."""
    return next(
        (step for step in _STEPS if np.allclose(np.rint(prices / step) * step, prices, 0, 1e-9)),
        _FINEST,
    )


def _other_scale(stored: PriceHistory, fetched: Bars, overlap: _Overlap) -> float | None:
    """By what the fetched prices differ as a whole; None if they differ bar by bar or not at all.

    One bar corrected in all its prices is a correction. A shift of scale is most of the overlap,
    or a run of bars up to where stored bars go on that would keep the old scale.
    """
    scaled, count = overlap.is_scaled, len(overlap)
    if not count:
        return None
    if 2 * int(scaled.sum()) > count:
        return float(np.median(overlap.factor[scaled]))
    goes_on_before = int(overlap.stored[0]) > 0
    goes_on_after = int(overlap.stored[-1]) < len(stored.bars) - 1
    leading, trailing = _run(scaled), _run(scaled[::-1])
    if goes_on_before and leading > 1:
        return float(np.median(overlap.factor[:leading]))
    if goes_on_after and trailing > 1:
        return float(np.median(overlap.factor[count - trailing :]))
    # A few raw bars may all have been corrected; adjusted ones are moved by what is small, too.
    enough = _MANY if stored.adjusted == "raw" else 1
    if count >= enough and 2 * int(overlap.is_other.sum()) > count:
        raise DataError(
            f"{fetched.symbol}: {int(overlap.is_other.sum()):,} of {count:,} bars have other "
            "prices than the stored ones, and not by one factor",
            hint="it looks like another feed or another label of time; --replace takes the new "
            "bars alone, in a revision of their own",
        )
    return None


def _run(flags: NDArray[np.bool_]) -> int:
    """How many are true from the beginning on."""
    return len(flags) if flags.all() else int(np.argmin(flags))


def _changed(stored: Bars, fetched: Bars, overlap: _Overlap) -> NDArray[np.bool_]:
    """Which bars of the overlap differ in any column; unknown volumes are equal."""
    changed = np.zeros(len(overlap), np.bool_)
    for name in COLUMNS:
        old = getattr(stored, name)[overlap.stored]
        new = getattr(fetched, name)[overlap.fetched]
        changed |= (old != new) & ~((old != old) & (new != new))  # noqa: PLR0124 - NaN is not NaN
    return changed


def _union(stored: Bars, fetched: Bars, overlap: _Overlap, changed: NDArray[np.bool_]) -> Bars:
    kept = np.delete(np.arange(len(stored)), overlap.stored[changed])
    taken = np.delete(np.arange(len(fetched)), overlap.fetched[~changed])
    both = joined([_only(stored, kept), _only(fetched, taken)])
    ordered = _only(both, np.argsort(both.start, kind="stable"))
    crossed = np.flatnonzero(ordered.start[1:] < ordered.end[:-1])
    if len(crossed):
        raise DataError(
            f"{fetched.symbol}: the bar of {rfc3339(int(ordered.start[crossed[0] + 1]))} begins "
            "before the stored one ends",
            hint="the two label their bars differently; --replace takes the new ones alone",
        )
    return ordered


def _only(bars: Bars, rows: Rows) -> Bars:
    columns = (getattr(bars, name)[rows] for name in COLUMNS)
    return Bars.trusted(bars.instrument, bars.frequency, *columns)


def _unsaid(stored: Bars, fetched: Bars, overlap: _Overlap) -> int:
    within = (stored.start >= fetched.start[0]) & (stored.end <= fetched.end[-1])
    return int(within.sum()) - len(overlap)


def _actions(
    stored: Sequence[CorporateAction], fetched: Sequence[CorporateAction]
) -> tuple[CorporateAction, ...]:
    found = {by_date(action): action for action in (*stored, *fetched)}
    return tuple(sorted(found.values(), key=by_date))


def _different(stored: Sequence[CorporateAction], now: Sequence[CorporateAction]) -> int:
    return len({by_date(each) for each in {*stored} ^ {*now}})


def _mixed(stored: PriceHistory, fetched: PriceHistory, factor: float) -> DataError:
    ratio = Fraction(1 / factor).limit_denominator(100)
    is_split = min(ratio.numerator, ratio.denominator) <= 5 and abs(factor - 1) > 0.15
    event = f"as a split of {ratio}:1 makes it" if is_split else "as a dividend's adjustment does"
    first = stored.bars.days()[0]
    return DataError(
        f"{fetched.bars.symbol}: the fetched prices are {factor:.6g} times the stored ones of the "
        f"same bars, {event}; the two scales are not mixed",
        hint=f"fetch all of it again, from {first} on, or the raw bars with --replace",
    )


def _unproven(stored: PriceHistory, fetched: PriceHistory) -> DataError:
    last = stored.bars.days()[-1]
    return DataError(
        f"{fetched.bars.symbol}: adjusted bars that share no bar with the stored ones cannot be "
        "added, because nothing shows that both are on one scale",
        hint=f"fetch some of the stored days again: they run to {last}",
    )
