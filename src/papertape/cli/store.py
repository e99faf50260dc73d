"""The store of runs: every run is kept whole under the home folder and found by its short id."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import msgspec

from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import rfc3339, utc
from papertape.domain.errors import DataError, SettingsError, UsageError
from papertape.engines.proofbench.record import RunRecord

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_LAST = re.compile(r"last(?:~([0-9]{1,4}))?")
_TAKEN = re.compile(r"last|con|prn|aux|nul|com[0-9]|lpt[0-9]")
_FILE = "run.json"


class StoredRun(msgspec.Struct, frozen=True):
    """A run as it is kept; ``kind`` is the command that made it."""

    id: str
    made_at: str
    kind: str
    record: RunRecord


class _Head(msgspec.Struct, frozen=True):
    """What orders the runs, without the rest of them."""

    id: str
    made_at: str


class RunStore:
    """The runs under a home folder.

    Args:
        surroundings: Whose home, and whose clock.
    """

    def __init__(self, surroundings: Surroundings):
        self.folder = surroundings.home / "runs"
        self._clock = surroundings.clock

    def prepare(self, name: str | None = None) -> None:
        """Make sure that a run could be kept, before any time is spent on it; nothing is left.

        Raises:
            SettingsError: If the folder cannot be written.
            UsageError: If the run's name cannot be, or is taken.
        """
        if name is not None:
            self._check_name(name)
        nearest = self.folder
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        try:
            tempfile.TemporaryDirectory(dir=nearest, prefix=".papertape-").cleanup()
        except OSError as error:
            raise self._unwritable(error) from None

    def keep(self, kind: str, short: str, record: RunRecord, name: str | None = None) -> StoredRun:
        """Keep a run under its name, or under the next free id of the day.

        Raises:
            SettingsError: If the folder cannot be written.
            UsageError: If the name is taken.
        """
        now = self._clock.now()
        stem = f"{short}-{utc(now):%m%d}"
        made_at = rfc3339(now)
        try:
            self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            for number in count():
                run_id = name or stem + letters(number)
                run = StoredRun(run_id, made_at, kind, record)
                if self._placed(run):
                    return run
                if name is not None:
                    raise self._taken(name)
        except OSError as error:
            raise self._unwritable(error) from None
        raise AssertionError("letters never end")

    def _placed(self, run: StoredRun) -> bool:
        """Write a run beside its place and move it there in one step; False if that is taken."""
        place = self.folder / run.id
        if place.exists():
            return False
        beside = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
        try:
            file = os.open(beside / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as stream:
                stream.write(msgspec.json.encode(run))
            beside.rename(place)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            if place.exists():  # another run took the id in between
                return False
            raise
        return True

    def load(self, reference: str) -> StoredRun:
        """The run of an id, ``last`` or ``last~1``.

        Raises:
            UsageError: If there is no such run.
            DataError: If its file is damaged.
        """
        run_id = self._resolved(reference)
        if run_id is None or not (self.folder / run_id / _FILE).is_file():
            raise UsageError(f"there is no run {reference!r}", hint=self._what_there_is())
        return self._read(run_id)

    def has(self, reference: str) -> bool:
        """Whether an id, ``last`` or ``last~1`` names a run."""
        run_id = self._resolved(reference)
        return run_id is not None and (self.folder / run_id / _FILE).is_file()

    def kept_at(self, run_id: str) -> int:
        """When a run was put here, by the file system: nanoseconds since 1970."""
        return (self.folder / run_id / _FILE).stat().st_mtime_ns

    def ids(self) -> list[str]:
        """The runs, oldest first; those made at one moment by their ids."""
        heads = []
        for file in self.folder.glob(f"*/{_FILE}"):
            if _ID.fullmatch(file.parent.name):
                with suppress(msgspec.MsgspecError, OSError):  # a damaged one is not the last one
                    heads.append(msgspec.json.decode(file.read_bytes(), type=_Head))
        return [head.id for head in sorted(heads, key=_age)]

    def _read(self, run_id: str) -> StoredRun:
        file = self.folder / run_id / _FILE
        try:
            return msgspec.json.decode(file.read_bytes(), type=StoredRun)
        except (msgspec.MsgspecError, OSError) as error:
            raise DataError(
                f"the run {run_id} cannot be read ({file}): {error}", hint="run it again"
            ) from None

    def _resolved(self, reference: str) -> str | None:
        last = _LAST.fullmatch(reference)
        if last:
            ids, back = self.ids(), int(last[1] or 0)
            return ids[-1 - back] if back < len(ids) else None
        return reference if _ID.fullmatch(reference) else None

    def _what_there_is(self) -> str:
        ids = self.ids()[-3:]
        return f"the last are {', '.join(reversed(ids))}" if ids else "papertape demo makes three"

    def _check_name(self, name: str) -> None:
        if not _ID.fullmatch(name) or _TAKEN.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot name a run",
                hint="use small letters, digits, - and _, 48 at most, like --name sma-spy-2024",
            )
        if (self.folder / name).exists():
            raise self._taken(name)

    def _taken(self, name: str) -> UsageError:
        return UsageError(f"there is a run {name} already", hint="choose another --name")

    def _unwritable(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"runs cannot be kept in {self.folder}: {error.strerror}",
            hint="choose a folder you may write with --home DIR",
        )


def _age(head: _Head) -> tuple[str, int, str]:
    return head.made_at, len(head.id), head.id  # z comes before aa


def letters(number: int) -> str:
    """The letters a to z, then aa, ab and so on."""
    more, letter = divmod(number, 26)
    return (letters(more - 1) if more else "") + chr(ord("a") + letter)
