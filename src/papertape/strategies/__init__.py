"""Strategies: the two ways to write one, what they are made of, and the three that come along."""

from papertape.domain.market import Bar, Bars, FloatArray
from papertape.strategies.indicators import (
    donchian_high,
    donchian_low,
    ema,
    held,
    previous,
    sma,
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

__all__ = [
    "Bar",
    "Bars",
    "Context",
    "FloatArray",
    "MomentumBreakoutStrategy",
    "MovingAverageCrossoverStrategy",
    "OrderStrategy",
    "RSIMeanReversionStrategy",
    "RunningAverage",
    "SignalStrategy",
    "Strategy",
    "bollinger",
    "build",
    "check_parameters",
    "declared_parameters",
    "directional_movement",
    "donchian_high",
    "donchian_low",
    "ema",
    "held",
    "macd",
    "money_flow_index",
    "on_balance_volume",
    "parameter",
    "previous",
    "sma",
    "sma_order",
    "standard_deviation",
    "stochastic",
    "true_range",
    "wilder_atr",
    "wilder_average",
    "wilder_rsi",
]
