"""Allocation: which share of equity each symbol is to have after a moment, asked once or anew."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import rfc3339
from papertape.domain.errors import StrategyError, UsageError
from papertape.domain.event import Moment
from papertape.domain.instrument import Instrument
from papertape.domain.market import FloatArray, Frequency, IntArray
from papertape.domain.panel import Panel
from papertape.domain.rebalancing import Rebalancing
from papertape.engines.signalcore.sizing import BILLION
from papertape.engines.signalcore.tape import Tape
from papertape.strategies.cross_section import WeightMatrix
from papertape.strategies.strategy import CrossSection

LEFT_ALONE = 2**40
"""Stands for no wish at all: the holding is neither bought nor sold."""


class Allocation(Protocol):
    """The weights of a portfolio, as time goes by."""

    def see(self, moment: Moment) -> None:
        """Take note of a moment."""
        ...

    def weights(self) -> FloatArray | None:
        """Of each symbol in their order, after the moment seen last; None to leave all alone."""
        ...


class Planned:
    """Weights that are known for every row of a panel; a row of NaN leaves all alone."""

    def __init__(self, weights: FloatArray):
        self._weights = weights
        self._row = -1

    def see(self, moment: Moment) -> None:
        """Move on by one row, if a bar closes."""
        self._row += bool(moment.bars)

    def weights(self) -> FloatArray | None:
        """The row seen last."""
        row: FloatArray = self._weights[self._row]
        return None if np.isnan(row).all() else row


class AskedOnEachDay:
    """Keeps tapes and asks on the days that are due, as a session must that has no future."""

    def __init__(
        self,
        strategy: CrossSection | WeightMatrix,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
    ):
        if isinstance(strategy, WeightMatrix):
            raise UsageError("a session has no weights of days to come", hint="papertape backtest")
        _refuse_short_bars(frequency)
        self._strategy = strategy
        self._rebalancing = Rebalancing.parse(strategy.rebalance)
        self._tapes = {name: Tape(each, frequency) for name, each in instruments.items()}
        self._calendar = calendar_of(next(iter(instruments.values())).venue)
        self._today = np.datetime64(0, "D")
        self._days: list[np.datetime64] = []
        self._seen = 0

    def see(self, moment: Moment) -> None:
        """Add the bars to their tapes."""
        for bar in moment.bars:
            actions = [action for action in moment.actions if action.symbol == bar.symbol]
            self._tapes[bar.symbol].append(bar, actions)
        if moment.bars:
            self._seen += 1
            self._today = np.datetime64(self._calendar.local_day(moment.time), "D")

    def weights(self) -> FloatArray | None:
        """What the strategy answers to all that was seen, if the day is due."""
        self._days.append(self._today)
        is_due = self._rebalancing.due(np.array(self._days), self._calendar)[-1]
        if not is_due or self._seen < self._strategy.warmup:
            return None
        panel = Panel({symbol: tape.bars() for symbol, tape in self._tapes.items()})
        weights: FloatArray = weigh(self._strategy, panel, np.array([self._seen - 1]))[0]
        return weights


def planned(strategy: CrossSection | WeightMatrix, panel: Panel, first: int) -> FloatArray:
    """Weights of all due rows from the first one on, asked for at once; NaN in all other rows.

    Raises:
        StrategyError: If the strategy answers nonsense.
        UsageError: If its days are no days, or the bars are shorter than a session.
    """
    if isinstance(strategy, WeightMatrix):
        return strategy.on(panel)
    weights = np.full((len(panel), len(panel.symbols)), np.nan)
    rows = due_rows(strategy, panel, first)
    if len(rows):
        weights[rows] = weigh(strategy, panel, rows)
    return weights


def due_rows(strategy: CrossSection, panel: Panel, first: int) -> IntArray:
    """The rows, from the first one on, after which a strategy is to be asked.

    Raises:
        UsageError: If its days are no days, or the bars are shorter than a session.
    """
    one = panel.bars[0]
    _refuse_short_bars(one.frequency)
    rebalancing = Rebalancing.parse(strategy.rebalance)
    due = np.flatnonzero(rebalancing.due(panel.days[first:], one.calendar)) + first
    return due[due >= strategy.warmup - 1]


def _refuse_short_bars(frequency: Frequency) -> None:
    if not frequency.is_daily:
        raise UsageError(
            f"the days of a cross-section are sessions, and these bars are {frequency}",
            hint="use daily bars (--bar 1d), or hand in a matrix of weights",
        )


def weigh(strategy: CrossSection, panel: Panel, rows: IntArray) -> FloatArray:
    """A strategy's weights after each of these rows, checked; 0 for what is not chosen.

    Raises:
        StrategyError: If an answer has another shape, or a weight is none; the first such day and
            symbol are named.
    """
    name, shape = type(strategy).__name__, (len(rows), len(panel.symbols))

    def fits(answer: object, method: str, kind: type) -> FloatArray:
        matrix = np.asarray(answer)
        if matrix.shape != shape or matrix.dtype.kind not in ("b" if kind is bool else "fiu"):
            raise StrategyError(
                f"{name}.{method} answered {matrix.dtype} in the shape {matrix.shape}",
                hint=f"a row for each of {shape[0]} days, a column for each of {shape[1]} symbols, "
                f"of {kind.__name__}",
            )
        return matrix

    with np.errstate(invalid="ignore"):  # NaN is an answer
        scores = fits(strategy.rank(panel, rows), "rank", float)
        chosen = fits(strategy.select(scores), "select", bool) & ~np.isnan(scores)
        answered = fits(strategy.weight(scores, chosen), "weight", float)
        weights = np.where(chosen, answered, 0.0)
        unfit = ~(np.abs(weights) <= 1)
    if unfit.any():
        row, column = np.argwhere(unfit)[0].tolist()
        raise StrategyError(
            f"{name} gives {panel.symbols[column]} a weight of {weights[row, column]} at "
            f"{rfc3339(int(panel.time[rows[row]]))}",
            hint="a weight lies between -1 and 1",
        )
    return weights


def billionths(weights: FloatArray, part: Fraction) -> IntArray:
    """Weights times a part of equity, in whole billionths of it; NaN is `LEFT_ALONE`."""
    scaled = np.rint(weights * (float(part) * BILLION))
    counts: IntArray = np.where(np.isnan(scaled), LEFT_ALONE, scaled).astype(np.int64)
    return counts
