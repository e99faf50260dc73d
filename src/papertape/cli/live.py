"""Live: what a session needs of a provider: its day, the minutes before it, and how it listens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from papertape.cli.providers import Provider, provider_of
from papertape.cli.session_terms import SessionTerms
from papertape.cli.settings import read_settings
from papertape.cli.surroundings import Surroundings
from papertape.data.moments import moments
from papertape.data.sessions import regular_hours
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, NoBars, UsageError
from papertape.domain.event import Moment
from papertape.domain.market import Bars
from papertape.engines.proofbench.window import Window
from papertape.matching.liquidity import WINDOW as LIQUIDITY_BARS
from papertape.plugins.market_data.source import MarketData, Polls
from papertape.session.feed import Listening

FEEDS = ("live", "live:poll")
"""Streamed where the provider streams, or by asking alone."""

_LOOKED_BACK = timedelta(days=10)
"""Far enough for a few hundred minutes of history over any holidays."""


def live_provider(name: str | None, here: Surroundings) -> Provider:
    """Who tells live prices.

    Raises:
        UsageError: If it has none.
        SettingsError: If its key is missing.
    """
    found = provider_of(name, read_settings(), here.home, here.timing)
    if not found.source.capabilities.streams:
        raise UsageError(
            f"the source {found.name!r} has no live prices",
            hint="choose a provider that streams or polls: papertape doctor --provider NAME",
        )
    return found


def listening(source: MarketData, feed: str) -> Listening:
    """How live minutes come, by the feed's word.

    Raises:
        UsageError: If the provider cannot be asked so.
    """
    if feed == "live":
        return source.stream
    if not isinstance(source, Polls):
        raise UsageError(
            f"{source.capabilities.name} cannot be polled", hint="leave it to the stream: live"
        )
    return source.poll


def todays_window(terms: SessionTerms, here: Surroundings) -> Window:
    """Today's session, without a bar yet.

    Raises:
        UsageError: If the exchange is closed today, or has closed.
    """
    calendar = calendar_of(terms.instruments[0].venue)
    now = here.live_clock.now()
    day = calendar.local_day(now)
    if not calendar.is_session(day) or now >= calendar.session(day).close:
        raise UsageError(
            f"the exchange is closed: no session is left on {day}",
            hint=f"the next one is on {calendar.next_session(day)}; or replay a day: --feed replay",
        )
    return window_on(terms, day, now)


def window_on(terms: SessionTerms, day: date, now: Nanos) -> Window:
    """A day's session, without a bar yet; what is told of the time before ``now`` is history."""
    session = calendar_of(terms.instruments[0].venue).session(day)
    return Window({}, {}, {}, session.open, now, day, day)


def with_past(window: Window, past: Mapping[str, Bars]) -> Window:
    """The session with the minutes before it."""
    return replace(
        window,
        bars=past,
        actions=dict.fromkeys(past, ()),
        history={symbol: len(found) for symbol, found in past.items()},
        decides_from=max(int(found.end[-1]) for found in past.values()),
    )


async def past_bars(
    source: MarketData, terms: SessionTerms, warmup: int, now: Nanos
) -> dict[str, Bars]:
    """The minutes up to now that strategy and market measures want.

    Raises:
        DataError: If the provider has fewer.
        ProviderError: If it cannot be reached.
    """
    room = max(warmup, LIQUIDITY_BARS + 1)
    day = calendar_of(terms.instruments[0].venue).local_day(now)
    first, found = day - _LOOKED_BACK, dict[str, Bars]()
    for symbol in (each.symbol for each in terms.instruments):
        try:
            history = await source.fetch_historical_data(
                symbol=symbol,
                start_date=first,
                end_date=day,
                frequency=terms.config.bar_frequency,
            )
            found[symbol] = _until(regular_hours(history).bars, now)[-room:]
        except NoBars:
            pass
        if symbol not in found or len(found[symbol]) < max(1, warmup):
            raise DataError(
                f"{symbol}: fewer than {max(1, warmup)} minutes of history since {first}",
                hint="a shorter average, or a provider that has them",
            )
    return found


async def past_moments(
    source: MarketData, terms: SessionTerms, warmup: int, now: Nanos
) -> Sequence[Moment]:
    """The same, as a session is shown them.

    Raises:
        DataError: If the provider has fewer.
        ProviderError: If it cannot be reached.
    """
    return list(moments(await past_bars(source, terms, warmup, now), {}, ()))


def _until(bars: Bars, now: Nanos) -> Bars:
    """Those that are over."""
    over = int((bars.end <= now).sum())
    return bars[:over]
