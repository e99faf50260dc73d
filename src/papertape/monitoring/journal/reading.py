"""Reading: a journal's history, verified line by line and held against its head."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Generic

from papertape.domain.errors import DataError, JournalBehind
from papertape.monitoring.journal.codec import Codec, Kept
from papertape.monitoring.journal.database import Database
from papertape.monitoring.journal.head import Head
from papertape.monitoring.journal.place import Place
from papertape.monitoring.journal.seal import first_seal, seal_of


@dataclass(frozen=True, slots=True)
class History(Generic[Kept]):
    """What a journal holds.

    Attributes:
        run: Which journal it is; None of one that was not begun.
        lines: Oldest first.
        seal: The seal of the last of them.
        seal_at_head: The seal of the line that the head names; empty where it has no such line.
    """

    run: str | None
    lines: list[Kept]
    seal: bytes
    seal_at_head: str = ""

    @classmethod
    def empty(cls, run: str) -> History[Kept]:
        """Of a journal that begins."""
        return cls(run, [], first_seal(run))


def history_of(
    database: Database, codec: Codec[Kept], head: Head | None, place: Place
) -> History[Kept]:
    """Read everything, and verify every seal.

    Raises:
        DataError: If a line is not what was written, or the journal is newer than the codec.
    """
    run = database.run
    if run is None:
        return History(None, [], b"")
    if database.version > codec.version:
        raise DataError(
            f"the journal {place.name} has version {database.version}, and this papertape knows "
            f"versions up to {codec.version}",
            hint="use the papertape that wrote it, or a newer one",
        )
    with _nothing_collected():
        return _verified(database, codec, run, place, head.seq if head else 0)


def _verified(
    database: Database, codec: Codec[Kept], run: str, place: Place, marked: int
) -> History[Kept]:
    lines: list[Kept] = []
    read = codec.read
    seal = first_seal(run)
    seal_at_head = seal.hex() if marked == 0 else ""
    seq, versions = 1, _stretches(database)
    end, version = next(versions, (0, 0))
    if not end:
        raise damaged(place, "and its version is not stated")
    for row in database.rows():
        _, _, kind, body, _, _ = row
        found = seal_of(row, seq, seal)
        if isinstance(found, str):
            raise damaged(place, f"line {seq}: {found}")
        if seq == marked:
            seal_at_head = found.hex()
        while seq >= end:
            end, version = next(versions)
        lines.append(read(kind, body, version))
        seal, seq = found, seq + 1
    return History(run, lines, seal, seal_at_head)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Spare the lines from the search for circles, which takes longer than reading them.

    Frozen records lie in no circle. Those of a long journal are left out of every later search,
    too; they are freed as ever once nobody holds them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        if gc.get_count()[0] > _MANY:
            gc.freeze()
    finally:
        if was_on:
            gc.enable()


_MANY = 100_000
"""Objects."""


def _stretches(database: Database) -> Iterator[tuple[float, int]]:
    """Before which line each version ends."""
    for (_, version), (since, _) in pairwise([*database.versions(), (inf, 0)]):
        yield since, version


def damaged(place: Place, found: str) -> DataError:
    """The refusal of a journal that is not what was written; it names the backup."""
    hint = "no backup was made of it: start under another name, and let the broker tell"
    if place.backup.exists():
        hint = f"its backup is {place.backup}: copy it to {place.file} and start again"
    return DataError(
        f"the journal {place.name} is damaged, {found}",
        hint=hint,
        untouched="it was left as it is, and nothing is traded on it",
    )


def check_head(history: History[Kept], head: Head | None, place: Place) -> None:
    """Hold a history against the last line that is known of it.

    Raises:
        JournalBehind: If that line is not in it.
    """
    count = len(history.lines)
    known = head.seq if head else 0
    if known == 0 and count == 0:
        return  # nothing was ever recorded, wherever its beginning was interrupted
    if head is None:
        found = f"holds {count} lines, and its head file {place.head} is gone"
    elif history.run not in {head.run, None}:
        found = f"is {history.run}, and the head file {place.head} is that of {head.run}"
    elif count < known:
        found = f"ends at line {count}, and line {known} is known to have been written"
    elif history.seal_at_head != head.seal:
        found = f"has another line {known} than the one that was written"
    else:
        return
    raise JournalBehind(
        f"the journal {place.name} {found}",
        hint=f"put the missing file back (its log is {place.file.name}-wal); if an older copy is "
        "meant, accept it by name: then nothing is sent again and the broker's word is taken",
        lines=count,
        known=known,
    )
