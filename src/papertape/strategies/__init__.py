"""Strategies: the three ways to write one, what they are made of, and those that come along."""

from papertape.domain.market import Bar, Bars, BoolArray, FloatArray, IntArray
from papertape.domain.panel import Panel
from papertape.strategies.cross_section import WeightMatrix, best, equally
from papertape.strategies.indicators import (
    donchian_high,
    donchian_low,
    ema,
    held,
    previous,
    sma,
    sma_above,
    sma_order,
    true_range,
    wilder_atr,
    wilder_average,
    wilder_rsi,
)
from papertape.strategies.momentum_breakout import MomentumBreakoutStrategy
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.rsi_mean_reversion import RSIMeanReversionStrategy
from papertape.strategies.running import RunningAverage
from papertape.strategies.strategy import (
    Context,
    CrossSection,
    OrderStrategy,
    SignalStrategy,
    Strategy,
    build,
    check_parameters,
    declared_parameters,
    parameter,
)
from papertape.strategies.studies import (
    bollinger,
    directional_movement,
    macd,
    money_flow_index,
    on_balance_volume,
    standard_deviation,
    stochastic,
)
from papertape.strategies.top_momentum import TopMomentumStrategy

__all__ = [
    "Bar",
    "Bars",
    "BoolArray",
    "Context",
    "CrossSection",
    "FloatArray",
    "IntArray",
    "MomentumBreakoutStrategy",
    "MovingAverageCrossoverStrategy",
    "OrderStrategy",
    "Panel",
    "RSIMeanReversionStrategy",
    "RunningAverage",
    "SignalStrategy",
    "Strategy",
    "TopMomentumStrategy",
    "WeightMatrix",
    "best",
    "bollinger",
    "build",
    "check_parameters",
    "declared_parameters",
    "directional_movement",
    "donchian_high",
    "donchian_low",
    "ema",
    "equally",
    "held",
    "macd",
    "money_flow_index",
    "on_balance_volume",
    "parameter",
    "previous",
    "sma",
    "sma_above",
    "sma_order",
    "standard_deviation",
    "stochastic",
    "true_range",
    "wilder_atr",
    "wilder_average",
    "wilder_rsi",
]
