"""Live: what a session needs before the first live bar: the day, and history from the provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from papertape.cli.session_terms import SessionTerms
from papertape.cli.surroundings import Surroundings
from papertape.data.sessions import regular_hours
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError, NoBars, UsageError
from papertape.domain.market import Bars
from papertape.engines.proofbench.window import Window
from papertape.matching.liquidity import WINDOW as LIQUIDITY_BARS
from papertape.plugins.market_data.source import MarketData, load

_LOOKED_BACK = timedelta(days=10)
"""Far enough for a few hundred minutes of history over any holidays."""


def live_window(source: MarketData, terms: SessionTerms, warmup: int, here: Surroundings) -> Window:
    """Today's session with the minutes before it, which are history.

    Raises:
        UsageError: If the source has no live prices, or the exchange is closed today.
        DataError: If the provider has no history.
    """
    if not source.capabilities.streams:
        raise UsageError(
            f"the source {source.capabilities.name!r} has no live prices",
            hint="choose a provider that streams or polls: papertape doctor --provider NAME",
        )
    calendar = calendar_of(terms.instruments[0].venue)
    now = here.clock.now()
    day = calendar.local_day(now)
    session = calendar.session(day)
    if not calendar.is_session(day) or now >= session.close:
        raise UsageError(
            f"the exchange is closed: no session is left on {day}",
            hint=f"the next one is on {calendar.next_session(day)}; or replay a day: --feed replay",
        )
    room = max(warmup, LIQUIDITY_BARS + 1)
    bars = {
        symbol: _until(found, now)[-room:]
        for symbol, found in fetched(source, terms, day - _LOOKED_BACK, day).items()
    }
    short = [symbol for symbol, found in bars.items() if len(found) < max(1, warmup)]
    if short:
        raise DataError(
            f"{', '.join(short)}: fewer than {warmup} minutes of history since "
            f"{day - _LOOKED_BACK}",
            hint="a shorter average, or a provider that has them",
        )
    return Window(
        bars=bars,
        actions=dict.fromkeys(bars, ()),
        history={symbol: len(found) for symbol, found in bars.items()},
        start=session.open,
        decides_from=max(int(found.end[-1]) for found in bars.values()),
        first=day,
        last=day,
        ticks=(),
        taped=frozenset(),
        findings=(),
    )


def fetched(source: MarketData, terms: SessionTerms, first: date, last: date) -> Mapping[str, Bars]:
    """Bars of regular hours from the provider; a symbol of which it has none is left out."""
    found: dict[str, Bars] = {}
    for each in terms.instruments:
        try:
            history = load(
                source,
                symbol=each.symbol,
                start_date=first,
                end_date=last,
                frequency=terms.config.bar_frequency,
            )
        except NoBars:
            continue
        found[each.symbol] = regular_hours(history).bars
    return found


def _until(bars: Bars, now: int) -> Bars:
    """Those that are over."""
    over = int((bars.end <= now).sum())
    return bars[:over]
