"""What cross-sections are made of: ways to select by scores, and to weigh what is selected.

Each takes a row a day and a column a symbol, and looks at each row by itself.
"""

from __future__ import annotations

import numpy as np

from papertape.domain.market import FloatArray
from papertape.strategies.strategy import BoolArray


def best(scores: FloatArray, count: int) -> BoolArray:
    """The highest scores of each row, so many or as many as there are.

    Of two equal ones the symbol that comes first is taken; what has no score (NaN) is not.
    """
    order = np.argsort(-scores, axis=-1, kind="stable")[..., :count]
    chosen = np.zeros(scores.shape, np.bool_)
    np.put_along_axis(chosen, order, values=True, axis=-1)
    return chosen & ~np.isnan(scores)


def equally(chosen: BoolArray) -> FloatArray:
    """The same weight for each chosen symbol of a row; they add up to 1 where there are any."""
    count = chosen.sum(axis=-1, keepdims=True)
    return np.divide(chosen, count, out=np.zeros(chosen.shape), where=count > 0)
