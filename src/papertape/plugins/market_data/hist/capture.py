"""One pass through a capture file: the messages of one symbol, and what the file lacks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError
from papertape.plugins.market_data.hist.message import (
    Message,
    SecurityDirectory,
    SystemEvent,
    padded,
    read_message,
)
from papertape.plugins.market_data.hist.packets import Fingerprinted, datagram, frames, unpacked
from papertape.plugins.market_data.hist.segment import Numbering, Segment, messages, read_segment

_SYSTEM_EVENT = b"\x0a\x00S"
"""How a system event begins: its length, and its kind."""

_SYMBOL = slice(10, 18)
_BOTH_ENDS = {"O", "C"}


class Capture:
    """A file of packets, read as a stream; what it lacks is known once it was read to its end.

    Attributes:
        name: The file's plain name.
        fingerprint: SHA-256 of the whole file, empty until it was read.
        is_listed: Whether the symbol asked for was among those that trade that day.
    """

    def __init__(self, path: Path):
        self.name = path.name
        self.fingerprint = ""
        self.is_listed = False
        self._path = path
        self._packet = 0
        self._feed = ""
        self._numberings: dict[tuple[int, int], Numbering] = {}
        self._events: set[str] = set()

    def begins(self) -> tuple[str, Nanos]:
        """The feed, and when the first segment was sent.

        Raises:
            DataError: If there is no segment, or the file cannot be read.
        """
        with closing(self._segments()) as segments:
            for segment in segments:
                return segment.feed, segment.sent
        raise DataError(f"{self.name} holds no message of the exchange")

    def messages(self, symbol: str) -> Iterator[Message]:
        """What the file says of one symbol, and the events of the whole exchange, in order.

        Raises:
            DataError: If the file is damaged or cut off, or mixes two feeds.
        """
        mark = padded(symbol)
        for segment in self._segments():
            try:
                yield from self._of(segment, mark)
            except DataError as fault:
                raise self._placed(fault) from None

    @property
    def faults(self) -> tuple[str, ...]:
        """What the file should hold and does not, a sentence each."""
        lost = sorted(
            (gap.start, len(gap)) for each in self._numberings.values() for gap in each.lost
        )
        found = []
        if lost:
            count = sum(length for _, length in lost)
            found.append(f"{self.name}: {count:,} messages are missing, from {lost[0][0]:,} on")
        if (ends := self._events & _BOTH_ENDS) == {"O"}:
            found.append(f"{self.name} ends before the exchange's day did")
        elif ends == {"C"}:
            found.append(f"{self.name} begins after the exchange's day did")
        return tuple(found)

    @property
    def notices(self) -> tuple[str, ...]:
        """What to know of the file, though nothing is wrong with it."""
        repeated = sum(each.repeated for each in self._numberings.values())
        found = []
        if repeated:
            found.append(f"{self.name}: {repeated:,} messages came twice and count once")
        if not self._events & _BOTH_ENDS:
            found.append(f"{self.name} holds only a part of the exchange's day")
        return tuple(found)

    def _segments(self) -> Generator[Segment]:
        file = Fingerprinted(self._path)
        try:
            with unpacked(file) as stream:
                for self._packet, frame in enumerate(frames(stream), 1):
                    content = datagram(frame)
                    segment = read_segment(content) if content is not None else None
                    if segment is not None:
                        yield segment
        except DataError as fault:
            raise self._placed(fault) from None
        self.fingerprint = file.fingerprint

    def _of(self, segment: Segment, mark: bytes) -> Iterator[Message]:
        if self._feed not in ("", segment.feed):
            raise DataError(
                f"it mixes {self._feed} and {segment.feed}, so every trade comes twice",
                hint="give each feed a file of its own",
            )
        self._feed = segment.feed
        key = (segment.session, segment.channel)
        numbering = self._numberings.setdefault(key, Numbering(segment.first))
        fresh = numbering.fresh(segment.first, segment.count)
        # A day has some hundred million messages; this one search dismisses most segments whole.
        if mark not in segment.payload and _SYSTEM_EVENT not in segment.payload:
            return
        for position, raw in enumerate(messages(segment)):
            if position in fresh and (raw[_SYMBOL] == mark or raw[:1] == b"S"):
                message = read_message(raw)
                if isinstance(message, SystemEvent):
                    self._events.add(message.event)
                self.is_listed |= isinstance(message, SecurityDirectory)
                if message is not None:
                    yield message

    def _placed(self, fault: DataError) -> DataError:
        where = f"{self.name}, packet {self._packet:,}" if self._packet else self.name
        return DataError(f"{where}: {fault.message}", hint=fault.hint)
