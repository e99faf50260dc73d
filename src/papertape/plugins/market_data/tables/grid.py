"""From text to columns of cells that know their line, and the lines that are no rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress, repeat

import numpy as np

from papertape.domain.errors import BadRow, DataError
from papertape.domain.market import IntArray
from papertape.plugins.market_data.tables.layouts import normalised

_DELIMITERS = "\t;|,"
_LINE_CAP = 100_000
_HEADERLESS = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text: a header, columns of cells, and each row's line (the header is line 1).

    Attributes:
        header: Column names as the file has them; made up where it has none.
        headed: Whether the file has a header.
        delimiter: What stands between cells.
        columns: One sequence of cells a column, all equally long.
        lines: The line of each row.
        faults: Lines that are no rows.
    """

    header: tuple[str, ...]
    headed: bool
    delimiter: str
    columns: tuple[Sequence[str], ...]
    lines: IntArray
    faults: tuple[BadRow, ...]

    def only(self, chosen: Sequence[bool]) -> Grid:
        """The same table with some of its rows."""
        columns = tuple(list(compress(column, chosen)) for column in self.columns)
        return replace(self, columns=columns, lines=self.lines[np.asarray(chosen, np.bool_)])


def read_grid(source: str, text: str, symbol: str) -> Grid:
    """The table in a text; its delimiter is the one the header uses most.

    Args:
        source: The file's name, for errors.
        text: The whole text.
        symbol: Which columns to take where the header names a symbol above each column.

    Raises:
        DataError: If there is no header, no row, or the last row was cut off.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbers = np.arange(1, len(lines) + 1)
    filled = [bool(line.strip()) for line in lines]
    if not all(filled):
        lines, numbers = list(compress(lines, filled)), numbers[filled]
    if not lines:
        raise DataError(f"{source} holds only blank lines", hint="download it again")
    delimiter = max(_DELIMITERS, key=lines[0].count)
    header, above = _header(source, lines, delimiter, symbol)
    rows, numbers = lines[above:], numbers[above:]
    if not rows:
        raise DataError(f"{source} has a header but no rows", hint="download it again")
    _refuse_cut(source, text, rows[-1], len(header), delimiter, int(numbers[-1]))
    columns, whole, faults = _columns(rows, numbers, len(header), delimiter)
    return Grid(header, above > 0, delimiter, columns, whole, tuple(faults))


def _header(
    source: str, lines: Sequence[str], delimiter: str, symbol: str
) -> tuple[tuple[str, ...], int]:
    """Column names, and how many lines they took."""
    first = _cells(lines[0], delimiter)
    if isinstance(first, str) or len(first) < 2:
        raise DataError(
            f"{source}: the first line is no header of a table: {lines[0][:80]!r}",
            hint="a price file begins with names such as Date,Open,High,Low,Close,Volume",
        )
    if not any(character.isalpha() for character in lines[0]):
        return _made_up(source, first, lines[0])
    tickers, index = [*(_cells(line, delimiter) for line in lines[1:3]), "", ""][:2]
    if index and normalised(index[0]) in {"date", "datetime"} and not any(index[1:]):
        return _unstacked(source, first, tickers, index[0], symbol), 3
    return tuple(name.strip() for name in first), 1


def _made_up(source: str, first: Sequence[str], line: str) -> tuple[tuple[str, ...], int]:
    # Assumption: six columns of whole numbers without a header are LEAN's; nobody else writes so.
    whole = [cell.strip().isdecimal() for cell in first]
    if len(first) == len(_HEADERLESS) and all(whole[1:]):
        return _HEADERLESS, 0
    raise DataError(
        f"{source} has no header; its first line is {line[:80]!r}",
        hint="write names above the columns, such as Date,Open,High,Low,Close,Volume",
    )


def _unstacked(
    source: str, names: Sequence[str], tickers: Sequence[str] | str, time: str, symbol: str
) -> tuple[str, ...]:
    """One header out of yfinance's three lines: names, tickers, and the index's name."""
    asked = [same_symbol(ticker, symbol) for ticker in tickers]
    if not any(asked[1:]):
        raise no_symbol(source, symbol, sorted(set(tickers[1:])))
    columns = zip(names[1:], tickers[1:], asked[1:], strict=True)
    return (time, *(name if ours else f"{name} of {ticker}" for name, ticker, ours in columns))


def _refuse_cut(source: str, text: str, last: str, width: int, delimiter: str, number: int) -> None:
    if not text.endswith(("\n", "\r")) and last.count(delimiter) < width - 1:
        raise DataError(
            f"{source}: line {number}, the last one, breaks off: {last[-60:]!r}",
            hint="the download was cut; get the file again",
        )


def _columns(
    rows: list[str], numbers: IntArray, width: int, delimiter: str
) -> tuple[tuple[Sequence[str], ...], IntArray, list[BadRow]]:
    """Cells column by column; one split of the whole text is enough where no line is odd."""
    joined = delimiter.join(rows)
    counts = list(map(str.count, rows, repeat(delimiter)))
    if '"' in joined or set(counts) != {width - 1}:
        return _checked_columns(rows, numbers, width, delimiter)
    cells = joined.split(delimiter)
    return tuple(cells[column::width] for column in range(width)), numbers, []


def _checked_columns(
    rows: list[str], numbers: IntArray, width: int, delimiter: str
) -> tuple[tuple[Sequence[str], ...], IntArray, list[BadRow]]:
    parsed, kept, faults = [], [], []
    for row, number in zip(rows, numbers.tolist(), strict=True):
        cells = _cells(row, delimiter)
        fault = cells if isinstance(cells, str) else _width_fault(len(cells), width)
        if fault:
            faults.append(BadRow(number, fault))
        else:
            parsed.append(cells)
            kept.append(number)
    columns = tuple(zip(*parsed, strict=True)) or tuple(() for _ in range(width))
    return columns, np.array(kept, np.int64), faults


def _cells(line: str, delimiter: str) -> list[str] | str:
    """The cells of one line, or what is wrong with it; no cell of prices spans lines."""
    if len(line) >= _LINE_CAP:
        return f"a line of {len(line):,} characters holds no bar"
    if line.count('"') % 2:
        return "a quote is opened and never closed"
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return f"its quotes do not match: {error}"


def _width_fault(found: int, width: int) -> str:
    return "" if found == width else f"{found} cells, but the header has {width}"


def of_symbol(grid: Grid, column: int, source: str, symbol: str) -> Grid:
    """The rows whose symbol cell is the asked one; share classes and ``.US`` spelled any way.

    Raises:
        DataError: If there are none.
    """
    cells = grid.columns[column]
    asked = {text for text in set(cells) if same_symbol(text, symbol)}
    if not asked:
        raise no_symbol(source, symbol, sorted(set(cells)))
    if len(asked) == len(set(cells)):
        return grid
    return grid.only([cell in asked for cell in cells])


def same_symbol(text: str, symbol: str) -> bool:
    """Whether a file's spelling means the symbol (``brk-b``, ``BRK/B``, Stooq's ``BRK.B.US``)."""
    spelled = text.strip().upper().replace("/", ".").replace("-", ".")
    return spelled in {symbol, f"{symbol}.US"}


def no_symbol(source: str, symbol: str, known: Sequence[str]) -> DataError:
    """The error that a file holds other symbols, and the nearest of those."""
    more = f" and {len(known) - 5} more" if len(known) > 5 else ""
    nearest = sorted(known, key=lambda text: (text.strip()[:2].upper() != symbol[:2], text))[:5]
    return DataError(
        f"{source} holds no {symbol}; it holds {', '.join(nearest)}{more}",
        hint=f"ask for {nearest[0]}" if nearest else "",
    )
