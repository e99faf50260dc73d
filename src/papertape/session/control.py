"""Control: how a person reaches a running session without reaching into it.

A command is a small file that the session takes, records and removes. It needs neither a network
nor a living reader: what is asked of a dead session is found by the next one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from papertape.domain.clock import Nanos
from papertape.domain.errors import SettingsError

OWNER_ONLY = 0o600


class Asked(msgspec.Struct, frozen=True):
    """A command as it lies in the box; ``verb`` is a word of `papertape.domain.day.Verb`."""

    id: str
    at: int
    verb: str
    by: str
    reason: str


class Taken(NamedTuple):
    """A command, and the file to remove once it is recorded; None for one that has to stay."""

    asked: Asked
    file: Path | None


@dataclass(frozen=True, slots=True)
class CommandBox:
    """The folder that commands lie in, and the file ``KILL`` beside it.

    Attributes:
        folder: Of commands; those who write and the one who reads share it.
        kill_file: Its mere existence is a command; what it says is the reason.
    """

    folder: Path
    kill_file: Path

    def put(self, verb: str, *, at: Nanos, by: str, reason: str = "") -> Asked:
        """Leave a command; it is on the disk when this returns.

        Args:
            verb: What is asked.
            at: This machine's time.
            by: Who asks.
            reason: Why.

        Raises:
            SettingsError: If it cannot be written; nothing was asked then.
        """
        asked = Asked(f"{at:020d}-{os.getpid()}", at, verb, by, reason)
        draft, file = self.folder / f".{asked.id}", self.folder / f"{asked.id}.json"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _written(draft, msgspec.json.encode(asked))
            draft.replace(file)
            _synced(self.folder)
        except OSError as error:
            raise SettingsError(
                f"the command cannot be left in {self.folder}: {error.strerror}",
                hint=f"kill works by hand, too: touch {self.kill_file}, or send the session USR1",
            ) from error
        return asked

    def waiting(self) -> list[Taken]:
        """What was asked and is not removed yet, oldest first; the KILL file before all."""
        found = [Taken(self._killed(), None)] if self.kill_file.exists() else []
        try:
            files = sorted(self.folder.glob("*.json"))
        except OSError:  # no folder, or no descriptor left to look into it: the file KILL is heard
            return found
        for file in files:
            try:
                found.append(Taken(msgspec.json.decode(file.read_bytes(), type=Asked), file))
            except (OSError, msgspec.DecodeError, ValueError):
                continue  # not ours, or gone meanwhile: a stranger's file asks for nothing
        return found

    def _killed(self) -> Asked:
        """The command that the KILL file is; the same file is the same command."""
        try:
            at = self.kill_file.stat().st_mtime_ns
            reason = self.kill_file.read_text(encoding="utf-8", errors="replace")[:200]
        except OSError:
            at, reason = 0, ""
        words = " ".join(reason.split())
        return Asked(f"file-{at}", at, "kill", "file KILL", words or "the file KILL is there")


def _written(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def _synced(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
