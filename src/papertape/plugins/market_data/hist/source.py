"""A folder of IEX HIST captures as a source of bars: what was traded on that one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, SettingsError, UsageError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import Bars, Frequency, PriceHistory, Quote
from papertape.plugins.market_data.hist.bars import bars_of, trades_of
from papertape.plugins.market_data.hist.capture import Capture
from papertape.plugins.market_data.source import Capabilities, MarketEvent, no_bars, refuse

OnLoss: TypeAlias = Literal["error", "notice"]
"""What to do about a capture that lacks messages: refuse it, or say so and go on."""

_SUFFIXES = (".pcap", ".pcap.gz", ".pcapng", ".pcapng.gz")
_FEEDS = ("TOPS", "DEEP")
"""The feeds that tell trades in the same words; where a day has both, the first is read."""

_VENUE_ONLY = "trades on IEX alone, about 3 % of the market: its volume is not the market's"
_LIKELY = "no trade there set a price: IEX sees about 3 % of the volume; is the symbol right?"
_GET = "download the day's TOPS file from the exchange's HIST page"


@dataclass(frozen=True, slots=True)
class HistDataPlugin:
    """Captures as they were downloaded, one a day; the days are found inside them, not in names."""

    folder: Path
    on_loss: OnLoss = "error"

    def __post_init__(self) -> None:
        if self.on_loss not in get_args(OnLoss):
            raise SettingsError(
                f"on_loss is {self.on_loss!r}", hint=f"use {' or '.join(get_args(OnLoss))}"
            )

    @property
    def capabilities(self) -> Capabilities:
        """Raw bars of any length, of the trades on IEX alone."""
        return Capabilities(
            "iex",
            adjustment="raw",
            limits="the days in the folder",
            feed="hist",
            tape="IEX",
            terms="IEX's terms for historical data: internal use, not to be passed on",
        )

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """Bars from the first to the last of two exchange dates, both included.

        Raises:
            DataError: If a session has no capture, one is damaged, or IEX traded nothing.
            SettingsError: If the folder cannot be read.
        """
        return await asyncio.to_thread(
            self._read,
            Instrument(canonical_symbol(symbol)),
            Frequency.parse(frequency),
            start_date,
            end_date,
        )

    async def fetch_quote(self, symbol: str) -> Quote:
        """Nothing: a capture is of yesterday.

        Raises:
            UsageError: Always.
        """
        del symbol
        refuse(self.capabilities, "quotes")

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Nothing: a capture does not go on.

        Raises:
            UsageError: Always.
        """
        del symbols, since
        refuse(self.capabilities, "streams")

    def _read(
        self, instrument: Instrument, frequency: Frequency, first: date | None, last: date | None
    ) -> PriceHistory:
        if first and last and first > last:
            raise UsageError(f"{first} is after {last}", hint="give the earlier date first")
        found = self._captures()
        days = [day for day in sorted(found) if (first or day) <= day <= (last or day)]
        if not days:
            raise self._no_day(instrument.symbol, first, last)
        _refuse_holes(days, first or days[0], last or days[-1], self.folder)
        told = [self._day(Capture(found[day]), instrument, frequency, day) for day in days]
        bars = [each.bars for each in told if len(each.bars)]
        if not bars:
            raise no_bars(self.capabilities, instrument.symbol, days[0], days[-1], _LIKELY)
        return PriceHistory(
            _joined(bars),
            source=f"{instrument.symbol} {frequency} IEX HIST ({len(days)} captures), venue IEX",
            fingerprint=sha256("".join(each.fingerprint for each in told).encode()).hexdigest(),
            notices=(*(words for each in told for words in each.notices), _VENUE_ONLY),
        )

    def _day(
        self, capture: Capture, instrument: Instrument, frequency: Frequency, day: date
    ) -> PriceHistory:
        symbol = instrument.symbol
        trades, unreported = trades_of(capture.messages(symbol))
        faults = [*capture.faults]
        if unreported:
            faults.append(f"{capture.name}: {unreported} trades are taken back and never reported")
        if faults and self.on_loss == "error":
            raise DataError("; ".join(faults), hint=f"{_GET} again")
        if any(calendar_of(instrument.venue).local_day(trade.time) != day for trade in trades):
            raise DataError(f"{capture.name} begins on {day} and holds trades of another day")
        bars, left_over = bars_of(trades, instrument, frequency)
        notices = [*faults, *capture.notices]
        if not trades:
            why = "" if capture.is_listed else ", and the file does not list it"
            notices.append(f"{symbol}: no trade on IEX on {day}{why}")
        if left_over:
            notices.append(
                f"{symbol} {day}: {left_over:,} shares belong to no bar, for no trade beside them "
                "set a price (odd lots and trades outside the session set none)"
            )
        return PriceHistory(bars, fingerprint=capture.fingerprint, notices=tuple(notices))

    def _no_day(self, symbol: str, first: date | None, last: date | None) -> DataError:
        missing = no_bars(self.capabilities, symbol, first, last, _GET)
        if missing.confirmed:
            return missing
        return DataError(f"{self.folder} holds no TOPS or DEEP capture of these dates", hint=_GET)

    def _captures(self) -> dict[date, Path]:
        """The file to read for each day."""
        calendar = calendar_of("XNYS")
        found: dict[tuple[date, str], Path] = {}
        for path in _files(self.folder):
            feed, sent = Capture(path).begins()
            day = calendar.local_day(sent)
            twin = found.setdefault((day, feed), path)
            if twin != path:
                raise DataError(
                    f"{twin.name} and {path.name} both hold {feed} of {day}",
                    hint="take one of them out of the folder",
                )
        best = sorted(found, key=lambda each: each[1] == _FEEDS[0])
        return {day: found[day, feed] for day, feed in best if feed in _FEEDS}


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise SettingsError(f"hist_dir {folder} is no folder", hint="name the folder of captures")
    files = [path for path in sorted(folder.iterdir()) if path.name.endswith(_SUFFIXES)]
    if not files:
        raise DataError(f"{folder} holds no capture ({', '.join(_SUFFIXES)})", hint=_GET)
    yield from files


def _refuse_holes(days: Sequence[date], first: date, last: date, folder: Path) -> None:
    """Stop if a session between two dates has no file."""
    missing = [str(day) for day in calendar_of("XNYS").sessions(first, last) if day not in days]
    if missing:
        raise DataError(
            f"{folder} holds no capture of {', '.join(missing[:5])}"
            + (f" and {len(missing) - 5} more days" if len(missing) > 5 else ""),
            hint=_GET,
        )


def _joined(days: Sequence[Bars]) -> Bars:
    """The bars of many days as one."""
    columns = ("start", "end", "open", "high", "low", "close", "volume")
    joined = (np.concatenate([getattr(each, name) for each in days]) for name in columns)
    return Bars.trusted(days[0].instrument, days[0].frequency, *joined)
