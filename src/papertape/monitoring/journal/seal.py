"""Seals: each line's checksum, and the hash chain in which it names the line before it."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

from papertape.domain.clock import Nanos


class Row(NamedTuple):
    """A line as it lies in the file.

    The checksum finds what a disk has spoilt; ``previous``, the seal of the line before, finds
    what is whole and does not belong there.
    """

    seq: int
    time: Nanos
    kind: str
    body: bytes
    crc: int
    previous: bytes


def first_seal(run: str) -> bytes:
    """What the first line names as the one before it: which journal this is."""
    return sha256(run.encode()).digest()


def sealed(seq: int, time: Nanos, kind: str, body: bytes, previous: bytes) -> tuple[Row, bytes]:
    """A line with its checksum, and its own seal."""
    text = _text(seq, time, kind, body, previous)
    return Row(seq, time, kind, body, crc32(text), previous), sha256(text).digest()


def seal_of(row: Row, seq: int, previous: bytes) -> bytes | str:
    """The seal of a line that was read, or what is wrong with it.

    Args:
        row: As it was found.
        seq: The number that is due.
        previous: The seal of the line before.
    """
    number, time, kind, body, crc, named = row
    try:
        text = _text(number, time, kind, body, named)
    except (AttributeError, TypeError):  # a spoilt page can yield nothing where something must be
        return "it cannot be read"
    if crc != crc32(text):
        return "it is not what was written: its checksum differs"
    if number != seq or named != previous:
        return "it does not follow the line before it"
    return sha256(text).digest()


def _text(seq: int, time: Nanos, kind: str, body: bytes, previous: bytes) -> bytes:
    return b"%b%d %d %b %b" % (previous, seq, time, kind.encode(), body)
