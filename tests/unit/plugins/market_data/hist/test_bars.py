"""Bars from trades, against a plain fold, and through whatever order packets arrive in."""

from __future__ import annotations

import random
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.captures import frame, pcap, segment, trade

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument
from papertape.domain.market import Frequency
from papertape.plugins.market_data.hist.bars import bars_of, trades_of
from papertape.plugins.market_data.hist.message import Message, TradeBreak, TradeReport
from papertape.plugins.market_data.hist.source import HistDataPlugin
from papertape.plugins.market_data.source import load

SESSION = calendar_of("XNYS").session(date(2026, 11, 20))
AAPL = Instrument("AAPL")

REPORTS = st.lists(
    st.tuples(
        st.integers(0, 30 * 60),  # seconds after the opening
        st.sampled_from([0, 0, 0, 0x80, 0x40, 0x20, 0x60, 0x08]),
        st.integers(1, 5_000),
        st.integers(1_000_000, 1_010_000),
        st.booleans(),  # taken back later
    ),
    min_size=1,
    max_size=40,
)


def messages(reports: list[tuple[int, int, int, int, bool]]) -> list[Message]:
    told: list[Message] = []
    for number, (second, flags, size, price, _) in enumerate(sorted(reports, key=lambda r: r[0])):
        moment = SESSION.open + second * SECOND
        told.append(TradeReport(moment, "AAPL", flags, size, price / 10_000, number))
    for each, report in zip(list(told), sorted(reports, key=lambda r: r[0]), strict=True):
        if report[4] and isinstance(each, TradeReport):
            told.append(TradeBreak(SESSION.close, "AAPL", 0, each.size, each.price, each.trade_id))
    return told


@given(REPORTS, st.sampled_from(["1m", "5m", "60m", "1d"]))
def test_bars_are_what_a_plain_fold_over_the_trades_gives(
    reports: list[tuple[int, int, int, int, bool]], length: str
) -> None:
    frequency = Frequency.parse(length)
    trades, unreported = trades_of(messages(reports))
    bars, left_over = bars_of(trades, AAPL, frequency)
    slots: dict[int, list[TradeReport]] = {}
    span = frequency.nanos if frequency.minutes else 24 * 60 * MINUTE
    for each in trades:  # New York's midnight is a full hour, so round times serve here
        slots.setdefault(each.time // span * span, []).append(each)
    folded = []
    for inside in slots.values():
        prices = [each.price for each in inside if not each.flags & 0x60]
        if prices:
            shares = sum(each.size for each in inside)
            folded.append((prices[0], max(prices), min(prices), prices[-1], shares))
    assert unreported == 0
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in bars] == folded
    assert bars.volume.sum() + left_over == sum(each.size for each in trades)


@given(st.integers(0, 2**32), st.integers(0, 3), st.integers(0, 2))
def test_any_arrival_gives_the_same_bars_and_any_loss_is_told(
    seed: int, again: int, lost: int
) -> None:
    chance = random.Random(seed)
    packets = [
        segment(
            number + 1,
            [trade(SESSION.open + number * 20 * SECOND, "AAPL", 1 << number, 2_000_000, number)],
            sent=SESSION.open,
        )
        for number in range(12)
    ]
    gone = set(chance.sample(range(1, 11), lost))  # a cut end is another matter
    arriving = [each for number, each in enumerate(packets) if number not in gone]
    arriving += chance.sample(arriving, again)
    tail = arriving[1:]
    chance.shuffle(tail)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "day.pcap").write_bytes(pcap(map(frame, arriving[:1] + tail)))
        source = HistDataPlugin(Path(folder))
        if lost:
            with pytest.raises(DataError, match=f"{lost} messages are missing"):
                load(source, symbol="AAPL", frequency="1m")
            return
        bars = load(source, symbol="AAPL", frequency="1m").bars
    # Powers of two: each share count says which trades are in, and each of them once.
    assert bars.volume.tolist() == [7, 7 << 3, 7 << 6, 7 << 9]
