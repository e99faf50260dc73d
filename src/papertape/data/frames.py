"""Frames at the border: a table of prices that a user holds in memory, made ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import (
    Bars,
    Frequency,
    PriceHistory,
    known_volume,
    session_times,
)

if TYPE_CHECKING:
    from pandas import DataFrame

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
        DataError: If a column is missing, a time is naive, or a row is no bar.
    """
    table = _as_pandas(frame, symbol)
    names = {str(name).strip().lower().replace(" ", "_"): name for name in table.columns}
    missing = [name for name in (*PRICES, "volume") if name not in names]
    if missing:
        raise DataError(
            f"{symbol}: the frame has no column {', '.join(missing)}",
            hint=f"it has {', '.join(map(str, table.columns)) or 'none'}; name them "
            "open high low close volume (volume may be NaN where it is unknown)",
        )
    columns = [table[names[name]].to_numpy(np.float64) for name in (*PRICES, "volume")]
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
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__dataframe__"):
        return pd.api.interchange.from_dataframe(frame)
    raise DataError(
        f"{symbol}: prices come as a frame, `Bars` or `PriceHistory`, not {type(frame).__name__}"
    )


def _times(
    table: DataFrame, names: Mapping[str, Any], instrument: Instrument, frequency: Frequency
) -> tuple[Any, Any]:
    import pandas as pd  # noqa: PLC0415 - as above

    column = next((names[name] for name in _TIMES if name in names), None)
    raw = table.index if column is None else table[column]
    if raw.dtype.kind in "iuf":
        raise DataError(
            f"{instrument.symbol}: the frame has no times, its index counts rows",
            hint="set the index to dates, or add a column time",
        )
    times = pd.DatetimeIndex(pd.to_datetime(raw))
    if frequency.is_daily:
        days = times.tz_convert(calendar_of(instrument.venue).zone) if times.tz else times
        return session_times([day.date() for day in days], calendar_of(instrument.venue))
    if times.tz is None:
        raise DataError(
            f"{instrument.symbol}: the times have no zone, so nobody knows when they were",
            hint='frame.index = frame.index.tz_localize("America/New_York")',
        )
    start = times.as_unit("ns").asi8
    return start, start + frequency.nanos
