"""What a run says in words: of idle days, of jumps, and of reasons that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.generators import random_bars

from papertape import Bars, SimulationResults, backtest, read_sample
from papertape.domain.errors import DataError, StrategyError, UsageError
from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.explain import why_not
from papertape.strategies import MovingAverageCrossoverStrategy


@dataclass(frozen=True)
class Speechless:
    """Wants everything and cannot say why."""

    said: Any = None
    warmup: int = 0

    def exposure(self, bars: Bars) -> np.ndarray:
        return np.ones(len(bars))

    def reason(self, bars: Bars) -> Any:
        return self.said


@pytest.fixture(scope="module")
def held() -> SimulationResults:
    return backtest(MovingAverageCrossoverStrategy(5, 20), {"IBM": read_sample("IBM")})


def test_an_idle_day_names_the_standing_wish_and_since_when(held: SimulationResults) -> None:
    first = held.record.decisions[0]
    idle = why_not(held.record, "IBM", "2000-04-03")
    assert "no order, the strategy's wish did not change" in idle
    assert f"since {first.time}: {first.reason}" in idle


def test_the_day_of_a_fill_shows_the_fill(held: SimulationResults) -> None:
    fill = held.record.fills[0]
    assert fill.id in why_not(held.record, "IBM", fill.time[:10])


def test_a_day_outside_the_run_is_refused(held: SimulationResults) -> None:
    with pytest.raises(UsageError, match="lies outside this run"):
        why_not(held.record, "IBM", "2030-01-01")


@pytest.mark.parametrize("said", [None, 3, "a\x1b[31mred", "two\nlines"])
def test_a_reason_that_is_no_line_of_text_stops_the_run(said: Any) -> None:
    with pytest.raises(StrategyError, match="a reason is one line of text"):
        backtest(Speechless(said), {"IBM": read_sample("IBM")})


@pytest.mark.parametrize(("factor", "count"), [(2.7, 1), (1.2, 0)])
def test_input_b14_a_jump_over_half_is_a_notice(factor: float, count: int) -> None:
    calm = random_bars(3, 60)
    bars = calm.scaled(np.where(np.arange(60) < 30, 1.0, factor))
    notices = backtest(Speechless("why not"), {"SPY": PriceHistory(bars)}).record.notices
    assert sum("jumps by more than half" in notice for notice in notices) == count


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({30: 3.0}, "takes it back"),
        (dict.fromkeys(range(30, 60), 100.0), "change of unit"),
        (dict.fromkeys(range(30, 60), 0.5), r"split \(2:1\) that is not booked"),
        (dict.fromkeys(range(30, 60), 4.0), r"split \(1:4\) that is not booked"),
    ],
)
def test_input_b14_a_jump_that_cannot_be_true_is_refused(
    factors: dict[int, float], words: str
) -> None:
    scale = np.array([factors.get(row, 1.0) for row in range(60)])
    bars = random_bars(3, 60, volatility=0.002).scaled(scale)
    with pytest.raises(DataError, match=words):
        backtest(Speechless("why not"), {"SPY": PriceHistory(bars)})
