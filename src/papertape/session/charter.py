"""Charter: what a session is for, from when to when, and how patient it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import KeptJournal
from papertape.domain.instrument import Instrument
from papertape.domain.money import Micros
from papertape.domain.terms import AccountTerms
from papertape.engines.flowroute.core import KeptBroker
from papertape.engines.riskguard import RiskGuard
from papertape.engines.signalcore.engine import SignalCore


@dataclass(frozen=True, slots=True)
class Charter:
    """A session's name, its day and its rules.

    Attributes:
        session: Its name: strategy, day and a letter.
        day: The session's date on the exchange; of several days, the last.
        strategy: What trades, as the command line spells it.
        settings: Every setting and every limit, as one text.
        code: Hash of package and strategy.
        opens, closes: The exchange's hours (half days end early); nothing is decided after them.
        length: Length of the bars; 0 for daily ones.
        peak: The highest equity of the account's days before, micro-dollars; 0 if there were none.
    """

    session: str
    day: date
    strategy: str
    settings: str
    code: str
    opens: Nanos
    closes: Nanos
    length: Nanos = MINUTE
    peak: Micros = 0

    def is_fresh(self, moment: Nanos, now: Nanos, finality: Nanos) -> bool:
        """Whether a moment may still be traded on (risk-R7).

        Assumption: while the exchange is closed nothing gets older, so the last close before the
        open is fresh until then.
        """
        age = now - max(moment, min(now, self.opens)) - finality
        return age <= max(15 * SECOND, 2 * self.length) or not self.length


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session waits for others.

    Attributes:
        reconcile: So often journal and broker are compared (risk-R28).
        feed: Data may be overdue for so long before the session only reduces (risk-R27).
        finality: So long after its end a bar becomes final.
        first_retry, longest_retry: Bounds of the pauses before a silent broker is asked again.
        crash_window: Three starts within it are a crash loop (fault-F52).
    """

    reconcile: Nanos = 30 * SECOND
    feed: Nanos = 60 * SECOND
    finality: Nanos = 5 * SECOND
    first_retry: Nanos = SECOND
    longest_retry: Nanos = 60 * SECOND
    crash_window: Nanos = 5 * MINUTE


@dataclass(frozen=True)
class Parts:
    """What a session is put together from.

    Attributes:
        core: The strategy's desk.
        guard: Judges every order.
        terms: What the account may do.
        instruments: What is traded, by symbol.
        broker: Where the account is.
        journal: The session's diary.
        chance: A number from 0 to 1, from a seeded source.
    """

    core: SignalCore
    guard: RiskGuard
    terms: AccountTerms
    instruments: Mapping[str, Instrument]
    broker: KeptBroker
    journal: KeptJournal
    chance: Callable[[], float]
