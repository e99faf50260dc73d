"""The face of the command line, letter by letter; see golden_pages.py to renew it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.cli.golden_pages import GOLDEN, PAGES, Words, page

from papertape.cli.commands import COMMANDS


@pytest.mark.parametrize(
    ("name", "words", "width", "colour"), PAGES, ids=[each[0] for each in PAGES]
)
def test_a_page_is_what_it_was(
    name: str, words: Sequence[Words], width: int, colour: bool, tmp_path: Path
) -> None:
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert page(words, width, colour=colour, home=tmp_path) == expected


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*-80.txt")), ids=lambda file: file.stem)
def test_a_page_fits_into_eighty_columns(file: Path) -> None:
    assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 84


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.txt")), ids=lambda file: file.stem)
def test_a_page_names_only_commands_that_exist(file: Path) -> None:
    words = file.read_text(encoding="utf-8").replace("\033[1m", "").split("papertape ")[1:]
    named = {each.split()[0] for each in words}
    assert named <= {*COMMANDS, "COMMAND", "[flags]"}
