"""The embedded sample: real daily bars of four shares, from the package bokeh-sampledata.

They are the Quandl WIKI prices, which their publisher gave to the public domain: as traded, with an
adjusted close beside them from which splits and dividends follow. GOOG begins with its first day
on the market.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, UsageError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import (
    DAILY,
    Bars,
    CorporateAction,
    Dividend,
    FloatArray,
    Frequency,
    PriceHistory,
    Quote,
    Split,
    session_times,
)
from papertape.domain.money import micros
from papertape.plugins.market_data.source import Capabilities, MarketEvent, between, refuse
from papertape.plugins.market_data.tables.content import read_content, text_of
from papertape.plugins.market_data.tables.grid import of_symbol, read_grid

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")

_COLUMNS = ("Ticker", "Date", "Open", "High", "Low", "Close", "Volume", "Adj Close")
_LARGEST_DENOMINATOR = 20


@dataclass(frozen=True, slots=True)
class SampleDataPlugin:
    """The sample as a source of market data; it needs no key and no network."""

    @property
    def capabilities(self) -> Capabilities:
        """Raw daily bars of four symbols, 2000-03-01 to 2013-03-01."""
        return Capabilities(
            "sample",
            adjustment="raw",
            frequencies=("1d",),
            limits=f"{', '.join(SYMBOLS)}; 2000-03-01 to 2013-03-01",
            terms="public domain (Quandl WIKI)",
        )

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """Daily bars from the first to the last of two dates, both included.

        Raises:
            UsageError: If the sample holds no such symbol or bar length.
        """
        if not Frequency.parse(frequency).is_daily:
            raise UsageError(f"the sample holds 1d bars, not {frequency}", hint="ask for 1d")
        return between(read_sample(symbol), start_date, end_date)

    async def fetch_quote(self, symbol: str) -> Quote:
        """Nothing: the sample holds no quotes.

        Raises:
            UsageError: Always.
        """
        del symbol
        refuse(self.capabilities, "quotes")

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Nothing: the sample does not go on.

        Raises:
            UsageError: Always.
        """
        del symbols, since
        refuse(self.capabilities, "streams")


def read_sample(symbol: str) -> PriceHistory:
    """All the sample knows of one symbol: raw daily bars, splits and dividends.

    Raises:
        UsageError: If the sample holds no such symbol.
        DataError: If the package that holds it is missing or is another version.
    """
    symbol = canonical_symbol(symbol)
    if symbol not in SYMBOLS:
        raise UsageError(f"the sample holds no {symbol}", hint=f"it holds {', '.join(SYMBOLS)}")
    content = read_content(_sample_file())
    text, _ = text_of(content)
    grid = read_grid(content.name, text, symbol)
    if grid.header != _COLUMNS:
        raise DataError(f"{content.name} has the header {','.join(grid.header)}", hint=_INSTALL)
    grid = of_symbol(grid, 0, content.name, symbol)
    days = [date.fromisoformat(stamp) for stamp in grid.column(1)]
    columns = grid.numbers(range(2, len(_COLUMNS)))
    if columns is None:
        raise DataError(f"{content.name} holds cells that are no numbers", hint=_INSTALL)
    open_, high, low, close, volume, adjusted = columns
    instrument = Instrument(symbol)
    start, end = session_times(days, calendar_of(instrument.venue))
    return PriceHistory(
        bars=Bars(instrument, DAILY, start, end, open_, high, low, close, volume),
        actions=actions_behind(
            symbol, days, close, adjusted, _decimals(grid.column(len(_COLUMNS) - 1))
        ),
        source=f"{symbol} sample (bokeh-sampledata, Quandl WIKI)",
        fingerprint=content.fingerprint,
    )


def actions_behind(
    symbol: str, days: Sequence[date], close: FloatArray, adjusted: FloatArray, decimals: int
) -> tuple[CorporateAction, ...]:
    """The splits and dividends that an adjusted close contains, oldest first.

    With k = adjusted / close, k(t) / k(t-1) is 1 on a quiet day, the ratio on a split's ex-date,
    and 1 + D / C(t) on a dividend's, by the source's own way to adjust.

    Args:
        symbol: Whose they are.
        days: Session dates.
        close: Closes as traded.
        adjusted: Adjusted closes.
        decimals: Digits that the adjusted closes are rounded to.

    Raises:
        DataError: If the adjusted close falls against the close, which neither can explain.
    """
    jump = (adjusted[1:] / close[1:]) / (adjusted[:-1] / close[:-1])
    # Assumption: closes are exact and adjusted ones are rounded half a last digit away at most, so
    # a smaller jump than both roundings (and float64's own, 1e-12) can make is no event. Here
    # that is under 1e-11, and the smallest true jump is 1e-3.
    noise = 0.5 * 10.0**-decimals * (1 / adjusted[1:] + 1 / adjusted[:-1]) + 1e-12
    rows = np.flatnonzero(np.abs(jump - 1) > noise * jump) + 1
    return tuple(
        _action(symbol, days[row], float(close[row]), float(jump[row - 1]), float(noise[row - 1]))
        for row in rows.tolist()
    )


def _action(symbol: str, day: date, close: float, jump: float, noise: float) -> CorporateAction:
    ratio = Fraction(jump).limit_denominator(_LARGEST_DENOMINATOR)
    if ratio not in (0, 1) and abs(jump - ratio) <= noise * jump:
        return Split(symbol, day, ratio)
    if jump < 1:
        raise DataError(f"{symbol} {day}: the adjusted close says that money came back")
    # Assumption: the pay date is unknown, so the cash arrives on the ex-date.
    return Dividend(symbol, day, micros(close * (jump - 1)), day)


def _decimals(cells: Sequence[str]) -> int:
    return max(len(cell.partition(".")[2]) for cell in cells)


_INSTALL = "install the package: pip install 'bokeh-sampledata>=2026.1'"


def _sample_file() -> Path:
    """Where the package keeps its stocks; found without importing it, as that imports pandas."""
    package = importlib.util.find_spec("bokeh_sampledata")
    folders = (package.submodule_search_locations if package else None) or []
    files = [Path(folder) / "_data" / "stocks.csv.gz" for folder in folders]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise DataError("the sample's package bokeh-sampledata is missing", hint=_INSTALL)
    return found
