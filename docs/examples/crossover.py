"""A backtest on the embedded sample, by the public interface."""

from datetime import date

from papertape import SimulationConfig, SimulationEngine, read_sample
from papertape.strategies import MovingAverageCrossoverStrategy

engine = SimulationEngine(SimulationConfig(initial_capital=100_000.0, start=date(2005, 1, 1)))
engine.load_data("IBM", read_sample("IBM"))
engine.set_strategy(MovingAverageCrossoverStrategy(fast=50, slow=200))
results = engine.run()

print(results)
print(f"final equity {results.metrics['final_equity']:,.2f}")
print(f"Sharpe {results.metrics['sharpe']:.2f}, rf {results.metrics['risk_free']:.0%}")
print(results.why("T1"))
