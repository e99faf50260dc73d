"""Bars in which nobody traded: D5 zero volume with a move, D12 stale bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Severity
from papertape.data.quality.sheet import PRICES, Sheet
from papertape.domain.market import FloatArray

_FEWEST_EQUAL = 3
"""Bars that must be equal in a row before an equal price is odd: two calm days do happen."""

_FEWEST_EQUAL_MINUTES = 30
"""The same for intraday bars: a quiet share stands still for minutes, not for half an hour."""

_THIN = "nothing to mend: nobody traded then, and a fill at such a price is not to be had"


def moves_without_volume(sheet: Sheet) -> list[Finding]:
    """D5: bars in which the price moved, though not a share was traded."""
    moved = (sheet.high > sheet.low) | (_before(sheet.close) != sheet.close)
    rows = (sheet.shares == 0) & moved
    if not rows.any():
        return []
    what = "moved without a share traded: a quote, not a trade"
    return [sheet.finding("D5", "warn", rows, what, todo=_THIN)]


def stale(sheet: Sheet) -> list[Finding]:
    """D12: bars that only say the bar before again."""
    moved = (sheet.high > sheet.low) | (_before(sheet.close) != sheet.close)
    filled = (sheet.shares == 0) & ~moved
    found = []
    if filled.any():
        # A minute without a trade is a minute's rest; a day without one is thin trading.
        severity: Severity = "warn" if sheet.frequency.is_daily else "info"
        what = "traded nothing and repeats the close before"
        found.append(sheet.finding("D12", severity, filled, what, todo=_THIN))
    same = np.all(
        [getattr(sheet, name)[1:] == getattr(sheet, name)[:-1] for name in PRICES], axis=0
    )
    same = np.concatenate([[False], same]) & ~filled
    few = _FEWEST_EQUAL if sheet.frequency.is_daily else _FEWEST_EQUAL_MINUTES
    long = _in_runs(same, few - 1)
    if sheet.frequency.is_daily:  # two days alike to the share are one day, told twice
        long |= same & (_before(sheet.volume) == sheet.volume) & (sheet.high > sheet.low)
    if long.any():
        found.append(sheet.finding("D12", "warn", long, "is equal to the bar before it"))
    return found


def _before(column: FloatArray) -> FloatArray:
    """Each row's predecessor; the first row's is itself."""
    return np.concatenate([column[:1], column[:-1]])


def _in_runs(rows: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """The rows that stand in an unbroken run of at least ``length``."""
    edges = np.diff(np.concatenate([[0], rows.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - begins >= length
    marked = np.zeros(len(rows) + 1, np.int64)
    marked[begins[long]] += 1
    marked[ends[long]] -= 1
    return np.cumsum(marked[:-1]) > 0
