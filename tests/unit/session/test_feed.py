"""Feeds hand over what has happened, and nothing before it has."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date

import pytest

from papertape.domain.clock import MINUTE, SECOND, Nanos, PacedClock
from papertape.domain.errors import ProviderError
from papertape.domain.event import Moment
from papertape.domain.market import Bar, PriceHistory, Quote
from papertape.plugins.market_data.source import AmendedBar, Capabilities, MarketEvent
from papertape.session.feed import Broken, Live, News


def bar(minute: int, close: float = 100.0) -> Bar:
    start = minute * MINUTE
    return Bar("A", start, start + MINUTE, 100.0, max(100.0, close), 99.0, close, 10.0)


class Scripted:
    """A source whose stream says what it is told to say, then ends, fails or goes on for ever."""

    capabilities = Capabilities("scripted", streams=True)

    def __init__(self, events: Sequence[MarketEvent], end: Exception | None = None, *, stays: bool):
        self._events, self._end, self._stays = events, end, stays
        self.was_closed = False

    async def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        try:
            for event in self._events:
                yield event
            if self._end:
                raise self._end
            if self._stays:
                await asyncio.Event().wait()
        finally:
            self.was_closed = True

    async def fetch_quote(self, symbol: str) -> Quote:
        raise NotImplementedError

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        raise NotImplementedError


def heard(feed: Live, is_enough: Callable[[list[News]], bool]) -> list[News]:
    """What a feed brings until it is enough; its thread has five seconds."""
    found: list[News] = []
    until = time.monotonic() + 5
    while not is_enough(found) and time.monotonic() < until:
        found += feed.news(now=10**18)
        time.sleep(0.002)
    return found


def test_live_bars_become_moments_and_a_changed_one_comes_back() -> None:
    events = [bar(1), bar(1), bar(2), AmendedBar(bar(1, 99.5), 1)]
    source = Scripted(events, stays=True)
    feed = Live(source.stream, ["A"])
    last = Moment(3 * MINUTE, (bar(2),))
    overtaken = Moment(2 * MINUTE, (bar(1, 99.5),))
    found = heard(
        feed,
        lambda news: (
            last in news
            and (overtaken in news or any(isinstance(each, AmendedBar) for each in news))
        ),
    )
    feed.close()
    moments = [each for each in found if isinstance(each, Moment)]
    assert moments == [Moment(2 * MINUTE, (bar(1),)), Moment(3 * MINUTE, (bar(2),))] or (
        # the correction may overtake the moment: then it is simply what happened
        moments == [Moment(2 * MINUTE, (bar(1, 99.5),)), Moment(3 * MINUTE, (bar(2),))]
    )
    assert source.was_closed


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ProviderError("live data failed 11 times"), "live data failed 11 times"),
        (ValueError("odd"), "ValueError: odd"),
        (None, "the provider's stream ended"),
    ],
)
def test_a_stream_that_ends_is_a_value_with_its_reason(end: Exception | None, reason: str) -> None:
    feed = Live(Scripted([bar(1)], end, stays=False).stream, ["A"])
    found = heard(feed, lambda news: any(isinstance(each, Broken) for each in news))
    assert found == [Moment(2 * MINUTE, (bar(1),)), Broken(reason)]
    assert feed.next_look(0) is None
    feed.close()


def test_a_queue_that_overflows_breaks_the_feed_and_never_drops_in_silence() -> None:
    told = [bar(minute) for minute in range(1, 9)]
    feed = Live(Scripted(told, stays=True).stream, ["A"], most=4)
    time.sleep(0.05)
    found = heard(feed, lambda news: any(isinstance(each, Broken) for each in news))
    feed.close()
    assert found[-1] == Broken("more events waited than may wait")


def test_a_paced_clock_shows_the_past_go_by_at_its_speed() -> None:
    clock = PacedClock(1_000 * SECOND, speed=600)
    began = time.monotonic()
    clock.wait_until(1_012 * SECOND)
    assert clock.now() >= 1_012 * SECOND
    assert time.monotonic() - began >= 0.02
