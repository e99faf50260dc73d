"""D10: prices that leap away from their neighbours, and which of the leaps cannot be true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from papertape.data.quality.finding import Finding, Repair
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.usual import QUIET, Usual, logs
from papertape.domain.market import FloatArray, IntArray

_HALF_UP, _HALF_DOWN = np.log(1.5), np.log(0.5)
"""input-B14: a close more than half away from the one before is looked at."""

_ODD = 7.0
"""Usual ranges that a print must lie away: daily ranges of real shares reach four in a panic."""

_PLAIN = 4.0
"""Usual ranges that a leap of half must exceed to be one at all: in a mania halves come daily."""

_FAR, _FAR_INTRADAY = 0.06, 0.02
"""No print is told for less: below it the tapes themselves differ. A bar of minutes or hours moves
far less than a day."""

_FALSE, _FALSE_INTRADAY = 0.10, 0.05
"""And none is called false for less than this."""

_TAKEN_BACK, _TAKEN_BACK_MOST = 0.1, 0.25
"""Share of a leap that may be left after it was taken back; the larger where days move much."""

_SHORT = 5
"""Bars that a false level may last and still be recognised by its end."""


def spikes(usual: Usual, explained: NDArray[np.bool_]) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Closes that leap away and come straight back.

    Args:
        usual: The sheet and what is usual in it.
        explained: Rows whose move another rule has explained already.

    Returns:
        What was found, and the rows whose move is explained now.
    """
    moves, sheet = usual.moves, usual.sheet
    away = np.flatnonzero((np.abs(moves) > _far(sheet)) & ~explained)
    rows: list[int] = []
    sizes: list[float] = []
    for row, still in zip(away.tolist(), usual.move(away).tolist(), strict=True):
        back = _back(moves, row, still)
        if back and not (rows and row <= rows[-1]):
            rows += range(row, back)
            sizes += [moves[row]] * (back - row)
    if not rows:
        return [], explained
    there = np.array(rows)
    size = np.abs(np.array(sizes))
    odd = size > _ODD * usual.range(there)
    large = size > (_FALSE if sheet.frequency.is_daily else _FALSE_INTRADAY)
    # A price of one or two dollars in whole dollars halves and doubles by a single step.
    half = (size > _HALF_UP) & (size > _PLAIN * usual.range(there))
    thin, quiet = usual.is_thin(there), usual.turnover(there) < QUIET
    sure = ((half & (quiet | odd)) | (odd & quiet & large)) & ~thin
    doubt = (half | odd) & ~sure
    told = there[sure | doubt]
    explained = explained.copy()
    explained[told] = True
    explained[np.minimum(told + 1, len(sheet) - 1)] = True
    what = "leaps away, and the next close takes it back"
    return _told(sheet, there, sure, doubt, what), explained


def wicks(usual: Usual, explained: NDArray[np.bool_]) -> list[Finding]:
    """Highs, lows and opens far away from everything around them."""
    sheet = usual.sheet
    top, bottom = np.maximum(sheet.open, sheet.close), np.minimum(sheet.open, sheet.close)
    found = []
    for name, reach, inner in (
        ("high", logs(sheet.high, top), top),
        ("low", logs(bottom, sheet.low), bottom),
    ):
        found += _prints(usual, name, reach, inner, explained)
    return [*found, *_prints(usual, "open", _open_reach(sheet), None, explained)]


def _open_reach(sheet: Sheet) -> FloatArray:
    """How far an open lies outside the two closes around it."""
    before = np.concatenate([sheet.close[:1], sheet.close[:-1]])
    above = logs(sheet.open, np.maximum(before, sheet.close))
    below = logs(np.minimum(before, sheet.close), sheet.open)
    return np.maximum(above, below)


def _prints(
    usual: Usual,
    name: str,
    reach: FloatArray,
    inner: FloatArray | None,
    explained: NDArray[np.bool_],
) -> list[Finding]:
    sheet = usual.sheet
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((reach > _far(sheet)) & ~explained)
    if not len(rows):
        return []
    odd = (reach[rows] > _ODD * usual.range(rows)) & ~usual.is_thin(rows)
    # A day that moved as a whole reaches far with every right.
    odd &= reach[rows] > np.abs(np.nan_to_num(usual.moves[rows]))
    large = reach[rows] > (_FALSE if sheet.frequency.is_daily else _FALSE_INTRADAY)
    sure = odd & large & (usual.turnover(rows) < QUIET)
    what = f"has {'an' if name == 'open' else 'a'} {name} far from its neighbours"
    return _told(sheet, rows, sure, odd & ~sure, what, name, inner)


def _told(
    sheet: Sheet,
    rows: IntArray | NDArray[np.intp],
    sure: NDArray[np.bool_],
    doubt: NDArray[np.bool_],
    what: str,
    name: str = "close",
    inner: FloatArray | None = None,
) -> list[Finding]:
    found = []
    if sure.any():
        bad = rows[sure]
        repair = None
        if inner is not None:
            # Assumption: what is certain of a false extreme is that open and close were traded.
            words = f"the {name} is drawn back to open and close"
            repair = Repair(words, {name: (bad, inner[bad])})
        numbers = f"{name} {getattr(sheet, name)[bad[0]]:g}"
        found.append(sheet.finding("D10", "error", bad, what, numbers=numbers, repair=repair))
    if doubt.any():
        numbers = f"{name} {getattr(sheet, name)[rows[doubt][0]]:g}"
        why = f"{what}, and its size or volume leaves it possible"
        todo = "compare with another source"
        found.append(sheet.finding("D10", "warn", rows[doubt], why, numbers=numbers, todo=todo))
    return found


def halves(usual: Usual, explained: NDArray[np.bool_]) -> list[Finding]:
    """input-B14: closes more than half away from the one before, which may be true."""
    moves = usual.moves
    far = ((moves > _HALF_UP) | (moves < _HALF_DOWN)) & ~explained
    if not far.any():
        return []
    first = int(np.argmax(far))
    close = usual.sheet.close
    numbers = f"{close[first - 1]:g} to {close[first]:g}"
    what = "jumps by more than half from one close to the next, and no split is booked there"
    todo = "check the prices against another source"
    return [usual.sheet.finding("D10", "warn", far, what, numbers=numbers, todo=todo)]


def _back(moves: FloatArray, row: int, still: float) -> int:
    """The row at which a leap is taken back, or 0; ``still`` is a usual move."""
    size = abs(moves[row])
    left = max(_TAKEN_BACK * size, min(2 * still, _TAKEN_BACK_MOST * size))
    for back in range(row + 1, min(row + 1 + _SHORT, len(moves))):
        if abs(moves[row : back + 1].sum()) < left:
            alone = abs(moves[back]) > 0.5 * size
            return back if alone else 0
    return 0


def _far(sheet: Sheet) -> float:
    return _FAR if sheet.frequency.is_daily else _FAR_INTRADAY
