"""`papertape export`: a run's tables as files that other programs read."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.files import refuse_overwriting, write_whole
from papertape.cli.options import Here
from papertape.cli.store import RunStore, StoredRun
from papertape.domain.errors import UsageError
from papertape.engines.proofbench.record import (
    DecisionRow,
    EquityColumns,
    FillRow,
    OrderRow,
    TradeRow,
)

What = Literal["trades", "orders", "fills", "equity", "decisions"]
Format = Literal["csv", "parquet", "json"]

_ROWS: dict[str, type[msgspec.Struct]] = {
    "trades": TradeRow,
    "orders": OrderRow,
    "fills": FillRow,
    "decisions": DecisionRow,
}
_TIMES = ("time", "entry_time", "exit_time")
_RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export: its name, its type in words, and whether a cell may be empty."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to be exported, each with a cell for every column."""

    columns: list[Column]
    rows: list[list[Any]]


def export(
    run: str,
    /,
    *,
    what: What,
    to: Annotated[Format, Parameter(name="--to")] = "csv",
    out: Annotated[str | None, Parameter(name=["--out", "-o"], allow_leading_hyphen=True)] = None,
    force: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    here: Here,
) -> Answer:
    """Write a table of a run to a file, with its schema beside it, or to stdout.

    Parameters
    ----------
    run
        The run's id; last and last~1 work, too.
    what
        The table.
    to
        The format; parquet needs a file.
    out
        The file; - is stdout.
    force
        Write over a file that is there.
    """
    to_stdout = out in (None, "-")
    if to == "parquet" and to_stdout:
        raise UsageError("parquet cannot go to a terminal", hint=f"-o {what}.parquet")
    kept = RunStore(here).load(run)
    table = _table(kept, what)
    schema = _schema(kept, what, table)
    if out is None or to_stdout:
        text = _csv(table) if to == "csv" else _json(table)
        return Answer(text.rstrip("\n"), {**schema, "rows": _records(table)})
    file, beside = Path(out), Path(f"{out}.schema.json")
    refuse_overwriting([file, beside], force=force)
    write_whole(file, _parquet(table) if to == "parquet" else _encoded(table, to))
    write_whole(beside, msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n")
    count = f"{len(table.rows):,} {what} of {kept.id}"
    told = {**schema, "file": str(file), "schema_file": str(beside), "written": len(table.rows)}
    return Answer(f"{file}: {count}\n{beside}: what its columns hold", told)


def _table(run: StoredRun, what: What) -> Table:
    if what == "equity":
        columns = msgspec.structs.asdict(run.record.equity)
        present = {name: cells for name, cells in columns.items() if cells is not None}
        typed = [_column(name, EquityColumns, inner=True) for name in present]
        return Table(typed, [list(row) for row in zip(*present.values(), strict=True)])
    kind, rows = _ROWS[what], getattr(run.record, what)
    names = kind.__struct_fields__
    typed = [_column(name, kind) for name in names]
    return Table(typed, [[getattr(row, name) for name in names] for row in rows])


_TYPES = {str: "text", int: "integer", float: "number", bool: "boolean"}


def _column(name: str, kind: type, *, inner: bool = False) -> Column:
    """A column as the record declares it; ``inner`` looks at what a list holds."""
    hint = get_type_hints(kind)[name]
    nullable = type(None) in get_args(hint)
    if nullable:
        hint = next(each for each in get_args(hint) if each is not type(None))
    if inner:
        hint, nullable = get_args(hint)[0], False
    words = "time" if name in _TIMES else _TYPES.get(hint, "list of text")
    return Column(name, words, nullable)


def _schema(run: StoredRun, what: What, table: Table) -> dict[str, Any]:
    return {
        "schema": f"papertape.{what}/1",
        "run": run.id,
        "made_at": run.made_at,
        "columns": [
            {"name": column.name, "type": column.type, "nullable": column.nullable}
            for column in table.columns
        ],
    }


def _records(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _encoded(table: Table, to: Format) -> bytes:
    return (_csv(table) if to == "csv" else _json(table)).encode()


def _json(table: Table) -> str:
    lines = ",\n".join(msgspec.json.encode(row).decode() for row in _records(table))
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def _csv(table: Table) -> str:
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([[_cell(value) for value in row] for row in table.rows])
    return page.getvalue()


def _cell(value: Any) -> Any:
    """A cell as text; what a spreadsheet would run as a formula begins with a quote mark."""
    text = "; ".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_RISKY) else text


_DUCKDB = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMPTZ",
    "list of text": "VARCHAR[]",
}


def _parquet(table: Table) -> bytes:
    import duckdb  # noqa: PLC0415 - heavy, and only Parquet needs it

    typed = {column.name: _DUCKDB[column.type] for column in table.columns}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        source.write_text(_json(table), encoding="utf-8")
        database = duckdb.connect(":memory:")
        rows = database.read_json(str(source), columns=typed, format="array")
        rows.write_parquet(str(target), compression="zstd")
        database.close()
        return target.read_bytes()
