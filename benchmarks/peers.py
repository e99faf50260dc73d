"""The other engines, each in an environment of its own under ``build/peers/``.

They come from the ordinary package index at the first run; the package's lock knows nothing of
them, and the package's environment holds none of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[1]


class Peer(NamedTuple):
    """An engine: its name for people, and what its environment holds."""

    title: str
    needs: tuple[str, ...]


PEERS = {
    "backtrader": Peer("backtrader 1.9.78", ("backtrader==1.9.78.123", "pandas==2.3.3")),
    "backtesting": Peer("backtesting.py 0.6.6", ("backtesting==0.6.6",)),
    "vectorbt": Peer("vectorbt 1.2.0", ("vectorbt==1.2.0", "vectorbt-rust==1.2.0")),
    "pybroker": Peer("PyBroker 2.0.2", ("lib-pybroker==2.0.2",)),
    "nautilus": Peer("NautilusTrader 1.221.0", ("nautilus_trader==1.221.0",)),
}


class NotInstalled(Exception):
    """A peer could not be installed; the message is what the installer said."""


def environment(name: str) -> Path:
    """A peer's own Python, made where it is not there yet.

    Raises:
        NotInstalled: If it cannot be made here.
    """
    needs = PEERS[name].needs
    folder = PROJECT / "build" / "peers" / name
    python, done = folder / "bin" / "python", folder / ".made-of"
    if not done.exists() or done.read_text() != "\n".join(needs):
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", *needs)
        done.write_text("\n".join(needs))
    return python


def _run(*command: str) -> None:
    """A step of the set-up; its output is shown only where it fails."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NotInstalled(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
