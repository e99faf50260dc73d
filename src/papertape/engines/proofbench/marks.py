"""Marking to market: the account at each close, computed in columns after the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
from papertape.engines.proofbench.metrics import Holdings, Marks

PIECE = 32_768
"""Rows of a column that are worked on at once: they stay in a processor's own memory."""


@dataclass(frozen=True, eq=False)
class Logged:
    """A run's log, each entry with the row of the moment that it happened in."""

    rows: list[int]
    entries: list[Entry]

    def add(self, row: int, entries: Sequence[Entry]) -> None:
        """Append what one moment brought."""
        self.entries.extend(entries)
        self.rows.extend([row] * len(entries))


class Exposure(NamedTuple):
    """The value of all positions, micro-dollars: sizes added, and signed."""

    gross: IntArray
    net: IntArray


@dataclass(frozen=True, eq=False)
class Valuation:
    """The account at the start (row 0) and after each moment, in integer micro-dollars.

    Attributes:
        time: When.
        cash: By trade date, the bonds of futures counted.
        equity: Cash and what is owed and held.
        traded: What was bought and sold in all, sizes added.
        held: The exposures; None where that is what equity has beside cash, of one instrument.
    """

    time: IntArray
    cash: IntArray
    equity: IntArray
    traded: Micros
    held: Exposure | None = None

    def exposure(self, rows: slice) -> Exposure:
        """The exposures at some of the marks."""
        if self.held is not None:
            return Exposure(*(column[rows] for column in self.held))
        net = self.equity[rows] - self.cash[rows]
        return Exposure(np.abs(net), net)

    @property
    def gross(self) -> FloatArray:
        """Gross exposure as a fraction of equity."""
        return _share(self.exposure(slice(None)).gross, self.equity)

    def marks(self) -> Marks:
        """The same in dollars and fractions, as the metrics want it."""
        return Marks(self.time, self.equity / MICROS_PER_DOLLAR, holdings=self._holdings())

    def _holdings(self) -> Holdings:
        """Summed piece by piece: no further column as long as the run."""
        busy, gross, net = 0, 0.0, 0.0
        for first in range(1, len(self.equity), PIECE):
            rows = slice(first, first + PIECE)
            held, equity = self.exposure(rows), self.equity[rows]
            busy += int(np.count_nonzero(held.gross))
            gross += float(np.sum(_share(held.gross, equity)))
            net += float(np.sum(_share(held.net, equity)))
        return Holdings(busy, gross, net, self.traded / MICROS_PER_DOLLAR)


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    if np.all(whole):
        return part / whole
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
    owed, traded = np.zeros_like(cash), 0
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
            traded += abs(entry.fill.value)
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
    return Valuation(time, cash, equity, traded, Exposure(gross, net))


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
