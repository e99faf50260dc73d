#!/usr/bin/env python3
"""Write docs/BACKTEST_RESULTS_2024.md: the three strategies on daily SPY bars, with costs.

Repeat it with any file of daily SPY prices that reaches back to 2014:

    python scripts/backtest_results.py --data spy.csv.gz > docs/BACKTEST_RESULTS_2024.md
"""

from __future__ import annotations

import argparse
import sys
from datetime import date

from papertape import PriceHistory, SimulationResults, backtest, read_prices
from papertape.strategies import (
    MomentumBreakoutStrategy,
    MovingAverageCrossoverStrategy,
    RSIMeanReversionStrategy,
)

STRATEGIES = {
    "MA crossover 50/200": MovingAverageCrossoverStrategy,
    "RSI reversion": RSIMeanReversionStrategy,
    "Breakout 20/10": MomentumBreakoutStrategy,
}
WINDOWS = ((date(2024, 1, 1), date(2024, 11, 30)), (date(2015, 1, 1), date(2024, 11, 30)))

HEAD = """# Three strategies on SPY, 2024 and 2015 to 2024

Made by one command, which anybody with a file of daily SPY bars can repeat:

    python scripts/backtest_results.py --data FILE > docs/BACKTEST_RESULTS_2024.md

Prices as traded; 100,000 dollars, 95 % of equity a position, `us-retail` costs (half spread,
square-root impact, SEC and FINRA fees), fills at the next open, warm-up before the window.
Dividends are not in the file, so they are missing from every column (buy and hold would gain 1.3
to 2 % a year from them, the strategies in proportion to their time in the market). Cash earns
nothing; the risk-free rate in the Sharpe ratio is 2 % a year. Buy and hold pays the same costs at
the same size.
"""

TAIL = """
## What this means, and what it does not

- **2024 is one position.** The 50-day average stood above the 200-day one on every session, so
  the crossover bought at the first open it might use and held to the end. That is buy and hold
  with extra steps, and one position proves nothing.
- **Started cold, the same rule would have done nothing before October 2024**: without the bars
  ahead of the window there is no 200-day average. Two honest back-tests of "50/200 in 2024"
  differ by the whole result for that reason alone.
- **The interval, not the estimate, is the finding.** It says what the yearly difference to buy
  and hold could as well have been, had the same days come in another order. Where it holds zero,
  nothing has been shown either way; where it does not, it still speaks of this market and these
  years only.
- **Less exposure is less risk and less return.** Compare drawdown and exposure before comparing
  returns.
- **Nothing here was tuned, and nothing was chosen by its result**: the parameters are the
  textbook's. That makes the figures honest and says nothing about next year.
"""


def main() -> int:
    """Run six backtests and print the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", required=True, help="daily SPY bars: csv, csv.gz or parquet")
    arguments = parser.parse_args()
    prices = read_prices(arguments.data, symbol="SPY")
    sys.stdout.write(HEAD)
    for start, end in WINDOWS:
        sys.stdout.write(section(prices, start, end))
    sys.stdout.write(TAIL)
    return 0


def section(prices: PriceHistory, start: date, end: date) -> str:
    """One window: a table of figures, and each strategy in words."""
    runs = {
        name: backtest(kind, {"SPY": prices}, start=start, end=end)
        for name, kind in STRATEGIES.items()
    }
    ground = next(iter(runs.values())).record.ground
    lines = [
        f"\n## {start} to {end}\n",
        f"{ground.bars} sessions, {ground.first} to {ground.last}, data {ground.data_hash[:4]}.\n",
        "| | " + " | ".join([*runs, "buy & hold"]) + " |",
        "|---|" + "---:|" * (len(runs) + 1),
    ]
    lines += [row(words, name, style, runs) for words, name, style in FIGURES]
    lines.append("")
    for name, run in runs.items():
        words = " ".join(run.record.words)
        against = run.record.against_benchmark
        lines.append(f"- **{name}.** {words} Against buy & hold: {against}.")
    return "\n".join(lines) + "\n"


FIGURES = (
    ("Return in all", "total_return", "{:+.1%}"),
    ("Return a year", "cagr", "{:+.1%}"),
    ("Volatility a year", "volatility", "{:.1%}"),
    ("Worst drawdown", "max_drawdown", "{:.1%}"),
    ("Sharpe (rf 2 %)", "sharpe", "{:.2f}"),
    ("Sortino (rf 2 %)", "sortino", "{:.2f}"),
    ("Time in the market", "exposure_time", "{:.0%}"),
    ("Trades closed", "trades_closed", "{}"),
    ("Trades open at the end", "trades_open", "{}"),
    ("Won of closed", "win_rate", "{:.0%}"),
    ("Costs in dollars", "costs", "{:,.2f}"),
    ("Final equity in dollars", "final_equity", "{:,.2f}"),
)
TRADES = {"trades_closed", "trades_open", "win_rate", "costs"}


def row(words: str, name: str, style: str, runs: dict[str, SimulationResults]) -> str:
    """One figure for every strategy, and for buy and hold where it has one."""
    figures = [run.metrics[name] for run in runs.values()]
    held = next(iter(runs.values())).record.benchmark_metrics
    figures.append(None if name in TRADES else held[name])
    cells = ["-" if figure is None else style.format(figure) for figure in figures]
    return f"| {words} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
