"""What happens in a trading day besides orders: the records with which a session keeps its diary.

Together with the events of `papertape.domain.event` they are the journal: whoever reads all of
them knows what the session saw, what it decided, what it asked for and what became of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeAlias

from papertape.domain.clock import Nanos
from papertape.domain.event import CashSettled, DividendPaid, Entry, Moment, ReplaceRequest
from papertape.domain.event import Released as Released  # noqa: PLC0414 - told in the diary, too
from papertape.domain.event import Restrained as Restrained  # noqa: PLC0414
from papertape.domain.market import Bar
from papertape.domain.money import Micros
from papertape.domain.order import OrderId


@dataclass(frozen=True, slots=True)
class Holding:
    """A line of a statement: signed shares, and the micro-dollars that were paid for them.

    For contracts, `cost` is what they were marked at last, `bond` what they tie up. ``price`` is
    the last one known, 0 for none.
    """

    symbol: str
    quantity: int
    cost: Micros
    multiplier: int = 1
    bond: Micros = 0
    price: Micros = 0


Payment: TypeAlias = CashSettled | DividendPaid
"""Money that is promised, at the moment when it will come."""


@dataclass(frozen=True, slots=True)
class DayOpened:
    """A session began its day.

    Attributes:
        time: When.
        session: Its name: strategy, day and a letter; part of every client order id.
        day: The session's date on the exchange.
        strategy: What trades, as the command line spells it, with its parameters.
        settings: Every setting of the run and every risk limit, as one JSON text.
        code: Hash of package and strategy (risk-R29).
        cash: Cash the account opens with, by trade date.
        holdings: What it holds already.
        coming: Payments that are still to come: sales not settled, dividends not paid.
        since: The market's time at which the account's last day ended; 0 if this is its first.
        peak: The highest equity of the account's days before; what risk-R22 counts from.
    """

    time: Nanos
    session: str
    day: date
    strategy: str
    settings: str
    code: str
    cash: Micros
    holdings: tuple[Holding, ...] = ()
    coming: tuple[Payment, ...] = ()
    since: Nanos = 0
    peak: Micros = 0


@dataclass(frozen=True, slots=True)
class SessionResumed:
    """The session's process began again after an end that was none of its day's.

    ``replayed`` is the number of lines before this one; ``settings`` are those of the new process.
    """

    time: Nanos
    code: str
    replayed: int
    settings: str = ""


@dataclass(frozen=True, slots=True)
class MomentSeen:
    """The market as it was handed to broker and strategy; kept before anybody acts on it.

    ``is_history`` moments came too late to be traded (before the first decision, or missed in an
    outage): the strategy was shown them, and what it wished for in them was not asked.
    """

    time: Nanos
    moment: Moment
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class MomentDecided:
    """What the moment ``moment`` led to stands above, whole: from the `MomentSeen` to this line.

    ``heard`` is the number of the broker's last report among it and all lines before.
    """

    time: Nanos
    moment: Nanos
    heard: int


@dataclass(frozen=True, slots=True)
class MomentIgnored:
    """A moment came twice, or after a later one; nobody was shown it (fault-F32, F44)."""

    time: Nanos
    moment: Nanos
    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the broker said up to its report number ``number`` stands above."""

    time: Nanos
    number: int


@dataclass(frozen=True, slots=True)
class BarAmended:
    """A bar came late or changed after its decision; the decision stands (fault-F32, F33)."""

    time: Nanos
    bar: Bar
    revision: int


@dataclass(frozen=True, slots=True)
class FeedLost:
    """Market data stopped, or were too old to be traded on."""

    time: Nanos
    reason: str


@dataclass(frozen=True, slots=True)
class FeedRestored:
    """Market data are there again; ``missed`` bars were fetched and shown as history."""

    time: Nanos
    missed: int


@dataclass(frozen=True, slots=True)
class FeedTroubled:
    """A part of the feed failed while market data still came by another; empty: that is over."""

    time: Nanos
    part: str
    reason: str


class Verb(StrEnum):
    """What a person may ask of a running session."""

    STOP = "stop"
    STOP_NOW = "stop --now"
    KILL = "kill"
    FLATTEN = "kill --flatten"
    REARM = "rearm"
    RESUME = "resume"
    ACCEPT = "resume --accept"


@dataclass(frozen=True, slots=True)
class Commanded:
    """Somebody asked for something; ``id`` makes the same command once, however often it comes."""

    time: Nanos
    id: str
    verb: Verb
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """Something was sent and no answer came; the broker is asked by id before it is sent again."""

    time: Nanos
    order_id: OrderId
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One item on which the journal and the broker do not agree, and what was done about it.

    ``decision`` says whose word was taken; empty while the difference stands.
    """

    item: str
    journal: str
    broker: str
    decision: str = ""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Orders, executions, holdings and cash were compared with the broker's statement (R28)."""

    time: Nanos
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class StrategyFailed:
    """The strategy raised, hung or answered nonsense; it is asked nothing more today."""

    time: Nanos
    reason: str


@dataclass(frozen=True, slots=True)
class JournalRestored:
    """An older copy of the journal was put back, and somebody accepted it.

    What was done after its last line is not known here. So nothing that is older than this line
    is ever sent again, and the broker's word is taken for what became of it.

    Attributes:
        time: When.
        lines: How many lines the copy holds.
        known: How many there once were, as far as its head file knows.
        by: Who accepted it.
    """

    time: Nanos
    lines: int
    known: int
    by: str


@dataclass(frozen=True, slots=True)
class DayClosed:
    """The session ended its day in order."""

    time: Nanos
    reason: str


DayEvent: TypeAlias = (
    DayOpened
    | SessionResumed
    | MomentSeen
    | MomentDecided
    | MomentIgnored
    | Heard
    | BarAmended
    | FeedLost
    | FeedRestored
    | FeedTroubled
    | Restrained
    | Released
    | Commanded
    | OutcomeUnknown
    | Reconciled
    | StrategyFailed
    | JournalRestored
    | DayClosed
)
"""What a session records besides what its pipeline returns."""

Line: TypeAlias = Entry | ReplaceRequest | DayEvent
"""One line of a journal; a bare `ReplaceRequest` only in that of a simulated account."""


class KeptJournal(Protocol):
    """A journal that can be read again, by the process that writes it."""

    def record(self, entries: Sequence[Line]) -> None:
        """Keep the lines; returning means that they are durable, all of them or none."""
        ...

    def lines(self) -> Iterator[Line]:
        """Every line so far, oldest first, each checked against its seal."""
        ...
