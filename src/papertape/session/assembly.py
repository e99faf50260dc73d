"""Assembly: a session put together on two journals: its diary, and its account's own log."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from typing import NamedTuple, cast

from papertape.domain.clock import Nanos
from papertape.domain.day import KeptJournal
from papertape.domain.instrument import Instrument
from papertape.domain.terms import account_terms
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.engines.proofbench.assembly import (
    is_cross_section,
    is_signal_strategy,
    order_desk,
    portfolio_desk,
    signal_desk,
)
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.riskguard import RiskGuard
from papertape.engines.signalcore.allocation import AskedOnEachDay
from papertape.engines.signalcore.answers import AskedEachBar
from papertape.engines.signalcore.engine import SignalCore
from papertape.matching.wire import Latency
from papertape.session.charter import Charter, Parts, Patience
from papertape.session.session import PaperSession
from papertape.strategies.strategy import CrossSection, OrderStrategy, SignalStrategy, Strategy


class Ready(NamedTuple):
    """A session that is neither opened nor resumed yet, and the account it will trade."""

    session: PaperSession
    account: SimAccount


def on_simulated_account(
    charter: Charter,
    strategy: Strategy,
    instruments: Mapping[str, Instrument],
    config: SimulationConfig,
    guard: RiskGuard,
    diary: KeptJournal,
    log: KeptJournal,
    *,
    begins: Nanos,
    taped: Collection[str] = (),
    patience: Patience | None = None,
) -> Ready:
    """A session on a simulated account that outlives the process.

    Args:
        charter: What the session is for.
        strategy: What trades.
        instruments: What is traded, by symbol.
        config: The settings of a backtest; the evening's proof takes the same.
        guard: Judges every order.
        diary: The session's journal.
        log: The account's.
        begins: Before the first moment that may be traded; all up to it is history.
        taped: Symbols whose orders meet a tape.
        patience: How long to wait for others.
    """
    account = SimAccount(log, lambda: exchange(instruments, config, taped))
    account.begin(charter.session, charter.day, begins, config.capital)
    parts = Parts(
        desk(strategy, instruments, config),
        guard,
        account_terms(config.account),
        instruments,
        account,
        diary,
        random.Random(config.seed).random,
    )
    return Ready(PaperSession(charter, parts, patience), account)


def exchange(
    instruments: Mapping[str, Instrument], config: SimulationConfig, taped: Collection[str] = ()
) -> PaperBroker:
    """A fresh simulated broker, exactly the bench's."""
    return PaperBroker(
        config.capital,
        instruments,
        config.frequency,
        config.costs,
        account_terms(config.account),
        config.compatibility,
        latency=Latency(config.delay),
        taped=taped,
    )


def desk(
    strategy: Strategy, instruments: Mapping[str, Instrument], config: SimulationConfig
) -> SignalCore:
    """The strategy's desk; it is asked again with each bar, or on each day that is due."""
    if is_cross_section(strategy):
        ranks = cast("CrossSection", strategy)
        allocation = AskedOnEachDay(ranks, instruments, config.frequency)
        return portfolio_desk(allocation, instruments, config)
    if not is_signal_strategy(strategy):
        return order_desk(cast("OrderStrategy", strategy), instruments, config)
    signals = cast("SignalStrategy", strategy)
    answers = AskedEachBar(signals, instruments, config.frequency)
    return signal_desk(signals, answers, instruments, config)
