"""One price file on its way to bars: what the file, its sidecar and the user say, put together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos, WallClock
from papertape.domain.errors import BadRow, BadRows, DataError
from papertape.domain.instrument import Instrument, canonical_symbol
from papertape.domain.market import Adjustment, FloatArray, Frequency
from papertape.plugins.market_data.tables import cells, layouts
from papertape.plugins.market_data.tables.content import SIZE_CAP, Content, read_content, text_of
from papertape.plugins.market_data.tables.grid import Grid, of_symbol, read_grid
from papertape.plugins.market_data.tables.layouts import Layout
from papertape.plugins.market_data.tables.parquet import ParquetTable, floats, read_parquet
from papertape.plugins.market_data.tables.rows import Claims, Loaded, OnConflict, Rows, loaded
from papertape.plugins.market_data.tables.sidecar import Sidecar, read_sidecar
from papertape.plugins.market_data.tables.times import (
    ClockRules,
    DateOrder,
    Times,
    epoch_times,
    local_times,
    moment_times,
    read_times,
    since_midnight,
)
from papertape.plugins.market_data.tables.zones import RepeatedHour, zone_of

_NUMBERS = (*layouts.PRICES, "volume", "dividend", "split", "adjusted_close", "gain")
_ALPHA_VANTAGE = ("timestamp", "open", "high", "low", "close", "volume")
_ZONE_BY_COLUMN = {"barstartutc": "UTC", "barstartet": layouts.NEW_YORK}
_DAY_IN_NAME = re.compile(r"(?<![0-9])([0-9]{4})([0-9]{2})([0-9]{2})(?![0-9])")
_MEANING: Mapping[Adjustment, str] = {
    "raw": "as traded; the file names no splits and no dividends, so none are booked",
    "split": "adjusted for splits but not for dividends, which are not booked",
    "all": "adjusted for splits and dividends, so none are booked",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the user says about a price file, where the file itself cannot or does not.

    Attributes:
        symbol: Whose prices to read; it chooses the rows where a column names symbols.
        frequency: Bar length, like ``5m``; found from the rows if None.
        zone: Zone of times that name none, like ``America/New_York``.
        adjusted: What the prices are adjusted for.
        date_first: Whether ``03/04/2026`` begins with the day or the month.
        repeated_hour: Which of the two a naive time is that the clocks' turning back repeats.
        on_conflict: Whether two different rows of one time are an error or the later line wins.
        columns: Role to column name, like ``{"close": "Last"}``.
        day: Date of a file that counts from midnight (LEAN), if its name does not hold it.
        size_cap: Bytes it may have, packed or unpacked.
        now: The moment after which nothing can be known yet; the wall clock's if None.
    """

    symbol: str
    frequency: str | None = None
    zone: str | None = None
    adjusted: Adjustment | None = None
    date_first: DateOrder | None = None
    repeated_hour: RepeatedHour | None = None
    on_conflict: OnConflict = "error"
    columns: Mapping[str, str] = field(default_factory=dict)
    day: date | None = None
    size_cap: int = SIZE_CAP
    now: Nanos | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A price file's rows as they stand, with what is known besides, before anybody judges them.

    Attributes:
        rows: What could be read.
        claims: What the file, its sidecar and the user say about them.
        faults: Rows that could not even be read.
    """

    rows: Rows
    claims: Claims
    faults: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """A file, what was said about it, and whose prices are wanted."""

    path: Path
    content: Content
    told: Told
    sidecar: Sidecar
    instrument: Instrument
    frequency: Frequency | None

    @property
    def name(self) -> str:
        return self.content.name


def load_prices(path: str | Path, told: Told) -> Loaded:
    """A price file's history, with the report of what became of its rows.

    Raises:
        BadRows: If rows cannot be bars; all of them are named at once, by line.
        DataError: If the file cannot be read, or does not say what it must.
        UsageError: If what was told cannot mean anything.
    """
    read = read_rows(path, told)
    return loaded(read.rows, read.claims, read.faults)


def read_rows(path: str | Path, told: Told) -> Read:
    """A price file's rows, whatever they say.

    Raises:
        BadRows: If the times of a Parquet file cannot be read.
        DataError: If the file cannot be read, or does not say what it must.
        UsageError: If what was told cannot mean anything.
    """
    path = Path(path)
    symbol = canonical_symbol(told.symbol)
    frequency = Frequency.parse(told.frequency) if told.frequency else None
    if told.zone:
        zone_of(told.zone)  # a word that is no zone is refused where no time needs it, too
    content = read_content(path, told.size_cap)
    sidecar = read_sidecar(path, content)
    instrument = Instrument(symbol, currency=sidecar.currency)
    file = _File(path, content, told, sidecar, instrument, frequency or sidecar.frequency)
    return _parquet(file) if content.is_parquet else _text(file)


def _text(file: _File) -> Read:
    text, inside = text_of(file.content, file.told.size_cap)
    grid = read_grid(file.name, text, file.instrument.symbol)
    del text
    layout = layouts.layout_of(grid.header) if grid.headed else layouts.LEAN
    roles = layouts.roles_of(file.name, grid.header, layout, file.told.columns)
    if "symbol" in roles and len(grid.lines):
        grid = of_symbol(grid, roles["symbol"], file.name, file.instrument.symbol)
    stamps = grid.column(roles["time"])
    clocks = grid.column(roles["clock"]) if "clock" in roles else None
    if _is_alpha_vantage(grid, stamps):
        layout = layouts.ALPHA_VANTAGE
    rules = _rules(file, layout, grid.header[roles["time"]])
    times = (
        read_times(stamps, clocks, rules)
        if grid.headed
        else _lean_times(stamps, rules, _day_of(file, inside))
    )
    numbers, unread = _numbers(grid, roles, layout)
    unread |= times.faults
    rows = Rows(times.daily, grid.lines, times.when, **_priced(numbers, layout))
    faults = grid.faults + tuple(BadRow(int(grid.lines[at]), why) for at, why in unread.items())
    sound = rows.only(np.delete(np.arange(len(rows)), list(unread))) if unread else rows
    return Read(sound, _claims(file, layout, roles, times), faults)


def _parquet(file: _File) -> Read:
    def roles_of(header: tuple[str, ...]) -> dict[str, int]:
        layout = layouts.layout_of(header)
        return layouts.roles_of(file.name, header, layout, file.told.columns)

    table = read_parquet(file.path, file.instrument.symbol, roles_of, file.told.size_cap)
    layout, roles = layouts.layout_of(table.header), roles_of(table.header)
    times = _typed_times(table, _rules(file, layout, table.header[roles["time"]]))
    lines = np.arange(1, len(times.when) + 1)
    if times.faults:
        faults = [BadRow(int(lines[row]), why) for row, why in times.faults.items()]
        raise BadRows(file.name, tuple(faults))
    numbers = {role: floats(table.columns[role]) for role in _NUMBERS if role in table.columns}
    rows = Rows(times.daily, lines, times.when, **_priced(numbers, layout))
    return Read(rows, _claims(file, layout, roles, times))


def _rules(file: _File, layout: Layout, time_column: str) -> ClockRules:
    said = file.sidecar.zone or file.told.zone
    known = layout.zone or _ZONE_BY_COLUMN.get(layouts.normalised(time_column))
    # What only looks like Alpha Vantage does not overrule what somebody said.
    zone = said or known if layout is layouts.ALPHA_VANTAGE else known or said
    return ClockRules(
        source=file.name,
        exchange=calendar_of(file.instrument.venue).zone,
        zone=zone,
        date_first=file.told.date_first,
        usual="month" if layout.month_first else None,
        repeated_hour=file.told.repeated_hour,
        frequency=file.frequency,
    )


def _claims(file: _File, layout: Layout, roles: Mapping[str, int], times: Times) -> Claims:
    stated = file.told.adjusted or file.sidecar.adjustment
    assumed = () if stated else _assumed(file.name, layout, "dividend" in roles)
    now = file.told.now if file.told.now is not None else WallClock().now()
    provider = f"{file.sidecar.provider}, " if file.sidecar.provider else ""
    return Claims(
        instrument=file.instrument,
        source=f"{file.name} ({provider}{layout.name} layout)",
        fingerprint=file.content.fingerprint,
        adjusted=stated or layout.adjusted or "raw",
        frequency=file.frequency,
        until=min(now, file.sidecar.fetched_at or now),
        on_conflict=file.told.on_conflict,
        notices=assumed + times.notices,
        stated=bool(stated or layout.adjusted),
    )


def _assumed(name: str, layout: Layout, has_dividends: bool) -> tuple[str, ...]:
    """The one sentence on what nobody stated; none where the layout brings splits and dividends."""
    if layout.adjusted is None:
        # Assumption: without a word about it, a date is a session date and a price was traded.
        return (
            f"{name} does not say what its prices are: dates are taken as session dates, prices "
            "as traded, and dividends are not booked; --adjusted raw, split or all says it",
        )
    if has_dividends and layout.adjusted != "all":
        return ()
    return (f"{name}: in the {layout.name} layout prices are {_MEANING[layout.adjusted]}",)


def _is_alpha_vantage(grid: Grid, stamps: Sequence[str]) -> bool:
    """Assumption: exactly these columns, newest first, are Alpha Vantage's, in New York time."""
    names = tuple(name.lower() for name in grid.header)
    return names == _ALPHA_VANTAGE and len(stamps) > 1 and stamps[0] > stamps[-1]


def _numbers(
    grid: Grid, roles: Mapping[str, int], layout: Layout
) -> tuple[dict[str, FloatArray], dict[int, str]]:
    """Numbers by role, NaN where one is missing, and the rows with cells that are none."""
    found = [role for role in _NUMBERS if role in roles]
    at_once = grid.numbers([roles[role] for role in found])
    if at_once is not None:
        return dict(zip(found, at_once, strict=True)), {}
    read = _number_style(grid, roles, layout)
    numbers: dict[str, FloatArray] = {}
    unread: dict[int, str] = {}
    for role in found:
        plain = grid.numbers([roles[role]])
        if plain is not None:
            numbers[role] = plain[0]
            continue
        numbers[role], faults = cells.numbers(grid.column(roles[role]), read)
        unread |= {row: f"{role} {why}" for row, why in faults}
    return numbers, unread


def _number_style(grid: Grid, roles: Mapping[str, int], layout: Layout) -> cells.ReadNumber:
    if layout.decorated:
        return cells.decorated_number
    if grid.delimiter == ";":
        prices = [grid.column(roles[role]) for role in layouts.PRICES]
        if cells.decimal_commas_proven(list(zip(*prices, strict=True))):
            return cells.decimal_comma_number
    return cells.plain_number


def _priced(numbers: Mapping[str, FloatArray], layout: Layout) -> dict[str, FloatArray]:
    """Numbers as dollars and shares: fixed point undone, stand-ins for missing prices removed."""
    unknown = np.full(len(numbers["open"]), np.nan)
    columns = {role: numbers.get(role, unknown) for role in _NUMBERS}
    prices = np.array([columns[role] for role in layouts.PRICES])
    if layout.missing:
        prices[np.isin(prices, layout.missing)] = np.nan
    if layout.divisor == 1:
        return columns | dict(zip(layouts.PRICES, prices, strict=True))
    known = prices[~np.isnan(prices)]
    # Databento also writes decimals: whole numbers that would be less than a tenth of a cent in
    # fixed point are dollars.
    if np.all(known == np.rint(known)) and np.all(known >= layout.divisor / 1_000):
        prices /= layout.divisor
    return columns | dict(zip(layouts.PRICES, prices, strict=True))


def _typed_times(table: ParquetTable, rules: ClockRules) -> Times:
    stamps = table.columns["time"]
    if np.ma.isMaskedArray(stamps) and np.ma.getmaskarray(stamps).any():
        raise DataError(f"{rules.source}: some rows have no time")
    stamps = np.asarray(stamps)
    if stamps.dtype.kind == "O":
        return read_times([str(stamp) for stamp in stamps], None, rules)
    if stamps.dtype.kind in "iu":
        return epoch_times(stamps.astype(np.int64), rules)
    if stamps.dtype.kind != "M":
        raise DataError(f"{rules.source}: a column of {table.time_kind} holds no times")
    years = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    if not bool(np.all((years >= 1800) & (years <= 2100))):
        raise DataError(f"{rules.source}: the years run from {years.min()} to {years.max()}")
    moments = stamps.astype("datetime64[ns]").astype(np.int64)
    aware = "TIME ZONE" in table.time_kind
    return moment_times(moments, rules) if aware else local_times(moments, rules)


def _lean_times(stamps: Sequence[str], rules: ClockRules, day: date | None) -> Times:
    """Milliseconds since the exchange's midnight, of a day that stands in the name."""
    if " " in next(iter(stamps), ""):
        return read_times(stamps, None, rules)
    if day is None:
        raise DataError(
            f"{rules.source} counts from midnight, but its name holds no date",
            hint="name it like 20131007_trade.zip; in Python read_prices(..., day=) says it",
        )
    return since_midnight(stamps, day, rules)


def _day_of(file: _File, inside: str) -> date | None:
    if file.told.day:
        return file.told.day
    found = _DAY_IN_NAME.search(inside) or _DAY_IN_NAME.search(file.name)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
