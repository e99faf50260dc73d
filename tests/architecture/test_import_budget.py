"""What a command may import: nobody waits for a library that the command does not need."""

import os
import subprocess
import sys
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

HEAVY = {
    "Cython",
    "bokeh",
    "duckdb",
    "exchange_calendars",
    "httpx2",
    "pandas",
    "pydantic",
    "scipy",
    "sqlite3",
    "structlog",
    "talib",
    "tenacity",
    "websockets",
}
RUN = "import sys; from papertape.cli.main import run; sys.exit(run())"

pytestmark = pytest.mark.skipif(
    find_spec("papertape.cli.main") is None, reason="there is no command line yet"
)


def imported_by(arguments: list[str], folder: Path) -> set[str]:
    """The top-level packages that one run of the command line imports."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", RUN, *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    lines = (line for line in ran.stderr.splitlines() if line.startswith("import time:"))
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


def prices(path: Path) -> Path:
    """Some 360 daily bars that rise and fall, as CSV."""
    first, rows = date(2023, 1, 2), ["date,open,high,low,close,volume"]
    for n in range(500):
        day = first + timedelta(n)
        price = 100 + abs(n % 200 - 100) / 2
        if day.weekday() < 5:
            rows.append(f"{day},{price},{price + 1},{price - 1},{price + 0.5},1000000")
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_help_imports_nothing_heavy_and_no_arrays(tmp_path: Path) -> None:
    assert imported_by(["--help"], tmp_path) & (HEAVY | {"numpy"}) == set()


def test_a_backtest_from_csv_imports_nothing_heavy(tmp_path: Path) -> None:
    file = prices(tmp_path / "TEST.csv")
    line = f"backtest moving_average_crossover --symbol TEST --data {file} --home {tmp_path}"
    span = "--from 2023-02-01 --to 2024-04-01 --param fast=5 --param slow=20 --json"
    assert imported_by([*line.split(), *span.split()], tmp_path) & HEAVY == set()
