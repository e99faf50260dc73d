"""D11: splits and dividends against the prices, and against the source's own adjusted close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Repair
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.usual import Usual
from papertape.domain.market import FloatArray, IntArray

_STILL = 6.0
"""Usual moves within which a day counts as an ordinary one."""

_STILL_LEAST = 0.15
"""No action is doubted for a day's return below this: news falls on ex-dates, too."""

_LARGE = 0.1
"""Share of the price from which a payment is looked for in the price."""

_STEP = 0.2
_STEP_LEAST = 0.0025
"""An adjusted close may step by a fifth, and a quarter of a percent, other than its dividends say:
vendors round them, and reinvest at the close before or at that day's."""

_SAME_DAYS = 7
"""Nobody pays two ordinary dividends within a week; within two, some do."""

_SAME = 0.2
"""Two amounts that differ by less than a fifth are one dividend, told on two days."""

_YIELD_LEAST = 0.0005
"""Share of the price below which nobody pays."""

_WORTH = 0.005
"""Share of the price below which a dividend is too small to be told from a day's move."""


def misbooked(usual: Usual) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Splits and large payments that the prices do not show.

    Returns:
        What was found, and the rows whose move a booked action explains.
    """
    sheet = usual.sheet
    split = np.where(sheet.booked, sheet.split, 1.0)
    paid: FloatArray = np.where(sheet.dividend > 0, sheet.dividend, 0.0)
    before = np.concatenate([[np.nan], sheet.close[:-1]])
    with np.errstate(invalid="ignore", divide="ignore"):
        large = paid * split > _LARGE * before
    rows = np.flatnonzero((sheet.booked | large) & (before > 0) & (sheet.close > 0))
    explained = np.zeros(len(sheet), np.bool_)
    if not len(rows) or sheet.adjusted == "all":
        return [], explained
    near = np.maximum(_STILL_LEAST, _STILL * usual.move(rows))
    total = np.log(split[rows] * (sheet.close[rows] + paid[rows]) / before[rows])
    still = np.abs(usual.moves[rows]) < near
    off = np.abs(total) > near
    more = paid[rows] * split[rows] >= before[rows]
    explained[rows] = True
    found = [
        *_not_there(sheet, rows[off & still], split),
        *_short(sheet, rows[off & ~still & ~more], total[off & ~still & ~more]),
        *_too_much(sheet, rows[more & ~still]),
    ]
    return found, explained


def disagreeing_closes(sheet: Sheet) -> list[Finding]:
    """Steps of the adjusted close other than its dividends say: missing, wrong or counted twice."""
    factor = sheet.adjusted_close / sheet.close
    if np.isnan(factor).all() or len(sheet) < 2:
        return []
    paid: FloatArray = np.where(sheet.dividend > 0, sheet.dividend, 0.0)[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        step = np.log(factor[:-1] / factor[1:])
        due = np.log1p(-paid / sheet.close[:-1])
        due_after = np.log(sheet.close[1:] / (sheet.close[1:] + paid))
        low, high = np.minimum(due, due_after), np.maximum(due, due_after)
        apart = np.maximum(np.maximum(low - step, step - high), 0.0)
        wrong = apart > np.maximum(_STEP_LEAST, _STEP * np.abs(due))
        wrong &= ~(sheet.split[1:] != 1) | ~(sheet.split[1:] > 0) | (sheet.adjusted != "raw")
    found = _steps_of_nothing(sheet, np.flatnonzero(wrong & (paid == 0)) + 1)
    rows = np.flatnonzero(wrong & (paid > 0)) + 1
    in_unit, unit = _other_unit(sheet, rows, step[rows - 1])
    if in_unit.any():
        there = rows[in_unit]
        told = {"dividend": (there, sheet.dividend[there] * unit[in_unit])}
        repair = Repair("the dividend is told in the unit of its adjusted close", told)
        what = "pays in another unit than its adjusted close knows"
        numbers = f"dividend {sheet.dividend[there[0]]:g}"
        found.append(sheet.finding("D11", "error", there, what, numbers=numbers, repair=repair))
    rows = rows[~in_unit]
    if not len(rows):
        return found
    gain = np.where(sheet.gain[rows] > 0, sheet.gain[rows], 0.0)
    before = sheet.close[rows - 1]
    twice = (gain > 0) & (
        np.abs(step[rows - 1] - np.log1p(-(paid[rows - 1] + gain) / before)) < _STEP_LEAST
    )
    what = "has an adjusted close that does not step by its dividend"
    if twice.all():
        what = "has an adjusted close that counts a capital gain twice"
    elif bool((np.abs(step[rows - 1]) < _STEP_LEAST).all()):
        what = "pays a dividend for which the adjusted close before it is not adjusted"
    correction = np.zeros(len(sheet))
    correction[rows - 1] = due[rows - 1] - step[rows - 1]
    return [*found, _readjusted(sheet, rows, correction, what)]


def _other_unit(
    sheet: Sheet, rows: NDArray[np.intp], step: FloatArray
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Dividends that are a hundred times (or a hundredth of) what their adjusted close implies."""
    implied = -np.expm1(step) * sheet.close[rows - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = implied / sheet.dividend[rows]
    unit: FloatArray = np.where(ratio > 1, 100.0, 0.01)
    return np.abs(ratio / unit - 1) < _STEP, unit


def _steps_of_nothing(sheet: Sheet, rows: NDArray[np.intp]) -> list[Finding]:
    """Steps of the adjusted close on days on which the source tells no dividend, but tells others.

    Assumption: a source without a single dividend does not tell them.
    """
    if not len(rows) or not (sheet.dividend > 0).any():
        return []
    first = int(rows[0])
    numbers = f"close {sheet.close[first]:g}, adjusted {sheet.adjusted_close[first]:g}"
    what = "has an adjusted close that steps, though nothing was paid"
    todo = "get the actions from another source"
    return [sheet.finding("D11", "warn", rows, what, numbers=numbers, todo=todo)]


def doubled(usual: Usual) -> list[Finding]:
    """Two dividends of about one amount within days: one of them was never paid."""
    sheet = usual.sheet
    rows = np.flatnonzero(sheet.dividend > 0)
    if len(rows) < 2:
        return []
    one, other = sheet.dividend[rows[:-1]], sheet.dividend[rows[1:]]
    days = np.diff(sheet.days[rows]).astype(np.int64)
    close = (days <= _SAME_DAYS) & (np.abs(other / one - 1) < _SAME)
    pairs = np.flatnonzero(close & (other > _WORTH * sheet.close[rows[1:]]))
    if not len(pairs):
        return []
    phantom = np.array([_phantom(usual, int(rows[at]), int(rows[at + 1])) for at in pairs.tolist()])
    correction = np.zeros(len(sheet))
    correction[phantom - 1] = -np.log1p(-sheet.dividend[phantom] / sheet.close[phantom - 1])
    what = "pays again what was paid days before or after: one of the two is not true"
    return [
        _readjusted(
            sheet, phantom, correction, what, {"dividend": (phantom, np.zeros(len(phantom)))}
        )
    ]


def _phantom(usual: Usual, first: int, second: int) -> int:
    """Which of two dividends the price knows less of; of equals the later."""
    sheet = usual.sheet

    def unexplained(row: int) -> float:
        if row == 0:
            return 0.0
        return abs(float(np.log((sheet.close[row] + sheet.dividend[row]) / sheet.close[row - 1])))

    return (
        first
        if unexplained(first) > unexplained(second) + float(usual.move(np.array([second]))[0])
        else second
    )


def _readjusted(
    sheet: Sheet,
    rows: NDArray[np.intp] | IntArray,
    correction: FloatArray,
    what: str,
    cells: dict[str, tuple[IntArray | NDArray[np.intp], FloatArray]] | None = None,
) -> Finding:
    """The finding on rows before which the adjusted close has to be multiplied."""
    factor = np.exp(np.cumsum(correction[::-1])[::-1])
    earlier = np.flatnonzero((factor != 1) & ~np.isnan(sheet.adjusted_close))
    changes = dict(cells or {})
    if len(earlier):
        changes["adjusted_close"] = (earlier, sheet.adjusted_close[earlier] * factor[earlier])
    first = int(rows[0])
    numbers = f"dividend {sheet.dividend[first]:g} on {sheet.days[first]}"
    numbers += f", close before {sheet.close[first - 1]:g}"
    repair = Repair("the adjusted closes before it are adjusted anew", changes)
    concerned = np.union1d(earlier, rows)
    return sheet.finding("D11", "error", concerned, what, numbers=numbers, repair=repair)


def _not_there(sheet: Sheet, rows: NDArray[np.intp], split: FloatArray) -> list[Finding]:
    if not len(rows):
        return []
    first = int(rows[0])
    is_split = split[first] != 1
    numbers = f"split {split[first]:g}" if is_split else f"dividend {sheet.dividend[first]:g}"
    numbers += f", close {sheet.close[first - 1]:g} then {sheet.close[first]:g}"
    what = "books a split or payment, but the price stood still"
    before, old = sheet.close[rows - 1], np.nan_to_num(sheet.dividend[rows])
    # Assumption: a payment a hundred times too large was told in pence; else it was none.
    new = np.where(split[rows] != 1, old, np.where(_is_yield(old / 100 / before), old / 100, 0.0))
    cells = {"split": (rows, np.ones(len(rows))), "dividend": (rows, new)}
    correction = np.zeros(len(sheet))
    correction[rows - 1] = np.log1p(-new / before) - np.log1p(-np.minimum(old / before, 0.99))
    if split[first] != 1 or np.isnan(sheet.adjusted_close).all():
        repair = Repair("the booking is taken out, or its payment in pence made dollars", cells)
        return [sheet.finding("D11", "error", rows, what, numbers=numbers, repair=repair)]
    return [_readjusted(sheet, rows, correction, what, cells)]


def _is_yield(share: FloatArray) -> NDArray[np.bool_]:
    """Whether a share of the price is what a dividend may be."""
    return (share > _YIELD_LEAST) & (share < _LARGE)


def _short(sheet: Sheet, rows: NDArray[np.intp], total: FloatArray) -> list[Finding]:
    if not len(rows):
        return []
    first = int(rows[0])
    numbers = f"close {sheet.close[first - 1]:g} then {sheet.close[first]:g}"
    numbers += f", in all {np.expm1(total[0]):+.0%}"
    what = "books a split or payment that does not add up with the price: a part is missing"
    todo = "get the actions from another source"
    return [sheet.finding("D11", "error", rows, what, numbers=numbers, todo=todo)]


def _too_much(sheet: Sheet, rows: NDArray[np.intp]) -> list[Finding]:
    if not len(rows):
        return []
    first = int(rows[0])
    numbers = f"dividend {sheet.dividend[first]:g}, close before {sheet.close[first - 1]:g}"
    what = "pays more than the share was worth"
    todo = "get the actions from another source"
    return [sheet.finding("D11", "error", rows, what, numbers=numbers, todo=todo)]
