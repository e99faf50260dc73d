"""A run with latency: what it changes, what it counts, and what `why` says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from tests.generators import random_bars

from papertape import SimulationConfig
from papertape.domain.errors import UsageError
from papertape.domain.market import Bars, FloatArray, PriceHistory
from papertape.engines.proofbench.bench import simulate
from papertape.engines.proofbench.results import SimulationResults, report

CONFIG = SimulationConfig(
    bar_frequency="1m", warmup="inside", size="shares:10", cost="none", benchmark="none"
)


@dataclass(frozen=True)
class Flipper:
    """Wants something for one bar in every few, and then nothing."""

    every: int = 7
    warmup: int = 0

    def exposure(self, bars: Bars) -> FloatArray:
        """1 after each bar whose number is a multiple, else 0."""
        minutes = (bars.start - bars.start[:1]) // 60_000_000_000
        return (minutes % self.every == 1).astype(float)

    def reason(self, bars: Bars) -> str:
        """Nothing to say."""
        return "by the clock"


def run(config: SimulationConfig, frequency: str = "1m", n: int = 57) -> SimulationResults:
    config = replace(config, bar_frequency=frequency)
    histories = {"SPY": PriceHistory(random_bars(3, n, frequency, volatility=0.001))}
    return report(simulate(Flipper(), histories, config), None, histories, config)


@pytest.mark.parametrize("latency", [-1, 3_600_001, float("nan")])
def test_a_latency_that_is_none_is_refused(latency: float) -> None:
    with pytest.raises(UsageError, match="latency"):
        SimulationConfig(latency=latency)


def test_on_daily_bars_what_is_sent_after_the_close_is_there_at_the_open() -> None:
    now, late = (run(replace(CONFIG, latency=ms), "1d").record for ms in (0, 250))
    assert now.fills == late.fills


def test_within_the_time_of_grace_each_fill_at_an_open_is_dearer_and_says_why() -> None:
    now, late = (run(replace(CONFIG, latency=ms)) for ms in (0, 250))
    assert len(now.record.fills) == len(late.record.fills) == 16
    for one, other in zip(now.record.fills[1:], late.record.fills[1:], strict=True):
        side = 1 if one.quantity > 0 else -1
        assert (one.time, one.reference) == (other.time, other.reference)
        # The parts sum to the price, to the tick and against us.
        rest = side * (other.price - other.reference) - other.delay
        assert other.delay > 0 <= rest < 0.01
        assert f"lateness {other.delay}" in late.why(other.id)
    assert late.record.metrics["total_return"] < now.record.metrics["total_return"]


def test_a_wish_that_changed_too_late_is_put_right_after_the_lost_race() -> None:
    results = run(replace(CONFIG, latency=2_000))
    held, most = 0, 0
    for fill in results.record.fills:
        held += fill.quantity
        most = max(most, held)
    # Each entry waits a bar, its cancel comes too late, and what was bought is sold again.
    assert (held, most) == (0, 10)
    assert len(results.record.fills) == 16
    notices = " ".join(results.record.notices)
    assert results.record.fill_report.deferred == len(results.record.orders)
    assert "came too late" in notices
