"""Serving portfolios: which runs the kernel knows, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.compatibility import Compatibility
from papertape.domain.market import FloatArray, IntArray, ends_symbol
from papertape.domain.money import Micros
from papertape.domain.panel import Panel
from papertape.domain.terms import account_terms
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel.columns import Terms
from papertape.engines.proofbench.kernel.portfolio import Cells, Portfolio
from papertape.engines.proofbench.kernel.rulebook import Rulebook
from papertape.engines.proofbench.kernel.serving import (
    BUSIEST,
    DEAREST,
    KNOWN,
    Refusal,
    changes_of,
    refuse_unknown,
    tables_of,
    terms_of,
)
from papertape.engines.proofbench.marks import Exposure, Valuation
from papertape.engines.proofbench.window import Window
from papertape.engines.riskguard import PROFILES, RiskLimits
from papertape.engines.signalcore.allocation import billionths

_NO_ROWS = np.zeros(0, np.int64)
_NO_COLUMN = np.zeros(0)


@dataclass(frozen=True, eq=False, slots=True)
class PortfolioRun:
    """What came of a portfolio.

    Attributes:
        valuation: The account at the start and after each moment.
        orders, fills, charges: Lines of whole numbers, see
            `papertape.engines.proofbench.kernel.portfolio`.
    """

    valuation: Valuation
    orders: IntArray
    fills: IntArray
    charges: IntArray


@dataclass(frozen=True, eq=False, slots=True)
class PortfolioKernel:
    """Many instruments' bars and the terms of a run, ready for any number of portfolios.

    Attributes:
        panel: The bars.
        first: Row of the first decision.
        marks: Row of the first mark.
        start: The instant before it.
    """

    panel: Panel
    first: int
    marks: int
    start: int
    capital: Micros
    _cells: Cells
    _terms: Terms
    _sizes_at_fill: bool

    def run(self, wishes: Iterable[tuple[int, FloatArray]], part: Fraction) -> PortfolioRun | None:
        """Live through all rows; None if it is a run for the pipeline after all.

        Args:
            wishes: Rows in ascending order, with the weights that are wanted after them; each is
                taken when its row has been lived through.
            part: How much of equity a weight of 1 is.
        """
        rules = Rulebook(self._terms)
        account = Portfolio(self._cells, rules, self.capital, self._sizes_at_fill)
        for row, weights in wishes:
            account.advance(row + 1)
            account.rebalance(billionths(weights, part))
        account.advance(self._cells.rows)
        account.finish()
        return None if account.has_failed else self._told(account)

    def _told(self, account: Portfolio) -> PortfolioRun:
        def marked(column: IntArray, at_start: Micros) -> IntArray:
            return np.concatenate([[at_start], np.asarray(column)[self.marks :]])

        cash, net = marked(account.cash_after, self.capital), marked(account.net_after, 0)
        valuation = Valuation(
            time=np.concatenate([[self.start], self.panel.time[self.marks :]]),
            cash=cash,
            equity=cash + net,
            traded=account.traded,
            held=Exposure(marked(account.gross_after, 0), net),
        )
        return PortfolioRun(
            valuation,
            orders=np.array(account.orders[: account.ordered]),
            fills=np.array(account.fills[: account.filled]),
            charges=np.array(account.charges[: account.charged]),
        )


def portfolio_kernel(window: Window, config: SimulationConfig) -> PortfolioKernel:
    """A kernel for portfolios over a window.

    Raises:
        Refusal: If they are runs that only the pipeline knows.
    """
    at_fill = config.compatibility == {Compatibility.SIZE_AT_FILL}
    refuse_unknown(replace(config, compat="") if at_fill else config, KNOWN)
    if window.taped:
        raise Refusal("a tape")
    for symbol, actions in window.actions.items():
        if any(map(ends_symbol, actions)) or rows_of(window.bars[symbol], actions):
            raise Refusal(f"splits, dividends or an end of {symbol}")
    if PROFILES[config.risk_profile] != RiskLimits():
        raise Refusal(f"the limits of the profile {config.risk_profile}")
    panel = Panel(window.bars)
    kinds = {replace(each.instrument, symbol="A") for each in panel.bars}
    if len(kinds) > 1:
        raise Refusal("instruments of different kinds")
    terms = terms_of(kinds.pop(), config.frequency, config.costs, account_terms(config.account))
    return PortfolioKernel(
        panel,
        first=window.first_row(panel),
        marks=int(np.searchsorted(panel.time, window.start, side="right")),
        start=window.start,
        capital=config.capital,
        _cells=_cells(panel, terms, config),
        _terms=terms,
        _sizes_at_fill=at_fill,
    )


def _cells(panel: Panel, terms: Terms, config: SimulationConfig) -> Cells:
    if np.nanmax(panel.open) * 1e6 >= DEAREST or np.nanmax(panel.close) * 1e6 >= DEAREST:
        raise Refusal("prices of a million dollars and more")
    if np.any(panel.volume >= BUSIEST):
        raise Refusal("volumes of trillions of shares")
    rows, count = panel.open.shape
    days, idle = panel.days, np.zeros(rows, np.int64)
    dates = days.astype(np.int64)
    tables, tariff = tables_of(config.costs.fees), idle
    if tables is not None:
        changes = np.array(changes_of(tables), "datetime64[D]")
        tariff = np.maximum(np.searchsorted(changes, days, side="right") - 1, 0)
    cells = Cells(
        count=count,
        rows=rows,
        open=panel.open.ravel(),
        close=panel.close.ravel(),
        volume=panel.volume.ravel(),
        nights=np.diff(dates, prepend=dates[:1]),
        tariff=tariff,
        place=_NO_ROWS,
        first=_NO_ROWS,
        closes=_NO_COLUMN,
        volumes=_NO_COLUMN,
    )
    if len(terms.spread_points) == 0 and terms.impact_factor == 0:
        return cells
    place = _NO_ROWS
    if not panel.is_even:
        place = (np.cumsum(~np.isnan(panel.close), axis=0) - 1).ravel()
    return replace(
        cells,
        place=place,
        first=np.cumsum([0, *(len(each) for each in panel.bars)]),
        closes=np.concatenate([each.close for each in panel.bars]),
        volumes=np.concatenate([each.volume for each in panel.bars]),
    )
