"""Assembly: a strategy, RiskGuard and a simulated broker put together as one pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from papertape.domain.compatibility import Compatibility
from papertape.domain.errors import UsageError
from papertape.domain.instrument import Instrument
from papertape.domain.money import Micros
from papertape.domain.terms import account_terms
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.core import FlowRoute
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.riskguard import RiskGuard
from papertape.engines.signalcore.allocation import Allocation
from papertape.engines.signalcore.answers import Answers
from papertape.engines.signalcore.engine import SignalCore, SignalDesk
from papertape.engines.signalcore.order_desk import OrderDesk
from papertape.engines.signalcore.portfolio_desk import PortfolioDesk
from papertape.engines.signalcore.sizing import PercentOfEquity, size_policy
from papertape.matching.wire import Latency
from papertape.strategies.cross_section import WeightMatrix
from papertape.strategies.strategy import OrderStrategy, SignalStrategy, Strategy


class Rig(NamedTuple):
    """A pipeline that is ready to be driven, and the account it trades."""

    pipeline: TradingPipeline
    broker: PaperBroker
    guard: RiskGuard


def assemble(
    core: SignalCore,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
    taped: Collection[str] = (),
) -> Rig:
    """Build a pipeline on a fresh simulated account; orders of what is taped meet its ticks."""
    if Compatibility.OFF_TICK in config.compatibility:
        instruments = {symbol: replace(each, tick=1) for symbol, each in instruments.items()}
    terms, compat = account_terms(config.account), config.compatibility
    broker = PaperBroker(
        config.capital,
        instruments,
        config.frequency,
        config.costs,
        terms,
        compat,
        latency=Latency(config.delay),
        taped=taped,
    )
    guard = RiskGuard(config.risk_limits)
    router = FlowRoute(broker)
    pipeline = TradingPipeline(core, guard, router, broker.account, terms, instruments)
    return Rig(pipeline, broker, guard)


def signal_desk(
    strategy: SignalStrategy,
    answers: Answers,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
) -> SignalDesk:
    """The desk of a signal strategy, once its sizing is known to be possible.

    Raises:
        UsageError: If the size rests on a stop that the strategy does not attach.
    """
    size = size_policy(config.size)
    if size.needs_stop and not hasattr(strategy, "stop_distance"):
        raise UsageError(
            f"--size {config.size} sizes by the distance to an attached stop, and "
            f"{type(strategy).__name__} attaches none",
            hint="use --size percent:95 or shares:100, or give the strategy a stop_distance method",
        )
    terms, at_fill = account_terms(config.account), Compatibility.SIZE_AT_FILL
    fees, sizes_at_fill = config.costs.fees, at_fill in config.compatibility

    def order_fee(shares: int, price: Micros, day: date) -> Micros:
        return fees.fee(shares, shares * price, day)

    return SignalDesk(answers, size, instruments, terms, order_fee, sizes_at_fill=sizes_at_fill)


def order_desk(
    strategy: OrderStrategy, instruments: Mapping[str, Instrument], config: SimulationConfig
) -> OrderDesk:
    """The desk of an order strategy."""
    return OrderDesk(strategy, instruments, config.frequency)


def portfolio_desk(
    allocation: Allocation, instruments: Mapping[str, Instrument], config: SimulationConfig
) -> PortfolioDesk:
    """The desk of a cross-section, or of any weights.

    Raises:
        UsageError: If the size is no share of equity, or shares are to be counted at their fill.
    """
    if Compatibility.SIZE_AT_FILL in config.compatibility:
        raise UsageError(
            "size_at_fill: a portfolio is counted at the close that it is decided on",
            hint="papertape.portfolio(...) knows the convention, for ordinary shares",
        )
    terms = account_terms(config.account)
    return PortfolioDesk(allocation, invested_part(config), instruments, terms)


def invested_part(config: SimulationConfig) -> Fraction:
    """How much of equity the weights of a portfolio share out.

    Raises:
        UsageError: If the size is no share of equity.
    """
    size = size_policy(config.size)
    if not isinstance(size, PercentOfEquity) or size.is_net:
        raise UsageError(
            f"--size {config.size}: a portfolio spreads a share of equity over its symbols",
            hint="--size percent:98",
        )
    return size.percent / 100


def is_cross_section(strategy: Strategy) -> bool:
    """Whether an object weighs symbols; the other two protocols are told by `is_signal_strategy`.

    Raises:
        UsageError: If it does, and something is missing or too much.
    """
    if isinstance(strategy, WeightMatrix):
        return True
    if not hasattr(strategy, "rank"):
        return False
    name = type(strategy).__name__
    for other in ("exposure", "on_bar"):
        if hasattr(strategy, other):
            raise UsageError(f"{name} has both rank and {other}", hint="leave one of them out")
    _refuse_incomplete(strategy, "rebalance", "select", "weight")
    return True


def is_signal_strategy(strategy: Strategy) -> bool:
    """Which of the two protocols that see one instrument at a time an object follows.

    Raises:
        UsageError: If it follows neither, or both.
    """
    signals, orders = hasattr(strategy, "exposure"), hasattr(strategy, "on_bar")
    if is_cross_section(strategy):
        raise UsageError(
            f"{type(strategy).__name__} weighs many symbols, which cannot be done here",
            hint="papertape backtest, papertape.portfolio(...)",
        )
    if signals == orders:
        raise UsageError(
            f"{type(strategy).__name__} follows {'both' if signals else 'neither'} of the strategy "
            "protocols",
            hint="give it exposure(bars) and reason(bars), or on_bar(context, bar); and warmup; or "
            "rank, select, weight and rebalance",
        )
    _refuse_incomplete(strategy, *(("reason",) if signals else ()))
    return signals


def _refuse_incomplete(strategy: Strategy, *names: str) -> None:
    for name in ("warmup", *names):
        if not hasattr(strategy, name):
            raise UsageError(f"{type(strategy).__name__} has no {name}")
    if not isinstance(strategy.warmup, int) or strategy.warmup < 0:
        raise UsageError(
            f"{type(strategy).__name__}: warmup is {strategy.warmup!r}, not a number of bars"
        )
