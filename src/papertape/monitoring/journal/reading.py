"""Reading: a journal's history, verified line by line and held against its head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from papertape.domain.errors import DataError, JournalBehind
from papertape.domain.record import rarely_collecting
from papertape.monitoring.journal.codec import Codec, Kept
from papertape.monitoring.journal.database import Database
from papertape.monitoring.journal.head import Head
from papertape.monitoring.journal.place import Place
from papertape.monitoring.journal.seal import first_seal, seal_of


@dataclass(frozen=True, slots=True)
class History:
    """What a journal holds, every seal of it verified; its lines are made as they are asked for.

    Attributes:
        run: Which journal it is; None of one that was not begun.
        seal: The seal of the last line.
        seal_at_head: The seal of the line that the head names; empty where there is no such line.
        rows: Tag and body of every line, oldest first.
        versions: From which line on which version holds.
    """

    run: str | None
    seal: bytes
    seal_at_head: str = ""
    rows: Sequence[tuple[str, bytes]] = ()
    versions: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self.rows)

    def lines(self, codec: Codec[Kept]) -> Iterator[Kept]:
        """The lines, one at a time: whoever keeps none of them needs no memory for them.

        Raises:
            DataError: If one cannot be read.
        """
        beyond = (self.count + 1, 0)
        for (since, version), (end, _) in pairwise((*self.versions, beyond)):
            yield from codec.read_all(islice(self.rows, since - 1, end - 1), version)


def history_of(database: Database, newest: int, head: Head | None, place: Place) -> History:
    """Read everything, and verify every seal.

    Args:
        database: The file.
        newest: The newest version that can be read.
        head: What is known of its last line.
        place: Where it lies, for words.

    Raises:
        DataError: If a line is not what was written, or of a version that is not known yet.
    """
    run = database.run
    if run is None:
        return History(None, b"")
    if database.version > newest:
        raise DataError(
            f"the journal {place.name} has version {database.version}, and this papertape knows "
            f"versions up to {newest}",
            hint="use the papertape that wrote it, or a newer one",
        )
    versions = database.versions()
    if not versions or versions[0][0] != 1:
        raise damaged(place, "and its version is not stated")
    return _verified(database, run, versions, place, head.seq if head else 0)


@rarely_collecting()
def _verified(
    database: Database, run: str, versions: tuple[tuple[int, int], ...], place: Place, marked: int
) -> History:
    rows: list[tuple[str, bytes]] = []
    seal = first_seal(run)
    seal_at_head = seal.hex() if marked == 0 else ""
    for seq, row in enumerate(database.rows(), 1):
        found = seal_of(row, seq, seal)
        if isinstance(found, str):
            raise damaged(place, f"line {seq}: {found}")
        seal = found
        if seq == marked:
            seal_at_head = seal.hex()
        _, _, kind, body, _, _ = row
        rows.append((kind, body))
    return History(run, seal, seal_at_head, rows, versions)


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


def check_head(history: History, head: Head | None, place: Place) -> None:
    """Hold a history against the last line that is known of it.

    Raises:
        JournalBehind: If that line is not in it.
    """
    count = history.count
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
