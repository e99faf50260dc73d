"""IEX-TP, the exchange's transport: segments of numbered messages, and what got lost of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError

# Assumption: 0x8002 is TOPS 1.5, whose trades carry four reserved bytes more.
PROTOCOLS = {0x8002: "TOPS", 0x8003: "TOPS", 0x8004: "DEEP", 0x8005: "DEEP+"}

_HEADER = Struct("<BxHIIHHQQq")
_LENGTH = Struct("<H")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """What one packet carries: ``count`` messages, the first of them numbered ``first``.

    Attributes:
        protocol: A key of `PROTOCOLS`.
        channel, session: Numbers are continuous within one session of one channel.
        count: Messages in the payload; 0 in a heartbeat.
        offset: Bytes of payload sent before in this session.
        first: Number of the first message; in a heartbeat, of the next one to come.
        sent: When the exchange sent it.
        payload: The messages, each behind its length.
    """

    protocol: int
    channel: int
    session: int
    count: int
    offset: int
    first: int
    sent: Nanos
    payload: bytes

    @property
    def feed(self) -> str:
        """TOPS, DEEP or DEEP+."""
        return PROTOCOLS[self.protocol]


def read_segment(content: bytes) -> Segment | None:
    """The segment in a UDP payload, or None if it is some other traffic.

    Raises:
        DataError: If its payload is shorter or longer than its header says.
    """
    if len(content) < _HEADER.size:
        return None
    version, protocol, channel, session, length, count, offset, first, sent = _HEADER.unpack_from(
        content
    )
    if version != _VERSION or protocol not in PROTOCOLS:
        return None
    payload = content[_HEADER.size :]
    if len(payload) != length:
        raise DataError(f"segment {first} has {len(payload)} bytes, its header says {length}")
    return Segment(protocol, channel, session, count, offset, first, sent, payload)


def messages(segment: Segment) -> Iterator[bytes]:
    """The raw messages of a segment, in order.

    Raises:
        DataError: If their lengths do not fill the payload exactly.
    """
    payload, at = segment.payload, 0
    for _ in range(segment.count):
        if at + _LENGTH.size > len(payload):
            break
        start = at + _LENGTH.size
        at = start + _LENGTH.unpack_from(payload, at)[0]
        if at > len(payload):
            break
        yield payload[start:at]
    else:
        if at == len(payload):
            return
    raise DataError(f"segment {segment.first} does not hold its {segment.count} messages exactly")


class Numbering:
    """The numbers met in one session of one channel.

    Attributes:
        begun: The first number met; above 1 if the capture began late.
        lost: Numbers that never came, as ranges.
        repeated: Messages that came again and were dropped.
    """

    def __init__(self, begun: int):
        self.begun = begun
        self.lost: list[range] = []
        self.repeated = 0
        self._next = begun

    def fresh(self, first: int, count: int) -> range | list[int]:
        """Positions in a segment of the messages that have not been met before."""
        end = first + count
        if first < self._next:
            return self._late(first, end)
        if first > self._next:
            self.lost.append(range(self._next, first))
        self._next = end
        return range(count)

    def _late(self, first: int, end: int) -> list[int]:
        """A segment behind the others: a repetition, or one that fills what seemed lost."""
        positions = [
            number - first
            for number in range(first, end)
            if number >= self._next or any(number in gap for gap in self.lost)
        ]
        self.repeated += end - first - len(positions)
        parts = (
            (range(gap.start, min(gap.stop, first)), range(max(gap.start, end), gap.stop))
            for gap in self.lost
        )
        self.lost = [part for pair in parts for part in pair if part]
        self._next = max(self._next, end)
        return positions
