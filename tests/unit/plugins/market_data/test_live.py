"""Live minutes: polled or streamed, through every fault, they are the market's own."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulators.cases import CASES, Case
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market, Row
from tests.emulators.server import KEY, SECRET, Emulator
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.errors import LockHeld, ProviderError, SettingsError
from papertape.domain.market import Bar
from papertape.plugins.market_data.live import BarBuilder
from papertape.plugins.market_data.source import AmendedBar, MarketEvent, Trouble
from papertape.plugins.market_data.transport import Timing

DAY = date(2024, 7, 3)  # closes at 13:00; the fourth is a holiday
SESSION = CALENDAR.session(DAY)
BEGUN = SESSION.open + 2 * 3_600 * SECOND + 10 * SECOND
SYMBOLS = ("ACME", "QUIET")


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(BEGUN)


@pytest.fixture(params=[case for case in CASES if case.stream_path], ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def only(*names: str) -> pytest.MarkDecorator:
    """The test is of some providers alone."""
    cases = [case for case in CASES if case.name in names]
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name, indirect=True)


@pytest.fixture
def emulator(case: Case, time: SkippingTime) -> Iterator[Any]:
    with case.emulator(Market(), time) as running:
        yield running


@pytest.fixture
def plugin(case: Case, emulator: Emulator, time: SkippingTime, tmp_path: Path) -> Any:
    timing = Timing(time, time.sleep, lambda: 0.5, time.within)
    return case.made(emulator, tmp_path, timing, **case.plenty)


def bar(symbol: str, row: Row) -> Bar:
    return Bar(symbol, row.start, row.end, row.open, row.high, row.low, row.close, row.volume)


def market_bars(until: Nanos, begun: Nanos = BEGUN, symbols: Sequence[str] = SYMBOLS) -> list[Bar]:
    """The market's regular minutes from the one that holds a moment to another."""
    days = Market().sessions(CALENDAR.local_day(begun), CALENDAR.local_day(until))
    found = [
        bar(symbol, row)
        for day in days
        for symbol in symbols
        for row in Market().regular_minutes(symbol, day)
        if begun // MINUTE * MINUTE <= row.start and row.end <= until
    ]
    return sorted(found, key=lambda each: (each.end, each.symbol))


def heard(events: AsyncIterator[MarketEvent], until: Nanos) -> list[MarketEvent]:
    """What is handed out about bars, up to those that end at a moment."""
    told = all_heard(events, until)
    return [event for event in told if isinstance(event, Bar | AmendedBar)]


def all_heard(events: AsyncIterator[MarketEvent], until: Nanos) -> list[MarketEvent]:
    """What is handed out up to the bars that end at a moment."""

    async def listen() -> list[MarketEvent]:
        found: list[MarketEvent] = []
        async with aclosing(events) as told:  # type: ignore[type-var]
            async for event in told:
                if isinstance(event, Bar) and event.end > until:
                    return found
                found.append(event)
        return found

    return asyncio.run(listen())


UNTIL = BEGUN + 12 * MINUTE


def test_polling_and_streaming_give_the_markets_own_bars(plugin: Any, time: SkippingTime) -> None:
    streamed = heard(plugin.stream(SYMBOLS), UNTIL)
    time._now = BEGUN
    polled = heard(plugin.poll(SYMBOLS), UNTIL)
    assert streamed == polled == market_bars(UNTIL)
    assert len(streamed) > 15


@only("alpaca", "massive")
def test_a_stream_that_tells_everything_is_asked_every_five_minutes_alone(
    plugin: Any, emulator: Any, case: Case
) -> None:
    assert heard(plugin.stream(["ACME"]), UNTIL) == market_bars(UNTIL, symbols=["ACME"])
    assert [seen.path == case.stream_path for seen in emulator.seen] == [True, False, False]


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Fault.MUTE, 4),
        (Fault.CLEAN_CLOSE, 3),
        (Fault.DROP, 3),
        (Fault.REPEATED_MESSAGES, 30),
        (Fault.NONSENSE, 3),
    ],
)
def test_whatever_a_stream_suffers_no_bar_is_lost_or_doubled(
    fault: Fault, times: int, plugin: Any, emulator: Any
) -> None:
    emulator.switches.on(fault, times)
    told = heard(plugin.stream(SYMBOLS), UNTIL)
    assert told == market_bars(UNTIL)
    assert emulator.connected >= 1


def test_lost_messages_leave_no_hole_and_lost_corrections_are_made_up_for(
    plugin: Any, emulator: Any
) -> None:
    emulator.switches.on(Fault.LOST_MESSAGES, times=8)
    told = heard(plugin.stream(SYMBOLS), UNTIL)
    fresh = [event for event in told if isinstance(event, Bar)]
    assert [(bar.symbol, bar.start) for bar in fresh] == [
        (bar.symbol, bar.start) for bar in market_bars(UNTIL)
    ]
    last = {(bar.symbol, bar.start): bar for bar in fresh}
    last |= {(e.bar.symbol, e.bar.start): e.bar for e in told if isinstance(e, AmendedBar)}
    assert list(last.values()) == market_bars(UNTIL)


def test_a_mute_stream_is_left_and_tried_again(plugin: Any, emulator: Any) -> None:
    emulator.switches.on(Fault.MUTE, times=4)
    heard(plugin.stream(["ACME"]), UNTIL)
    assert emulator.connected > 1


@only("alpaca")
def test_a_stale_page_confirms_nothing(plugin: Any, emulator: Any) -> None:
    emulator.switches.on(Fault.STALE, times=3)
    assert heard(plugin.poll(["ACME"]), UNTIL) == market_bars(UNTIL, symbols=["ACME"])
    emulator.switches.on(Fault.STALE)
    with pytest.raises(ProviderError, match="the page is stale, or this clock is wrong"):
        heard(plugin.poll(["ACME"]), UNTIL + 60 * MINUTE)


@only("alpaca", "tiingo")
def test_a_slot_that_becomes_free_is_taken(plugin: Any, emulator: Any) -> None:
    emulator.switches.on(Fault.CONNECTION_LIMIT, times=2)
    assert heard(plugin.stream(SYMBOLS), UNTIL) == market_bars(UNTIL)
    assert emulator.connected == 1


@only("alpaca", "massive", "tiingo")
def test_a_second_stream_of_the_same_account_is_refused_before_it_connects(
    plugin: Any, emulator: Any
) -> None:
    async def both() -> None:
        async with aclosing(plugin.stream(["ACME"])) as first:
            await anext(first)
            with pytest.raises(LockHeld, match=f"process {os.getpid()} since 2024-07-03"):
                await anext(plugin.stream(["ACME"]))
        async with aclosing(plugin.stream(["ACME"])) as again:
            await anext(again)

    asyncio.run(both())
    assert emulator.connected == 2


@only("alpaca", "tiingo")
def test_a_slot_that_stays_taken_is_told_and_not_hammered(
    plugin: Any, emulator: Any, time: SkippingTime, case: Case
) -> None:
    emulator.switches.on(Fault.CONNECTION_LIMIT)
    with pytest.raises(ProviderError, match="the account's one stream"):
        heard(plugin.stream(["ACME"]), UNTIL + 60 * MINUTE)
    assert time.now() - BEGUN >= 10 * 30 * SECOND
    assert len([seen for seen in emulator.seen if seen.path == case.stream_path]) == 11


def test_a_stream_that_goes_on_does_not_hide_that_questions_keep_failing(
    plugin: Any, emulator: Any
) -> None:
    emulator.switches.on(Fault.GATEWAY)
    with pytest.raises(ProviderError, match="live data failed 11 times in a row"):
        heard(plugin.stream(SYMBOLS), UNTIL + 60 * MINUTE)


@pytest.mark.parametrize("fault", [Fault.KEY_REFUSED, Fault.PLAN_REFUSED])
def test_a_stream_that_is_refused_ends_at_once(fault: Fault, plugin: Any, emulator: Any) -> None:
    emulator.switches.on(fault)
    with pytest.raises(SettingsError) as caught:
        heard(plugin.stream(["ACME"]), UNTIL)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    "fault",
    [Fault.GATEWAY, Fault.CUT_BODY, Fault.HTML, Fault.LIMIT_SECONDS, Fault.DUPLICATES],
)
def test_polling_survives_what_passes(fault: Fault, plugin: Any, emulator: Any) -> None:
    emulator.switches.on(fault, times=7)  # more than the attempts of one question
    assert heard(plugin.poll(["ACME"]), UNTIL) == market_bars(UNTIL, symbols=["ACME"])


def test_polling_that_never_succeeds_is_one_error(plugin: Any, emulator: Any) -> None:
    emulator.switches.on(Fault.GATEWAY)
    with pytest.raises(ProviderError, match="live data failed 11 times in a row"):
        heard(plugin.poll(["ACME"]), UNTIL)


def test_a_night_and_a_holiday_pass_without_a_question(
    plugin: Any, emulator: Any, time: SkippingTime
) -> None:
    begun = SESSION.close - 3 * MINUTE
    time._now = begun
    until = CALENDAR.session(date(2024, 7, 5)).open + 3 * MINUTE
    told = heard(plugin.poll(["ACME"]), until)
    assert told == market_bars(until, begun, ["ACME"])
    assert len(told) == 6
    assert len(emulator.seen) == 7


def test_keys_of_a_stream_are_in_no_log(
    plugin: Any, emulator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    emulator.switches.on(Fault.CLEAN_CLOSE, times=1)
    heard(plugin.stream(["ACME"]), BEGUN + 4 * MINUTE)
    lines = [record.getMessage() + repr(record.args) for record in caplog.records]
    assert any('"action":"auth"' in line or '"authorization":' in line for line in lines)
    assert [line for line in lines if KEY in line or SECRET in line] == []


def told_bars(row_count: int = 20) -> list[tuple[Bar, Bar]]:
    """Minutes as they are told first, and as they are in the end."""
    first = Market().minutes_told("ACME", DAY)
    final = Market().minutes("ACME", DAY)
    pairs = [pair for pair in zip(first, final, strict=True) if pair[1].start >= SESSION.open]
    return [(bar("ACME", one), bar("ACME", other)) for one, other in pairs[:row_count]]


FINALITY = 35 * SECOND


@given(st.data())
def test_any_order_of_tellings_builds_the_same_bars(data: Any) -> None:
    pairs = told_bars()
    tellings: list[MarketEvent] = [one for one, _ in pairs]
    tellings += [AmendedBar(final, 1) for one, final in pairs if one != final]
    chosen = data.draw(st.lists(st.sampled_from(tellings), max_size=60))
    builder = BarBuilder(["ACME"], CALENDAR, SESSION.open, FINALITY)
    assert [news for event in chosen for news in builder.tell(event)] == []
    end = pairs[-1][1].end + FINALITY
    for symbol, since in builder.holes(end).items():
        assert symbol == "ACME"
        for _, final in pairs:
            if final.start >= since:
                builder.fill(final, end)
    builder.confirm(end)
    handed = builder.due()
    told = {event.bar.start for event in chosen if isinstance(event, AmendedBar)}
    for known, (one, final) in zip(handed, pairs, strict=True):
        assert known in (one, final)
        assert known == final or known.start not in told
    assert builder.due() == []


def test_a_bar_that_changes_after_it_was_handed_out_says_so() -> None:
    (one, final) = next(pair for pair in told_bars(60) if pair[0] != pair[1])
    builder = BarBuilder(["ACME"], CALENDAR, one.start, FINALITY)
    assert list(builder.tell(one)) == []
    builder.confirm(one.end + FINALITY)
    assert builder.due() == [one]
    assert list(builder.tell(AmendedBar(final, 1))) == [AmendedBar(final, 1)]
    assert list(builder.tell(AmendedBar(final, 1))) == []
    assert list(builder.tell(one)) == []  # an older telling changes nothing back
    assert builder.due() == []


def test_a_bar_that_comes_after_its_time_is_no_new_bar() -> None:
    (_, late), *_ = told_bars()
    builder = BarBuilder(["ACME"], CALENDAR, SESSION.open, FINALITY)
    builder.confirm(late.end + FINALITY)
    assert builder.due() == []
    assert list(builder.tell(late)) == [AmendedBar(late, 0)]


def test_what_is_not_known_yet_holds_back_what_came_later() -> None:
    (_, first), (_, second), *_ = told_bars()
    builder = BarBuilder(["ACME"], CALENDAR, SESSION.open, FINALITY)
    list(builder.tell(second))
    now = second.end + FINALITY
    assert builder.holes(now) == {"ACME": first.start}
    assert builder.due() == []
    assert not builder.knows(first)
    assert builder.fill(first, now) == []
    builder.confirm(now)
    assert builder.due() == [first, second]


def test_a_bar_that_is_no_full_minute_is_asked_for_instead() -> None:
    (_, first), *_ = told_bars()
    builder = BarBuilder(["ACME"], CALENDAR, SESSION.open, FINALITY)
    list(builder.tell(replace(first, start=first.start + 5 * SECOND)))
    assert builder.holes(first.end + FINALITY) == {"ACME": first.start}


def test_bars_outside_regular_hours_are_not_handed_out() -> None:
    early = bar("ACME", Market().minutes("ACME", DAY)[0])
    builder = BarBuilder(["ACME"], CALENDAR, SESSION.open - 3_600 * SECOND, FINALITY)
    list(builder.tell(early))
    builder.confirm(SESSION.open)
    assert builder.due() == []


@only("alpaca", "massive")
def test_a_stream_that_is_lost_after_each_word_goes_on_for_ever(plugin: Any, emulator: Any) -> None:
    """Only failures without a word between them are counted (fault-F28, F31)."""
    until = BEGUN + 20 * MINUTE
    emulator.switches.on(Fault.DROP)
    told = all_heard(plugin.stream(["ACME"]), until)
    assert [each for each in told if isinstance(each, Bar)] == market_bars(until, symbols=["ACME"])
    troubles = [each.reason for each in told if isinstance(each, Trouble)]
    assert len(troubles) > 20
    assert "" in troubles
    assert any(troubles)
