"""A real day's tape: bars built from it are never outdone by it (fill-L2, fill-L5, P2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.exchange import MINUTE_BARS, costs

from papertape.data.ticks import Side, merged, two_sided
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.event import Moment, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bar, Quote, Tick, Trade
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.adapters.paper import PaperBroker

SESSION = calendar_of("XNYS").session(date(2013, 10, 7))
CENT = 10_000
FIRST_BARS = 90
"""The first ninety minutes are enough, and quick."""


class Tape(NamedTuple):
    trades: list[Trade]
    quotes: list[Tick]
    bars: list[Bar]


@pytest.fixture(scope="module")
def ibm(shared_data: Path) -> Tape:
    """IBM on 2013-10-07: trades that count for a bar, quotes with both sides, minute bars."""
    duckdb = pytest.importorskip("duckdb")
    name = str(shared_data / "ticks" / "lean_tick_ibm_20131007_{}.parquet")
    until = f"11:{FIRST_BARS - 90:02d}:00"
    within = f"time_et::time >= '09:30' and time_et::time < '{until}'"
    at = f"{SESSION.open} + 1000 * datediff('microsecond', timestamp '2013-10-07 09:30', time_et)"
    trades = [
        Trade("IBM", *row)
        for row in duckdb.sql(
            f"select {at}, price, size from '{name.format('trade')}' where {within} and size > 0"
        ).fetchall()
    ]
    sides = [
        Side(*row)
        for row in duckdb.sql(
            f"select {at}, bid, bid_size, ask, ask_size from '{name.format('quote')}' "
            f"where {within}"
        ).fetchall()
    ]
    return Tape(trades, list(two_sided("IBM", sides)), minutes(trades))


def minutes(trades: Sequence[Trade]) -> list[Bar]:
    """Bars of a tape."""
    found = []
    for start in range(SESSION.open, SESSION.open + FIRST_BARS * MINUTE, MINUTE):
        inside = [each for each in trades if start <= each.time < start + MINUTE]
        if inside:
            prices = [each.price for each in inside]
            four = (prices[0], max(prices), min(prices), prices[-1])
            volume = sum(each.size for each in inside)
            found.append(Bar("IBM", start, start + MINUTE, *four, volume))
    return found


class Asked(NamedTuple):
    row: int
    quantity: int
    kind: OrderKind
    price: int


def drawn(tape: Tape, kinds: Sequence[OrderKind], count: int, seed: int) -> list[Asked]:
    """Orders near the market, one at a time: the position is flat between none of them."""
    random = np.random.default_rng(seed)
    found = []
    for row in random.integers(1, len(tape.bars) - 5, count).tolist():
        side, kind = int(random.choice([1, -1])), kinds[int(random.integers(len(kinds)))]
        away = int(random.integers(1, 25)) * CENT
        last = round(tape.bars[row - 1].close * 100) * CENT
        found.append(Asked(row, side * 10, kind, last - side * away * limit_sign(kind)))
    return found


def limit_sign(kind: OrderKind) -> int:
    return 1 if kind is OrderKind.LIMIT else -1


def fills_of(asked: Asked, tape: Tape, ticks: Sequence[Tick]) -> list[Fill]:
    """What one order got within five minutes, on ticks or, without any, on bars."""
    shares = Instrument("IBM")
    taped = {"IBM"} if ticks else ()
    one = PaperBroker(micros(1e7), {"IBM": shares}, MINUTE_BARS, costs(0.01), taped=taped)
    start: Nanos = tape.bars[asked.row].start
    hold = Order("hold", "IBM", 100, OrderKind.MARKET, start - MINUTE, "")
    one.submit_order(Approved(hold), start - MINUTE)
    rows = tape.bars[asked.row - 1 : asked.row + 5]
    for bar in rows:
        if bar.start == start:
            terms = {"limit" if asked.kind is OrderKind.LIMIT else "stop": asked.price}
            order = Order("o", "IBM", asked.quantity, asked.kind, start, "", **terms)
            one.submit_order(Approved(order), start)
        said = tuple(t for t in ticks if bar.start <= t.time < bar.end)
        one.collect(Moment(bar.end, (bar,), (), said))
    log = [each.fill for each in one.reports() if isinstance(each, OrderFilled)]
    return [fill for fill in log if fill.order_id == "o"]


def test_limits_on_the_tape_are_filled_where_its_bars_fill_them_and_never_better(ibm: Tape) -> None:
    filled = 0
    for asked in drawn(ibm, [OrderKind.LIMIT], 60, seed=1):
        side = 1 if asked.quantity > 0 else -1
        on_bars, on_trades = (fills_of(asked, ibm, t) for t in ((), ibm.trades))
        assert sum(f.quantity for f in on_trades) * side <= sum(f.quantity for f in on_bars) * side
        for fill in on_trades:
            assert side * (fill.price - on_bars[0].price) >= 0
            filled += 1
    assert filled > 15


def test_stops_on_the_tape_are_never_better_than_their_level_and_trigger_as_on_bars(
    ibm: Tape,
) -> None:
    filled = 0
    for asked in drawn(ibm, [OrderKind.STOP], 60, seed=2):
        side = 1 if asked.quantity > 0 else -1
        on_bars, on_trades = (fills_of(asked, ibm, t) for t in ((), ibm.trades))
        assert bool(on_bars) is bool(on_trades)
        for fill in on_trades:
            assert side * (fill.reference - asked.price) >= 0
            # A bar fills at the level, as if every price had traded; the tape knows which did.
            assert side * (fill.reference - on_bars[0].reference) >= 0
            filled += 1
    assert filled > 15


def test_with_quotes_no_taker_beats_the_display_and_a_queue_lets_in_later_than_a_touch(
    ibm: Tape,
) -> None:
    everything = merged([ibm.quotes, ibm.trades])
    taken = 0
    for asked in drawn(ibm, [OrderKind.LIMIT, OrderKind.STOP], 30, seed=3):
        side = 1 if asked.quantity > 0 else -1
        fills = fills_of(asked, ibm, everything)
        for fill in fills:
            if fill.rule == "fill-L5":
                assert fill.price == asked.price
                continue
            quote = last_quote(ibm.quotes, fill.time)
            far = micros(quote.ask if side > 0 else quote.bid)
            assert side * (fill.price - far) >= 0
            taken += 1
    assert taken > 5


def last_quote(quotes: Sequence[Tick], time: Nanos) -> Quote:
    said = [each for each in quotes if each.time <= time]
    assert isinstance(said[-1], Quote)
    return said[-1]
