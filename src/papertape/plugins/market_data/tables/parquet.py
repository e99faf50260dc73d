"""Parquet files as columns; DuckDB reads them and is imported only when one is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from papertape.domain.errors import DataError
from papertape.domain.market import FloatArray
from papertape.plugins.market_data.tables.grid import no_symbol, same_symbol

Column: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """The asked columns of a Parquet file, by role; a time with a zone comes as UTC.

    Attributes:
        header: All the file's column names.
        columns: Role to values.
        time_kind: DuckDB's name of the time column's type.
    """

    header: tuple[str, ...]
    columns: Mapping[str, Column]
    time_kind: str


RolesOf: TypeAlias = Callable[[tuple[str, ...]], dict[str, int]]


def read_parquet(path: Path, symbol: str, roles_of: RolesOf, cap: int) -> ParquetTable:
    """One symbol's rows of a Parquet file.

    Raises:
        DataError: If it is damaged, too large unpacked, empty, or holds no such symbol.
    """
    import duckdb  # noqa: PLC0415  (30 MB that a CSV does without)

    # DuckDB reads a name with these signs as a pattern over many files.
    if set(path.name) & set("*?["):
        raise DataError(f"{path.name}: a Parquet file's name must be free of * ? [")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with duckdb.connect(config=settings) as reader:
            return _read(reader, path, symbol, roles_of, cap)
    except duckdb.Error as error:
        raise DataError(
            f"{path.name} is no whole Parquet file: {str(error).splitlines()[0]}",
            hint="it is cut off or damaged; get it again",
        ) from None


def _read(reader: Any, path: Path, symbol: str, roles_of: RolesOf, cap: int) -> ParquetTable:
    file = str(path)
    size = "SELECT coalesce(sum(total_uncompressed_size), 0) FROM parquet_metadata(?)"
    if (unpacked := reader.execute(size, [file]).fetchone()[0]) > cap:
        raise DataError(f"{path.name} unpacks to {unpacked:,} bytes, more than {cap:,}")
    shape = reader.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file]).fetchall()
    header = tuple(str(column[0]) for column in shape)
    roles = roles_of(header)
    chosen = ", ".join(f"{_quoted(header[at])} AS {_quoted(role)}" for role, at in roles.items())
    where, wanted = _of_symbol(reader, path, symbol, header, roles)
    # The wanted columns and the file's names are quoted; every value travels as a parameter.
    found = reader.execute(f"SELECT {chosen} FROM read_parquet(?) {where}", [file, *wanted])
    columns = found.fetchnumpy()
    if not len(columns["time"]):
        raise DataError(f"{path.name} holds no rows")
    return ParquetTable(header, columns, str(shape[roles["time"]][1]))


def _of_symbol(
    reader: Any, path: Path, symbol: str, header: tuple[str, ...], roles: dict[str, int]
) -> tuple[str, list[str]]:
    if "symbol" not in roles:
        return "", []
    column = _quoted(header[roles["symbol"]])
    query = f"SELECT DISTINCT {column} FROM read_parquet(?) WHERE {column} IS NOT NULL"
    known = [str(row[0]) for row in reader.execute(query, [str(path)]).fetchall()]
    asked = [text for text in known if same_symbol(text, symbol)]
    if not asked:
        raise no_symbol(path.name, symbol, known)
    return f"WHERE {column} IN ({', '.join('?' * len(asked))})", asked


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def floats(column: Column) -> FloatArray:
    """A column as float64, NaN where it is null."""
    numbers = np.ma.asarray(column, np.float64)
    return np.asarray(numbers.filled(np.nan), np.float64)
