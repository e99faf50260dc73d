"""D14: where two sources of one instrument disagree, and which of them is the odd one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Repair
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.usual import logs
from papertape.domain.market import FloatArray, IntArray

_ODD = 8.0
"""Usual differences (of median size) that a row must differ to be told."""

_RETURN = 0.001
"""A tenth of a percent: closes of different tapes differ by less."""

_WICK, _FALSE_WICK = 0.01, 0.05
"""Highs and lows of different tapes differ by odd lots; by a hundredth it is told, by a twentieth
one of the two is false."""

_PART = 0.8
"""Share of the usual volume below which a last row was taken while its session was open."""


def disagreements(sheet: Sheet, other: Sheet) -> list[Finding]:
    """What one source says that another does not; both in order, each time once.

    Args:
        sheet: The bars that are judged.
        other: The same instrument's bars from elsewhere; their scale and adjustment may differ,
            so that only returns and shapes of bars are compared.
    """
    _, here, there = np.intersect1d(_keys(sheet), _keys(other), return_indices=True)
    if len(here) < 2:
        return []
    found = []
    apart = np.concatenate([[0.0], _returns(sheet, here) - _returns(other, there)])
    odd = np.abs(apart) > max(_RETURN, _ODD * float(np.nanmedian(np.abs(apart[1:]))))
    if _last_is_partial(sheet, other, here, there) and odd[-1]:
        last = here[-1:]
        repair = Repair("the last row is left out", kept=np.arange(len(sheet) - 1))
        what = "was taken while the session was open: its volume is a part of the other's"
        found.append(sheet.finding("D14", "error", last, what, repair=repair))
        odd[-1] = False
    if odd.any():
        first = int(np.argmax(odd))
        what = "has a return that the other source does not"
        numbers = f"{apart[first]:+.2%} apart"
        todo = "find out which is right: splits, dividends and last trades differ"
        found.append(sheet.finding("D14", "warn", here[odd], what, numbers=numbers, todo=todo))
    return [*found, *_shapes(sheet, other, here, there)]


def _keys(sheet: Sheet) -> NDArray[np.int64]:
    return sheet.days.astype(np.int64) if sheet.frequency.is_daily else sheet.start


def _returns(sheet: Sheet, rows: IntArray | NDArray[np.intp]) -> FloatArray:
    """Total returns from each row to the next; actions between the rows count where they fall."""
    split = np.where(sheet.booked, sheet.split, 1.0)
    paid = np.where((sheet.dividend > 0) & (sheet.adjusted != "all"), sheet.dividend, 0.0)
    one = np.concatenate([[0.0], logs(split[1:] * (sheet.close + paid)[1:], sheet.close[:-1])])
    total = np.cumsum(np.nan_to_num(one))
    return np.diff(total[rows])


def _last_is_partial(
    sheet: Sheet, other: Sheet, here: NDArray[np.intp], there: NDArray[np.intp]
) -> bool:
    if here[-1] != len(sheet) - 1:
        return False
    with np.errstate(invalid="ignore", divide="ignore"):
        share = sheet.shares[here] / other.shares[there]
    return bool(share[-1] < _PART * np.nanmedian(share)) if np.isfinite(share).any() else False


def _shapes(
    sheet: Sheet, other: Sheet, here: NDArray[np.intp], there: NDArray[np.intp]
) -> list[Finding]:
    """Highs, lows and opens that reach where the other source's do not."""
    found = []
    for name, sign in (("high", 1), ("low", -1), ("open", 0)):
        ours = logs(getattr(sheet, name), sheet.close)[here]
        theirs = logs(getattr(other, name), other.close)[there]
        apart = ours - theirs
        reach = np.abs(apart) if sign == 0 else sign * apart
        odd = reach > max(_WICK, _ODD * float(np.nanmedian(np.abs(apart))))
        false = odd & (reach > _FALSE_WICK) & (np.abs(ours) > np.abs(theirs))
        for rows, severity in ((false, "error"), (odd & ~false, "warn")):
            if rows.any():
                found.append(_shape(sheet, name, here[rows], theirs[rows], severity))
    return found


def _shape(
    sheet: Sheet, name: str, rows: NDArray[np.intp], theirs: FloatArray, severity: str
) -> Finding:
    right = sheet.close[rows] * np.exp(theirs)
    numbers = f"{name} {getattr(sheet, name)[rows[0]]:g}, elsewhere {right[0]:.6g}"
    what = f"has {'an' if name == 'open' else 'a'} {name} that the other source does not"
    if severity == "error":
        repair = Repair(f"the other source's {name} is taken, on this scale", {name: (rows, right)})
        return sheet.finding("D14", "error", rows, what, numbers=numbers, repair=repair)
    return sheet.finding("D14", "warn", rows, what, numbers=numbers, todo="find out which is right")
