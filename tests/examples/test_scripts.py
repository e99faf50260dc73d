"""The scripts run, say what they do, and use the package as anybody could."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import papertape

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
OURS = ("fetch_historical_data.py", "run_backtest.py", "paper_trading_session.py")


def environment(folder: Path) -> dict[str, str]:
    """This process's, with a home of its own and the package that is tested here."""
    package = str(Path(papertape.__file__).parents[1])
    return {**os.environ, "HOME": str(folder), "NO_COLOR": "1", "PYTHONPATH": package}


def run(name: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / name, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", OURS)
def test_a_script_explains_itself(name: str, tmp_path: Path) -> None:
    ran = run(name, "--help", folder=tmp_path)
    assert ran.returncode == 0
    assert "--symbol" in ran.stdout


def test_a_backtest_prints_figures_and_a_reason(tmp_path: Path) -> None:
    ran = run("run_backtest.py", "--symbol", "AAPL", "--from", "2011-01-03", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "final_equity" in ran.stdout
    assert "T1  BUY" in ran.stdout


def test_a_paper_session_prints_its_blotter(tmp_path: Path) -> None:
    words = ("--symbol", "AAPL", "--from", "2012-01-03", "--to", "2012-12-31")
    ran = run("paper_trading_session.py", *words, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "O1" in ran.stdout
    assert "filled" in ran.stderr


def test_the_sample_goes_through_a_file_unchanged(tmp_path: Path) -> None:
    ran = run("fetch_historical_data.py", "--symbol", "AAPL", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    beside = json.loads((tmp_path / "AAPL.csv.json").read_text())
    assert beside["sha256"] == sha256((tmp_path / "AAPL.csv").read_bytes()).hexdigest()
    assert (beside["rows"], beside["adjustment"], beside["timeframe"]) == (3270, "raw", "1d")
    equity = []
    for words in (("--data", "AAPL.csv", "--map", "dividend=dividend,split=split"), ()):
        line = ["backtest", "buy_and_hold", "--symbol", "AAPL", "--json", *words]
        ran = subprocess.run(
            [sys.executable, "-m", "papertape", *line, "--home", tmp_path / "home"],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=True,
        )
        equity.append(json.loads(ran.stdout)["data"]["metrics"]["final_equity"])
    assert equity[0] == equity[1]


def test_a_canonical_file_is_its_own_canonical_form(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "Date;Open;High;Low;Close;Volume\n2024-01-03;10,5;11;9;10;\n2024-01-02;10;11;9;10,25;7\n"
    )
    run(
        "fetch_historical_data.py",
        "--source",
        "x.csv",
        "--symbol",
        "X",
        "--adjusted",
        "raw",
        folder=tmp_path,
    )
    assert (tmp_path / "X.csv").read_text() == (
        "timestamp,open,high,low,close,volume\n2024-01-02,10,11,9,10.25,7\n2024-01-03,10.5,11,9,10,\n"
    )


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "IBM.csv").write_text("precious")
    assert run("fetch_historical_data.py", "--symbol", "IBM", folder=tmp_path).returncode == 2
    assert (tmp_path / "IBM.csv").read_text() == "precious"
