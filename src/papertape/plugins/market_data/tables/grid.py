"""From text to columns of cells that know their line, and the lines that are no rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress, repeat
from operator import contains

import numpy as np

from papertape.domain.errors import BadRow, DataError
from papertape.domain.market import FloatArray, IntArray
from papertape.plugins.market_data.tables.layouts import normalised

_DELIMITERS = "\t;|,"
_DIVIDER = "\x1f"
_LINE_CAP = 100_000
_HEADERLESS = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as text whose rows all have the header's width, and know their line.

    Attributes:
        header: Column names as the file has them; made up where it has none.
        headed: Whether the file has a header.
        delimiter: What stands between cells in the file.
        rows: Lines without quotes; ``divider`` stands between their cells.
        divider: The file's delimiter, or a sign that no cell holds.
        lines: The line of each row; the header is line 1.
        faults: Lines that are no rows.
    """

    header: tuple[str, ...]
    headed: bool
    delimiter: str
    rows: Sequence[str]
    divider: str
    lines: IntArray
    faults: tuple[BadRow, ...]

    def only(self, chosen: Sequence[bool]) -> Grid:
        """The same table with some of its rows."""
        kept = self.lines[np.asarray(chosen, np.bool_)]
        return replace(self, rows=list(compress(self.rows, chosen)), lines=kept)

    def column(self, at: int) -> list[str]:
        """One column's cells."""
        return [row.split(self.divider, at + 1)[at] for row in self.rows]

    def numbers(self, columns: Sequence[int]) -> FloatArray | None:
        """Columns of plain finite numbers, one a row of the answer; None if any cell is not one.

        NumPy's own reader takes a million rows in a second, where splitting them takes three.
        """
        if not self.rows:
            return None
        try:
            found = np.loadtxt(
                self.rows, delimiter=self.divider, usecols=columns, comments=None, ndmin=2
            ).T
        except ValueError:
            return None
        return found if bool(np.isfinite(found).all()) else None


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
    if _regular(rows, len(header), delimiter):
        return Grid(header, above > 0, delimiter, rows, delimiter, numbers, ())
    even, numbers, faults = _evened(rows, numbers, len(header), delimiter)
    return Grid(header, above > 0, delimiter, even, _DIVIDER, numbers, tuple(faults))


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
    stacked = len(first) == len(tickers) == len(index) and not any(index[1:])
    if stacked and normalised(index[0]) in {"date", "datetime"}:
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


def _regular(rows: Sequence[str], width: int, delimiter: str) -> bool:
    """Whether no line has quotes, another width or a monstrous length."""
    return (
        set(map(str.count, rows, repeat(delimiter))) == {width - 1}
        and max(map(len, rows)) < _LINE_CAP
        and not any(map(contains, rows, repeat('"')))
    )


def _evened(
    rows: Sequence[str], numbers: IntArray, width: int, delimiter: str
) -> tuple[list[str], IntArray, list[BadRow]]:
    """Rows without quotes, and the lines that cannot be rows."""
    even, kept, faults = [], [], []
    for row, number in zip(rows, numbers.tolist(), strict=True):
        cells = _cells(row, delimiter)
        fault = cells if isinstance(cells, str) else _width_fault(len(cells), width)
        if fault:
            faults.append(BadRow(number, fault))
        else:
            even.append(_DIVIDER.join(cells))
            kept.append(number)
    return even, np.array(kept, np.int64), faults


def _cells(line: str, delimiter: str) -> list[str] | str:
    """The cells of one line, or what is wrong with it; no cell of prices spans lines."""
    if len(line) >= _LINE_CAP:
        return f"a line of {len(line):,} characters holds no bar"
    if _DIVIDER in line:
        return "it holds a control character"
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
    cells = grid.column(column)
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
