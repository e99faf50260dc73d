"""A portfolio of a cross-section: the two calmest of four shares, in equal parts, each month."""

from dataclasses import dataclass

import numpy as np

from papertape import portfolio, read_sample
from papertape.strategies import BoolArray, FloatArray, IntArray, Panel, best, equally


@dataclass(frozen=True)
class Calmest:
    """Ranks by how little the closes of the last 60 sessions moved."""

    warmup: int = 61
    rebalance: str = "monthly"

    def rank(self, panel: Panel, rows: IntArray) -> FloatArray:
        moves = np.diff(np.log(panel.close), axis=0)
        return np.array([-moves[row - 60 : row].std(axis=0) for row in rows])

    def select(self, scores: FloatArray) -> BoolArray:
        return best(scores, 2)

    def weight(self, scores: FloatArray, chosen: BoolArray) -> FloatArray:
        return equally(chosen)


prices = {symbol: read_sample(symbol) for symbol in ("AAPL", "GOOG", "IBM", "MSFT")}
run = portfolio(Calmest, prices, size="percent:98", account="margin")

print(run)
print(f"return {run.metrics['cagr']:.1%} a year, Sharpe {run.metrics['sharpe']:.2f}")
print(run.orders[["symbol", "quantity", "status", "reason"]].head(4).to_string())
print("look-ahead check:", run.explained().record.lookahead.status)
