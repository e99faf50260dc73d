"""What a single row cannot be: D1 order, D2 duplicates, D3 consistency, D4 price, D15 time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Repair
from papertape.data.quality.sheet import PRICES, Sheet
from papertape.domain.clock import Nanos


def out_of_order(sheet: Sheet) -> list[Finding]:
    """D1: rows that are older than one above them; a file that is newest first is in order."""
    steps = np.diff(sheet.start)
    back = np.flatnonzero(steps < 0) + 1
    if not len(back) or bool(np.all(steps <= 0)):
        return []
    repair = Repair("sorted by time", kept=np.argsort(sheet.start, kind="stable"))
    return [sheet.finding("D1", "error", back, "is older than the row above it", repair=repair)]


def repeated(sheet: Sheet) -> list[Finding]:
    """D2: rows of one time; the sheet is in order."""
    twice = np.flatnonzero(np.diff(sheet.start) == 0) + 1
    if not len(twice):
        return []
    same = np.ones(len(twice), np.bool_)
    for name in (*PRICES, "volume"):
        one, other = getattr(sheet, name)[twice - 1], getattr(sheet, name)[twice]
        same &= (one == other) | (np.isnan(one) & np.isnan(other))
    kept = np.delete(np.arange(len(sheet)), twice - 1)
    found = []
    if not same.all():
        repair = Repair("the later of two rows of one time is believed", kept=kept)
        what = "contradicts the row above it, which has the same time"
        found.append(sheet.finding("D2", "error", twice[~same], what, repair=repair))
    if same.any():
        repair = Repair("each time once", kept=kept)
        found.append(
            sheet.finding("D2", "warn", twice[same], "repeats the row above it", repair=repair)
        )
    return found


def inconsistent(sheet: Sheet) -> list[Finding]:
    """D3: a high that is not the highest of the four prices, a low that is not the lowest."""
    prices = np.array([getattr(sheet, name) for name in PRICES])
    highest, lowest = prices.max(axis=0), prices.min(axis=0)
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero((sheet.high < highest) | (sheet.low > lowest))
    if not len(wrong):
        return []
    # Assumption: of two prices that contradict each other neither is known to be the wrong one,
    # so the bar is widened to hold both; no print is lost.
    repair = Repair(
        "the high and the low are widened to hold open and close",
        {"high": (wrong, highest[wrong]), "low": (wrong, lowest[wrong])},
    )
    what = "has an open or close beyond its high or low, or a high below its low"
    return [sheet.finding("D3", "error", wrong, what, repair=repair)]


def priceless(sheet: Sheet) -> list[Finding]:
    """D4: a price that is missing, zero or negative, or a volume that is negative."""
    prices = np.array([getattr(sheet, name) for name in PRICES])
    empty = np.isnan(prices).all(axis=0)
    with np.errstate(invalid="ignore"):
        wrong = ~(prices > 0).all(axis=0) & ~empty | (sheet.volume < 0)
    found = []
    if wrong.any():
        what = "has a price that is zero, negative or missing, or a negative volume"
        found.append(sheet.finding("D4", "error", wrong, what, repair=_without(wrong)))
    if empty.any():
        found.append(sheet.finding("D4", "warn", empty, "has no price", repair=_without(empty)))
    return found


def in_the_future(sheet: Sheet, now: Nanos) -> list[Finding]:
    """D15: rows that begin after the moment at which the source was asked."""
    late = sheet.start > now
    if late.any():
        return [sheet.finding("D15", "error", late, "lies in the future", repair=_without(late))]
    running = np.zeros(len(sheet), np.bool_)
    running[-1:] = len(sheet) > 0 and sheet.end(len(sheet) - 1) > now
    if not running.any():
        return []
    what = "had not ended when it was fetched, and would still have changed"
    return [sheet.finding("D15", "warn", running, what, repair=_without(running))]


def _without(rows: NDArray[np.bool_]) -> Repair:
    return Repair("these rows are left out", kept=np.flatnonzero(~rows))
