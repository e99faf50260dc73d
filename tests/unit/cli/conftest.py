"""A command line in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.unit.cli.golden_pages import NOON

from papertape.cli.main import main
from papertape.domain.clock import ReplayClock


class Said(NamedTuple):
    """What a command line answered."""

    code: int
    out: str
    err: str


Type = Callable[..., Said]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, a home beside it that is not there yet, and no colour."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("PAPERTAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TERM", raising=False)
    return place


@pytest.fixture
def typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command line at noon of 2026-11-22 (UTC)."""

    def run(*words: str, now: int = NOON) -> Said:
        capsys.readouterr()
        code = main(words, ReplayClock(now))
        return Said(code, *capsys.readouterr())

    return run
