"""Yahoo by the package yfinance: unofficial, for comparison only, never a default.

It is an extra because nothing holds it together: no contract, no promise, blocks without notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, cast

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, ProviderError, SettingsError, UsageError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import (
    Bars,
    Dividend,
    Frequency,
    PriceHistory,
    Quote,
    known_volume,
    session_times,
)
from papertape.domain.money import micros
from papertape.plugins.market_data.settings import settled
from papertape.plugins.market_data.source import Capabilities, MarketEvent, refuse
from papertape.plugins.market_data.transport import Timing

if TYPE_CHECKING:
    from pandas import DataFrame, DatetimeIndex

_INTERVALS = {"1d": "1d", "1m": "1m", "2m": "2m", "5m": "5m", "15m": "15m", "60m": "60m"}
_PRICES = ("Open", "High", "Low", "Close")
_NOTICE = (
    "Yahoo through yfinance is unofficial access for personal use: it may be wrong, change "
    "yesterday's prices, or be blocked at any time; compare it, do not rest on it"
)


@dataclass(frozen=True, slots=True)
class YahooSettings:
    """Nothing can be set; Yahoo knows no accounts."""


class YahooDataPlugin:
    """Bars as Yahoo shows them: prices adjusted for splits, dividends beside them.

    Args:
        config: The fields of `YahooSettings`.
        timing: Its clock says which bars have ended.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, *, timing: Timing | None = None):
        settled(YahooSettings, config or {}, "yahoo")
        self._timing = timing or Timing()

    @property
    def capabilities(self) -> Capabilities:
        """Split-adjusted bars, minutes only of the last days."""
        return Capabilities(
            "yahoo",
            adjustment="split",
            frequencies=tuple(_INTERVALS),
            limits="unofficial; 1m reaches back 8 days, up to 15m 60 days, 60m 730 days",
            tape="consolidated",
            entitlements=("none, and none that anybody promised",),
            terms="personal use only, by yfinance's own statement",
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
            SettingsError: If yfinance is not installed.
            UsageError: If there are no bars of this length.
            DataError: If Yahoo has no prices, or one without all four.
            ProviderError: If it blocks or cannot be reached.
        """
        wanted = Frequency.parse(frequency)
        if str(wanted) not in _INTERVALS:
            known = ", ".join(_INTERVALS)
            raise UsageError(f"Yahoo has no bars of {wanted}", hint=f"use one of {known}")
        instrument = Instrument(canonical_symbol(symbol))
        frame = await asyncio.to_thread(_fetch, instrument.symbol, wanted, start_date, end_date)
        return _history(frame, instrument, wanted, self._timing.clock.now())

    async def fetch_quote(self, symbol: str) -> Quote:
        """Nothing: what Yahoo shows as a quote has no time that could be trusted.

        Raises:
            UsageError: Always.
        """
        del symbol
        refuse(self.capabilities, "quotes")

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Nothing: there is no stream that anybody may rely on.

        Raises:
            UsageError: Always.
        """
        del symbols, since
        refuse(self.capabilities, "streams")


def _fetch(symbol: str, frequency: Frequency, first: date | None, last: date | None) -> DataFrame:
    library = _yfinance()
    # By itself it turns every failure into an empty table.
    library.config.debug.hide_exceptions = False
    faults = library.exceptions
    try:
        frame: DataFrame = library.Ticker(symbol.replace(".", "-")).history(
            interval=_INTERVALS[str(frequency)],
            auto_adjust=False,
            keepna=True,
            **({"start": str(first)} if first else {"period": "max"}),
            **({"end": str(last + timedelta(1))} if last else {}),
        )
    except faults.YFTickerMissingError as missing:
        raise DataError(
            f"Yahoo has no prices: {missing}", hint="check the symbol and the dates"
        ) from None
    except (faults.YFException, OSError) as failure:
        raise ProviderError(
            f"Yahoo cannot be used ({type(failure).__name__}): {failure}",
            hint="wait, or choose a provider with a contract: papertape doctor",
        ) from None
    if frame.empty:
        _nothing(symbol)
    return frame


def _nothing(symbol: str) -> NoReturn:
    raise DataError(
        f"Yahoo has no prices of {symbol} for finished bars between these dates",
        hint="check the symbol and the dates",
    )


def _yfinance() -> Any:
    try:
        return import_module("yfinance")
    except ImportError:
        raise SettingsError(
            "Yahoo needs the package yfinance, which is not installed",
            hint="pip install 'papertape[yahoo]'",
        ) from None


def _history(
    frame: DataFrame, instrument: Instrument, frequency: Frequency, now: Nanos
) -> PriceHistory:
    symbol, calendar, notices = instrument.symbol, calendar_of(instrument.venue), [_NOTICE]
    prices = frame[[*_PRICES]].to_numpy(np.float64)
    missing = np.isnan(prices)
    unpriced = missing.all(axis=1)
    if (missing.any(axis=1) & ~unpriced).any():
        raise DataError(f"{symbol}: Yahoo has bars with some of their prices missing")
    if unpriced.any():
        notices.append(f"{symbol}: {int(unpriced.sum())} rows without any price were left out")
    local = cast("DatetimeIndex", frame.index).tz_convert(calendar.zone)
    if frequency.is_daily:
        start, end = session_times(list(local.date), calendar)
    else:
        start = local.as_unit("ns").asi8
        end = start + frequency.nanos
    kept = ~unpriced & (end <= now)
    if not kept.any():
        _nothing(symbol)
    columns = (*prices[kept].T, known_volume(frame["Volume"].to_numpy(np.float64)[kept]))
    # Assumption: no pay date is told, so the cash arrives on the ex-date.
    paid = [
        Dividend(symbol, day, micros(amount), day)
        for day, amount in zip(local.date, frame["Dividends"].tolist(), strict=True)
        if amount > 0
    ]
    return PriceHistory(
        Bars(instrument, frequency, start[kept], end[kept], *columns),
        actions=tuple(paid),
        adjusted="split",
        source=f"{symbol} {frequency} Yahoo (yfinance, unofficial), consolidated",
        notices=tuple(notices),
    )
