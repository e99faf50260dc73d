"""Price files as sheets: what a file says, laid out for the rules of `data.quality`."""

from __future__ import annotations

import numpy as np

from papertape.data.quality.sheet import Sheet
from papertape.domain.calendar import calendar_of
from papertape.plugins.market_data.tables.reading import Read
from papertape.plugins.market_data.tables.rows import frequency_of, spans


def sheet_of(read: Read) -> Sheet:
    """A file's rows as a sheet, in the order of the file."""
    rows, claims = read.rows.on_grid(), read.claims
    in_order = rows.only(np.argsort(rows.when, kind="stable"))
    frequency = frequency_of(in_order, claims)
    start, _ = spans(rows, frequency, calendar_of(claims.instrument.venue))
    return Sheet(
        instrument=claims.instrument,
        frequency=frequency,
        start=start,
        open=rows.open,
        high=rows.high,
        low=rows.low,
        close=rows.close,
        volume=rows.volume,
        dividend=rows.dividend,
        split=rows.split,
        adjusted_close=rows.adjusted_close,
        gain=rows.gain,
        adjusted=claims.adjusted,
        stated=claims.stated,
    )
