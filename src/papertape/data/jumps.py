"""Jumps: closes that leap by more than half, and which of the leaps cannot be true (input-B14)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, CorporateAction, FloatArray, IntArray

_UNITS = np.array([10.0, 100.0])
_NEAR = 0.02


def jumps(bars: Bars, actions: Sequence[CorporateAction]) -> IntArray:
    """Rows whose close is more than half away from the one before, with no split booked there."""
    change = bars.close[1:] / bars.close[:-1]
    far = np.flatnonzero((change > 1.5) | (change < 0.5)) + 1
    booked = rows_of(bars, actions)
    return np.array([row for row in far.tolist() if row not in booked], np.int64)


def refuse_false_jumps(bars: Bars, actions: Sequence[CorporateAction]) -> None:
    """Stop at a leap that the next close takes back, or that is a change of unit (10, 100).

    A leap that stays may be true: AAPL fell by 52 % on 2000-09-29.

    Raises:
        DataError: Naming the first such day, and both closes.
    """
    for row in jumps(bars, actions).tolist():
        before, here = bars.close[row - 1], bars.close[row]
        after = bars.close[row + 1] if row + 1 < len(bars) else here
        why = ""
        if abs(after / before - 1) < _NEAR:
            why = "and the next close takes it back"
        elif _is_unit(here / before):
            why = "which is a change of unit, not of price"
        if why:
            raise DataError(
                f"{bars.symbol}: the close goes from {before:g} to {here:g} on "
                f"{bars[row : row + 1].days()[0]}, {why}",
                hint="mend this row, or get the prices again",
            )


def _is_unit(ratio: float) -> bool:
    units: FloatArray = np.concatenate([_UNITS, 1 / _UNITS])
    return bool(np.any(np.abs(ratio / units - 1) < _NEAR))
