"""The table of faults names each of them once, and only tests that there are."""

import re
from itertools import chain
from pathlib import Path

FAULTS = {f"F{number}" for number in range(1, 61)}


def test_every_fault_is_in_the_table_once_with_a_test_that_exists(project: Path) -> None:
    rows = re.findall(r"^\| ((?:F\d+(?:, )?)+).*$", (project / "docs/faults.md").read_text(), re.M)
    named = list(chain.from_iterable(row.split(", ") for row in rows))
    assert sorted(named) == sorted(FAULTS)


def test_every_test_of_the_table_is_there(project: Path) -> None:
    cited = set(re.findall(r"`(test_\w+|tests/[\w/.]+)`", (project / "docs/faults.md").read_text()))
    sources = [file.read_text() for file in (project / "tests").rglob("test_*.py")]
    there = set(re.findall(r"def (test_\w+)\(", "\n".join(sources)))
    assert len(cited) > 60
    assert not {each for each in cited if "/" not in each} - there
    assert all((project / each).exists() for each in cited if "/" in each)
