"""Sessions for tests: a journal in memory, an account that survives, and a day from bars."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import cast

from papertape.data.moments import moments
from papertape.domain.account import Account
from papertape.domain.day import Line
from papertape.domain.event import Moment
from papertape.domain.instrument import Instrument
from papertape.domain.market import PriceHistory
from papertape.domain.terms import account_terms
from papertape.engines.flowroute.adapters.paper import PaperBroker
from papertape.engines.flowroute.adapters.sim_account import SimAccount
from papertape.engines.flowroute.core import KeptBroker
from papertape.engines.proofbench.assembly import is_signal_strategy, order_desk, signal_desk
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.window import Window, cut
from papertape.engines.riskguard import PROFILES, RiskGuard
from papertape.engines.signalcore.answers import AskedEachBar
from papertape.engines.signalcore.engine import SignalCore
from papertape.matching.wire import Latency
from papertape.session.charter import Charter, Parts, Patience
from papertape.session.session import PaperSession
from papertape.strategies.strategy import OrderStrategy, SignalStrategy, Strategy


class Power(BaseException):
    """The process is gone, at once."""


class MemoryJournal:
    """A journal in memory; after `fuse` more lines the power fails, before or after the last."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self.kept: list[Line] = list(lines)
        self.fuse: int | None = None
        self.is_last_kept = True

    def record(self, entries: Sequence[Line]) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                if self.is_last_kept:
                    self.kept += entries
                raise Power
        self.kept += entries

    def lines(self) -> Iterator[Line]:
        return iter(list(self.kept))


class Day:
    """A strategy's day over bars: as often as wanted, a fresh session on the same two journals."""

    def __init__(
        self,
        strategy: Strategy,
        histories: Mapping[str, PriceHistory],
        config: SimulationConfig,
        *,
        name: str = "test",
    ) -> None:
        self.strategy, self.config, self.name = strategy, config, name
        wanted = strategy.warmup if config.warmup == "before" else None
        self.window: Window = cut(
            histories, config.start, config.end, wanted, config.compatibility, config.allow
        )
        self.instruments: dict[str, Instrument] = {
            symbol: bars.instrument for symbol, bars in self.window.bars.items()
        }
        self.moments: list[Moment] = list(
            moments(self.window.bars, self.window.actions, self.window.ticks)
        )
        self.journal, self.log = MemoryJournal(), MemoryJournal()

    @property
    def history(self) -> list[Moment]:
        return [each for each in self.moments if each.time < self.window.decides_from]

    @property
    def traded(self) -> list[Moment]:
        return [each for each in self.moments if each.time >= self.window.decides_from]

    @property
    def charter(self) -> Charter:
        minutes = self.config.frequency.minutes or 0
        return Charter(
            self.name,
            self.window.last,
            type(self.strategy).__name__,
            "{}",
            "c0de",
            opens=self.window.start,
            closes=self.moments[-1].time,
            length=minutes * 60 * 10**9,
        )

    def account(self, day: date | None = None) -> SimAccount:
        account = SimAccount(self.log, self.exchange)
        account.begin(
            self.name, day or self.window.last, self.window.start - 1, self.config.capital
        )
        return account

    def exchange(self) -> PaperBroker:
        config = self.config
        return PaperBroker(
            config.capital,
            self.instruments,
            config.frequency,
            config.costs,
            account_terms(config.account),
            config.compatibility,
            latency=Latency(config.delay),
            taped=self.window.taped,
        )

    def session(
        self,
        broker: KeptBroker | None = None,
        *,
        strategy: Strategy | None = None,
        charter: Charter | None = None,
        patience: Patience | None = None,
    ) -> PaperSession:
        """A new process: nothing but the journals survives from the one before."""
        parts = Parts(
            self.core(strategy or self.strategy),
            RiskGuard(PROFILES[self.config.risk_profile]),
            account_terms(self.config.account),
            self.instruments,
            broker or self.account(),
            self.journal,
            random.Random(0).random,
        )
        return PaperSession(charter or self.charter, parts, patience)

    def core(self, strategy: Strategy) -> SignalCore:
        if not is_signal_strategy(strategy):
            return order_desk(cast("OrderStrategy", strategy), self.instruments, self.config)
        signals = cast("SignalStrategy", strategy)
        answers = AskedEachBar(signals, self.instruments, self.config.frequency)
        return signal_desk(signals, answers, self.instruments, self.config)

    def play(self, session: PaperSession) -> None:
        """Show all of the day that the session has not seen, ticking before each moment."""
        seen = session.state.seen_until
        session.show([each for each in self.history if each.time > seen], self.window.start - 1)
        for moment in self.traded:
            if moment.time > seen:
                session.see(moment, moment.time)
                session.tick(moment.time)

    def opened_again(self) -> Day:
        """The same day on other, empty journals."""
        other = cast("Day", object.__new__(Day))
        other.__dict__.update(self.__dict__)
        other.journal, other.log = MemoryJournal(), MemoryJournal()
        return other


def balances(account: Account) -> Account:
    """An account with its mappings made plain, so that two can be compared."""
    return replace(account, balances=dict(account.balances), positions=dict(account.positions))
