"""Price files of any vendor as a source: CSV in the layouts met in the wild, Parquet by names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError
from papertape.domain.market import Adjustment, Frequency, PriceHistory, Quote
from papertape.plugins.market_data.source import Capabilities, MarketEvent, between, refuse
from papertape.plugins.market_data.tables.content import SIZE_CAP
from papertape.plugins.market_data.tables.reading import Told, load_prices
from papertape.plugins.market_data.tables.rows import OnConflict
from papertape.plugins.market_data.tables.times import DateOrder
from papertape.plugins.market_data.tables.zones import RepeatedHour

__all__ = ["CSVDataPlugin", "Told", "load_prices", "read_prices"]


@dataclass(frozen=True)
class CSVDataPlugin:
    """One price file as a source of market data; its options are those of `Told`."""

    path: str | Path
    zone: str | None = None
    adjusted: Adjustment | None = None
    date_first: DateOrder | None = None
    on_conflict: OnConflict = "error"
    columns: Mapping[str, str] = field(default_factory=dict)
    size_cap: int = SIZE_CAP

    @property
    def capabilities(self) -> Capabilities:
        """Bars of the past, of whatever length the file has."""
        return Capabilities("csv", limits="the size of the file")

    async def fetch_historical_data(
        self,
        *,
        symbol: str,
        start_date: date | None = None,
        end_date: date | None = None,
        frequency: str = "1d",
    ) -> PriceHistory:
        """The file's bars from the first to the last of two exchange dates, both included.

        Raises:
            DataError: If the file is unfit, or its bars have another length.
        """
        wanted = Frequency.parse(frequency)
        history = read_prices(
            self.path,
            symbol=symbol,
            zone=self.zone,
            adjusted=self.adjusted,
            date_first=self.date_first,
            on_conflict=self.on_conflict,
            columns=self.columns,
            size_cap=self.size_cap,
        )
        found = history.bars.frequency
        if found != wanted:
            raise DataError(
                f"{history.source} holds {found} bars, not {wanted}", hint=f"ask for {found}"
            )
        return between(history, start_date, end_date)

    async def fetch_quote(self, symbol: str) -> Quote:
        """Nothing: a file of bars holds no quotes.

        Raises:
            UsageError: Always.
        """
        del symbol
        refuse(self.capabilities, "quotes")

    def stream(
        self, symbols: Sequence[str], since: Nanos | None = None
    ) -> AsyncIterator[MarketEvent]:
        """Nothing: a file does not go on.

        Raises:
            UsageError: Always.
        """
        del symbols, since
        refuse(self.capabilities, "streams")


def read_prices(
    path: str | Path,
    *,
    symbol: str,
    frequency: str | None = None,
    zone: str | None = None,
    adjusted: Adjustment | None = None,
    date_first: DateOrder | None = None,
    repeated_hour: RepeatedHour | None = None,
    on_conflict: OnConflict = "error",
    columns: Mapping[str, str] | None = None,
    day: date | None = None,
    size_cap: int = SIZE_CAP,
    now: Nanos | None = None,
) -> PriceHistory:
    """The bars of a CSV (plain, gzip or zip) or Parquet file; the options are those of `Told`.

    A JSON file beside it may say what the user would otherwise, see `tables.sidecar`.

    Raises:
        BadRows: If rows cannot be bars; all of them are named at once, by line.
        DataError: If the file cannot be read, or does not say what it must.
        UsageError: If an option cannot mean anything.
    """
    return load_prices(
        path,
        Told(
            symbol=symbol,
            frequency=frequency,
            zone=zone,
            adjusted=adjusted,
            date_first=date_first,
            repeated_hour=repeated_hour,
            on_conflict=on_conflict,
            columns=columns or {},
            day=day,
            size_cap=size_cap,
            now=now,
        ),
    ).history
