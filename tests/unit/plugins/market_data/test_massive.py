"""Massive beyond the shared contract: its own SDK as referee, its plans, and its stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from massive import RESTClient, WebSocketClient
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, SYMBOLS, Market, Row
from tests.emulators.massive import MassiveEmulator
from tests.emulators.server import KEY
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.errors import (
    DataError,
    LockHeld,
    NoBars,
    PapertapeError,
    ProviderError,
    SettingsError,
)
from papertape.domain.market import Bar
from papertape.plugins.market_data.live import Endurance
from papertape.plugins.market_data.polygon import MassivePlugin, PolygonDataPlugin
from papertape.plugins.market_data.source import finished, load
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
            timing=Timing(time, time.sleep, lambda: 0.5),
            endurance=Endurance(silence=0.05, attempts=4),
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


# The stream


Driven = dict[tuple[str, Nanos], Bar]


def watched(
    plugin: PolygonDataPlugin,
    emulator: MassiveEmulator,
    time: SkippingTime,
    symbols: tuple[str, ...] = ("ACME", "QUIET"),
    minutes: int = 12,
) -> tuple[Driven, list[Bar]]:
    """What a stream tells while minutes pass, in steps of half a minute: the last word, and all."""

    async def run() -> tuple[Driven, list[Bar]]:
        last: Driven = {}
        all_: list[Bar] = []

        async def listen() -> None:
            async for event in plugin.stream(symbols):
                assert isinstance(event, Bar)
                last[event.symbol, event.start] = event
                all_.append(event)

        listening = asyncio.create_task(listen())
        until = time.now() + minutes * MINUTE
        while not listening.done() and not (emulator.streaming and emulator.streaming.symbols):
            await asyncio.sleep(0.001)
        while not listening.done() and time.now() < until + MINUTE:
            time.wait_until(time.now() + MINUTE // 2)
            await asyncio.sleep(0.02)
        for _ in range(200):  # the last words, and what REST has to mend
            if listening.done() or expected(symbols, until).items() <= last.items():
                break
            await asyncio.sleep(0.01)
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        return {key: bar for key, bar in last.items() if bar.end <= until}, all_

    return asyncio.run(run())


def expected(symbols: tuple[str, ...], until: Nanos) -> Driven:
    """The market's minutes of the day so far, as they are in the end."""
    return {
        (symbol, row.start): _bar(symbol, row)
        for symbol in symbols
        for row in Market().regular_minutes(symbol, DAY)
        if row.end <= until
    }


def _bar(symbol: str, row: Row) -> Bar:
    figures = (row.open, row.high, row.low, row.close, float(row.volume))
    return Bar(symbol, row.start, row.end, *figures)


@pytest.fixture
def opening(time: SkippingTime) -> SkippingTime:
    time._now = SESSION.open
    return time


MENDED = [
    Fault.MUTE,
    Fault.CLEAN_CLOSE,
    Fault.DROP,
    Fault.LOST_MESSAGES,
    Fault.REPEATED_MESSAGES,
    Fault.NONSENSE,
]


@pytest.mark.parametrize("fault", [None, *MENDED], ids=lambda fault: fault or "no fault")
@pytest.mark.parametrize("times", [1, 3])
def test_a_stream_tells_the_market_s_minutes_whatever_happens_to_it(
    fault: Fault | None, times: int, make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    if fault:
        emulator.switches.on(fault, times=times)
    told, all_ = watched(make(), emulator, opening)
    assert told == expected(("ACME", "QUIET"), SESSION.open + 12 * MINUTE)
    assert len(all_) == len(set(all_)), "nothing comes twice but a corrected bar"


def test_a_stream_and_a_poll_of_one_market_give_equal_bars(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    told, _ = watched(make(), emulator, opening)
    polled = load(make(), symbol="ACME", start_date=DAY, end_date=DAY, frequency="1m").bars
    regular = [bar for bar in polled if SESSION.open <= bar.start < SESSION.open + 12 * MINUTE]
    assert regular == [bar for (symbol, _), bar in sorted(told.items()) if symbol == "ACME"]


def test_the_official_client_hears_the_same_minutes(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    heard: dict[Nanos, tuple[float, ...]] = {}

    async def run() -> None:
        client = WebSocketClient(
            KEY,
            feed=emulator.ws_url.removeprefix("ws://"),
            market="stocks",
            secure=False,
            subscriptions=["AM.ACME"],
        )

        async def keep(messages: list[Any]) -> None:
            for each in messages:
                figures = (each.open, each.high, each.low, each.close, each.volume)
                heard[each.start_timestamp * 1_000_000] = figures

        listening = asyncio.create_task(client.connect(keep))
        while not (emulator.streaming and emulator.streaming.symbols):
            await asyncio.sleep(0.001)
        for _ in range(10):
            opening.wait_until(opening.now() + MINUTE // 2)
            await asyncio.sleep(0.02)
        await client.close()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    asyncio.run(run())
    ours, _ = watched(make(), emulator, SkippingTime(SESSION.open), ("ACME",), minutes=0)
    assert ours == {}
    market = expected(("ACME",), SESSION.open + 4 * MINUTE)
    assert {key: heard[key[1]] for key in market} == {
        key: (bar.open, bar.high, bar.low, bar.close, bar.volume) for key, bar in market.items()
    }


def test_a_second_session_is_told_and_not_fought(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    emulator.switches.on(Fault.CONNECTION_LIMIT)
    with pytest.raises(LockHeld, match="another session connected") as caught:
        watched(make(), emulator, opening)
    assert caught.value.exit_code == 8


@pytest.mark.parametrize(
    ("fault", "why"),
    [(Fault.KEY_REFUSED, "refuses the key"), (Fault.PLAN_REFUSED, "refuses a channel")],
)
def test_a_stream_that_is_not_allowed_says_so_at_once(
    fault: Fault, why: str, make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    emulator.switches.on(fault)
    with pytest.raises(SettingsError, match=why):
        watched(make(), emulator, opening)


def test_a_stream_nobody_answers_ends_in_an_error(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime
) -> None:
    plugin = make(ws_url="ws://127.0.0.1:9")
    with pytest.raises(ProviderError, match="broke 5 times in a row"):
        watched(plugin, emulator, opening)


def test_a_close_after_the_session_is_the_end(
    make: Make, emulator: MassiveEmulator, time: SkippingTime
) -> None:
    time._now = SESSION.close + 20 * MINUTE  # minutes go on for half an hour behind the close
    emulator.switches.on(Fault.CLEAN_CLOSE)
    told, _ = watched(make(), emulator, time, ("ACME",), minutes=3)
    assert len(told) <= 2


def test_the_stream_s_key_appears_in_no_log(
    make: Make, emulator: MassiveEmulator, opening: SkippingTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    watched(make(), emulator, opening, minutes=2)
    emulator.switches.on(Fault.KEY_REFUSED)
    with pytest.raises(PapertapeError) as caught:
        watched(make(), emulator, opening, minutes=2)
    told = [record.getMessage() + repr(record.args) for record in caplog.records]
    assert any("subscribe" in line for line in told), "frames are logged, so the mask is tested"
    assert [line for line in [*told, caught.value.message] if KEY in line] == []


def test_a_test_key_does_not_leave_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a test's"):
        PolygonDataPlugin({"api_key": KEY, "home": tmp_path})
    plugin = PolygonDataPlugin({"api_key": KEY, "home": tmp_path, "base_url": "http://127.0.0.1:9"})
    with pytest.raises(SettingsError, match="a test's"):
        finished(anext(plugin.stream(["ACME"])))  # type: ignore[arg-type]


def test_an_unknown_quote_is_an_unknown_symbol(make: Make) -> None:
    with pytest.raises(DataError, match="knows no symbol NADA"):
        finished(make().fetch_quote("NADA"))
