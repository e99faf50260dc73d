"""Massive beyond the shared contract: its own SDK as referee, its plans, and its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from massive import RESTClient, WebSocketClient
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, SYMBOLS, Market
from tests.emulators.massive import MassiveEmulator
from tests.emulators.server import KEY
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.errors import (
    DataError,
    LockHeld,
    NoBars,
    ProviderError,
    SettingsError,
)
from papertape.domain.market import Bar, Quote, Trade
from papertape.plugins.market_data.live import Lost
from papertape.plugins.market_data.massive.stream import read_frame
from papertape.plugins.market_data.polygon import MassivePlugin, PolygonDataPlugin
from papertape.plugins.market_data.source import MarketEvent, finished, load
from papertape.plugins.market_data.transport import Patience, Timing

DAY = date(2024, 7, 2)
SESSION = CALENDAR.session(DAY)
FIRST, LAST = date(2024, 5, 28), date(2024, 7, 5)
SESSIONS = len(CALENDAR.sessions(FIRST, LAST))
EVENING = CALENDAR.session(date(2024, 7, 8)).close + 6 * 3_600 * SECOND

Make = Callable[..., PolygonDataPlugin]


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(EVENING)


@pytest.fixture
def emulator(time: SkippingTime) -> Iterator[MassiveEmulator]:
    with MassiveEmulator(Market(), time, page=50) as running:
        yield running


@pytest.fixture
def make(emulator: MassiveEmulator, time: SkippingTime, tmp_path: Path) -> Make:
    def made(**settings: Any) -> PolygonDataPlugin:
        config = {
            "api_key": KEY,
            "base_url": emulator.url,
            "ws_url": emulator.ws_url,
            "home": tmp_path,
            "calls_per_minute": 1_000_000,
        }
        return PolygonDataPlugin(
            config | settings,
            patience=Patience(timeout=1.0),
            timing=Timing(time, time.sleep, lambda: 0.5, time.within),
        )

    return made


@pytest.mark.parametrize("symbol", ["ACME", "SPLT", "BRK.B"])
@pytest.mark.parametrize(("unit", "frequency"), [("day", "1d"), ("minute", "1m")])
def test_the_official_client_sees_the_same_bars(
    symbol: str, unit: str, frequency: str, make: Make, emulator: MassiveEmulator
) -> None:
    first = FIRST if unit == "day" else DAY
    client = RESTClient(KEY, base=emulator.url, retries=0)
    theirs = list(client.list_aggs(symbol, 1, unit, first, LAST, adjusted=False, limit=50_000))
    ours = load(make(), symbol=symbol, start_date=first, end_date=LAST, frequency=frequency).bars
    assert len(theirs) == len(ours) > 20
    for name in ("open", "high", "low", "close", "volume"):
        told = np.array([getattr(each, name) for each in theirs])
        assert np.array_equal(getattr(ours, name), told)
    stamps = [each.timestamp * 1_000_000 for each in theirs]
    if unit == "day":
        assert ours.days().tolist() == [CALENDAR.local_day(stamp) for stamp in stamps]
    else:
        assert ours.start.tolist() == stamps


def test_the_official_client_s_silent_hole_is_none_of_ours(
    make: Make, emulator: MassiveEmulator
) -> None:
    client = RESTClient(KEY, base=emulator.url, retries=0)
    emulator.switches.on(Fault.CUT_JSON, times=1)
    assert list(client.list_aggs("ACME", 1, "day", FIRST, LAST)) == []
    emulator.switches.on(Fault.CUT_JSON, times=1)
    assert len(load(make(), symbol="ACME", start_date=FIRST, end_date=LAST).bars) == SESSIONS


def test_a_key_never_follows_an_answer_to_another_host(
    make: Make, emulator: MassiveEmulator
) -> None:
    emulator.switches.on(Fault.FOREIGN_NEXT)
    emulator.page = 10
    assert len(load(make(), symbol="ACME", start_date=FIRST, end_date=LAST).bars) == SESSIONS
    pages = [seen for seen in emulator.seen if "/aggs/" in seen.path]
    assert len(pages) == 3
    assert all(seen.headers["Host"] == emulator.url.removeprefix("http://") for seen in pages)
    assert all("apiKey" not in seen.query for seen in emulator.seen)


def test_pages_without_rows_are_no_end(make: Make, emulator: MassiveEmulator) -> None:
    emulator.switches.on(Fault.EMPTY_PAGE, times=3)
    assert len(load(make(), symbol="ACME", start_date=FIRST, end_date=LAST).bars) == SESSIONS


def test_a_plan_without_quotes_is_told_as_that(make: Make, emulator: MassiveEmulator) -> None:
    emulator.has_quotes = False
    with pytest.raises(SettingsError, match="not entitled") as caught:
        finished(make().fetch_quote("ACME"))
    assert caught.value.exit_code == 3
    assert "plan does not include" in caught.value.hint
    assert any("quote" in each for each in make().capabilities.entitlements)


def test_a_day_of_the_whole_market_is_one_call(make: Make, emulator: MassiveEmulator) -> None:
    bars = finished(make().fetch_market_day(DAY))
    assert set(bars) == set(SYMBOLS)
    assert len(emulator.seen) == 1
    for symbol, bar in bars.items():
        (row,) = Market().daily(symbol, DAY, DAY)
        assert bar == Bar(
            symbol, row.start, row.end, row.open, row.high, row.low, row.close, row.volume
        )


def test_a_day_without_a_session_has_no_market(make: Make) -> None:
    with pytest.raises(NoBars, match="the exchange was closed"):
        finished(make().fetch_market_day(date(2024, 7, 4)))


def test_a_share_listed_later_is_no_typo(make: Make) -> None:
    with pytest.raises(NoBars, match="listed since 2024-05-01") as caught:
        load(make(), symbol="ACME", start_date=date(2024, 4, 1), end_date=date(2024, 4, 5))
    assert caught.value.confirmed


ANSWERS = {
    "a list": ([], "another shape"),
    "a word for a price": ({"results": [{"t": 1, "o": "x"}]}, "another shape"),
    "no time": ({"results": [{"o": 1.0}]}, "another shape"),
    "rows that are none": ({"results": [7]}, "another shape"),
    "an error as 200": ({"status": "ERROR", "error": "boom"}, "status is 'ERROR'"),
    "adjusted prices": ({"adjusted": True, "results": []}, "adjusted the prices"),
}


@pytest.mark.parametrize(("answer", "why"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_of_another_shape_is_an_error(
    answer: Any, why: str, make: Make, emulator: MassiveEmulator
) -> None:
    emulator.answer = answer
    with pytest.raises(ProviderError, match=why):
        load(make(), symbol="ACME", start_date=FIRST, end_date=LAST)


def test_volumes_with_exponents_and_delayed_plans_are_read(
    make: Make, emulator: MassiveEmulator
) -> None:
    start = CALENDAR.session(DAY).open // MINUTE * MINUTE // 1_000_000
    row = {"t": start, "o": 2.5, "h": 3, "l": 2, "c": 2.5, "v": 4.123311e7}
    emulator.answer = {"status": "DELAYED", "results": [row]}
    emulator.answers_left = 1
    history = load(make(), symbol="ACME", start_date=DAY, end_date=DAY)
    assert history.bars.volume.tolist() == [41_233_110.0]


def test_the_old_name_is_the_same_plugin() -> None:
    assert MassivePlugin is PolygonDataPlugin


async def told(plugin: PolygonDataPlugin, count: int) -> list[MarketEvent]:
    """The first events of a stream of ACME."""
    events: list[MarketEvent] = []
    async for event in plugin.stream(["ACME"]):
        events.append(event)
        if len(events) == count:
            break
    return events


@pytest.fixture
def opening(time: SkippingTime) -> SkippingTime:
    time._now = SESSION.open
    return time


def test_the_official_client_hears_the_same_minutes(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    heard: dict[Nanos, tuple[float, ...]] = {}
    address = emulator.ws_url.removeprefix("ws://")

    async def keep(messages: list[Any]) -> None:
        for each in messages:
            figures = (each.open, each.high, each.low, each.close, each.volume)
            heard[each.start_timestamp * 1_000_000] = figures

    async def listen() -> None:
        client = WebSocketClient(KEY, feed=address, secure=False, subscriptions=["AM.ACME"])
        listening = asyncio.create_task(client.connect(keep))
        while not opening.audience or not emulator.streaming.symbols:  # type: ignore[union-attr]
            await asyncio.sleep(0.001)
        for _ in range(12):  # each step once the emulator has told the one before
            opening.wait_until(opening.now() + MINUTE // 2)
            while opening.audience[0].looked < opening.now():
                await asyncio.sleep(0.001)
        while len(heard) < 6:
            await asyncio.sleep(0.001)
        await client.close()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    asyncio.run(asyncio.wait_for(listen(), 30))
    opening._now = SESSION.open
    ours = asyncio.run(told(make(), 5))
    assert all(isinstance(bar, Bar) for bar in ours)
    assert {
        bar.start: (bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in ours
        if isinstance(bar, Bar)
    } == dict(sorted(heard.items())[:5])


def test_a_second_session_is_told_and_not_fought(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    emulator.switches.on(Fault.CONNECTION_LIMIT)
    with pytest.raises(LockHeld, match="another session connected") as caught:
        asyncio.run(told(make(), 1))
    assert caught.value.exit_code == 8
    assert emulator.connected == 1


def test_the_older_of_two_sessions_gives_way(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    async def both() -> list[MarketEvent]:
        older = asyncio.create_task(told(make(), 1_000))
        while not emulator.connected:
            await asyncio.sleep(0.001)
        newer = await told(make(), 2)
        with pytest.raises(LockHeld):
            await older
        return newer

    assert len(asyncio.run(asyncio.wait_for(both(), 30))) == 2
    assert emulator.connected == 2


@pytest.mark.parametrize(
    ("fault", "why"),
    [(Fault.KEY_REFUSED, "refuses the key"), (Fault.PLAN_REFUSED, "refuses a channel")],
)
def test_a_stream_that_is_not_allowed_says_so_at_once(
    fault: Fault, why: str, make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    emulator.switches.on(fault)
    with pytest.raises(SettingsError, match=why):
        asyncio.run(told(make(), 1))


def test_a_plan_that_is_late_has_to_be_named_so(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    emulator.answer = {"status": "DELAYED"}
    emulator.switches.on(Fault.MUTE)
    with pytest.raises(SettingsError, match="15 minutes late"):
        asyncio.run(told(make(), 1))
    assert make(delayed=True).capabilities.finality_seconds > 15 * 60


def test_frames_hold_trades_and_quotes_and_no_quote_of_zero() -> None:
    frame = (
        '[{"ev":"T","sym":"ACME","p":9.5,"s":3,"t":1719927000001,"i":"7","q":1},'
        '{"ev":"T","sym":"ACME","p":9.5,"s":0.25,"t":1719927000002},'
        '{"ev":"Q","sym":"ACME","bp":9.4,"bs":1,"ap":9.6,"as":2,"t":1719927000003},'
        '{"ev":"Q","sym":"ACME","bp":0,"bs":0,"ap":9.6,"as":2,"t":1719927000004},'
        '{"ev":"LULD","T":"ACME","h":1}]'
    )
    assert read_frame(frame) == [
        Trade("ACME", 1_719_927_000_001_000_000, 9.5, 3),
        Quote("ACME", 1_719_927_000_003_000_000, 9.4, 9.6, 1, 2),
    ]


@pytest.mark.parametrize(
    "frame", ["", "{}", "[1]", '[{"ev":"AM","sym":"A","s":1,"o":2,"h":1,"l":1,"c":1,"v":1}]']
)
def test_a_frame_that_is_none_is_a_loss(frame: str) -> None:
    with pytest.raises(Lost, match="a frame is none"):
        read_frame(frame)


def test_a_test_key_does_not_leave_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a test's"):
        PolygonDataPlugin({"api_key": KEY, "home": tmp_path})
    here = {"api_key": KEY, "home": tmp_path, "base_url": "http://127.0.0.1:9"}
    with pytest.raises(SettingsError, match="a test's"):
        asyncio.run(told(PolygonDataPlugin(here), 1))


def test_an_unknown_quote_is_an_unknown_symbol(make: Make) -> None:
    with pytest.raises(DataError, match="knows no symbol NADA"):
        finished(make().fetch_quote("NADA"))
