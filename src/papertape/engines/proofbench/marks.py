"""Marking to market: the account at each close, computed in columns after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from papertape.domain.account import (
    BOND,
    CASH,
    HOLDING,
    OWED,
    UNSETTLED,
    USD,
    postings,
    symbol_of,
)
from papertape.domain.event import (
    Entry,
    FillBusted,
    FillCorrected,
    LedgerEvent,
    OrderFilled,
    SymbolChanged,
    VariationPaid,
)
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
    """The account at the start (row 0) and after each moment, in integer micro-dollars.

    ``cash`` is by trade date and counts the bonds of futures; ``gross`` and ``net`` are exposures.
    """

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
    capital: Micros,
    start: int,
    times: Sequence[int] | IntArray,
    logged: Logged,
    bars: Mapping[str, Bars],
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
    marked = {symbol: np.zeros_like(cash) for symbol in bars if bars[symbol].instrument.is_future}
    cash[0] = capital
    for row, entry in zip(logged.rows, logged.entries, strict=True):
        if not isinstance(entry, LedgerEvent):
            continue
        for pocket, asset, amount in postings(entry):
            if asset == USD and pocket in _OURS:
                (owed if pocket == OWED else cash)[row + 1] += amount
            elif pocket == HOLDING:
                held[asset][row + 1] += amount
        symbol = symbol_of(entry)
        if symbol in marked:
            marked[symbol][row + 1] += _marked_by(entry)
        if isinstance(entry, OrderFilled):
            traded[row + 1] += abs(entry.fill.value)
    cash, owed = np.cumsum(cash), np.cumsum(owed)
    gross, net, worth = np.zeros_like(cash), np.zeros_like(cash), np.zeros_like(cash)
    moments = np.asarray(times, np.int64)
    closes = _closes(bars, moments, logged)
    for symbol, changes in held.items():
        unit = bars[symbol].instrument.multiplier
        exposure = np.cumsum(changes) * closes[symbol] * unit
        gross += np.abs(exposure)
        net += exposure
        worth += exposure - np.cumsum(marked.get(symbol, 0))
    equity = cash + owed + worth
    counted(int(np.max(np.abs(equity))))
    time = np.concatenate([[start], moments])
    return Valuation(time, cash, equity, gross, net, traded)


_OURS = frozenset({CASH, UNSETTLED, BOND, OWED})
"""Pockets whose dollars are the account's own."""


def _marked_by(entry: LedgerEvent) -> Micros:
    """What an event adds to the value that a future was marked at last."""
    match entry:
        case OrderFilled(fill=fill):
            return fill.value + fill.variation
        case FillBusted(fill=fill):
            return -fill.value - fill.variation
        case FillCorrected(fill=fill, instead=instead):
            return instead.value + instead.variation - fill.value - fill.variation
        case VariationPaid(total=total):
            return total
    return 0


def _closes(bars: Mapping[str, Bars], moments: IntArray, logged: Logged) -> dict[str, IntArray]:
    """Each symbol's closes; a new symbol is worth what the old one was until its first bar."""
    closes = {symbol: _closes_at(each, moments) for symbol, each in bars.items()}
    for entry in logged.entries:
        if isinstance(entry, SymbolChanged):
            new = closes[entry.new_symbol]
            closes[entry.new_symbol] = np.where(new == 0, closes[entry.symbol], new)
    return closes


def _closes_at(bars: Bars, moments: IntArray) -> IntArray:
    """Last known close at the start and at each moment, micro-dollars; 0 before the first bar."""
    closes = np.rint(bars.close * MICROS_PER_DOLLAR).astype(np.int64)
    if np.array_equal(bars.end[-len(moments) :], moments):  # of a single instrument, mostly
        return np.concatenate([[0], closes[-len(moments) :]])
    row = np.searchsorted(bars.end, moments, side="right") - 1
    known = np.where(row >= 0, closes[np.maximum(row, 0)], 0)
    return np.concatenate([[0], known])
