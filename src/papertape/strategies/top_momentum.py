"""Relative momentum: hold the symbols that rose most."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.domain.market import BoolArray, FloatArray, IntArray
from papertape.domain.panel import Panel
from papertape.domain.rebalancing import Rebalancing
from papertape.strategies.cross_section import best, equally
from papertape.strategies.strategy import check_parameters, parameter


@dataclass(frozen=True, slots=True)
class TopMomentumStrategy:
    """Equal parts of the 50 symbols with the highest return over 126 sessions, monthly anew."""

    sessions: int = parameter(126, low=1, high=10_000, words="sessions that returns are taken over")
    top: int = parameter(50, low=1, high=10_000, words="symbols held")
    rebalance: str = parameter("monthly", words="when: weekly, monthly:first, every:21")

    def __post_init__(self) -> None:
        check_parameters(self)
        Rebalancing.parse(self.rebalance)

    @property
    def warmup(self) -> int:
        """The sessions, and the close that they begin at."""
        return self.sessions + 1

    def rank(self, panel: Panel, rows: IntArray) -> FloatArray:
        """The return; none for a symbol without a bar on one of the two days."""
        return panel.close[rows] / panel.close[rows - self.sessions] - 1

    def select(self, scores: FloatArray) -> BoolArray:
        """The highest."""
        return best(scores, self.top)

    def weight(self, scores: FloatArray, chosen: BoolArray) -> FloatArray:
        """Equal parts, also where fewer have a score."""
        return equally(chosen)
