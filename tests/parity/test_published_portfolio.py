"""500 symbols, monthly the top 50: the figures that other engines came to on the same prices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from papertape import Bars, PortfolioEngine
from papertape.domain.calendar import calendar_of
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, FloatArray, IntArray, session_times
from papertape.domain.panel import Panel
from papertape.strategies import BoolArray, TopMomentumStrategy

SYMBOLS, ROWS = 500, 2520
MOMENTUM = TopMomentumStrategy()


@pytest.fixture(scope="module")
def maker(project: Path) -> ModuleType:
    """The measurement's own maker of prices, which lies beside the repository."""
    file = project.parent / "shared" / "bench" / "make_data.py"
    if not file.is_file():
        pytest.skip("the folder shared/bench does not lie beside the project: no maker of prices")
    spec = spec_from_file_location("make_data", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def columns(maker: ModuleType) -> Iterator[tuple[FloatArray, ...]]:
    random = np.random.default_rng(3)
    for number in range(SYMBOLS):
        volatility, drift = random.uniform(0.01, 0.03), random.normal(0.0002, 0.0003)
        yield maker.one(ROWS, 1000 + number, volatility, drift, 0.003)


@dataclass(frozen=True)
class MonthEnds:
    """The measurement ranks on each month's last weekday, and takes holidays for sessions."""

    rebalance: tuple[date, ...]
    warmup: int = 127

    def rank(self, panel: Panel, rows: IntArray) -> FloatArray:
        return MOMENTUM.rank(panel, rows)

    def select(self, scores: FloatArray) -> BoolArray:
        return MOMENTUM.select(scores)

    def weight(self, scores: FloatArray, chosen: BoolArray) -> FloatArray:
        return MOMENTUM.weight(scores, chosen)


def test_both_published_figures_come_out(maker: ModuleType) -> None:
    days = np.busday_offset("2010-01-04", np.arange(ROWS), roll="forward")
    times = session_times(days.tolist(), calendar_of("XNYS"))
    prices = {
        f"S{number:03}": Bars(Instrument(f"S{number:03}"), DAILY, *times, *each)
        for number, each in enumerate(columns(maker))
    }
    months = days.astype("datetime64[M]")
    strategy = MonthEnds(tuple(days[:-1][months[1:] != months[:-1]].tolist()))
    settings = {
        "initial_capital": 10_000_000.0,
        "size": "percent:98",
        "cost": "percent:0.05",
        "account": "margin",  # in a cash account purchases wait for what the sales bring
        "benchmark": "none",
    }
    # backtrader sizes at the close that it decides on, vectorbt at the open that it fills at.
    figures = {"": 37_652_996.94, "size_at_fill": 37_674_755.652895}
    for compat, figure in figures.items():
        results = PortfolioEngine(prices, **settings, compat=compat).run(strategy)
        assert len(results.columns.fills) == 7_562
        assert results.final_equity == pytest.approx(figure, abs=0.005)
