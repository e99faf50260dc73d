"""Run one of the shipped strategies over a price file, and print its figures.

A short use of the package from Python; the command line does the same and more:

    python scripts/run_backtest.py --symbol AAPL
    python scripts/run_backtest.py --symbol SPY --data SPY.csv --from 2024-01-01 --to 2024-11-30
"""

from __future__ import annotations

import argparse
import sys
from datetime import date

from papertape import SimulationConfig, SimulationEngine, read_prices, read_sample
from papertape.domain.errors import PapertapeError
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
)

STRATEGIES = {
    "crossover": MovingAverageCrossoverStrategy,
    "rsi": RSIMeanReversionStrategy,
    "breakout": MomentumBreakoutStrategy,
}
SHOWN = ("total_return", "cagr", "max_drawdown", "sharpe", "volatility", "costs", "final_equity")


def main() -> int:
    """Read the prices, run, print; the exit code says what went wrong."""
    given = arguments()
    try:
        prices = read_prices(given.data, symbol=given.symbol) if given.data else None
        history = prices or read_sample(given.symbol)
        config = SimulationConfig(
            initial_capital=given.cash,
            bar_frequency=str(history.bars.frequency),
            start=given.first,
            end=given.last,
            size=given.size,
            cost=given.cost,
        )
        engine = SimulationEngine(config)
        engine.load_data(given.symbol, history)
        engine.set_strategy(STRATEGIES[given.strategy]())
        results = engine.run()
    except PapertapeError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        return error.exit_code
    for name in SHOWN:
        figure = results.metrics[name]
        reason = results.metrics.reasons.get(name, "")
        print(f"{name:<14}{reason if figure is None else f'{figure:>14,.4f}'}")
    print(results)
    if results.record.trades:
        print(results.why("T1"))
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--strategy", choices=STRATEGIES, default="crossover")
    parser.add_argument("--symbol", default="AAPL")
    parser.add_argument("--data", help="price file; the embedded sample if left out")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day traded")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="last day traded")
    parser.add_argument("--cash", type=float, default=100_000.0)
    parser.add_argument("--size", default="percent:95", help="shares:100, percent:95 or risk:1")
    parser.add_argument("--cost", default="us-retail", help="us-retail, ibkr-fixed, none, ...")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
