"""SimulationConfig: everything about a run that is neither its strategy nor its prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Literal, get_args

from papertape.data.quality.finding import rule_id
from papertape.domain.clock import MILLISECOND, Nanos
from papertape.domain.compatibility import Compatibility, compatibilities
from papertape.domain.errors import UsageError
from papertape.domain.market import Frequency
from papertape.domain.money import Micros, micros
from papertape.domain.terms import account_terms
from papertape.engines.riskguard import PROFILES, RiskLimits, limits_from
from papertape.engines.signalcore.sizing import size_policy
from papertape.matching.costs import CostModel
from papertape.matching.tariffs import cost_model

WarmUp = Literal["before", "inside"]
Benchmark = Literal["hold", "none"]
LONGEST_LATENCY = 3_600_000
"""Milliseconds in an hour: more is no latency but another day's order."""


@dataclass(frozen=True)
class SimulationConfig:
    """The settings of a run; each is checked when it is made.

    Attributes:
        initial_capital: Dollars the account opens with.
        bar_frequency: Length of the bars: ``1d``, ``1h``, ``5m``, ``1m``.
        risk_free_rate: A year, used in every ratio and printed beside it.
        start, end: First and last day traded, both included; None for all there is.
        size: ``percent:95`` of equity (``percent:95,net`` with the fees in it), ``shares:100``, or
            ``risk:1`` percent at the stop.
        cost: ``us-retail``, ``ibkr-fixed``, ``ibkr-tiered``, ``none``, or composed of terms such as
            ``per-share:0.005,min=1+half-spread:2bp``, see `papertape.matching.tariffs`.
        spread: ``edge``, ``corwin-schultz``, ``abdi-ranaldo``, ``roll``, ``class``, ``bp:2``;
            empty for that of ``cost``.
        account: ``cash``, ``cash-settled`` (only settled money buys) or ``margin`` (Regulation T,
            short selling).
        warmup: ``before`` loads the strategy's history ahead of ``start``, so that it may act at
            the first open; ``inside`` starts cold.
        risk_profile: Which limits RiskGuard holds orders against.
        limits: Those that are set otherwise, such as ``max_orders=200``.
        benchmark: ``hold`` buys and holds the same instruments at the same costs; ``none``.
        seed: Of everything that is drawn, such as bootstrap samples.
        latency: Milliseconds that an order, a cancel or a replacement takes to the exchange.
        compat: Conventions of other engines to follow, joined by commas, see
            `papertape.domain.compatibility`; a run that follows one carries a banner.
        allow: Data rules (``D10``) whose errors are accepted; any other error refuses the run.
    """

    initial_capital: float = 100_000.0
    bar_frequency: str = "1d"
    risk_free_rate: float = 0.02
    start: date | None = None
    end: date | None = None
    size: str = "percent:95"
    cost: str = "us-retail"
    spread: str = ""
    account: str = "cash"
    warmup: WarmUp = "before"
    risk_profile: str = "backtest"
    limits: tuple[str, ...] = ()
    benchmark: Benchmark = "hold"
    seed: int = 0
    latency: float = 0.0
    compat: str = ""
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
        if not 0 <= self.latency <= LONGEST_LATENCY:
            raise UsageError(
                f"a latency of {self.latency} is not between 0 and {LONGEST_LATENCY:,} milliseconds"
            )
        Frequency.parse(self.bar_frequency)
        size_policy(self.size)
        account_terms(self.account)
        compatibilities(self.compat)
        cost_model(self.cost, self.spread)
        _ = self.risk_limits
        object.__setattr__(self, "allow", tuple(sorted({rule_id(rule) for rule in self.allow})))

    @property
    def frequency(self) -> Frequency:
        """The bar length."""
        return Frequency.parse(self.bar_frequency)

    @property
    def delay(self) -> Nanos:
        """The latency in nanoseconds."""
        return round(self.latency * MILLISECOND)

    @property
    def compatibility(self) -> frozenset[Compatibility]:
        """The conventions of other engines that the run follows."""
        return compatibilities(self.compat)

    @property
    def costs(self) -> CostModel:
        """What trading costs."""
        return cost_model(self.cost, self.spread)

    @property
    def risk_limits(self) -> RiskLimits:
        """What RiskGuard holds orders against."""
        pairs = (each.partition("=") for each in self.limits)
        return limits_from(self.risk_profile, {name: text for name, _, text in pairs})

    @property
    def capital(self) -> Micros:
        """The opening cash in micro-dollars."""
        return micros(self.initial_capital)
