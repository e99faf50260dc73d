"""Frames at the border: a table of prices that a user holds in memory, made ours."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import (
    Bars,
    FloatArray,
    Frequency,
    PriceHistory,
    known_volume,
    session_times,
)

if TYPE_CHECKING:
    from pandas import DataFrame, DatetimeIndex, Series

PRICES = ("open", "high", "low", "close")
_TIMES = ("time", "timestamp", "datetime", "date")


def from_frame(frame: Any, symbol: str, frequency: Frequency) -> PriceHistory:
    """Bars from a pandas frame, or from anything that speaks Arrow (polars, pyarrow, duckdb).

    Args:
        frame: Columns ``open high low close volume`` in either case, one row a bar. The time is
            the index or a column ``time``: session dates for daily bars, aware bar starts else.
        symbol: Whose bars these are.
        frequency: How long each bar is.

    Raises:
        DataError: If a column is missing or there twice, a time is naive, or a row is no bar.
    """
    table = _as_pandas(frame, symbol)
    names = _names(table, symbol)
    missing = [name for name in (*PRICES, "volume") if name not in names]
    if missing:
        raise DataError(
            f"{symbol}: the frame has no column {', '.join(missing)}",
            hint=f"it has {', '.join(map(str, table.columns)) or 'none'}; name them "
            "open high low close volume (volume may be NaN where it is unknown)",
        )
    columns = [_numbers(table[names[name]], symbol, name) for name in (*PRICES, "volume")]
    columns[-1] = known_volume(columns[-1])
    instrument = Instrument(canonical_symbol(symbol))
    start, end = _times(table, names, instrument, frequency)
    bars = Bars(instrument, frequency, start, end, *columns)
    titled = any(name != name.lower() for name in map(str, table.columns))
    notice = (f"{symbol}: Title-case columns were read as lower case",) if titled else ()
    return PriceHistory(bars, source="frame", notices=notice)


def _as_pandas(frame: Any, symbol: str) -> DataFrame:
    import pandas as pd  # noqa: PLC0415 - half a second that only users of frames pay

    if isinstance(frame, pd.DataFrame):
        return frame
    if not hasattr(frame, "__arrow_c_stream__"):
        kind = type(frame).__name__
        raise DataError(f"{symbol}: prices come as a frame, `Bars` or `PriceHistory`, not {kind}")
    try:
        table: DataFrame = import_module("pyarrow").table(frame).to_pandas()
    except ImportError:
        raise DataError(
            f"{symbol}: a {type(frame).__name__} speaks Arrow, and hearing it takes pyarrow",
            hint="pip install pyarrow, or hand in a pandas frame",
        ) from None
    return table


def _names(table: DataFrame, symbol: str) -> dict[str, Any]:
    """Our name of each column -> the frame's own."""
    ours = [str(name).strip().lower().replace(" ", "_") for name in table.columns]
    twice = [name for name in dict.fromkeys(ours) if ours.count(name) > 1]
    if twice:
        raise DataError(f"{symbol}: the frame has more than one column {', '.join(twice)}")
    return dict(zip(ours, table.columns, strict=True))


def _numbers(column: Series[Any], symbol: str, name: str) -> FloatArray:
    import pandas as pd  # noqa: PLC0415 - as above

    numbers = pd.to_numeric(column, errors="coerce")
    unread = np.flatnonzero(numbers.isna() & column.notna())
    if len(unread):
        row = int(unread[0])
        raise DataError(
            f"{symbol}: {name} {column.iloc[row]!r} in row {row} is no number",
            hint="rows are counted from 0",
        )
    return numbers.to_numpy(np.float64)


def _times(
    table: DataFrame, names: Mapping[str, Any], instrument: Instrument, frequency: Frequency
) -> tuple[Any, Any]:
    column = next((names[name] for name in _TIMES if name in names), None)
    raw = table.index if column is None else table[column]
    if raw.dtype.kind in "iuf":
        raise DataError(
            f"{instrument.symbol}: the frame has no times, its index counts rows",
            hint="set the index to dates, or add a column time",
        )
    times = _moments(raw, instrument.symbol)
    calendar = calendar_of(instrument.venue)
    if frequency.is_daily:
        # Midnight in whatever zone stands for a date; in New York it would be the day before.
        is_dates = times.tz is None or bool((times == times.normalize()).all())
        days = times if is_dates else times.tz_convert(calendar.zone)
        return session_times(list(days.date), calendar)
    if times.tz is None:
        raise DataError(
            f"{instrument.symbol}: the times have no zone, so nobody knows when they were",
            hint='frame.index = frame.index.tz_localize("America/New_York")',
        )
    start = times.as_unit("ns").asi8
    return start, start + frequency.nanos


def _moments(raw: Any, symbol: str) -> DatetimeIndex:
    import pandas as pd  # noqa: PLC0415 - as above

    try:
        times = pd.DatetimeIndex(pd.to_datetime(raw, format="ISO8601"))
    except (ValueError, TypeError) as unread:
        raise DataError(
            f"{symbol}: the times cannot be read: {str(unread).splitlines()[0]}",
            hint="hand in datetimes, or text like 2024-01-31 or 2024-01-31T09:30:00-05:00",
        ) from None
    if times.hasnans:
        raise DataError(f"{symbol}: row {int(np.argmax(times.isna()))} has no time")
    return times
