"""Assembly: a strategy, RiskGuard and a simulated broker put together as one pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from papertape.domain.account import Account
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
from papertape.engines.signalcore.answers import Answers
from papertape.engines.signalcore.engine import SignalCore, SignalDesk
from papertape.engines.signalcore.order_desk import OrderDesk
from papertape.engines.signalcore.sizing import size_policy
from papertape.matching.wire import Latency
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
    account = Account.opened(config.capital)
    router = FlowRoute(broker)
    pipeline = TradingPipeline(core, guard, router, account, terms, instruments)
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


def is_signal_strategy(strategy: Strategy) -> bool:
    """Which of the two protocols an object follows.

    Raises:
        UsageError: If it follows neither, or both.
    """
    signals, orders = hasattr(strategy, "exposure"), hasattr(strategy, "on_bar")
    if signals == orders:
        raise UsageError(
            f"{type(strategy).__name__} follows {'both' if signals else 'neither'} of the strategy "
            "protocols",
            hint="give it exposure(bars) and reason(bars), or on_bar(context, bar); and warmup",
        )
    for name in ("warmup", *(("reason",) if signals else ())):
        if not hasattr(strategy, name):
            raise UsageError(f"{type(strategy).__name__} has no {name}")
    if not isinstance(strategy.warmup, int) or strategy.warmup < 0:
        raise UsageError(
            f"{type(strategy).__name__}: warmup is {strategy.warmup!r}, not a number of bars"
        )
    return signals
