"""Bytes to segments to messages, against the contract's own vector and its table of layouts."""

from __future__ import annotations

import struct

import pytest
from tests.captures import VECTOR

from papertape.domain.errors import DataError
from papertape.plugins.market_data.hist.message import (
    OfficialPrice,
    PriceLevel,
    QuoteUpdate,
    SecurityDirectory,
    SystemEvent,
    TradeBreak,
    TradeReport,
    TradingStatus,
    read_message,
)
from papertape.plugins.market_data.hist.segment import Numbering, messages, read_segment

MOMENT = 1_795_188_600_250_000_000  # 2026-11-20T15:30:00.250Z


def test_the_contract_s_segment_decodes_exactly() -> None:
    segment = read_segment(VECTOR)
    assert segment is not None
    assert (segment.feed, segment.channel, segment.session) == ("TOPS", 1, 7)
    assert (segment.first, segment.count, segment.offset) == (501, 2, 1000)
    assert segment.sent == MOMENT + 1_500
    assert [read_message(raw) for raw in messages(segment)] == [
        TradeReport(MOMENT, "AAPL", 0, 100, 271.35, 123_456),
        QuoteUpdate(MOMENT, "AAPL", 0, 300, 271.34, 271.36, 200),
    ]


def test_every_cut_of_a_segment_is_refused_or_no_segment() -> None:
    for size in range(len(VECTOR)):
        if size < 40:
            assert read_segment(VECTOR[:size]) is None
        else:
            with pytest.raises(DataError, match="its header says 84"):
                read_segment(VECTOR[:size])


@pytest.mark.parametrize("other", [b"\x02" + VECTOR[1:], VECTOR[:2] + b"\x01\x00" + VECTOR[4:]])
def test_other_traffic_is_no_segment(other: bytes) -> None:
    assert read_segment(other) is None


@pytest.mark.parametrize("inner", [0, 37, 39, 90, 0xFFFF])
def test_a_message_length_that_does_not_add_up_is_refused(inner: int) -> None:
    segment = read_segment(VECTOR[:40] + struct.pack("<H", inner) + VECTOR[42:])
    assert segment is not None
    with pytest.raises(DataError, match="does not hold its 2 messages"):
        list(messages(segment))


START = b"\x04" + struct.pack("<q", MOMENT) + b"ZVZZT   "
"""Byte 1, time and symbol, as in all messages but system events."""

LAYOUTS = [
    (b"SO" + struct.pack("<q", MOMENT), SystemEvent(MOMENT, "O")),
    (
        b"D" + START + struct.pack("<Iqb", 100, 990_500, 1),
        SecurityDirectory(MOMENT, "ZVZZT", 4, 100, 99.05, 1),
    ),
    (b"HH" + START[1:] + b"T1  ", TradingStatus(MOMENT, "ZVZZT", "H", "T1")),
    (b"XM" + START[1:] + struct.pack("<q", 990_500), OfficialPrice(MOMENT, "ZVZZT", "M", 99.05)),
    (
        b"Q" + START + struct.pack("<IqqI", 0, 0, 990_600, 700),
        QuoteUpdate(MOMENT, "ZVZZT", 4, 0, 0.0, 99.06, 700),
    ),
    (
        b"B" + START + struct.pack("<Iqq", 7, 990_500, 2**40),
        TradeBreak(MOMENT, "ZVZZT", 4, 7, 99.05, 2**40),
    ),
    (b"8" + START + struct.pack("<Iq", 9, 1), PriceLevel(MOMENT, "ZVZZT", 4, 1, 9, 0.0001)),
    (b"5" + START + struct.pack("<Iq", 0, 5), PriceLevel(MOMENT, "ZVZZT", 4, -1, 0, 0.0005)),
]


@pytest.mark.parametrize(("raw", "told"), LAYOUTS, ids=[chr(raw[0]) for raw, _ in LAYOUTS])
def test_a_message_has_the_layout_of_its_kind(raw: bytes, told: object) -> None:
    assert read_message(raw) == told
    assert read_message(raw + bytes(4)) == told  # a later version appends
    with pytest.raises(DataError, match=f"has {len(raw) - 1} bytes, not {len(raw)}"):
        read_message(raw[:-1])


def test_a_kind_that_is_not_needed_is_passed_over() -> None:
    assert read_message(b"I" + START) is None
    assert read_message(b"") is None


def test_a_jump_in_the_numbers_is_a_loss_and_a_repetition_is_dropped() -> None:
    numbering = Numbering(501)
    assert list(numbering.fresh(501, 2)) == [0, 1]
    assert list(numbering.fresh(501, 2)) == []
    assert list(numbering.fresh(502, 3)) == [1, 2]
    assert list(numbering.fresh(510, 2)) == [0, 1]
    assert numbering.lost == [range(505, 510)]
    assert numbering.repeated == 3


def test_a_heartbeat_shows_what_was_lost_before_it() -> None:
    numbering = Numbering(1)
    numbering.fresh(1, 4)
    assert list(numbering.fresh(5, 0)) == []
    assert numbering.lost == []
    numbering.fresh(7, 0)
    assert numbering.lost == [range(5, 7)]


def test_what_comes_late_is_no_longer_lost() -> None:
    numbering = Numbering(1)
    numbering.fresh(1, 1)
    numbering.fresh(10, 1)
    assert list(numbering.fresh(4, 2)) == [0, 1]
    assert numbering.lost == [range(2, 4), range(6, 10)]
    assert list(numbering.fresh(3, 9)) == [0, 3, 4, 5, 6, 8]
    assert numbering.lost == [range(2, 3)]
    assert list(numbering.fresh(12, 1)) == [0]
