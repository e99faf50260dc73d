"""The pages whose text is held fast, and how to renew them after a change that was meant.

PYTHONPATH=src:. python tests/unit/cli/golden_pages.py
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from papertape.cli.main import main
from papertape.domain.clock import SECOND, ReplayClock

GOLDEN = Path(__file__).with_name("golden")
NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * SECOND

Words: TypeAlias = tuple[str, ...]

COMMANDS: dict[str, Words] = {
    "help": ("--help",),
    "demo": ("demo",),
    "backtest": (
        *("backtest", "moving_average_crossover", "--symbol", "AAPL"),
        *("--from", "2011-01-03", "--to", "2012-12-31"),
    ),
    "paper": ("paper", "momentum_breakout", "--symbol", "IBM", "--feed", "replay:2012-01-25"),
    "data-list": ("data", "list"),
    "data-show": ("data", "show", "AAPL"),
    "data-show-year": ("data", "show", "MSFT"),
    "data-check": ("data", "check", "--all"),
}
_GET = ("data", "get", "--provider", "sample", "--to", "2012-12-31", "--from")
BEFORE = dict.fromkeys(
    ("data-list", "data-show", "data-show-year"),
    ((*_GET, "2003-01-02", "AAPL"), (*_GET, "2012-01-03", "MSFT")),
)
BEFORE["data-check"] = ((*_GET, "2000-06-01", "AAPL"), (*_GET, "2012-01-03", "MSFT"))
"""What is typed before a page can be shown."""

WIDTHS = (80, 120)
"""Columns of the terminal."""

PAGES = [
    (f"{name}-{width}{'-colour' if colour else ''}", (*BEFORE.get(name, ()), words), width, colour)
    for name, words in COMMANDS.items()
    for width in WIDTHS
    for colour in (False, True)
]


def page(words: Sequence[Words], width: int, *, colour: bool, home: Path) -> str:
    """What the last command prints, but for the hashes that move with a comment in a strategy."""
    variables = {"COLUMNS": str(width), "NO_COLOR": "" if colour else "1", "TERM": "xterm"}
    variables |= {"FORCE_COLOR": "1"} if colour else {}
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        for variable in ("COLUMNS", "NO_COLOR", "TERM", "FORCE_COLOR"):
            patch.setenv(variable, variables.get(variable, ""))
        for each in words:
            printed.truncate(printed.seek(0))
            code = main((*each, "--home", str(home), "--quiet"), ReplayClock(NOON))
            assert code == 0
    return re.sub(
        r"data [0-9a-f]{8}  code [0-9a-f]{8}", "data ........  code ........", printed.getvalue()
    )


def renew() -> None:
    """Write every page anew."""
    GOLDEN.mkdir(exist_ok=True)
    for name, words, width, colour in PAGES:
        with tempfile.TemporaryDirectory() as home:
            text = page(words, width, colour=colour, home=Path(home))
        (GOLDEN / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    renew()
