"""Tiingo live: frames by its documents, prices told once, minutes within the plan's calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.cases import CASES
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market
from tests.emulators.tiingo import TiingoEmulator
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, Nanos, rfc3339
from papertape.domain.errors import SettingsError
from papertape.domain.market import Bar, Quote, Trade
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.source import AmendedBar, MarketEvent, ReferencePrice, finished
from papertape.plugins.market_data.tiingo_stream import Prices
from papertape.plugins.market_data.transport import Timing

(CASE,) = (case for case in CASES if case.name == "tiingo")
SESSION = CALENDAR.session(date(2024, 7, 3))  # closes at 13:00; the fourth is a holiday
BEGUN = SESSION.open + 2 * 3_600 * SECOND + 10 * SECOND
UNTIL = BEGUN + 12 * MINUTE

HEARTBEAT = '{"messageType":"H","response":{"code":200,"message":"HeartBeat"}}'
REFERENCE = (
    '{"messageType":"A","service":"iex",'
    '"data":["2026-11-20T10:30:00.250123456-05:00","aapl",271.35]}'
)
TIME = 1_795_188_600_250_123_456  # 2026-11-20T15:30:00.250123456Z
HEAD = f'"2026-11-20T10:30:00.250123456-05:00",{TIME},"brk-b"'


def top(kind: str, figures: str) -> str:
    """A frame of the levels 5 and 0: the figures are the positions from 4 on."""
    return f'{{"messageType":"A","service":"iex","data":["{kind}",{HEAD},{figures}]}}'


TRADE = top("T", "null,null,null,null,null,271.35,100,null,0,0,0,0")
QUOTE = top("Q", "200,271.3,271.35,271.4,300,null,null,0,0,null,null,null")


def test_a_price_without_an_agreement_is_a_reference() -> None:
    prices = Prices(["AAPL"], 6)
    (told,) = prices.read(REFERENCE)
    assert isinstance(told, ReferencePrice)
    assert (told.symbol, told.price, told.bid, told.ask) == ("AAPL", 271.35, None, None)
    assert rfc3339(told.time) == "2026-11-20T15:30:00.250123Z"
    assert prices.wanted == {"thresholdLevel": 6, "tickers": ["aapl"]}


def test_with_an_agreement_there_are_trades_and_quotes_to_the_nanosecond() -> None:
    prices = Prices(["BRK.B"], 5)
    assert prices.read(TRADE) == [Trade("BRK.B", TIME, 271.35, 100)]
    assert prices.read(QUOTE) == [Quote("BRK.B", TIME, 271.3, 271.4, 200, 300)]
    assert prices.wanted == {"thresholdLevel": 5, "tickers": ["brk-b"]}


@pytest.mark.parametrize(
    "frame",
    [
        HEARTBEAT,
        TRADE.replace('"T"', '"B"'),
        TRADE.replace("brk-b", "aapl"),
        TRADE.replace("271.35,100", "null,null"),
        QUOTE.replace("271.3,", "0,", 1),
        QUOTE.replace("271.4,", "null,"),
        '{"messageType":"D","service":"iex","data":[]}',
        '{"messageType":"I","response":{"code":200,"message":"Success"},"data":{}}',
    ],
)
def test_what_is_no_price_makes_none(frame: str) -> None:
    assert Prices(["BRK.B"], 0).read(frame) == []


@pytest.mark.parametrize(
    ("level", "frame"),
    [
        (6, "<html>"),
        (6, "[]"),
        (6, TRADE),
        (5, REFERENCE),
        (6, REFERENCE.replace("271.35", "-1")),
        (6, REFERENCE.replace("2026-11-20", "yesterday")),
        (5, QUOTE.replace("271.3,", "272.3,", 1)),
        (6, '{"messageType":"E","response":{"code":500,"message":"oops"}}'),
        (6, '{"messageType":"E","response":{"code":429,"message":"too many"}}'),
    ],
)
def test_a_frame_of_another_shape_ends_the_connection(level: int, frame: str) -> None:
    with pytest.raises(Lost):
        Prices(["AAPL", "BRK.B"], level).read(frame)


@pytest.mark.parametrize(
    ("code", "hint"), [(401, "TIINGO_API_KEY"), (403, "agreement"), (400, "agreement")]
)
def test_a_refusal_says_what_is_missing(code: int, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Prices(["AAPL"], 6).read(f'{{"messageType":"E","response":{{"code":{code}}}}}')
    assert caught.value.exit_code == 3
    assert hint in caught.value.hint


def test_nothing_is_told_twice_or_out_of_order() -> None:
    prices = Prices(["BRK.B"], 0)
    other = TRADE.replace("271.35", "271.36")
    earlier = TRADE.replace(str(TIME), str(TIME - 1))
    told = [each for frame in (TRADE, other, TRADE, other, earlier) for each in prices.read(frame)]
    assert told == [Trade("BRK.B", TIME, 271.35, 100), Trade("BRK.B", TIME, 271.36, 100)]


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(BEGUN)


@pytest.fixture
def emulator(time: SkippingTime) -> Iterator[TiingoEmulator]:
    with TiingoEmulator(Market(), time) as running:
        yield running


def made(emulator: TiingoEmulator, time: SkippingTime, home: Path, **settings: Any) -> Any:
    return CASE.made(emulator, home, Timing(time, time.sleep, lambda: 0.5, time.within), **settings)


def heard(events: AsyncIterator[MarketEvent], until: Nanos) -> list[MarketEvent]:
    """What is handed out before the bars that end after a moment."""

    async def listen() -> list[MarketEvent]:
        found: list[MarketEvent] = []
        async with aclosing(events) as told:  # type: ignore[type-var]
            async for event in told:
                if isinstance(event, Bar) and event.end > until:
                    break
                found.append(event)
        return found

    return asyncio.run(listen())


def market_prices(until: Nanos) -> list[ReferencePrice]:
    """The closes of minutes as first told, and again where a late trade changed them."""
    found = []
    day = SESSION.day
    for told, row in zip(
        Market().minutes_told("ACME", day), Market().minutes("ACME", day), strict=True
    ):
        if BEGUN < row.end <= until:
            closes = dict.fromkeys((told.close, row.close))
            found += [ReferencePrice("ACME", row.end, close) for close in closes]
    return found


def test_streamed_prices_are_the_markets_own_and_the_last_is_the_one_that_is_asked(
    emulator: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    source = made(emulator, time, tmp_path, **CASE.plenty)
    told = heard(source.stream(["ACME"]), UNTIL)
    prices = [event for event in told if isinstance(event, ReferencePrice)]
    assert [price for price in prices if price.time <= UNTIL] == market_prices(UNTIL)
    assert finished(source.fetch_quote("ACME")) == prices[-1]


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault.MUTE, 4),
        (Fault.CLEAN_CLOSE, 3),
        (Fault.DROP, 3),
        (Fault.REPEATED_MESSAGES, 30),
        (Fault.LOST_MESSAGES, 4),
        (Fault.NONSENSE, 3),
    ],
)
def test_whatever_a_stream_suffers_no_price_is_doubled_or_made_up(
    fault: Fault, times: int, emulator: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    emulator.switches.on(fault, times)
    told = heard(made(emulator, time, tmp_path, **CASE.plenty).stream(["ACME"]), UNTIL)
    prices = [event for event in told if isinstance(event, ReferencePrice) and event.time <= UNTIL]
    every = market_prices(UNTIL)
    assert prices == [price for price in every if price in prices]
    assert len(every) - 6 <= len(prices) <= len(every)
    assert fault is not Fault.REPEATED_MESSAGES or prices == every


def test_an_account_with_an_agreement_hears_trades_and_quotes(
    emulator: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    emulator.agreement = True
    told = heard(made(emulator, time, tmp_path, threshold=5, **CASE.plenty).stream(["ACME"]), UNTIL)
    assert {type(event) for event in told} - {AmendedBar} == {Bar, Quote, Trade}
    first = next(row for row in Market().minutes_told("ACME", SESSION.day) if row.end > BEGUN)
    assert Trade("ACME", first.end, first.close, first.volume) in told


def test_an_account_without_one_is_told_so(
    emulator: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="thresholdLevel not valid") as caught:
        heard(made(emulator, time, tmp_path, threshold=5).stream(["ACME"]), UNTIL)
    assert caught.value.exit_code == 3
    assert "threshold=6" in caught.value.hint


@pytest.mark.parametrize(
    ("way", "until", "questions"),
    [
        # 45 of the 50 calls an hour are 15 for each, so one in 4 minutes: 23 from 11:32 to 13:00,
        # and one after the next opening.
        ("poll", SESSION.close, 24),
        ("stream", SESSION.open + 158 * MINUTE, 11),  # from 11:32 to 12:12
    ],
)
def test_a_free_plan_gives_every_minute_a_few_at_a_time(
    way: str,
    until: Nanos,
    questions: int,
    emulator: TiingoEmulator,
    time: SkippingTime,
    tmp_path: Path,
) -> None:
    symbols = ("ACME", "BRK.B", "QUIET")
    source = made(emulator, time, tmp_path)
    told = [e for e in heard(getattr(source, way)(symbols), until) if isinstance(e, Bar)]
    every = [
        (row.end, symbol, row.close)
        for symbol in symbols
        for row in Market().regular_minutes(symbol, SESSION.day)
        if BEGUN // MINUTE * MINUTE <= row.start < until
    ]
    assert [(bar.end, bar.symbol, bar.close) for bar in told] == sorted(every)
    asked = [seen for seen in emulator.seen if seen.path != "/iex"]
    assert len(asked) == questions * len(symbols)


def test_a_plan_that_is_too_small_says_for_how_many_it_is(
    emulator: TiingoEmulator, time: SkippingTime, tmp_path: Path
) -> None:
    source = made(emulator, time, tmp_path)
    with pytest.raises(SettingsError, match="live minutes of 45 symbols, not of 46"):
        source.poll([f"S{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(46)])
    assert "every 60 n / 45 minutes" in str(source.capabilities.limits)
    for count in range(1, 46):  # whatever the hour begins with, its calls are enough
        assert -(-60 // source._pace(count)) * count <= 45
