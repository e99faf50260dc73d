"""Head: which line of a journal is its last, kept apart from it.

A journal whose write-ahead log was lost, or in whose place an older copy was put, is whole in
itself; that something is missing can only be told from outside. The head is written after its
lines are durable, so that it may lag behind the journal but never leads it.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import apsw
import msgspec

_SLOT = 512
"""Bytes of a sector, which a disk writes whole or not at all."""


class Head(NamedTuple):
    """The last line of a journal.

    Attributes:
        run: Which journal it is.
        seq: The line's number; 0 before the first.
        seal: Its hash, as hexadecimal digits.
    """

    run: str
    seq: int
    seal: str


class HeadFile:
    """A file of two sectors that are written in turn, so that one of them is always whole.

    Args:
        file: Its path; made if it is not there.
        vfs: The file system of SQLite's that it lies in.
    """

    def __init__(self, file: str, vfs: str):
        how = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_MAIN_DB
        self._file = apsw.VFSFile(vfs, file, [how, 0])
        self._turn = 0

    def read(self) -> Head | None:
        """The newest head that is whole; None if there is none."""
        slots = range(0, self._file.xFileSize() // _SLOT * _SLOT, _SLOT)
        found = [_unpacked(self._file.xRead(_SLOT, slot)) for slot in slots]
        notes = [note for note in found if note is not None]
        if not notes:
            return None
        newest = max(notes, key=lambda note: note.turn)
        self._turn = newest.turn + 1
        return newest.head

    def write(self, head: Head) -> None:
        """Note a line that is durable."""
        self._file.xWrite(_packed(_Note(self._turn, head)), self._turn % 2 * _SLOT)
        self._turn += 1

    def sync(self) -> None:
        """Make the note itself durable."""
        self._file.xSync(apsw.SQLITE_SYNC_FULL)

    def close(self) -> None:
        """Let go of the file."""
        self._file.xClose()


class _Note(NamedTuple):
    """``turn`` tells the newer of two, for an older copy that was accepted has a lower number."""

    turn: int
    head: Head


def _packed(note: _Note) -> bytes:
    text = msgspec.json.encode(note)
    return (b"%08x %b" % (crc32(text), text)).ljust(_SLOT - 1) + b"\n"


def _unpacked(slot: bytes) -> _Note | None:
    text = slot[9:].rstrip()
    if slot[:9] != b"%08x " % crc32(text):
        return None
    return msgspec.json.decode(text, type=_Note)
