"""Writes IEX HIST captures by the published layout, for tests that read them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

VECTOR = bytes.fromhex(
    "01000380010000000700000054000200e803000000000000f5010000000000005c68bb4685cae918"
    "260054008062bb4685cae9184141504c20202020640000009c6729000000000040e2010000000000"
    "2a0051008062bb4685cae9184141504c202020202c01000038672900000000000068290000000000"
    "c8000000"
)
"""The contract's segment: at 2026-11-20T15:30:00.250Z a trade, and a quote, both of AAPL."""

TOPS, DEEP, DEEP_PLUS = 0x8003, 0x8004, 0x8005


def trade(
    moment: int, symbol: str, size: int, price: int, trade_id: int, flags: int = 0, kind: str = "T"
) -> bytes:
    """A trade, or with kind B the break of one; the price in ten-thousandths of a dollar."""
    name = symbol.encode().ljust(8)
    return struct.pack("<cBq8sIqq", kind.encode(), flags, moment, name, size, price, trade_id)


def event(moment: int, what: str) -> bytes:
    return struct.pack("<ccq", b"S", what.encode(), moment)


def listing(moment: int, symbol: str) -> bytes:
    return struct.pack("<cBq8sIqB", b"D", 0, moment, symbol.encode().ljust(8), 100, 1_000_000, 1)


def segment(
    first: int,
    messages: Sequence[bytes],
    *,
    sent: int,
    protocol: int = TOPS,
    session: int = 7,
    channel: int = 1,
) -> bytes:
    payload = b"".join(struct.pack("<H", len(each)) + each for each in messages)
    head = (1, protocol, channel, session, len(payload), len(messages), 0, first, sent)
    return struct.pack("<BxHIIHHqqq", *head) + payload


def segments(messages: Sequence[bytes], *, sent: int, size: int = 3, **told: int) -> list[bytes]:
    """All messages, ``size`` a segment, numbered from 1."""
    return [
        segment(at + 1, messages[at : at + size], sent=sent, **told)
        for at in range(0, len(messages), size)
    ]


def frame(payload: bytes, *, vlans: int = 0, protocol: int = 17, padding: int = 0) -> bytes:
    """An Ethernet frame with an IPv4 packet with a UDP datagram."""
    udp = struct.pack(">HHHH", 10378, 10378, 8 + len(payload), 0) + payload
    size = 20 + len(udp)
    head = (0x45, 0, size, 0, 0x4000, 64, protocol, 0, b"\x17\xe2\x9b\x84", b"\xe9\xd7\x15\x04")
    packet = struct.pack(">BBHHHBBH4s4s", *head) + udp + bytes(padding)
    return bytes(12) + b"\x81\x00\x00\x05" * vlans + b"\x08\x00" + packet


def pcap(frames: Iterable[bytes], *, order: str = "<", nanoseconds: bool = False) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65_535, 1)
    return head + b"".join(
        struct.pack(order + "IIII", 0, 0, len(each), len(each)) + each for each in frames
    )


def pcapng(frames: Iterable[bytes], *, order: str = "<", simple: bool = False) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + size + body + size

    def packet(each: bytes) -> bytes:
        if simple:
            return block(3, struct.pack(order + "I", len(each)) + each)
        return block(6, struct.pack(order + "IIIII", 0, 0, 0, len(each), len(each)) + each)

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack(order + "HHI", 1, 0, 65_535))
    unknown = block(5, b"statistics")
    return section + interface + b"".join(map(packet, frames)) + unknown
