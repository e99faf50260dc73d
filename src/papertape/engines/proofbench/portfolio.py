"""Portfolios: money spread over many symbols, put right now and then, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal, cast

import numpy as np

from papertape.domain.errors import UsageError
from papertape.domain.market import FloatArray
from papertape.domain.terms import account_terms
from papertape.engines.proofbench.assembly import invested_part, is_cross_section
from papertape.engines.proofbench.bench import SimulationEngine, simulate
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import PortfolioKernel, Refusal, portfolio_kernel
from papertape.engines.proofbench.portfolio_results import Chronicle, PortfolioResults, chronicle
from papertape.engines.proofbench.results import Outcome, SimulationResults, report
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.signalcore.allocation import due_rows, planned, weigh
from papertape.engines.signalcore.portfolio_desk import short_refused
from papertape.strategies.cross_section import WeightMatrix
from papertape.strategies.strategy import CrossSection, Strategy

Asked = Literal["once", "each"]
Weighing = CrossSection | WeightMatrix
Wishes = Iterator[tuple[int, FloatArray]]


class PortfolioEngine:
    """Prices of many symbols, made ready once for any number of portfolios over them.

    Args:
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        **settings: Fields of `SimulationConfig`; ``size`` is the part of equity that is invested.

    Raises:
        UsageError: If a setting makes no sense for a portfolio.
        DataError: If prices are missing or unfit.
    """

    def __init__(self, prices: Mapping[str, Any], **settings: Any):
        bench = SimulationEngine(SimulationConfig(**settings))
        for symbol, each in prices.items():
            bench.load_data(symbol, each)
        if not bench.histories:
            raise UsageError("no prices are loaded", hint="portfolio(strategy, {symbol: frame})")
        self.config, self.histories = bench.config, bench.histories
        self._part = invested_part(self.config)
        self._terms = account_terms(self.config.account)
        self._ready: dict[int | None, tuple[Window, PortfolioKernel | Refusal]] = {}

    def run(self, strategy: Any, *, ask: Asked = "once") -> PortfolioResults:
        """Run a cross-section, or weights that are known (see `WeightMatrix`).

        Args:
            strategy: The cross-section or its class, or an array or a frame of weights.
            ask: ``once`` for all days together, or ``each`` day by itself with nothing after it.

        Raises:
            StrategyError: If the strategy answers nonsense.
            UsageError: If it follows another protocol, or wants what the account cannot hold.
        """
        weighing = _weighing(strategy)
        window, kernel = self._made_ready(weighing.warmup)

        def by_pipeline() -> Outcome:
            return simulate(cast("Strategy", weighing), self.histories, self.config, window)

        def explained() -> SimulationResults:
            return report(by_pipeline(), None, self.histories, self.config)

        told: Callable[[], Chronicle]
        why = str(kernel)
        if isinstance(kernel, PortfolioKernel):
            run, panel = kernel.run(self._wishes(weighing, kernel, ask), self._part), kernel.panel
            if run is not None:
                told = partial(chronicle, run, panel)
                return PortfolioResults(run.valuation, window, self.config, told, explained, run)
            why = "a margin call, or an amount that may not be countable"
        outcome = by_pipeline()
        told = partial(Chronicle, outcome.story.orders, lambda: outcome.log)
        notice = f"run by the pipeline: {why}"
        return PortfolioResults(
            outcome.valuation, window, self.config, told, explained, notice=notice
        )

    def _made_ready(self, warmup: int) -> tuple[Window, PortfolioKernel | Refusal]:
        """The window for a warm-up and the kernel over it, or why there is none."""
        config = self.config
        room = warmup if config.warmup == "before" and config.start else None
        if room not in self._ready:
            window = cut(
                self.histories, config.start, config.end, room, config.compatibility, config.allow
            )
            kernel: PortfolioKernel | Refusal
            try:
                kernel = portfolio_kernel(window, config)
            except Refusal as refusal:
                kernel = refusal
            self._ready[room] = window, kernel
        return self._ready[room]

    def _wishes(self, strategy: Weighing, kernel: PortfolioKernel, ask: Asked) -> Wishes:
        """The rows after which something is wanted, with the weights."""
        for row, weights in _asked(strategy, kernel, ask):
            if not self._terms.lends_shares and np.any(weights < 0):
                symbol = int(np.argmax(weights < 0))
                name, weight = kernel.panel.symbols[symbol], float(weights[symbol])
                raise short_refused(name, weight, self._terms)
            yield row, weights


def _asked(strategy: Weighing, kernel: PortfolioKernel, ask: Asked) -> Wishes:
    panel, first = kernel.panel, kernel.first
    if isinstance(strategy, WeightMatrix):
        matrix = planned(strategy, panel, first)
        rows = np.flatnonzero(~np.isnan(matrix).all(axis=1))
        rows = rows[rows >= first]
        yield from zip(rows.tolist(), matrix[rows], strict=True)
        return
    rows = due_rows(strategy, panel, first)
    if ask == "once" and len(rows):
        yield from zip(rows.tolist(), weigh(strategy, panel, rows), strict=True)
    elif ask == "each":
        for row in rows.tolist():
            yield row, weigh(strategy, panel.until(row + 1), np.array([row]))[0]


def _weighing(strategy: Any) -> Weighing:
    if isinstance(strategy, type):
        strategy = strategy()
    if hasattr(strategy, "shape"):
        return WeightMatrix(strategy)
    if not is_cross_section(strategy):
        raise UsageError(
            f"{type(strategy).__name__} does not weigh symbols",
            hint="give it rank, select, weight and rebalance, or use backtest(...)",
        )
    return cast("Weighing", strategy)


def portfolio(
    strategy: Any, prices: Mapping[str, Any], *, ask: Asked = "once", **settings: Any
) -> PortfolioResults:
    """Run a portfolio over the prices of many symbols.

    Args:
        strategy: A cross-section or its class; or weights, a row for each moment and a column for
            each symbol in alphabetical order, or a frame of dates and symbols.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        ask: ``once`` for all days together, or ``each`` day by itself with nothing after it.
        **settings: Fields of `SimulationConfig`; ``size`` is the part of equity that is invested.
    """
    return PortfolioEngine(prices, **settings).run(strategy, ask=ask)
