"""A simulated disk beneath the real SQLite: what is not synced can be lost, torn or refused.

    disk = SimulatedDisk()
    with Journal.opened(disk.place("sma"), LINES, now) as journal: ...

All files lie in memory, behind a VFS that SQLite (and the head file) take for a disk. Everything
that changes the disk is a `Step`, numbered from 1, and `disk.before` is asked before each:

- it returns: the step happens. It may let a virtual clock go on (a slow disk, fault-F14).
- it raises `Crash()`: the process ends there; ``Crash(sectors=1)`` first lets so many sectors of a
  write get through (fault-F4). From then on every step raises it again, whoever swallowed the
  first, and nothing changes, so that the dead process can be cleaned up.
- it raises `no_space()` or `io_error()`: the step fails and the process is told (F6, F7).

What the next process finds is another disk, made from this one at any moment, crashed or not:
`after_kill()` (the machine lives on, so every write is there) or `after_power_loss(random)` (of
what was not synced, some sectors are there and some are not). Both can be asked again and again.

Assumption: a sector is written whole or not at all; the first sync of a new file syncs its folder,
too (SQLite does so for its logs), and until then a deletion without one may be undone. Nothing here
throws dice but the ``random`` that is handed in. (SQLite does, for the salt of a log: with the same
seed the steps, the sizes and the lines are the same, not the bytes of the log.)
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import apsw

from papertape.domain.errors import LockHeld
from papertape.monitoring.journal import Place

SECTOR = 512
_numbers = itertools.count()


class Step(NamedTuple):
    """Something that changes the disk: ``write``, ``sync``, ``truncate`` or ``delete``."""

    number: int
    what: str
    file: str
    size: int = 0


class Crash(BaseException):
    """The process or the power ended here; nothing of the program may catch it."""

    def __init__(self, sectors: int = 0):
        super().__init__(f"crashed after {sectors} sectors")
        self.sectors = sectors


def no_space() -> apsw.Error:
    """What a full disk answers to a write."""
    return _answer(apsw.SQLITE_FULL, "database or disk is full")


def io_error() -> apsw.Error:
    """What a failing disk answers to a sync."""
    return _answer(apsw.SQLITE_IOERR_FSYNC, "disk I/O error")


def _answer(code: int, words: str) -> apsw.Error:
    error = apsw.exception_for(code)
    assert isinstance(error, apsw.Error)
    error.args = (words,)
    return error


class Change(NamedTuple):
    """A write, or (without bytes) a truncation, that was not synced yet."""

    offset: int
    bytes: bytes | None


@dataclass
class _File:
    """A file as the machine sees it, as it is on the platter, and how the two came to differ."""

    seen: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)
    is_named: bool = False

    def change(self, change: Change) -> None:
        self.changes.append(change)
        _apply(self.seen, change)

    def sync(self) -> None:
        for change in self.changes:
            _apply(self.durable, change)
        self.changes, self.is_named = [], True

    def after_power_loss(self, random: Random) -> bytes:
        found = bytearray(self.durable)
        share = random.choice([0.0, 1.0, random.random()])
        for change in self.changes:
            if change.bytes is None:
                if random.random() < share:
                    _apply(found, change)
                continue
            for sector in _sectors(change.offset, change.bytes):
                if random.random() < share:
                    _apply(found, sector)
        return bytes(found)


def _sectors(offset: int, written: bytes) -> Iterator[Change]:
    while written:
        size = SECTOR - offset % SECTOR
        yield Change(offset, written[:size])
        offset, written = offset + size, written[size:]


def _apply(content: bytearray, change: Change) -> None:
    offset, written = change
    if written is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(written)] = written


class SimulatedDisk:
    """See the head of this module.

    Args:
        files: What lies on it, durably.
    """

    def __init__(self, files: dict[str, bytes] | None = None):
        self.before: Callable[[Step], None] = lambda step: None
        self.steps = 0
        self.is_dead = False
        self.is_honest = True
        """Whether a sync does what it says; one that lies shows that the tests can fail."""
        self.files = {
            name: _File(bytearray(content), bytearray(content), is_named=True)
            for name, content in (files or {}).items()
        }
        self.gone: dict[str, _File] = {}
        self.held: set[str] = set()
        self.vfs = f"simulated-{next(_numbers)}"
        self._vfs = _FileSystem(self)

    def place(self, name: str) -> Place:
        """Where a journal lies on it."""
        return _SimulatedPlace(Path("/state"), name, self.vfs, self)

    def after_kill(self) -> SimulatedDisk:
        """What the next process finds if only this one ended."""
        found = {name: bytes(file.seen) for name, file in self.files.items()}
        return SimulatedDisk(found)

    def after_power_loss(self, random: Random) -> SimulatedDisk:
        """What may be found if the power failed; another call draws another possibility."""
        found = {
            name: file.after_power_loss(random)
            for name, file in self.files.items()
            if file.is_named or random.random() < 0.5
        }
        for name, file in self.gone.items():
            if name not in found and random.random() < 0.5:
                found[name] = file.after_power_loss(random)
        return SimulatedDisk(found)

    def _step(self, what: str, name: str, size: int = 0) -> None:
        """Ask whether something may be done to a file."""
        if self.is_dead:
            raise Crash
        self.steps += 1
        try:
            self.before(Step(self.steps, what, name, size))
        except Crash:
            self.is_dead = True
            raise

    def write(self, name: str, written: bytes, offset: int) -> None:
        """Write, or as much of it as a crash lets through."""
        try:
            self._step("write", name, len(written))
        except Crash as crash:
            if torn := written[: crash.sectors * SECTOR]:
                self.files[name].change(Change(offset, torn))
            raise
        self.files[name].change(Change(offset, written))

    def truncate(self, name: str, size: int) -> None:
        """Cut a file off."""
        self._step("truncate", name, size)
        self.files[name].change(Change(size, None))

    def sync(self, name: str) -> None:
        """Make a file durable; if it is new, with its name and the deletions so far."""
        self._step("sync", name)
        if self.is_honest:
            if not self.files[name].is_named:
                self.gone.clear()
            self.files[name].sync()

    def delete(self, name: str, *, is_synced: bool) -> None:
        """Take a file away."""
        self._step("delete", name)
        file = self.files.pop(name)
        if is_synced:
            self.gone.clear()
        elif file.is_named:
            self.gone[name] = file


class _FileSystem(apsw.VFS):
    def __init__(self, disk: SimulatedDisk):
        # Only a glance: a disk that nobody uses any more takes its file system with it.
        self._glance = weakref.ref(disk)
        super().__init__(disk.vfs, base="")

    @property
    def _disk(self) -> SimulatedDisk:
        disk = self._glance()
        assert disk is not None
        return disk

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if path not in self._disk.files:
            if not flags[0] & apsw.SQLITE_OPEN_CREATE:
                raise _answer(apsw.SQLITE_CANTOPEN, "no such file")
            self._disk.files[path] = _File()
        flags[1] = flags[0]
        return _Handle(self._disk, path)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        return name in self._disk.files

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        self._disk.delete(name, is_synced=sync)

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def excepthook(self, kind: type, error: BaseException, trace: Any) -> None:
        """SQLite swallowed an error, as it does while it closes a file; a crash comes again."""

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        return 0


class _Handle:
    """An open file, with the methods that SQLite asks for."""

    def __init__(self, disk: SimulatedDisk, name: str):
        self._disk, self._name = disk, name

    def excepthook(self, kind: type, error: BaseException, trace: Any) -> None:
        """As for the file system."""

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        file = self._disk.files.get(self._name, _File())
        return bytes(file.seen[offset : offset + amount])

    def xWrite(self, written: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._name, bytes(written), offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.truncate(self._name, size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.sync(self._name)

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._disk.files.get(self._name, _File()).seen)

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xLock(self, level: int) -> None:  # noqa: N802
        """One process at a time: `_SimulatedPlace` sees to it."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """As `xLock`."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xClose(self) -> None:  # noqa: N802
        """Nothing is buffered."""


@dataclass(frozen=True)
class _SimulatedPlace(Place):
    disk: SimulatedDisk = field(default_factory=SimulatedDisk)

    @property
    def exists(self) -> bool:
        return str(self.file) in self.disk.files

    @contextmanager
    def taken(self, now: int) -> Iterator[None]:
        if self.name in self.disk.held:
            raise LockHeld(f"{self.name} is open already")
        self.disk.held.add(self.name)
        for path in (self.file, self.head):
            self.disk.files.setdefault(str(path), _File(is_named=True))
        try:
            yield
        finally:
            self.disk.held.discard(self.name)

    def back_up(self) -> None:
        file = self.disk.files[str(self.file)]
        self.disk.files[str(self.backup)] = _File(
            bytearray(file.seen), bytearray(file.seen), [], True
        )
