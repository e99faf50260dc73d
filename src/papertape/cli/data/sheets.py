"""What is to be checked: stored series and price files, as sheets for the rules."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from papertape.cli.options import pairs
from papertape.data.quality.finding import Finding
from papertape.data.quality.mending import actions_of, bars_of, mended
from papertape.data.quality.sheet import Sheet
from papertape.data.store import Manifest, Origin, Store
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError
from papertape.domain.market import PriceHistory
from papertape.plugins.market_data.tables.reading import Read, Told, read_rows
from papertape.plugins.market_data.tables.rows import frequency_of, spans


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """A price file that need not be in the store."""

    data: str | None = None
    "a price file (csv, csv.gz, zip, parquet) instead of the store"
    tz: str | None = None
    "zone of times that name none, like America/New_York"
    adjusted: Literal["raw", "split", "all"] | None = None
    "what the file's prices are adjusted for, where it does not say"
    map: Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)] = ()
    "columns with other names: open=Open,close=Last"


NO_FILE = FileOptions()


@dataclass(frozen=True, eq=False)
class Subject:
    """One series under the rules, and how a mended sheet of it is kept.

    Attributes:
        sheet: Its bars.
        source: Where they are, in a few words.
        content: The start of their hash.
        now: The moment after which nothing can be known yet.
        manifest: The revision; None for a file.
        history: The stored bars; None for a file.
        unread: Rows of the file that could not even be read, in sentences.
        options: What a command on it must repeat: the file, and what was said about it.
    """

    sheet: Sheet
    source: str
    content: str
    now: Nanos
    manifest: Manifest | None = None
    history: PriceHistory | None = None
    unread: tuple[str, ...] = ()
    options: str = ""

    def todo(self, finding: Finding) -> str:
        """The next thing to type about a finding of this series."""
        fix = f"papertape data fix {finding.symbol}"
        return finding.todo.replace(fix, fix + self.options)

    @property
    def origin(self) -> Origin:
        """Who the bars are from."""
        return self.manifest.origin if self.manifest else Origin(provider="csv", source=self.source)

    def mended(self, sheet: Sheet) -> PriceHistory:
        """The history that a mended sheet makes."""
        if self.history is not None:
            return mended(self.history, sheet)
        return PriceHistory(
            bars_of(sheet), actions_of(sheet), sheet.adjusted, self.source, self.content
        )


def stored(store: Store, manifest: Manifest, now: Nanos) -> Subject:
    """A stored series' newest revision.

    Raises:
        DataError: If it is damaged.
    """
    history = store.unchecked(manifest)
    # Assumption: a stored raw series without any split is from a source that tells none.
    sheet = Sheet.of(history, stated=not manifest.splits)
    return Subject(sheet, manifest.origin.words, manifest.content[:8], now, manifest, history)


def of_file(symbol: str, bar: str | None, options: FileOptions, now: Nanos) -> Subject:
    """A price file's rows, as they stand.

    Raises:
        DataError: If it cannot be read, or does not say what it must.
        UsageError: If no file is named.
    """
    if options.data is None:
        raise UsageError("no file is named", hint="--data FILE")
    told = Told(
        symbol=symbol,
        frequency=bar,
        zone=options.tz,
        adjusted=options.adjusted,
        columns=pairs("--map", [word for text in options.map for word in text.split(",")]),
        now=now,
    )
    read = read_rows(options.data, told)
    unread = tuple(f"line {fault.line}: {fault.reason}" for fault in read.faults)
    claims = read.claims
    said = {"data": options.data, "tz": options.tz, "adjusted": options.adjusted}
    again = "".join(f" --{name} {shlex.quote(text)}" for name, text in said.items() if text)
    again += "".join(f" --map {shlex.quote(text)}" for text in options.map)
    sheet, content = sheet_of(read), claims.fingerprint[:8]
    return Subject(sheet, claims.source, content, claims.until, unread=unread, options=again)


def sheet_of(read: Read) -> Sheet:
    """A file's rows as a sheet, in the order of the file."""
    rows, claims = read.rows.on_grid(), read.claims
    in_order = rows.only(np.argsort(rows.when, kind="stable"))
    frequency = frequency_of(in_order, claims)
    start, _ = spans(rows, frequency, calendar_of(claims.instrument.venue))
    return Sheet(
        instrument=claims.instrument,
        frequency=frequency,
        start=start,
        open=rows.open,
        high=rows.high,
        low=rows.low,
        close=rows.close,
        volume=rows.volume,
        dividend=rows.dividend,
        split=rows.split,
        adjusted_close=rows.adjusted_close,
        gain=rows.gain,
        adjusted=claims.adjusted,
        stated=claims.stated,
    )
