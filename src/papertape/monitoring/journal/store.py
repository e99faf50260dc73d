"""Journal: a session's lines, kept so that what was acknowledged survives whatever comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Generic

import apsw

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, JournalFailed
from papertape.monitoring.journal.codec import Codec, Kept
from papertape.monitoring.journal.database import Database
from papertape.monitoring.journal.head import Head, HeadFile
from papertape.monitoring.journal.place import Place
from papertape.monitoring.journal.reading import History, check_head, history_of
from papertape.monitoring.journal.seal import Row, first_seal, sealed


class Journal(Generic[Kept]):
    """The lines of one session: appended, sealed, never edited.

    A call of `record` is one transaction and one fsync. Whatever the disk refuses ends the journal:
    the call raises `JournalFailed`, and so does every later one, for after a failed fsync nobody
    knows what is on the disk until the file is opened anew. One thread at a time may use it; it
    starts none.

    Attributes:
        backup_fault: Why no backup was made when it was closed; empty where one was.
    """

    def __init__(self, place: Place, codec: Codec[Kept], database: Database, head_file: HeadFile):
        self.backup_fault = ""
        self._place, self._codec = place, codec
        self._database, self._head_file = database, head_file
        self._files = ExitStack()
        self._fault = ""
        self._head_is_durable = False

    @classmethod
    def opened(
        cls, place: Place, codec: Codec[Kept], now: Nanos, *, accepting: Kept | None = None
    ) -> Journal[Kept]:
        """Open it, or begin it; every seal is verified before anything changes.

        Args:
            place: Where it lies.
            codec: Of its lines.
            now: The present, for the lock and for a new journal's identity.
            accepting: The line to go on with where the journal is behind what is known of it;
                without one such a journal is refused.

        Raises:
            LockHeld: If another process has it open.
            JournalBehind: If its last lines are missing, or it is another one's.
            DataError: If it is damaged, or newer than this papertape.
            SettingsError: If it may not be written.
            JournalFailed: If the disk fails.
        """
        with ExitStack() as files:
            journal = cls(place, codec, *_standing(place, now, files))
            with journal._database.meaning():
                journal._take_up(now, accepting)
            journal._files = files.pop_all()
            return journal

    @staticmethod
    def read(place: Place, codec: Codec[Kept], now: Nanos) -> list[Kept]:
        """Every line of a journal that no session has open; it is verified and left as it is.

        Raises:
            DataError: If there is none, or as in `opened`.
            LockHeld: If a session has it open.
        """
        if not place.exists:
            raise DataError(f"there is no journal {place.name}")
        with ExitStack() as files:
            database, head_file = _standing(place, now, files)
            with database.meaning():
                head = head_file.read()
                history = history_of(database, codec.version, head, place)
                check_head(history, head, place)
            return list(history.lines(codec))

    @staticmethod
    def seal_at_end(place: Place, now: Nanos) -> str:
        """The seal of the last line of a journal that no session has open: it vouches for all.

        Raises:
            LockHeld: If a session has it open.
        """
        with ExitStack() as files:
            _, head_file = _standing(place, now, files)
            head = head_file.read()
            return "" if head is None else head.seal

    def _take_up(self, now: Nanos, accepting: Kept | None) -> None:
        head = self._head_file.read()
        history = history_of(self._database, self._codec.version, head, self._place)
        if accepting is None:
            check_head(history, head, self._place)
        run = history.run
        if run is None:
            run = f"{self._place.name}@{now}"
            self._database.begin(run, self._codec.version)
            history = History(run, first_seal(run))
        elif self._database.version < self._codec.version:
            self._database.become(history.count + 1, self._codec.version)
        self._database.checkpoint()
        self._head = Head(run, history.count, history.seal.hex())
        self._seal = history.seal
        self._found: History | None = history
        if accepting is not None:
            self.record([accepting])
        elif head != self._head:
            self._head_file.write(self._head)
            self._head_file.sync()

    @property
    def head(self) -> Head:
        """Its last durable line; equal seals mean equal histories."""
        return self._head

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._head.seq

    def record(self, entries: Sequence[Kept]) -> None:
        """Keep the lines, all of them or none; returning means that they are durable.

        Raises:
            JournalFailed: If that is uncertain; after a restart they are there, or none of them.
            InvariantBroken: If one of them is no line of this journal; nothing was kept.
        """
        self._check_alive()
        if not entries:
            return
        rows, seal = self._sealed(entries)
        self._found = None
        self._fault = "an earlier call did not come to its end"
        try:
            self._database.append(rows)
            head = Head(self._head.run, rows[-1].seq, seal.hex())
            self._note(head)
            if self._database.is_long:
                self._database.checkpoint()
                self._head_is_durable = False
        except (apsw.Error, OSError) as error:
            raise self._failed(error) from error
        self._head, self._seal, self._fault = head, seal, ""

    def _sealed(self, entries: Sequence[Kept]) -> tuple[list[Row], bytes]:
        rows, seal = [], self._seal
        for seq, line in enumerate(entries, self.count + 1):
            kind, body = self._codec.write(line)
            row, seal = sealed(seq, line.time, kind, body, seal)
            rows.append(row)
        return rows, seal

    def _note(self, head: Head) -> None:
        """Let the head follow; it may lag behind the log, but not behind the file without the log.

        So the first note after a checkpoint is made durable, and the others need not be: whoever
        takes the log away, even after a power failure, leaves a file that is behind its head.
        """
        self._head_file.write(head)
        if not self._head_is_durable:
            self._head_file.sync()
            self._head_is_durable = True

    def lines(self) -> Iterator[Kept]:
        """Every line so far, oldest first, each checked against its seal."""
        self._check_alive()
        found, self._found = self._found, None
        if found is None:
            with self._database.meaning():
                found = history_of(self._database, self._codec.version, None, self._place)
        return found.lines(self._codec)

    def close(self) -> None:
        """End in order: one file that holds everything, and a backup of it.

        Raises:
            JournalFailed: If the disk fails; what was acknowledged is safe in file and log.
        """
        with self._files:
            if self._fault:
                return
            self._fault = "it was closed"
            try:
                self._head_file.sync()
                self._database.finish()
            except (apsw.Error, OSError) as error:
                raise self._failed(error) from error
            try:
                self._place.back_up()
            except OSError as error:
                self.backup_fault = str(error)

    def __enter__(self) -> Journal[Kept]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_alive(self) -> None:
        if self._fault:
            raise self._failure()

    def _failed(self, error: Exception) -> JournalFailed:
        self._fault = f"{type(error).__name__}: {error}"
        return self._failure()

    def _failure(self) -> JournalFailed:
        return JournalFailed(
            f"the journal {self._place.name} can no longer be written: {self._fault}",
            hint="look after the disk (space, errors), then start again: it goes on where it was",
            untouched=f"{self.count} lines are acknowledged and safe",
        )


def _standing(place: Place, now: Nanos, files: ExitStack) -> tuple[Database, HeadFile]:
    """The lock, the database and the head of a journal, open until ``files`` lets go of them."""
    files.enter_context(place.taken(now))
    database = Database(place.file, place.vfs)
    files.callback(database.close)
    with database.meaning():
        head_file = HeadFile(str(place.head), place.vfs)
        files.callback(head_file.close)
    return database, head_file
