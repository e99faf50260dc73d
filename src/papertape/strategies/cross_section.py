"""What cross-sections are made of: ways to select by scores, and to weigh what is selected.

Each takes a row a day and a column a symbol, and looks at each row by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from papertape.domain.clock import DAY
from papertape.domain.errors import UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import BoolArray, FloatArray, IntArray
from papertape.domain.panel import Panel


def best(scores: FloatArray, count: int) -> BoolArray:
    """The highest scores of each row, so many or as many as there are.

    Of two equal ones the symbol that comes first is taken; what has no score (NaN) is not.
    """
    known = ~np.isnan(scores)
    if count >= scores.shape[-1]:
        return known
    ranked = np.where(known, -scores, np.inf)
    edge = np.partition(ranked, count - 1, axis=-1)[..., count - 1 : count]
    above, level = known & (ranked < edge), known & (ranked == edge)
    room = count - above.sum(axis=-1, keepdims=True)
    return above | (level & (np.cumsum(level, axis=-1) <= room))


def equally(chosen: BoolArray) -> FloatArray:
    """The same weight for each chosen symbol of a row; they add up to 1 where there are any."""
    count = chosen.sum(axis=-1, keepdims=True)
    return np.divide(chosen, count, out=np.zeros(chosen.shape), where=count > 0)


@dataclass(eq=False, init=False)
class WeightMatrix:
    """Weights that are known for every moment: a strategy that answers what it was given.

    A row for each moment at which a bar closes, a column for each symbol in alphabetical order;
    or a frame whose index are the sessions' dates or the closing moments, and whose columns are
    symbols. NaN leaves a holding alone, so a row of NaN is a moment without trades; a moment or a
    symbol that a frame leaves out is NaN.

    Attributes:
        digest: Of the weights, by which a record tells two matrices apart.
    """

    digest: str
    warmup = 0

    def __init__(self, weights: Any):
        matrix = np.asarray(weights, np.float64)
        if matrix.ndim != 2 or np.any(np.abs(matrix) > 1):
            raise UsageError(
                f"weights of the shape {matrix.shape} are no matrix of numbers from -1 to 1",
                hint="a row a moment, a column a symbol, NaN for what is to be left alone",
            )
        self._weights: Any = weights
        self.digest = sha256(matrix.tobytes()).hexdigest()[:16]

    def on(self, panel: Panel) -> FloatArray:
        """The weights in the rows and columns of a panel.

        Raises:
            UsageError: If rows or columns are not those of the panel, or not found in it.
        """
        given, shape = self._weights, (len(panel), len(panel.symbols))
        if not hasattr(given, "columns"):
            matrix = np.asarray(given, np.float64)
            if matrix.shape != shape:
                raise UsageError(
                    f"weights of the shape {matrix.shape} for {shape[0]} moments and "
                    f"{shape[1]} symbols"
                )
            return matrix
        rows = _places(given.index.to_numpy("datetime64[ns]"), panel)
        columns = np.array([_column(str(name), panel) for name in given.columns])
        matrix = np.full(shape, np.nan)
        matrix[np.ix_(rows, columns)] = given.to_numpy(np.float64)
        return matrix


def _column(name: str, panel: Panel) -> int:
    symbol = canonical_symbol(name)
    if symbol not in panel.symbols:
        raise UsageError(f"there are weights of {symbol}, and no prices of it")
    return panel.symbols.index(symbol)


def _places(index: NDArray[np.datetime64], panel: Panel) -> IntArray:
    """The rows at whose closing moment, or on whose day, each line of a frame stands."""
    moments, known = index.astype(np.int64), panel.time
    if np.all(moments % DAY == 0):
        moments, known = moments // DAY, panel.days.astype(np.int64)
    rows = np.searchsorted(known, moments, side="right") - 1
    missing = (rows < 0) | (known[np.maximum(rows, 0)] != moments)
    if missing.any():
        raise UsageError(
            f"there are weights of {index[missing][0]}, and no bar closes then",
            hint="an index of dates, or of the moments (UTC) at which bars close",
        )
    return rows
