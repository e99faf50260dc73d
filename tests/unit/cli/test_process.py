"""The command as a process: its pipes, its signals, its silence on the network."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import papertape

GUARD = """
import sys
def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"):
        raise RuntimeError(f"the demo asked the network: {event} {arguments}")
sys.addaudithook(guard)
from papertape.cli.main import run
run()
"""
COMMAND = [sys.executable, "-m", "papertape"]


@pytest.fixture(autouse=True)
def same_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process started elsewhere imports the package that is tested here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(papertape.__file__).parents[1]))


def test_the_demo_asks_nobody_and_warns_of_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-W", "error", "-c", GUARD, "demo", "--home", str(tmp_path / "home")]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert ran.stdout.startswith("SAMPLE")


def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path) -> None:
    line = f"{' '.join(COMMAND)} strategy list --home {tmp_path} | true"
    ran = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert ran.stderr == ""


def test_the_exit_code_reaches_the_shell(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "why", "T1", "--home", str(tmp_path)], capture_output=True, check=False
    )
    assert ran.returncode == 2


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_session_with_its_code_and_keeps_nothing(
    sent: signal.Signals, code: int, tmp_path: Path
) -> None:
    file = tmp_path / "bars.csv"
    days = "".join(f"2012-03-{day:02},10,11,9,10,1000\n" for day in (1, 2, 5, 6, 7, 8, 9))
    file.write_text(f"date,open,high,low,close,volume\n{days}")
    words = ["paper", "buy_and_hold", "--symbol", "X", "--feed", f"replay:{file}"]
    words += ["--speed", "1x", "--home", str(tmp_path / "home")]
    process = subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Who runs the tests in the background has them ignore what a keyboard sends.
        preexec_fn=partial(signal.signal, sent, signal.SIG_DFL),  # noqa: PLW1509
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=3)
    process.send_signal(sent)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (tmp_path / "home").exists()
