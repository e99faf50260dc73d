"""D10, D11: prices on the wrong scale, because of a unit (10, 100) or a split half applied."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Repair
from papertape.data.quality.sheet import PRICES, Sheet
from papertape.data.quality.usual import Usual
from papertape.domain.market import FloatArray, IntArray

_UNITS = (10.0, 100.0, 1000.0)
"""Cents for dollars, pence for pounds, a decimal point lost."""

_SPLITS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0)
_ODD_SPLITS = (1.5, 2.5)

_LEAP = np.log(1.4)
"""Smallest move that is compared with a factor: 3:2 is the smallest split that is common."""

_NEAR = 0.1
"""A price moves besides: a tenth of the factor's logarithm (8 to 12.6 is ten, 1.87 to 2.14 two)."""

_STILL = 4.0
"""Usual moves that an open or close may be off a split's ratio."""

_STILL_LEAST, _STILL_MOST = 0.03, 0.12
"""Bounds of that: no day is as still as a dead one, and a wilder one proves nothing."""

_CALM_RANGE = 3.0
"""Usual ranges that the day of a split may have: a crash has more."""

_CALM_TURNOVER = 3.0
"""Usual turnovers that the day of a split may have: a crash has more."""

_BEYOND_DAYS = np.log(5.5)
"""A booked ratio up to this must be on a calm day to be a split half applied."""

_CLEAR = 8.0
"""Usual moves that a split must be large: in a panic a half is no more than a bad day."""

_CLEAR_RANGES = 3.0
"""The same in usual ranges, which also know how coarse the price's steps are."""


def levels(usual: Usual, explained: NDArray[np.bool_]) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Runs of rows that stand a unit or a booked split away from the others.

    Returns:
        What was found, and the rows whose leap is explained now.
    """
    sheet, moves = usual.sheet, usual.moves
    leaps = np.flatnonzero((np.abs(moves) > _LEAP) & ~sheet.booked & ~explained)
    splits = _booked_ratios(sheet)
    known = {**dict.fromkeys((*_UNITS, *(1 / unit for unit in _UNITS)), False), **splits}
    factors = np.array([_nearest(moves[row], known) for row in leaps.tolist()])
    at = _sure(usual, leaps, factors, splits)
    if not at:
        return [], explained
    leaps, factors = leaps[at], factors[at]
    shift = np.zeros(len(sheet))
    np.add.at(shift, leaps, np.log(factors))
    level: FloatArray = np.round(np.cumsum(shift), 6).astype(np.float64)
    right = _right_level(sheet, level, is_split=bool(set(factors.tolist()) & set(splits)))
    false = np.flatnonzero(level != right)
    explained = explained.copy()
    explained[leaps] = True
    return [_scaled(sheet, false, level[false] - right, splits)], explained


def _sure(
    usual: Usual, leaps: NDArray[np.intp], factors: FloatArray, splits: Mapping[float, bool]
) -> list[int]:
    """Which leaps are of scale: those that another one undoes, and calm ones that stay."""
    alone: list[int] = []
    sure: list[int] = []
    for at, (row, factor) in enumerate(zip(leaps.tolist(), factors.tolist(), strict=True)):
        if not factor or not _may_be_scale(usual, row, factor, splits):
            continue
        begun = next((each for each in reversed(alone) if _undoes(factor, factors[each])), None)
        if begun is None:
            alone.append(at)
        else:
            alone.remove(begun)
            sure += [begun, at]
    sure += [at for at in alone if _single_is_false(usual, int(leaps[at]), factors[at], splits)]
    return sorted(sure)


def _undoes(one: float, other: float) -> bool:
    return abs(one * other - 1) < 1e-9


def _may_be_scale(usual: Usual, row: int, factor: float, splits: Mapping[float, bool]) -> bool:
    """Assumption: shares do double and halve on wild days, but not by six and ten."""
    if factor not in splits or abs(np.log(factor)) > _BEYOND_DAYS:
        return True
    return is_calm(usual, row, float(np.log(factor)))


def mixed_units(
    usual: Usual, explained: NDArray[np.bool_]
) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Bars some of whose four prices are a unit away from the others.

    Returns:
        What was found, and the rows whose prices are explained now, with those after them.
    """
    sheet = usual.sheet
    rows = np.flatnonzero((usual.ranges > np.log(5.0)) & ~explained)
    explained = explained.copy()
    cells: dict[str, list[tuple[int, float]]] = {}
    bad: list[int] = []
    middles = usual.close(rows)
    for row, middle in zip(rows.tolist(), middles.tolist(), strict=True):
        prices = np.array([getattr(sheet, name)[row] for name in PRICES])
        ratio = _gap(prices)
        unit = _nearest(np.log(ratio), dict.fromkeys(_UNITS, False))
        if not unit:
            continue
        low_side = prices < np.sqrt(prices.min() * prices.max())
        low_is_false = abs(np.log(prices.min() / middle)) > abs(np.log(prices.max() / middle))
        bad.append(row)
        mended = np.where(
            low_side == low_is_false, prices * (unit if low_is_false else 1 / unit), prices
        )
        mended[PRICES.index("high")], mended[PRICES.index("low")] = mended.max(), mended.min()
        for name, price in zip(PRICES, mended.tolist(), strict=True):
            cells.setdefault(name, []).append((row, price))
    if not bad:
        return [], explained
    there = np.array(bad)
    explained[there] = True
    explained[np.minimum(there + 1, len(sheet) - 1)] = True
    changes = {name: _columns(changed) for name, changed in cells.items()}
    factor = changes["close"][1] / sheet.close[there]
    changes["adjusted_close"] = (there, sheet.adjusted_close[there] * factor)
    repair = Repair("the prices of the other unit are brought to the bar's own", changes)
    what = "mixes two units of price in one bar"
    return [sheet.finding("D10", "error", there, what, repair=repair)], explained


def unbooked_splits(
    usual: Usual, explained: NDArray[np.bool_]
) -> tuple[list[Finding], NDArray[np.bool_]]:
    """D11: closes that leap by a split's ratio on a day that is calm besides.

    Returns:
        What was found, and the rows whose leap is explained now.
    """
    sheet, moves = usual.sheet, usual.moves
    leaps = np.flatnonzero((np.abs(moves) > _LEAP) & ~sheet.booked & ~explained)
    ratios = [_split_of(usual, row) for row in leaps.tolist()]
    rows = np.array(
        [row for row, ratio in zip(leaps.tolist(), ratios, strict=True) if ratio], np.int64
    )
    if not len(rows):
        return [], explained
    explained = explained.copy()
    explained[rows] = True
    split = np.array([ratio for ratio in ratios if ratio])
    by_design = sheet.adjusted == "raw" and sheet.stated and not sheet.books_splits
    told = _told(float(split[0]))
    first = int(rows[0])
    numbers = f"close {sheet.close[first - 1]:g} then {sheet.close[first]:g}"
    what = f"leaps by the ratio of a split ({told}) that is not booked, on a calm day"
    if by_design:
        todo = "get the source's splits: a backtest refuses raw prices without them"
        what += "; the prices are raw by design"
        return [sheet.finding("D11", "warn", rows, what, numbers=numbers, todo=todo)], explained
    booking = Repair("the split is booked on that day", {"split": (rows, split)})
    repair = booking if sheet.adjusted == "raw" else _applying(sheet, rows, split)
    return [sheet.finding("D11", "error", rows, what, numbers=numbers, repair=repair)], explained


def is_calm(usual: Usual, row: int, log_ratio: float) -> bool:
    """Whether a day is like those around it once its prices are freed of a ratio.

    Open and close must both be there: a crash falls on, and opens elsewhere than it closes.
    """
    sheet, one = usual.sheet, np.array([row])
    move = float(usual.move(one)[0])
    reach = float(usual.range(one)[0])
    near = min(max(_STILL_LEAST, _STILL * move), _STILL_MOST)
    before = sheet.close[row - 1]
    return (
        abs(log_ratio) > max(_CLEAR * move, _CLEAR_RANGES * reach)
        and not usual.is_thin(one)[0]
        and abs(np.log(sheet.open[row] / before) - log_ratio) < near
        and abs(np.log(sheet.close[row] / before) - log_ratio) < near
        and usual.ranges[row] < max(_STILL_LEAST, _CALM_RANGE * reach)
        and float(usual.turnover(one)[0]) < _CALM_TURNOVER
    )


def _booked_ratios(sheet: Sheet) -> dict[float, bool]:
    """What a split of the sheet, misapplied, makes of a price: its ratio, or the inverse."""
    there = sheet.split[(sheet.split > 0) & (sheet.split != 1)]
    ratios = {float(ratio) for ratio in there.tolist()}
    return dict.fromkeys((*ratios, *(1 / ratio for ratio in ratios)), True)


def _nearest(move: float, factors: Mapping[float, bool]) -> float:
    """The factor that a move equals, a booked split before a unit; 0 for none."""
    fits = [
        (not booked, abs(move - np.log(factor)), factor)
        for factor, booked in factors.items()
        if abs(move - np.log(factor)) < _NEAR * abs(np.log(factor))
    ]
    return min(fits)[2] if fits else 0.0


def _single_is_false(usual: Usual, row: int, factor: float, splits: Mapping[float, bool]) -> bool:
    """Whether a leap that stays is one of scale; a price may fall to a tenth, but not calmly."""
    if factor in splits:
        return usual.sheet.adjusted != "raw"
    # A split 10:1 looks the same; where splits are not booked by design it is one.
    by_design = usual.sheet.adjusted == "raw" and not usual.sheet.books_splits
    if by_design and factor in (10.0, 0.1):
        return False
    return is_calm(usual, row, float(np.log(factor)))


def _right_level(sheet: Sheet, level: FloatArray, *, is_split: bool) -> float:
    """The scale on which most rows were traded; of equals the last row's.

    Assumption: a bar in which shares changed hands has a real price; a quote may be in any unit.
    """
    if is_split and len(np.unique(level)) == 2 and level[0] != level[-1]:
        return float(level[-1])  # what follows the split needs no adjustment for it
    traded = ~(sheet.shares == 0)
    found = np.unique(level)
    votes = [
        (int(np.sum(traded & (level == each))), int(np.sum(level == each)), each == level[-1], each)
        for each in found.tolist()
    ]
    return float(max(votes)[3])


def _scaled(
    sheet: Sheet, rows: NDArray[np.intp], off: FloatArray, splits: Mapping[float, bool]
) -> Finding:
    """The finding on rows that are ``off`` the right level, as a logarithm."""
    factor = np.array([_exact(float(np.exp(each))) for each in off])
    is_split = any(abs(factor[0] - ratio) < 1e-9 * ratio for ratio in splits)
    cells = {
        name: (rows, getattr(sheet, name)[rows] / factor) for name in (*PRICES, "adjusted_close")
    }
    numbers = f"close {sheet.close[rows[0]]:g}"
    if is_split:
        # A split divides the price and multiplies the shares.
        cells["volume"] = (rows, np.rint(sheet.volume[rows] * factor))
        what = f"stands {factor[0]:g} times off its neighbours: a split was not applied to it"
        repair = Repair("prices and volume are brought to the others' scale", cells)
        return sheet.finding("D11", "error", rows, what, numbers=numbers, repair=repair)
    what = f"stands {factor[0]:g} times off its neighbours: a change of unit, not of price"
    repair = Repair("prices are brought to the others' unit", cells)
    return sheet.finding("D10", "error", rows, what, numbers=numbers, repair=repair)


def _exact(factor: float) -> float:
    """A factor without the noise of its logarithm."""
    return float(np.round(factor)) if factor > 1 else 1 / float(np.round(1 / factor))


def _gap(prices: FloatArray) -> float:
    """The largest ratio between two neighbours of four sorted prices."""
    ordered = np.sort(prices)
    return float(np.max(ordered[1:] / ordered[:-1]))


def _columns(changed: list[tuple[int, float]]) -> tuple[IntArray, FloatArray]:
    return np.array([row for row, _ in changed], np.int64), np.array(
        [price for _, price in changed]
    )


def _split_of(usual: Usual, row: int) -> float:
    """The split ratio that a calm leap equals (2 when the price halves), or 0."""
    sheet = usual.sheet
    move = float(usual.moves[row])
    gap = float(np.log(sheet.open[row] / sheet.close[row - 1]))
    forward = move < 0
    # A reverse split has whole ratios; 3:2 and 5:2 are forward ones.
    known = np.array([*_SPLITS, *(_ODD_SPLITS if forward else ())])
    logs = np.log(known) * (-1 if forward else 1)
    nearest = int(np.argmin(np.abs(move - logs) + np.abs(gap - logs)))
    if not is_calm(usual, row, float(logs[nearest])):
        return 0.0
    return float(known[nearest] if forward else 1 / known[nearest])


def _told(ratio: float) -> str:
    if ratio in _ODD_SPLITS:
        return f"{round(2 * ratio)}:2"
    return f"{ratio:g}:1" if ratio > 1 else f"1:{1 / ratio:g}"


def _applying(sheet: Sheet, rows: IntArray, split: FloatArray) -> Repair:
    """Everything before each split is brought to what follows it."""
    factor = np.ones(len(sheet))
    for row, ratio in zip(rows.tolist(), split.tolist(), strict=True):
        factor[:row] *= ratio
    before = np.flatnonzero(factor != 1)
    cells = {
        name: (before, getattr(sheet, name)[before] / factor[before])
        for name in (*PRICES, "adjusted_close")
    }
    cells["volume"] = (before, sheet.volume[before] * factor[before])
    return Repair("everything before the split is adjusted for it", cells)
