"""Capture files as a source of bars: every container, every cut, and what belongs to a bar."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.captures import (
    DEEP,
    DEEP_PLUS,
    VECTOR,
    event,
    frame,
    listing,
    pcap,
    pcapng,
    segment,
    segments,
    trade,
)

from papertape.domain.clock import SECOND, rfc3339
from papertape.domain.errors import DataError, PapertapeError, SettingsError, UsageError
from papertape.domain.market import PriceHistory
from papertape.plugins.market_data.hist.source import HistDataPlugin
from papertape.plugins.market_data.source import MarketData, load

NEW_YORK = ZoneInfo("America/New_York")
FRIDAY = date(2026, 11, 20)


def at(clock: str, day: str = "2026-11-20") -> int:
    moment = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=NEW_YORK)
    return round(moment.timestamp() * 1_000_000) * 1_000


def write(folder: Path, packets: list[bytes], name: str = "day.pcap") -> None:
    (folder / name).write_bytes(pcap(map(frame, packets)))


def bars(folder: Path, frequency: str = "1m", **told: object) -> PriceHistory:
    source = HistDataPlugin(folder, **told)  # type: ignore[arg-type]
    return load(source, symbol="AAPL", frequency=frequency)


DAY = [
    event(at("04:00:00"), "O"),
    listing(at("04:00:01"), "AAPL"),
    trade(at("08:15:00"), "AAPL", 500, 2_690_000, 1, flags=0x40),
    trade(at("09:30:00.5"), "AAPL", 100, 2_710_000, 2),
    trade(at("09:30:10"), "SPY", 9_000, 6_600_000, 3),
    trade(at("09:30:20"), "AAPL", 10, 2_999_900, 4, flags=0x20),
    trade(at("09:30:30"), "AAPL", 200, 2_705_000, 5),
    trade(at("09:30:59.999999"), "AAPL", 300, 2_707_500, 6, flags=0x80),
    trade(at("09:31:00"), "AAPL", 400, 2_708_000, 7),
    trade(at("09:31:05"), "AAPL", 50, 9_999_999, 8),
    trade(at("09:33:00"), "AAPL", 20, 2_700_000, 9, flags=0x20),
    trade(at("09:40:00"), "AAPL", 50, 9_999_999, 8, kind="B"),
    event(at("17:00:00"), "C"),
]
"""Seven trades of AAPL that stand, one that is taken back, and one of another symbol."""


def test_bars_hold_every_share_and_only_prices_that_count(tmp_path: Path) -> None:
    write(tmp_path, segments(DAY, sent=at("04:00:00")))
    history = bars(tmp_path)
    found = history.bars
    assert [rfc3339(int(t)) for t in found.start] == [
        "2026-11-20T14:30:00Z",
        "2026-11-20T14:31:00Z",
    ]
    assert found.open.tolist() == [271.0, 270.8]
    assert found.high.tolist() == [271.0, 270.8]
    assert found.low.tolist() == [270.5, 270.8]
    assert found.close.tolist() == [270.75, 270.8]
    assert found.volume.tolist() == [610, 400]
    assert any("520 shares belong to no bar" in notice for notice in history.notices)


def test_a_daily_bar_is_the_session_and_holds_every_share(tmp_path: Path) -> None:
    write(tmp_path, segments(DAY, sent=at("04:00:00")))
    history = bars(tmp_path, "1d")
    (bar,) = history.bars
    assert (bar.open, bar.high, bar.low, bar.close) == (271.0, 271.0, 270.5, 270.8)
    assert bar.volume == 500 + 100 + 10 + 200 + 300 + 400 + 20
    assert (bar.start, bar.end) == (at("09:30:00"), at("16:00:00"))
    assert history.adjusted == "raw"
    assert "venue IEX" in history.source
    assert len(history.notices) == 1


CONTAINERS: dict[str, Callable[[list[bytes]], bytes]] = {
    "pcap": pcap,
    "pcap.big": lambda frames: pcap(frames, order=">"),
    "pcap.ns": lambda frames: pcap(frames, order=">", nanoseconds=True),
    "pcap.gz": lambda frames: gzip.compress(pcap(frames)),
    "pcapng": pcapng,
    "pcapng.big": lambda frames: pcapng(frames, order=">"),
    "pcapng.simple": lambda frames: pcapng(frames, simple=True),
    "pcapng.two": lambda frames: pcapng(frames[:3]) + pcapng(frames[3:], order=">"),
    "pcapng.gz": lambda frames: gzip.compress(pcapng(frames)),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_holds_the_same_bars(container: str, tmp_path: Path) -> None:
    packets = segments(DAY, sent=at("04:00:00"))
    frames = [
        frame(each, vlans=number % 3, padding=6 * (number % 2))
        for number, each in enumerate(packets)
    ]
    others = [frame(b"x" * 60, protocol=6), bytes(60), frame(b"\x00" * 50), frame(b"")]
    write(tmp_path, packets, "plain.pcap")
    expected = bars(tmp_path).bars
    (tmp_path / "plain.pcap").unlink()
    content = CONTAINERS[container](others + frames)
    (tmp_path / f"day.{'pcapng' if 'ng' in container else 'pcap'}").write_bytes(content)
    found = bars(tmp_path)
    for name in ("start", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(found.bars, name), getattr(expected, name))
    assert found.fingerprint


@pytest.mark.parametrize("container", ["pcap", "pcap.gz", "pcapng", "pcapng.gz"])
def test_a_cut_anywhere_is_told(container: str, tmp_path: Path) -> None:
    packets = segments(DAY, sent=at("04:00:00"))
    content = CONTAINERS[container]([*map(frame, packets)])
    path = tmp_path / "day.pcap"
    for size in range(1, len(content), 7):
        path.write_bytes(content[:size])
        if container == "pcapng" and len(content) - size < 28:
            continue  # only the block of statistics is missing, behind the last packet
        with pytest.raises(DataError, match=r"^day\.pcap"):
            bars(tmp_path)


def test_a_damaged_gzip_is_told(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(pcap(map(frame, segments(DAY, sent=at("04:00:00"))))))
    content[-6] ^= 1  # the checksum
    (tmp_path / "day.pcap.gz").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        bars(tmp_path)


def test_a_lost_segment_is_an_error_or_a_notice_as_the_user_says(tmp_path: Path) -> None:
    packets = segments(DAY, sent=at("04:00:00"), size=1)
    write(tmp_path, packets[:6] + packets[8:])
    with pytest.raises(DataError, match="2 messages are missing, from 7 on"):
        bars(tmp_path)
    history = bars(tmp_path, on_loss="notice")
    assert "day.pcap: 2 messages are missing, from 7 on" in history.notices
    assert history.bars.volume.tolist() == [110, 400]


def test_repeated_and_late_segments_change_nothing(tmp_path: Path) -> None:
    packets = segments(DAY, sent=at("04:00:00"), size=1)
    write(tmp_path, packets)
    expected = bars(tmp_path, "1d")
    write(tmp_path, [*packets[:5], packets[6], packets[5], *packets[7:], *packets[2:9]])
    found = bars(tmp_path, "1d")
    assert [*found.bars] == [*expected.bars]
    assert "day.pcap: 7 messages came twice and count once" in found.notices


def test_a_file_that_lacks_one_end_of_the_day_is_refused(tmp_path: Path) -> None:
    packets = segments(DAY, sent=at("04:00:00"), size=1)
    write(tmp_path, packets[:-1])
    with pytest.raises(DataError, match="ends before the exchange's day did"):
        bars(tmp_path)
    write(tmp_path, packets[1:])
    with pytest.raises(DataError, match="begins after the exchange's day did"):
        bars(tmp_path)
    write(tmp_path, packets[1:-1])
    assert "day.pcap holds only a part of the exchange's day" in bars(tmp_path).notices


def test_the_contract_s_segment_makes_one_bar(tmp_path: Path) -> None:
    write(tmp_path, [VECTOR])
    (bar,) = bars(tmp_path).bars
    assert (bar.open, bar.volume, rfc3339(bar.start)) == (271.35, 100, "2026-11-20T15:30:00Z")


def test_a_session_without_a_file_is_a_hole_and_refused(tmp_path: Path) -> None:
    for day in ("2026-11-20", "2026-11-24"):
        moment = at("10:00:00", day)
        write(tmp_path, [segment(1, [trade(moment, "AAPL", 1, 2_000_000, 1)], sent=moment)], day)
        (tmp_path / day).rename(tmp_path / f"{day}.pcap")
    with pytest.raises(DataError, match="no capture of 2026-11-23"):
        bars(tmp_path)
    source = HistDataPlugin(tmp_path)
    with pytest.raises(DataError, match="no capture of 2026-11-25"):
        load(source, symbol="AAPL", start_date=date(2026, 11, 24), end_date=date(2026, 11, 25))
    with pytest.raises(DataError, match="no capture of 2026-11-23"):
        load(source, symbol="AAPL", start_date=date(2026, 11, 22), end_date=date(2026, 11, 24))
    found = load(source, symbol="AAPL", start_date=date(2026, 11, 24), end_date=date(2026, 11, 24))
    assert found.bars.days().astype(str).tolist() == ["2026-11-24"]


def test_a_weekend_has_no_session_to_be_missing_and_no_bars(tmp_path: Path) -> None:
    write(tmp_path, [VECTOR])
    with pytest.raises(DataError, match="no capture of a session"):
        load(
            HistDataPlugin(tmp_path),
            symbol="AAPL",
            start_date=date(2026, 11, 21),
            end_date=date(2026, 11, 22),
        )


def test_a_day_without_a_trade_is_said(tmp_path: Path) -> None:
    write(tmp_path, segments(DAY, sent=at("04:00:00")))
    with pytest.raises(DataError, match="MSFT: no trade on IEX set a price"):
        load(HistDataPlugin(tmp_path), symbol="MSFT")


def test_a_break_without_its_trade_is_refused(tmp_path: Path) -> None:
    broken = trade(at("10:00:00"), "AAPL", 1, 2_000_000, 99, kind="B")
    write(tmp_path, [VECTOR, segment(503, [broken], sent=at("10:00:00"))])
    with pytest.raises(DataError, match="trade 99 is taken back and was never reported"):
        bars(tmp_path)


def test_tops_is_read_before_deep_and_two_files_of_one_feed_are_refused(tmp_path: Path) -> None:
    first = trade(at("10:00:00"), "AAPL", 1, 2_000_000, 1)
    write(tmp_path, [segment(1, [first], sent=at("04:00:00"), protocol=DEEP)], "a.pcap")
    assert len(bars(tmp_path).bars) == 1
    write(tmp_path, [VECTOR], "b.pcap")
    assert bars(tmp_path).bars.close.tolist() == [271.35]
    write(tmp_path, [VECTOR], "c.pcap")
    with pytest.raises(DataError, match=r"b\.pcap and c\.pcap both hold TOPS of 2026-11-20"):
        bars(tmp_path)


def test_two_feeds_in_one_file_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [VECTOR, VECTOR[:2] + DEEP.to_bytes(2, "little") + VECTOR[4:]])
    with pytest.raises(DataError, match="mixes TOPS and DEEP"):
        bars(tmp_path)


def test_order_by_order_files_are_not_taken_for_trades(tmp_path: Path) -> None:
    write(tmp_path, [VECTOR[:2] + DEEP_PLUS.to_bytes(2, "little") + VECTOR[4:]])
    with pytest.raises(DataError, match="no TOPS or DEEP capture"):
        bars(tmp_path)


BAD_FRAMES = {
    "fragment": lambda good: good[:20] + b"\x20\x00" + good[22:],
    "captured in part": lambda good: good[:-1],
}


@pytest.mark.parametrize("damage", BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_a_packet_that_is_not_whole_is_refused_by_its_number(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    (tmp_path / "day.pcap").write_bytes(pcap([frame(VECTOR), damage(frame(VECTOR))]))
    with pytest.raises(DataError, match=r"day\.pcap, packet 2: "):
        bars(tmp_path)


def test_a_length_beyond_reason_is_damage_and_takes_no_memory(tmp_path: Path) -> None:
    content = pcap([frame(VECTOR)]) + bytes(8) + b"\xff\xff\xff\x7f" * 2
    (tmp_path / "day.pcap").write_bytes(content)
    with pytest.raises(DataError, match="cannot be"):
        bars(tmp_path)


def test_only_ethernet_is_read(tmp_path: Path) -> None:
    content = bytearray(pcap([frame(VECTOR)]))
    content[20] = 113
    (tmp_path / "day.pcap").write_bytes(content)
    with pytest.raises(DataError, match="link type 113"):
        bars(tmp_path)


FOLDERS = {
    "no folder": (None, SettingsError, "is no folder"),
    "nothing in it": ({}, DataError, "holds no capture"),
    "no capture": ({"x.pcap": b"date,open\n"}, DataError, r"x\.pcap: it is no packet capture"),
    "empty": ({"x.pcap": b""}, DataError, "begins with nothing"),
    "no message": ({"x.pcap": pcap([frame(b"hello")])}, DataError, "no message of the exchange"),
}


@pytest.mark.parametrize(("files", "kind", "why"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_without_messages_says_why(
    files: dict[str, bytes] | None, kind: type[PapertapeError], why: str, tmp_path: Path
) -> None:
    folder = tmp_path / "hist"
    if files is not None:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    with pytest.raises(kind, match=why):
        bars(folder)


def test_captures_are_a_source_that_has_only_the_past(tmp_path: Path) -> None:
    source = HistDataPlugin(tmp_path)
    assert isinstance(source, MarketData)
    with pytest.raises(UsageError, match="no streams"):
        source.stream(["AAPL"])


def test_bars_of_an_hour_are_counted_from_the_exchange_s_midnight(tmp_path: Path) -> None:
    write(tmp_path, segments(DAY, sent=at("04:00:00")))
    assert bars(tmp_path, "1h").bars.start.tolist() == [at("09:00:00")]
    assert at("09:00:00") % (3600 * SECOND) == 0
