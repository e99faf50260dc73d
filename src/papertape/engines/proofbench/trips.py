"""Trips: round trips as columns, which is all that the metrics read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from papertape.domain.market import FloatArray, IntArray
from papertape.engines.proofbench.trades import Trade


@dataclass(frozen=True, eq=False)
class Trips:
    """Round trips, one a row, in the order of entry; see `Trade` for what each column means.

    Attributes:
        is_open: Whether shares are still held.
        side: 1 for a long trade, -1 for a short one.
        pnl, fees, costs: Micro-dollars.
        entry_price, exit_price: Micro-dollars a share; no exit (NaN) while the trade is open.
        return_on_entry: A fraction.
        r_multiple, mae, mfe: NaN for none.
    """

    is_open: NDArray[np.bool_]
    side: IntArray
    pnl: IntArray
    fees: IntArray
    costs: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    return_on_entry: FloatArray
    r_multiple: FloatArray
    mae: FloatArray
    mfe: FloatArray

    @classmethod
    def of(cls, trades: Sequence[Trade]) -> Trips:
        """The columns of trades that are known one by one."""
        kinds: dict[str, Any] = dict.fromkeys(("side", "pnl", "fees", "costs"), np.int64)
        kinds["is_open"] = np.bool_
        columns: dict[str, Any] = {
            item.name: np.array(
                [getattr(trade, item.name) for trade in trades], kinds.get(item.name, np.float64)
            )
            for item in fields(cls)
        }
        return cls(**columns)

    def __len__(self) -> int:
        return len(self.pnl)

    def only(self, rows: NDArray[np.bool_]) -> Trips:
        """Some of them."""
        return Trips(*(getattr(self, item.name)[rows] for item in fields(self)))

    def closed(self) -> Trips:
        """Those that are over."""
        return self.only(~self.is_open)
