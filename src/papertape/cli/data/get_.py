"""`papertape data get`: prices fetched from a provider, piece by piece, each kept at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Literal

import numpy as np
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.keeping import Keeping, keep, say_what_is_kept, summary
from papertape.cli.data.shelf import ADJUSTED, store_of
from papertape.cli.options import Here, day
from papertape.cli.progress import progress
from papertape.cli.providers import Provider, provider_of
from papertape.cli.settings import read_settings
from papertape.cli.surroundings import Surroundings
from papertape.data.store import Kept, Manifest, OnDifference, Origin, Store
from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.clock import SECOND, Nanos, utc
from papertape.domain.errors import DataError, NoBars, PapertapeError, UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Adjustment, Frequency, PriceHistory
from papertape.plugins.market_data.source import load, no_bars

_Switch = Annotated[bool, Parameter(negative=(), show_default=False)]
_Odd = Parameter(allow_leading_hyphen=True)

_QUARTER = timedelta(92)
_SHARED = 5
"""Sessions fetched again where stored bars are there, so that a split in between is noticed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched, of one symbol.

    Attributes:
        symbol, frequency: Whose bars, and how long each is.
        first, last: Exchange dates, both included.
        adjusted: What the stored prices must be adjusted for; None takes what there is.
    """

    symbol: str
    frequency: Frequency
    first: date
    last: date
    adjusted: Adjustment | None

    def __str__(self) -> str:
        return f"{self.symbol} {self.frequency} {self.first}..{self.last}"

    def pieces(self) -> Iterator[Wanted]:
        """Spans of a quarter; daily bars are few and come at once."""
        begin = self.first
        while begin <= self.last:
            length = timedelta.max if self.frequency.is_daily else _QUARTER
            end = self.last if self.last - begin < length else begin + length - timedelta(1)
            yield replace(self, first=begin, last=end)
            begin = end + timedelta(1)


def get_(
    symbols: Annotated[tuple[str, ...], Parameter(show=True)],
    /,
    *,
    from_: Annotated[str, Parameter(name="--from", allow_leading_hyphen=True)],
    to: Annotated[str, _Odd] = "today",
    bar: str | None = None,
    provider: str | None = None,
    adjust: Literal["none", "split", "all"] | None = None,
    resume: _Switch = False,
    on_difference: OnDifference = "latest",
    replace: _Switch = False,
    dry_run: _Switch = False,
    here: Here,
) -> Answer:
    """Fetch bars into the store; what is kept stays kept when a later piece fails.

    Parameters
    ----------
    symbols
        One or several.
    from_
        First day: 2024-01-02, today or -30d.
    to
        Last day, included; a bar that is not over yet is left out.
    bar
        Bar length: 1d, 1h, 5m, 1m.
    provider
        Who is asked; the settings', or the first one whose key is there.
    adjust
        What the stored prices must be: none for prices as traded. Raw bars are adjusted when read.
    resume
        Go on from the last stored bar instead of fetching all of the span again.
    on_difference
        Which bar wins where the source and the store differ: latest (the source's), stored, refuse.
    replace
        Put the fetched bars in the place of all that the store holds of the series.
    dry_run
        Fetch and compare, and write nothing.
    """
    if resume and replace:
        raise UsageError("--resume goes on and --replace begins anew", hint="leave one out")
    settings = read_settings()
    first, last = day(from_, here.clock), day(to, here.clock)
    wanted = [
        Wanted(
            canonical_symbol(symbol),
            Frequency.parse(bar or settings.bar),
            first,
            min(last, utc(here.clock.now()).date()),
            ADJUSTED[adjust] if adjust else None,
        )
        for symbol in symbols
    ]
    for each in wanted:
        _refuse_idle(each, first, last)
    asked = provider_of(provider, settings, here.home)
    keeping = Keeping(on_difference, "fetched", replace=replace, dry_run=dry_run)
    store = store_of(here, rehearse=dry_run)
    done: list[_Fetching] = []
    for each in wanted:
        done.append(_Fetching(asked, store, keeping, here))
        try:
            done[-1].fetch(each, resume=resume)
        except (PapertapeError, KeyboardInterrupt) as error:
            if not dry_run:
                say_what_is_kept(
                    error, [each.kept for each in done if each.kept], "then go on with --resume"
                )
            raise
    notices = [words for each in done for words in each.notices]
    kept = [each.kept for each in done if each.kept]
    return summary(kept, tuple(dict.fromkeys(notices)), keeping, here)


def _refuse_idle(wanted: Wanted, first: date, last: date) -> None:
    """Stop where the calendar knows that there can be no bar, before anybody is asked."""
    if first > last:
        raise UsageError(f"--from {first} lies after --to {last}", hint="swap them")
    calendar = calendar_of("XNYS")
    if wanted.first > wanted.last:
        raise DataError(
            f"{wanted.symbol}: {first} has not come yet", hint="choose an earlier --from"
        )
    if not calendar.sessions(wanted.first, wanted.last):
        nearest = _back(calendar, wanted.first, 1)
        raise DataError(
            f"{wanted.symbol}: no session from {wanted.first} to {wanted.last}: "
            "a weekend or a holiday",
            hint=f"the session before is {nearest}: --from {nearest}",
        )


class _Fetching:
    """One symbol's way from a provider into the store; ``kept`` is what has become of it so far."""

    def __init__(self, provider: Provider, store: Store, keeping: Keeping, here: Surroundings):
        self.kept: Kept | None = None
        self.notices: list[str] = []
        self._provider = provider
        self._store = store
        self._keeping = keeping
        self._here = here

    def fetch(self, wanted: Wanted, *, resume: bool) -> None:
        """All pieces, each kept before the next is asked for.

        Raises:
            PapertapeError: What the provider or the store refuses.
        """
        stored = self._store.newest(wanted.symbol, wanted.frequency)
        if resume and stored:
            wanted = self._resumed(stored, wanted)
        # What takes the place of everything else must not be half there, so it comes at once.
        pieces = [wanted] if self._keeping.replace else list(wanted.pieces())
        for number, piece in enumerate(pieces, 1):
            doing = f"{self._provider.name}: {piece} ({number} of {len(pieces)})"
            try:
                with progress(doing, self._here):
                    self._keep(self._asked(piece))
            except NoBars as nothing:
                # Before a share's first bar there is nothing, and that is no fault of the source.
                if self.kept or number == len(pieces):
                    raise
                self.notices.append(f"left out: {nothing.message}")

    def _resumed(self, stored: Manifest, wanted: Wanted) -> Wanted:
        """What is still to be fetched after the last stored bar."""
        begun, last = _day(stored.first), _day(stored.last)
        if wanted.first < begun:
            self.notices.append(
                f"the stored {wanted.symbol} begins on {begun}; --resume adds nothing before it"
            )
        return replace(wanted, first=min(max(wanted.first, last), wanted.last))

    def _asked(self, piece: Wanted) -> PriceHistory:
        """The piece's bars, begun early enough to share some with the stored ones."""
        stored = self._store.newest(piece.symbol, piece.frequency)
        first = piece.first
        if stored and not self._keeping.replace and _day(stored.first) < first:
            first = max(_back(calendar_of(stored.venue), first, _SHARED), _day(stored.first))
        history = load(
            self._provider.source,
            symbol=piece.symbol,
            start_date=first,
            end_date=piece.last,
            frequency=str(piece.frequency),
        )
        settled = int(self._provider.source.capabilities.finality_seconds * SECOND)
        history = _over(history, self._here.clock.now() - settled)
        if not len(history.bars):
            raise self._nothing(piece, stored)
        if piece.adjusted and history.adjusted not in (piece.adjusted, "raw"):
            raise DataError(
                f"{piece.symbol}: {self._provider.name} gives prices adjusted ({history.adjusted}),"
                f" not {piece.adjusted}",
                hint="leave --adjust out, or ask another provider with --provider",
            )
        return history

    def _keep(self, history: PriceHistory) -> None:
        can = self._provider.source.capabilities
        origin = Origin(
            provider=self._provider.name, feed=can.feed, source=history.source, terms=can.terms
        )
        kept = keep(self._store, history, origin, self._here.clock.now(), self._keeping)
        self.notices += history.notices
        self.kept = kept.after(self.kept) if self.kept else kept

    def _nothing(self, piece: Wanted, stored: Manifest | None) -> NoBars:
        """Why a source may have nothing for days on which there was a session."""
        can = self._provider.source.capabilities
        calendar = calendar_of(can.venue)
        if calendar.session(piece.first).close > self._here.clock.now():
            likely = f"the session of {piece.first} is not over: come back after its close"
        else:
            symbol = "the symbol is one it knows" if stored else "the symbol may be wrong"
            likely = (
                f"{symbol}; the days may lie before its history or the share's first day, or "
                f"outside the plan ({can.limits})"
            )
        return no_bars(can, piece.symbol, piece.first, piece.last, likely)


def _day(moment: str) -> date:
    return date.fromisoformat(moment[:10])


def _over(history: PriceHistory, now: Nanos) -> PriceHistory:
    """The bars that are over by then: one that still goes on has no close yet."""
    count = int(np.searchsorted(history.bars.end, now, side="right"))
    return history if count == len(history.bars) else replace(history, bars=history.bars[:count])


def _back(calendar: Calendar, first: date, sessions: int) -> date:
    """The day that lies so many sessions before another."""
    found = first
    while sessions:
        found -= timedelta(1)
        sessions -= calendar.is_session(found)
    return found
