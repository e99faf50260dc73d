"""backtest(...): the bench in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from papertape.engines.proofbench.bench import SimulationEngine
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.results import SimulationResults
from papertape.strategies.strategy import Strategy


def backtest(
    strategy: Strategy | type, prices: Mapping[str, Any], **settings: Any
) -> SimulationResults:
    """Run a strategy over prices.

    Args:
        strategy: A strategy, or its class for one with the default parameters.
        prices: Symbol -> a frame, `Bars` or `PriceHistory`.
        **settings: Fields of `SimulationConfig`.
    """
    engine = SimulationEngine(SimulationConfig(**settings))
    for symbol, each in prices.items():
        engine.load_data(symbol, each)
    engine.set_strategy(strategy() if isinstance(strategy, type) else strategy)
    return engine.run()
