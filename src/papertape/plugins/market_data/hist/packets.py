"""From a capture file to UDP payloads: gzip, pcap or pcap-ng, Ethernet, IPv4.

The capture's own time stamps are not read: the exchange's messages carry better ones.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import IO, TYPE_CHECKING, NoReturn

from papertape.domain.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_PCAP = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
_SECTION = b"\x0a\x0d\x0d\x0a"
_SECTION_ORDER = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _SIMPLE_PACKET, _PACKET = 1, 3, 6
_ETHERNET = 1
_AGAIN = "download the file again"
_CHUNK = 1 << 20
_LARGEST = 1 << 24
"""More bytes than any packet or block has; a length beyond it is damage, not a wish for memory."""

_VLAN = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
_IPV4 = b"\x08\x00"
_UDP = 17
_NETWORK_SHORT = Struct(">H")
_FRAGMENT = 0x3FFF
"""More fragments to come, or an offset: either says that the packet is a part."""


class Fingerprinted(io.FileIO):
    """A file that is read once, from beginning to end, and knows the SHA-256 of what was read."""

    def __init__(self, path: Path):
        super().__init__(path, "rb")
        self._digest = sha256()

    def readinto(self, buffer: Buffer, /) -> int:
        """As any file's, and the bytes enter the fingerprint."""
        count = super().readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:count])
        return count

    @property
    def fingerprint(self) -> str:
        """Hexadecimal hash of all bytes read so far."""
        return self._digest.hexdigest()


@contextmanager
def unpacked(file: Fingerprinted) -> Iterator[IO[bytes]]:
    """The bytes of a capture, unpacked on the way if they are gzip.

    Raises:
        DataError: If the file is cut off or damaged, also while the caller reads.
    """
    with io.BufferedReader(file, _CHUNK) as packed:
        try:
            if packed.peek(2)[:2] == b"\x1f\x8b":
                yield io.BufferedReader(gzip.GzipFile(fileobj=packed), _CHUNK)
            else:
                yield packed
        except EOFError:
            _cut_off()
        except (gzip.BadGzipFile, zlib.error) as damage:
            raise DataError(f"the file is damaged: {damage}", hint=_AGAIN) from None


def frames(stream: IO[bytes]) -> Iterator[bytes]:
    """The Ethernet frames of a pcap or pcap-ng capture, one at a time.

    Raises:
        DataError: If it is neither, holds another kind of link, or is cut off.
    """
    magic = stream.read(4)
    if magic in _PCAP:
        return _pcap(stream, _PCAP[magic])
    if magic == _SECTION:
        return _pcapng(stream)
    raise DataError(
        f"it is no packet capture, it begins with {magic.hex() or 'nothing'}",
        hint="give a .pcap or .pcap.gz file of IEX HIST",
    )


def datagram(frame: bytes) -> bytes | None:
    """The UDP payload that an Ethernet frame carries, or None if it carries something else.

    Raises:
        DataError: If the packet was captured in part, or is a fragment of one.
    """
    at = 12
    while frame[at : at + 2] in _VLAN:
        at += 4
    ip = at + 2
    if frame[at:ip] != _IPV4 or frame[ip + 9 : ip + 10] != bytes([_UDP]):
        return None
    if _NETWORK_SHORT.unpack_from(frame, ip + 6)[0] & _FRAGMENT:
        raise DataError("it is a fragment, which the exchange never sends")
    udp = ip + 4 * (frame[ip] & 0x0F)
    length = _NETWORK_SHORT.unpack_from(frame, udp + 4)[0] if udp + 8 <= len(frame) else 0
    if not 8 <= length <= len(frame) - udp:
        raise DataError("it was not captured whole")
    return frame[udp + 8 : udp + length]


def _pcap(stream: IO[bytes], order: str) -> Iterator[bytes]:
    (link,) = Struct(order + "16xI").unpack(_exactly(stream, 20))
    _refuse_other_links(link & 0xFFFF)
    record = Struct(order + "8xI4x")
    while head := stream.read(record.size):
        if len(head) < record.size:
            _cut_off()
        yield _exactly(stream, record.unpack(head)[0])


def _pcapng(stream: IO[bytes]) -> Iterator[bytes]:
    order, tag = "<", _SECTION
    while tag:
        length = _exactly(stream, 4)
        if tag == _SECTION:
            mark = _exactly(stream, 4)
            if mark not in _SECTION_ORDER:
                raise DataError("a section has no byte order", hint=_AGAIN)
            order = _SECTION_ORDER[mark]
        short = Struct(order + "I")
        (size,) = short.unpack(length)
        known = 12 if tag == _SECTION else 8
        body = _exactly(stream, size - known)
        if body[-4:] != length:
            raise DataError("a block's two lengths differ", hint=_AGAIN)
        if tag != _SECTION:
            yield from _block(short.unpack(tag)[0], body[:-4], order)
        tag = stream.read(4)
        if 0 < len(tag) < 4:
            _cut_off()


def _block(kind: int, body: bytes, order: str) -> Iterator[bytes]:
    """The frame of a packet block; nothing of the others, though a foreign link is refused."""
    if kind == _INTERFACE and len(body) >= 2:
        _refuse_other_links(Struct(order + "H").unpack_from(body)[0])
    elif kind == _PACKET and len(body) >= 20:
        (captured,) = Struct(order + "12xI4x").unpack_from(body)
        yield body[20 : 20 + captured]
    elif kind == _SIMPLE_PACKET and len(body) >= 4:
        yield body[4:]


def _refuse_other_links(link: int) -> None:
    if link != _ETHERNET:
        raise DataError(f"it was captured on link type {link}, and only Ethernet (1) is read")


def _exactly(stream: IO[bytes], size: int) -> bytes:
    if not 0 <= size <= _LARGEST:
        raise DataError(f"a packet of {size:,} bytes cannot be", hint=_AGAIN)
    content = stream.read(size)
    if len(content) < size:
        _cut_off()
    return content


def _cut_off() -> NoReturn:
    raise DataError("the file is cut off", hint=_AGAIN)
