"""Figures: the short list of what a run amounts to, which a kernel counts while it drives."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import msgspec

from papertape.domain.money import MICROS_PER_DOLLAR, dollars
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.metrics import FLAT, Metrics

if TYPE_CHECKING:
    from papertape.engines.proofbench.kernel.tally import Tally


class Figures(msgspec.Struct, frozen=True):
    """What a trial amounts to, as `papertape.engines.proofbench.metrics` defines it.

    Attributes:
        final_equity, fees: Dollars.
        total_return, max_drawdown, win_rate, exposure_time: Fractions.
        volatility, sharpe: A year.
        sharpe_per_period: The same for one bar, of excess returns.
        profit_factor: Won over lost.
        expectancy: Dollars a closed trade.
        trades_closed, trades_open, periods: Counts.
    """

    final_equity: float
    total_return: float
    max_drawdown: float
    volatility: float | None
    sharpe: float | None
    sharpe_per_period: float | None
    trades_closed: int
    trades_open: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    exposure_time: float
    fees: float
    periods: int


def figures_of(tally: Tally, config: SimulationConfig) -> Figures:
    """The figures of a run that was only counted."""
    ppy, periods = config.frequency.per_year, tally.marks
    per_period: float | None = None
    deviation: float | None = None
    if periods > 1 and not tally.is_ruined:
        mean = tally.sum / periods
        deviation = sqrt(max(0.0, tally.squares - tally.sum * mean) / (periods - 1))
        if deviation >= FLAT:
            free = (1 + config.risk_free_rate) ** (1 / ppy) - 1
            per_period = (mean - free) / deviation
    closed, root = tally.closed, sqrt(ppy)
    # In plain Python they were read off an array, and are its numbers rather than Python's.
    gain, loss, fees = int(tally.gain), int(tally.loss), int(tally.fees)
    return Figures(
        final_equity=tally.last / MICROS_PER_DOLLAR,
        total_return=tally.last / tally.capital - 1,
        max_drawdown=-tally.depth or 0.0,
        volatility=None if deviation is None else deviation * root,
        sharpe=None if per_period is None else per_period * root,
        sharpe_per_period=per_period,
        trades_closed=closed,
        trades_open=int(tally.held != 0),
        win_rate=tally.won / closed if closed else None,
        profit_factor=gain / loss if loss else None,
        expectancy=dollars(gain - loss) / closed if closed else None,
        exposure_time=tally.busy / periods if periods else 0.0,
        fees=dollars(fees),
        periods=periods,
    )


def figures_in(metrics: Metrics, periods: int, config: SimulationConfig) -> Figures:
    """The same of a run whose metrics are known."""
    names = set(Figures.__struct_fields__) - {"sharpe_per_period", "periods"}
    ratio = metrics["sharpe"]
    return Figures(
        **{name: metrics[name] for name in names},  # type: ignore[arg-type]
        sharpe_per_period=None if ratio is None else ratio / sqrt(config.frequency.per_year),
        periods=periods,
    )
