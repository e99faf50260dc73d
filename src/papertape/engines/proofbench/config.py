"""SimulationConfig: everything about a run that is neither its strategy nor its prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Literal, get_args

from papertape.data.quality.finding import rule_id
from papertape.domain.errors import UsageError
from papertape.domain.market import Frequency
from papertape.domain.money import Micros, micros
from papertape.engines.riskguard import PROFILES
from papertape.engines.signalcore.sizing import size_policy
from papertape.matching.costs import cost_model

WarmUp = Literal["before", "inside"]
Benchmark = Literal["hold", "none"]


@dataclass(frozen=True)
class SimulationConfig:
    """The settings of a run; each is checked when it is made.

    Attributes:
        initial_capital: Dollars the account opens with.
        bar_frequency: Length of the bars: ``1d``, ``1h``, ``5m``, ``1m``.
        risk_free_rate: A year, used in every ratio and printed beside it.
        start, end: First and last day traded, both included; None for all there is.
        size: ``percent:95`` of equity, ``shares:100``, or ``risk:1`` percent at the stop.
        cost: ``us-retail``, ``ibkr-fixed``, ``ibkr-tiered``, ``none``, ``percent:0.1``.
        warmup: ``before`` loads the strategy's history ahead of ``start``, so that it may act at
            the first open; ``inside`` starts cold.
        risk_profile: Which limits RiskGuard holds orders against.
        benchmark: ``hold`` buys and holds the same instruments at the same costs; ``none``.
        seed: Of everything that is drawn, such as bootstrap samples.
        allow: Data rules (``D10``) whose errors are accepted; any other error refuses the run.
    """

    initial_capital: float = 100_000.0
    bar_frequency: str = "1d"
    risk_free_rate: float = 0.02
    start: date | None = None
    end: date | None = None
    size: str = "percent:95"
    cost: str = "us-retail"
    warmup: WarmUp = "before"
    risk_profile: str = "backtest"
    benchmark: Benchmark = "hold"
    seed: int = 0
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.initial_capital, bool) or not (
            isfinite(self.initial_capital) and 1 <= self.initial_capital < 1e9
        ):
            raise UsageError(
                f"initial capital {self.initial_capital} is not between 1 and 1,000,000,000 dollars"
            )
        if not -0.5 < self.risk_free_rate < 1:
            raise UsageError(f"a risk-free rate of {self.risk_free_rate} a year is no rate")
        if self.start and self.end and self.end < self.start:
            raise UsageError(f"the window ends ({self.end}) before it begins ({self.start})")
        for name, value, known in (
            ("warmup", self.warmup, get_args(WarmUp)),
            ("benchmark", self.benchmark, get_args(Benchmark)),
            ("risk profile", self.risk_profile, tuple(PROFILES)),
        ):
            if value not in known:
                raise UsageError(f"{name} {value!r} is none of {', '.join(known)}")
        Frequency.parse(self.bar_frequency)
        size_policy(self.size)
        cost_model(self.cost)
        object.__setattr__(self, "allow", tuple(sorted({rule_id(rule) for rule in self.allow})))

    @property
    def frequency(self) -> Frequency:
        """The bar length."""
        return Frequency.parse(self.bar_frequency)

    @property
    def capital(self) -> Micros:
        """The opening cash in micro-dollars."""
        return micros(self.initial_capital)
