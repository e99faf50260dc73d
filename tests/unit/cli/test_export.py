"""Exports: the same rows in three formats, safe to open, never over another file."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from papertape.cli.export import Column, Table, _csv

RUN = ("backtest", "rsi_mean_reversion", "--symbol", "AAPL", "IBM", "--from", "2009-01-02")
WHAT = ("trades", "orders", "fills", "equity", "decisions")


@pytest.mark.parametrize("what", WHAT)
def test_three_formats_hold_the_same_rows(what: str, typed, folder: Path) -> None:
    typed(*RUN)
    for to in ("csv", "json", "parquet"):
        said = typed("export", "last", "--what", what, "--to", to, "-o", f"out.{to}")
        assert said.code == 0, said.err
    told = json.loads((folder / "out.json").read_text())
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text())))
    schema = json.loads((folder / "out.csv.schema.json").read_text())
    names = [column["name"] for column in schema["columns"]]
    assert list(rows[0]) == names == list(told[0])
    parquet = f"from '{folder}/out.parquet'"
    assert duckdb.sql(f"select count(*) {parquet}").fetchall() == [(len(rows),)] == [(len(told),)]
    columns = {
        name: kind for name, kind, *_ in duckdb.sql(f"describe select * {parquet}").fetchall()
    }
    assert list(columns) == names
    times = {kind for name, kind in columns.items() if "time" in name.split("_")}
    assert times - {"VARCHAR"} == {"TIMESTAMP WITH TIME ZONE"}


def test_fills_of_parquet_add_up_to_those_of_the_run(typed, folder: Path) -> None:
    run = json.loads(typed(*RUN, "--json").out)["data"]
    typed("export", "last", "--what", "fills", "--to", "parquet", "-o", "fills.parquet")
    found = duckdb.sql(f"select quantity, price, fee from '{folder}/fills.parquet'").fetchall()
    assert found == [(fill["quantity"], fill["price"], fill["fee"]) for fill in run["fills"]]


def test_an_export_goes_to_stdout_and_begins_with_its_columns(typed) -> None:
    typed(*RUN)
    for words in ((), ("-o", "-")):
        said = typed("export", "last", "--what", "orders", *words)
        assert said.out.startswith("id,time,symbol,side,quantity,")
        assert said.err == ""


@pytest.mark.parametrize("start", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_stay_numbers(start: str) -> None:
    columns = [Column("reason", "text", False), Column("pnl", "number", False)]
    page = _csv(Table(columns, [[start, -1.5]]))
    assert list(csv.reader(io.StringIO(page)))[1] == [f"'{start}", "-1.5"]


def test_another_file_is_never_overwritten_unless_forced(typed, folder: Path) -> None:
    typed(*RUN)
    (folder / "out.csv").write_text("precious")
    words = ("export", "last", "--what", "trades", "-o", "out.csv")
    assert typed(*words).code == 2
    assert (folder / "out.csv").read_text() == "precious"
    assert typed(*words, "--force").code == 0


def test_parquet_needs_a_file(typed) -> None:
    typed(*RUN)
    assert typed("export", "last", "--what", "trades", "--to", "parquet").code == 2


def test_a_folder_that_is_not_there_is_said(typed, folder: Path) -> None:
    typed(*RUN)
    said = typed("export", "last", "--what", "trades", "-o", "nowhere/out.csv")
    assert said.code == 3
    assert not (folder / "nowhere").exists()
