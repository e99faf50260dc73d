"""papertape: one strategy object and one matching core, from history to a paper account.

The public names are loaded when they are first used, so importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from papertape.domain.market import Bar, Bars, PriceHistory
    from papertape.engines.proofbench.bench import SimulationEngine
    from papertape.engines.proofbench.config import SimulationConfig
    from papertape.engines.proofbench.each import across, backtest_each, sweep_each
    from papertape.engines.proofbench.face import backtest, sweep
    from papertape.engines.proofbench.portfolio import PortfolioEngine, portfolio
    from papertape.engines.proofbench.portfolio_results import PortfolioResults
    from papertape.engines.proofbench.results import SimulationResults
    from papertape.plugins.market_data.csv import read_prices
    from papertape.plugins.market_data.sample import read_sample

__version__ = "0.1.0"

_HOMES = {
    "Bar": "domain.market",
    "Bars": "domain.market",
    "PortfolioEngine": "engines.proofbench.portfolio",
    "PortfolioResults": "engines.proofbench.portfolio_results",
    "PriceHistory": "domain.market",
    "SimulationConfig": "engines.proofbench.config",
    "SimulationEngine": "engines.proofbench.bench",
    "SimulationResults": "engines.proofbench.results",
    "across": "engines.proofbench.each",
    "backtest": "engines.proofbench.face",
    "portfolio": "engines.proofbench.portfolio",
    "backtest_each": "engines.proofbench.each",
    "read_prices": "plugins.market_data.csv",
    "read_sample": "plugins.market_data.sample",
    "sweep": "engines.proofbench.face",
    "sweep_each": "engines.proofbench.each",
}

__all__ = [
    "Bar",
    "Bars",
    "PortfolioEngine",
    "PortfolioResults",
    "PriceHistory",
    "SimulationConfig",
    "SimulationEngine",
    "SimulationResults",
    "across",
    "backtest",
    "backtest_each",
    "portfolio",
    "read_prices",
    "read_sample",
    "sweep",
    "sweep_each",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
