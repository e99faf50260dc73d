"""Database: the SQLite file of a journal, and what each of its failures means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import apsw

from papertape.domain.errors import DataError, JournalFailed, LockHeld, SettingsError
from papertape.monitoring.journal.seal import Row

SQLITE = apsw.sqlite_lib_version()
"""For the line with which a session starts."""

_OLDEST = (3, 51, 3)
"""Before it a race at the restart of the write-ahead log could corrupt the file."""

_APPLICATION = 0x50505450  # "PPTP"
_LONG = 1000
"""Pages of the write-ahead log after which they are brought into the file itself."""

_TABLES = """
CREATE TABLE journal (run TEXT NOT NULL) STRICT;
CREATE TABLE version (since INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;
CREATE TABLE line (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL,
    previous BLOB NOT NULL
) STRICT;
"""

_PRAGMAS = """
PRAGMA fullfsync = ON;
PRAGMA wal_autocheckpoint = 0;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
PRAGMA temp_store = MEMORY;
"""


class Database:
    """One connection to the file, which lets nobody else in.

    Args:
        file: An existing file; empty if the journal is new.
        vfs: The file system of SQLite's; empty for the machine's own.
    """

    def __init__(self, file: Path, vfs: str = ""):
        if tuple(map(int, SQLITE.split("."))) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise SettingsError(f"a journal wants SQLite {oldest} or newer, found {SQLITE}")
        self._file, self._pages = file, 0
        with self.meaning():
            self._sql = apsw.Connection(str(file), apsw.SQLITE_OPEN_READWRITE, vfs or None)
            try:
                self._take()
            except BaseException:
                self._sql.close()
                raise

    def _take(self) -> None:
        if self._sql.readonly("main"):
            raise SettingsError(f"{self._sql.filename} may only be read")
        # A journal that is found unsound is left as it is: its log is not brought into it.
        self._sql.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        self._sql.execute("PRAGMA locking_mode = EXCLUSIVE")
        if self._sql.execute("PRAGMA journal_mode = WAL").get != "wal":  # it says no other way
            raise apsw.IOError("the disk takes no write-ahead log")
        self._sql.execute("PRAGMA synchronous = FULL")
        self._sql.execute(_PRAGMAS)
        self._sql.set_wal_hook(self._grown)

    def _grown(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    @property
    def run(self) -> str | None:
        """Which journal it is; None of a new one.

        Raises:
            DataError: If it is none.
        """
        if self._sql.pragma("application_id") == 0 and not self._sql.pragma("schema_version"):
            return None
        if self._sql.pragma("application_id") != _APPLICATION:
            raise DataError(f"{self._sql.filename} is no journal")
        found = self._sql.execute("SELECT run FROM journal").fetchall()
        if len(found) != 1:
            raise DataError(f"{self._sql.filename} is damaged: it does not say which journal it is")
        return str(found[0][0])

    @property
    def version(self) -> int:
        """The version of its newest lines."""
        return cast("int", self._sql.pragma("user_version"))

    def begin(self, run: str, version: int) -> None:
        """Make the tables of a new journal."""
        with self._sql:
            self._sql.execute(_TABLES)
            self._sql.execute("INSERT INTO journal VALUES (?)", (run,))
            self._sql.pragma("application_id", _APPLICATION)
            self._become(1, version)

    def become(self, since: int, version: int) -> None:
        """From a line on, lines are of another version; those before it stay as they are."""
        with self._sql:
            self._become(since, version)

    def _become(self, since: int, version: int) -> None:
        self._sql.execute("INSERT OR REPLACE INTO version VALUES (?, ?)", (since, version))
        self._sql.pragma("user_version", version)

    def versions(self) -> tuple[tuple[int, int], ...]:
        """From which line on which version holds."""
        found = self._sql.execute("SELECT since, version FROM version ORDER BY since")
        return tuple((cast("int", since), cast("int", version)) for since, version in found)

    def rows(self) -> Iterator[Row]:
        """Every line, in order."""
        return cast("Iterator[Row]", self._sql.execute("SELECT * FROM line ORDER BY seq"))

    def append(self, rows: Iterable[Row]) -> None:
        """Keep all of them or none; returning means that they are durable."""
        with self._sql:
            self._sql.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", rows)

    @property
    def is_long(self) -> bool:
        """Whether the write-ahead log should be brought into the file."""
        return self._pages >= _LONG

    def checkpoint(self) -> None:
        """Bring the write-ahead log into the file."""
        self._sql.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._pages = 0

    def close(self) -> None:
        """Let go of it as it is."""
        self._sql.close()

    def finish(self) -> None:
        """Bring everything into the one file, and let go of it; the log goes."""
        self.checkpoint()
        self._sql.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        self._sql.close()

    @contextmanager
    def meaning(self) -> Iterator[None]:
        """Failures of an opening and of a reading, in our own words."""
        file = self._file
        try:
            yield
        except (apsw.BusyError, apsw.LockedError) as error:
            raise LockHeld(
                f"{file.name} is open in another program", hint="close it there, and try again"
            ) from error
        except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
            raise SettingsError(
                f"{file} cannot be written: {error}",
                hint="give this user the right to read and write there, or choose another --home",
            ) from error
        except (apsw.IOError, apsw.FullError) as error:
            raise JournalFailed(
                f"{file} cannot be read or written: {error}",
                hint="look after the disk; what was acknowledged is in the file",
            ) from error
        except (apsw.Error, UnicodeDecodeError) as error:
            raise DataError(f"{file} is damaged: {error}") from error
