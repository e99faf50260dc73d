"""The page of fills beside other engines says what we fill today; the peers stay where they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_our_column_is_what_we_fill_now(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project / "benchmarks"
    monkeypatch.syspath_prepend(str(folder))
    import fills  # noqa: PLC0415 - a program, found by the line above

    driver = [sys.executable, str(folder / "peer_fills" / "drive_papertape.py")]
    said = subprocess.run(driver, check=True, capture_output=True, text=True).stdout
    filled = json.loads(said.splitlines()[-1])
    rows = (project / "docs" / "peer-fills.md").read_text(encoding="utf-8").splitlines()
    columns = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if "|" in row]
    shown = {cells[0]: cells[2] for cells in columns}
    for case in fills.cases():
        assert shown[case.words] == fills.cell(case, filled[case.name])
