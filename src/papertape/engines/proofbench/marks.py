"""Marking to market: the account at each close, computed in columns after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from papertape.domain.account import CASH, HOLDING, OWED, USD, postings
from papertape.domain.event import Entry, LedgerEvent, OrderFilled, SymbolChanged
from papertape.domain.market import Bars, FloatArray, IntArray
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, counted
from papertape.engines.proofbench.metrics import Marks


@dataclass(frozen=True, eq=False)
class Logged:
    """A run's log, each entry with the row of the moment that it happened in."""

    rows: list[int]
    entries: list[Entry]

    def add(self, row: int, entries: Sequence[Entry]) -> None:
        """Append what one moment brought."""
        self.entries.extend(entries)
        self.rows.extend([row] * len(entries))


@dataclass(frozen=True, eq=False)
class Valuation:
    """The account at the start (row 0) and after each moment, in integer micro-dollars."""

    time: IntArray
    cash: IntArray
    equity: IntArray
    gross: IntArray
    net: IntArray
    traded: IntArray

    def marks(self) -> Marks:
        """The same in dollars and fractions, as the metrics want it."""
        equity = self.equity / MICROS_PER_DOLLAR
        return Marks(
            time=self.time,
            equity=equity,
            gross=_share(self.gross, self.equity),
            net=_share(self.net, self.equity),
            traded=self.traded / MICROS_PER_DOLLAR,
        )


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)


def value(
    capital: Micros, start: int, times: Sequence[int], logged: Logged, bars: Mapping[str, Bars]
) -> Valuation:
    """Value an account after each moment from what was booked and the closes.

    Args:
        capital: Opening cash.
        start: The instant before the first moment.
        times: When each moment was; row n of the log is moment n.
        logged: What happened.
        bars: Prices as traded; an instrument without a bar at a moment keeps its last close.
    """
    cash = np.zeros(len(times) + 1, np.int64)
    owed, traded = np.zeros_like(cash), np.zeros_like(cash)
    held = {symbol: np.zeros_like(cash) for symbol in bars}
    cash[0] = capital
    for row, entry in zip(logged.rows, logged.entries, strict=True):
        if not isinstance(entry, LedgerEvent):
            continue
        for pocket, asset, amount in postings(entry):
            if asset == USD and pocket in (CASH, OWED):
                (cash if pocket == CASH else owed)[row + 1] += amount
            elif pocket == HOLDING:
                held[asset][row + 1] += amount
        if isinstance(entry, OrderFilled):
            traded[row + 1] += abs(entry.fill.quantity * entry.fill.price)
    cash, owed = np.cumsum(cash), np.cumsum(owed)
    gross, net = np.zeros_like(cash), np.zeros_like(cash)
    moments = np.array(times, np.int64)
    closes = {symbol: _closes_at(each, moments) for symbol, each in bars.items()}
    for entry in logged.entries:
        if isinstance(entry, SymbolChanged):  # until its own first bar, it is worth what it was
            new = closes[entry.new_symbol]
            closes[entry.new_symbol] = np.where(new == 0, closes[entry.symbol], new)
    for symbol, changes in held.items():
        worth = np.cumsum(changes) * closes[symbol]
        gross += np.abs(worth)
        net += worth
    equity = cash + owed + net
    counted(int(np.max(np.abs(equity))))
    time = np.concatenate([[start], moments])
    return Valuation(time, cash, equity, gross, net, traded)


def _closes_at(bars: Bars, moments: IntArray) -> IntArray:
    """Last known close at the start and at each moment, micro-dollars; 0 before the first bar."""
    closes = np.rint(bars.close * MICROS_PER_DOLLAR).astype(np.int64)
    row = np.searchsorted(bars.end, moments, side="right") - 1
    known = np.where(row >= 0, closes[np.maximum(row, 0)], 0)
    return np.concatenate([[0], known])
