"""Place: where a journal lies in the state folder, for its owner's eyes only."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from papertape.data.store.lock import only_writer
from papertape.data.store.publishing import sync
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, SettingsError, UsageError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one journal; its head and its backup lie apart from it.

    Attributes:
        folder: The state folder, below which the others are made.
        name: The journal's: letters, digits, ``.``, ``_`` and ``-``.
        vfs: The file system of SQLite's that the files lie in; empty for the machine's own.
    """

    folder: Path
    name: str
    vfs: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"{self.name!r} is no name for a journal")

    @property
    def file(self) -> Path:
        """The journal itself."""
        return self.folder / "journals" / f"{self.name}.sqlite3"

    @property
    def head(self) -> Path:
        """What its last line is."""
        return self.folder / "heads" / f"{self.name}.head"

    @property
    def backup(self) -> Path:
        """The copy made when it was last closed in order."""
        return self.folder / "backups" / f"{self.name}.sqlite3"

    @property
    def exists(self) -> bool:
        """Whether anything of it is there."""
        return self.file.exists() or self.head.exists()

    @contextmanager
    def taken(self, now: Nanos) -> Iterator[None]:
        """Make the folders and the files, and keep every other process out.

        Raises:
            LockHeld: If another process is in it.
            SettingsError: If its owner may not write here.
            DataError: If the journal is gone and its log is not.
        """
        with ExitStack() as lock:
            try:
                for file in (self.file, self.head, self.backup):
                    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    _close_to_others(file.parent)
                lock.enter_context(only_writer(self.file.with_suffix(".lock"), now))
                self._prepare()
            except OSError as error:
                raise self._not_ours(str(error)) from error
            yield

    def _prepare(self) -> None:
        self._check_log()
        for file in (self.file, self.head):
            if not file.exists():
                file.touch(mode=0o600)  # SQLite gives its log the rights of the journal
                sync(file.parent)
            _close_to_others(file)
            if not os.access(file, os.R_OK | os.W_OK):
                raise self._not_ours(f"{file} may not be written")

    def _check_log(self) -> None:
        """SQLite deletes the log of a file that is empty: nobody would see those lines again."""
        log = Path(f"{self.file}-wal")
        is_gone = not self.file.exists() or self.file.stat().st_size == 0
        if is_gone and log.exists() and log.stat().st_size > 0:
            raise DataError(
                f"the journal {self.file} is gone, and its log {log.name} is still there",
                hint="put the file back beside its log",
                untouched="the log was left as it is",
            )

    def _not_ours(self, why: str) -> SettingsError:
        return SettingsError(
            f"the journal {self.name} cannot be written: {why}",
            hint="give this user the right to read and write there, or choose another --home",
        )

    def back_up(self) -> None:
        """Put a copy of the closed journal in the place of the last one."""
        beside = self.backup.with_suffix(".new")
        try:
            beside.unlink(missing_ok=True)
            beside.touch(mode=0o600)
            shutil.copyfile(self.file, beside)
            sync(beside)
            beside.replace(self.backup)
            sync(beside.parent)
        except OSError:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise


def _close_to_others(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        path.chmod(mode & 0o700)
