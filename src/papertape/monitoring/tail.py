"""The event tail: what a session did as lines of JSON, appended for whoever follows it.

It is published, not relied on: the journal is the truth, and a tail that cannot be written (a full
disk, a rotated file) never stops the session (fault-F8, fault-F58). Lines hold no secret.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from papertape.domain.clock import Nanos

OWNER_ONLY = 0o600
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
"""Should a pipe lie there, nobody waits for its reader."""


class Level(IntEnum):
    """How much a line matters; the names are those of every log."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class TailLine(msgspec.Struct, frozen=True):
    """One line of the tail.

    Attributes:
        at: When it happened, nanoseconds since 1970.
        time: The same as RFC 3339 text.
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
        kind: The record's name.
        text: What happened, in words.
        session: Whose it is.
        tag, record: The journal's line itself, so that a follower knows all that the journal does.
    """

    at: int
    time: str
    level: str
    kind: str
    text: str
    session: str
    tag: str = ""
    record: msgspec.Raw = msgspec.Raw(b"{}")


_decoder = msgspec.json.Decoder(TailLine)


class Tail:
    """Appends to the file that followers read.

    Args:
        path: The file; made with rights for its owner only.
    """

    def __init__(self, path: Path):
        self._path = path
        self.lost = 0

    def publish(self, new: Sequence[TailLine]) -> None:
        """Append what happened; what cannot be written is counted in `lost`, and that is all."""
        if not new:
            return
        text = b"".join(msgspec.json.encode(each) + b"\n" for each in new)
        try:
            # Opened each time: a file that was rotated away is begun anew.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | _AT_ONCE
            file = os.open(self._path, flags, OWNER_ONLY)
            try:
                os.write(file, text)
            finally:
                os.close(file)
        except OSError:
            self.lost += len(new)


def read_tail(path: Path, *, since: Nanos = 0, least: Level = Level.DEBUG) -> Iterator[TailLine]:
    """The tail's lines from a moment on that matter at least so much, oldest first.

    A torn last line is left out: whoever writes it is not done yet.
    """
    try:
        with path.open("rb") as file:
            yield from _chosen(file, since, least)
    except FileNotFoundError:
        return


def follow(
    path: Path, pause: Callable[[], bool], *, since: Nanos = 0, least: Level = Level.DEBUG
) -> Iterator[TailLine]:
    """The same, and then what comes; ends when ``pause`` says so, which waits between two looks."""
    place, part = 0, b""
    while True:
        try:
            size = path.stat().st_size
            if size < place:  # begun anew
                place, part = 0, b""
            with path.open("rb") as file:
                file.seek(place)
                part += file.read()
                place = file.tell()
        except FileNotFoundError:
            pass
        *whole, part = part.split(b"\n")
        yield from _chosen((line + b"\n" for line in whole), since, least)
        if not pause():
            return


def _chosen(lines: Iterable[bytes], since: Nanos, least: Level) -> Iterator[TailLine]:
    for line in lines:
        if not line.endswith(b"\n"):
            return
        try:
            entry = _decoder.decode(line)
        except msgspec.DecodeError:  # a disk that was full for a while cut a line
            continue
        if entry.at >= since and Level[entry.level.upper()] >= least:
            yield entry
