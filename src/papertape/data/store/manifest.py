"""Manifest: what one revision of a series of bars holds, where it came from and what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from hashlib import sha256

import msgspec

from papertape.domain.clock import Nanos
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    Adjustment,
    CorporateAction,
    Delisting,
    Dividend,
    Frequency,
    Renaming,
    Split,
)

SCHEMA = "papertape.bars/1"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where bars come from; bars of two providers or feeds are never mixed in one series.

    Attributes:
        provider: The source's plugin, ``csv`` for files of any vendor.
        feed: Which of the provider's feeds, empty where it has one.
        source: One line for people.
        terms: What the provider allows to do with the bars, in a sentence; empty if nothing.
    """

    provider: str
    feed: str = ""
    source: str = ""
    terms: str = ""

    @property
    def words(self) -> str:
        """Provider and feed, like ``alpaca/iex``."""
        return f"{self.provider}/{self.feed}" if self.feed else self.provider


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision did to the one before it; ``first`` and ``last`` are corrected bars' starts.

    Attributes:
        added, corrected, removed: Bars new, with other figures, and gone.
        actions: Splits and dividends new, changed or gone.
        unsaid: Stored bars that a fetch of their time did not name again; they are kept.
        first, last: Between which moments bars were corrected, RFC 3339; empty if none were.
        words: What a person should know besides the counts.
    """

    added: int = 0
    corrected: int = 0
    removed: int = 0
    actions: int = 0
    unsaid: int = 0
    first: str = ""
    last: str = ""
    words: tuple[str, ...] = ()

    @property
    def is_none(self) -> bool:
        """Whether nothing has changed."""
        return not (self.added or self.corrected or self.removed or self.actions)

    def after(self, earlier: Change) -> Change:
        """Two changes, one after the other, told as one."""
        return Change(
            added=earlier.added + self.added,
            corrected=earlier.corrected + self.corrected,
            removed=earlier.removed + self.removed,
            actions=earlier.actions + self.actions,
            unsaid=earlier.unsaid + self.unsaid,
            first=earlier.first or self.first,
            last=self.last or earlier.last,
            words=tuple(dict.fromkeys((*earlier.words, *self.words))),
        )

    def __str__(self) -> str:
        counts = (
            (self.added, "added"),
            (self.corrected, "corrected"),
            (self.removed, "removed"),
            (self.actions, "splits and dividends"),
        )
        said = ", ".join(f"{count:,} {what}" for count, what in counts if count)
        return said or "nothing changed"


class SplitRow(msgspec.Struct, frozen=True):
    """A split as it is written down; ``ratio`` is a fraction like ``7`` or ``1/10``."""

    ex_date: date
    ratio: str


class DividendRow(msgspec.Struct, frozen=True):
    """A dividend as it is written down, in micro-dollars a share."""

    ex_date: date
    pay_date: date
    amount_micros: int


class RenamingRow(msgspec.Struct, frozen=True):
    """A change of symbol as it is written down."""

    ex_date: date
    new_symbol: str


class DelistingRow(msgspec.Struct, frozen=True):
    """An end of trading as it is written down; ``haircut`` is a fraction like ``1/4``."""

    ex_date: date
    consideration_micros: int | None = None
    haircut: str | None = None


class Actions(msgspec.Struct, frozen=True):
    """What happened to the shares and is not in the prices, each kind by ex-date."""

    splits: tuple[SplitRow, ...] = ()
    dividends: tuple[DividendRow, ...] = ()
    renamings: tuple[RenamingRow, ...] = ()
    delistings: tuple[DelistingRow, ...] = ()

    @classmethod
    def of(cls, actions: Sequence[CorporateAction]) -> Actions:
        """Corporate actions, as they are written down."""
        splits: list[SplitRow] = []
        dividends: list[DividendRow] = []
        renamings: list[RenamingRow] = []
        delistings: list[DelistingRow] = []
        for each in sorted(actions, key=by_date):
            match each:
                case Split(ex_date=day, ratio=ratio):
                    splits.append(SplitRow(day, str(ratio)))
                case Dividend(ex_date=day, amount=amount, pay_date=paid):
                    dividends.append(DividendRow(day, paid, amount))
                case Renaming(ex_date=day, new_symbol=symbol):
                    renamings.append(RenamingRow(day, symbol))
                case Delisting(ex_date=day, consideration=cash, haircut=cut):
                    delistings.append(DelistingRow(day, cash, None if cut is None else str(cut)))
        return cls(tuple(splits), tuple(dividends), tuple(renamings), tuple(delistings))

    def told(self, symbol: str) -> tuple[CorporateAction, ...]:
        """The corporate actions that are written down, by ex-date."""
        found: list[CorporateAction] = [
            *(Split(symbol, row.ex_date, Fraction(row.ratio)) for row in self.splits),
            *(
                Dividend(symbol, row.ex_date, row.amount_micros, row.pay_date)
                for row in self.dividends
            ),
            *(Renaming(symbol, row.ex_date, row.new_symbol) for row in self.renamings),
            *(
                Delisting(
                    symbol,
                    row.ex_date,
                    row.consideration_micros,
                    None if row.haircut is None else Fraction(row.haircut),
                )
                for row in self.delistings
            ),
        ]
        return tuple(sorted(found, key=by_date))


class Part(msgspec.Struct, frozen=True):
    """One Parquet file of a revision; revisions share the parts that did not change.

    Attributes:
        name: The file's, which holds the beginning of its content's hash.
        rows: Bars in it.
        first, last: Start of its first bar and end of its last, nanoseconds in UTC.
        content: SHA-256 of its columns, whatever wrote the file.
    """

    name: str
    rows: int
    first: Nanos
    last: Nanos
    content: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One revision: what it holds, and how it came to be.

    Attributes:
        symbol, bar, venue, currency: Whose bars these are, and how long each is.
        revision, parent: This one's number and that of the one it follows (0 if none).
        origin: Where the bars come from.
        adjusted: What the stored prices are adjusted for.
        fetched_at: When they were fetched, RFC 3339.
        reason: Why there is a revision.
        rows, unsound: Bars, and how many of them are none (a high below its low, say).
        first, last: Start of the first bar and end of the last, RFC 3339.
        content: SHA-256 of bars and actions; equal for equal content, whenever it was fetched.
        parts: The files with the bars, oldest first.
        written: What happened to the shares and is not in the prices, as it is written down.
        change: What it did to its parent.
        notices: Sentences that whoever uses the bars should read once.
    """

    schema: str = SCHEMA
    symbol: str
    bar: str
    venue: str
    currency: str
    revision: int
    parent: int
    origin: Origin
    adjusted: Adjustment
    fetched_at: str
    reason: str
    rows: int
    unsound: int
    first: str
    last: str
    content: str
    parts: tuple[Part, ...]
    written: Actions = Actions()
    change: Change = Change()
    notices: tuple[str, ...] = ()

    @property
    def instrument(self) -> Instrument:
        """Whose bars these are."""
        return Instrument(self.symbol, currency=self.currency, venue=self.venue)

    @property
    def frequency(self) -> Frequency:
        """How long each bar is."""
        return Frequency.parse(self.bar)

    @property
    def splits(self) -> tuple[SplitRow, ...]:
        """The splits that are not in the prices."""
        return self.written.splits

    @property
    def actions(self) -> tuple[CorporateAction, ...]:
        """What happened to the shares, by ex-date."""
        return self.written.told(self.symbol)

    def __str__(self) -> str:
        return (
            f"{self.symbol} {self.bar} store revision {self.revision} "
            f"({self.origin.words}, {self.adjusted}, fetched {self.fetched_at[:10]}, "
            f"data {self.content[:8]})"
        )


_ORDER = (Split, Dividend, Renaming, Delisting)


def by_date(action: CorporateAction) -> tuple[date, int]:
    """The order of actions: by ex-date, a split before a dividend of the same day."""
    return action.ex_date, _ORDER.index(type(action))


def content_of(
    instrument: Instrument,
    frequency: Frequency,
    adjusted: Adjustment,
    parts: Sequence[Part],
    actions: Sequence[CorporateAction],
) -> str:
    """SHA-256 of everything that a run would see."""
    return sha256(
        msgspec.json.encode(
            [
                [instrument.symbol, instrument.venue, instrument.currency, str(frequency)],
                adjusted,
                [part.content for part in parts],
                Actions.of(actions),
            ]
        )
    ).hexdigest()


def names(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The files that revisions need."""
    return (part.name for manifest in manifests for part in manifest.parts)
