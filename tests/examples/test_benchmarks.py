"""The benchmarks themselves: they run, count right, and say what is not reached or not equal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest


@pytest.fixture(autouse=True)
def _programs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(project / "benchmarks"))


def test_a_quick_race_without_peers_writes_figures_and_a_page(
    project: Path, tmp_path: Path
) -> None:
    only = ["--only", "order,guarded,signal,sweep,cold,help,status"]
    line = [str(project / "benchmarks" / "race.py"), "--quick", "--alone", *only]
    said = subprocess.run(
        [sys.executable, *line, "--to", str(tmp_path / "races.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    found = json.loads((tmp_path / "races.json").read_text())
    racers = {
        name: {words for words, each in lines.items() if each["seconds"]}
        for name, lines in found.items()
        if name not in ("machine", "left")
    }
    ours = {"papertape"}
    assert racers == {
        **dict.fromkeys(("order", "guarded", "help", "status"), ours),
        "signal": {"papertape", "papertape, with its whole table of metrics"},
        "sweep": {"papertape, 2 threads", "papertape, 1 thread"},
        "cold": {"papertape", "papertape, first run after its installation"},
    }
    assert found["sweep"]["papertape, 1 thread"]["fills"] == "the same to the cent"
    assert found["order"]["papertape"]["fills"] == found["signal"]["papertape"]["fills"]
    page = (tmp_path / "benchmarks.md").read_text()
    assert page.count("| papertape |") == 6
    for picture in (tmp_path / "benchmarks").iterdir():
        ElementTree.parse(picture)


def test_a_call_that_was_broken_off_is_taken_up_where_it_was(project: Path, tmp_path: Path) -> None:
    figures = tmp_path / "races.json"
    machine = {"processor": "x", "cores": 2, "python": "3.11", "others": 0.0}
    before = {"seconds": [9.0], "peak_mb": [9.0]}
    kept = {"machine": machine, "status": {"papertape": before}, "left": ["help"]}
    figures.write_text(json.dumps(kept))
    line = [str(project / "benchmarks" / "race.py"), "--quick", "--alone", "--to", str(figures)]
    said = subprocess.run([sys.executable, *line], capture_output=True, text=True, check=True)
    found = json.loads(figures.read_text())
    assert said.stdout.startswith("going on with help")
    assert found.pop("left") == []
    assert found.keys() == {"machine", "status", "help"}
    assert found["status"] == kept["status"]


def answer(**changed: Any) -> dict[str, Any]:
    return {"equity": 100.0, "fills": [[5, 10, 20.0], [9, -10, 21.0]], **changed}


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (answer(), "the same to the cent, bar by bar"),
        (answer(equity=100.004), "the same to the cent, bar by bar"),
        (answer(equity=100.01), "DIFFERS: final equity by up to 0.01"),
        (answer(fills=[[5, 10, 20.0]]), "DIFFERS: 2 fills of ours, 1 of its own"),
        (answer(fills=[[5, 10, 20.0], [9, -10, 21.01]]), "DIFFERS: 2 fills of ours, 2 of its own"),
        (answer(fills=[[3, 10, 20.0], [9, -10, 21.0]]), "DIFFERS: 1 fills in other bars"),
        (
            answer(fills=[[4, 10, 20.0], [8, -10, 21.0]]),
            "the same to the cent, 2 of 2 a bar earlier:",
        ),
    ],
)
def test_fills_are_held_against_ours(theirs: dict[str, Any], said: str) -> None:
    import race  # noqa: PLC0415 - a program, found by the fixture

    assert race.compared("order", "nautilus", answer(), theirs).startswith(said)


def test_a_moved_fill_that_nobody_explains_differs() -> None:
    import race  # noqa: PLC0415

    moved = answer(fills=[[4, 10, 20.0], [8, -10, 21.0]])
    said = race.compared("order", "backtrader", answer(), moved)
    assert said == "DIFFERS: 2 fills in other bars"


def test_ratios_are_of_the_same_round_and_a_missed_one_is_said() -> None:
    import race  # noqa: PLC0415
    import race_page  # noqa: PLC0415

    known = race.races(Path(), quick=True)["sweep"]
    lines = {
        "papertape, 2 threads": {"seconds": [1.0, 2.0, 4.0], "peak_mb": [50.0] * 3},
        "vectorbt, Rust": {"seconds": [90.0, 170.0, 200.0], "peak_mb": [900.0] * 3},
        "vectorbt, numba": {"seconds": [], "peak_mb": [], "failed": "no such wheel"},
    }
    rows = race_page.table(known, lines).splitlines()
    assert [row.split(" | ")[1] for row in rows[2:]] == ["2", "170", "-"]
    rust = rows[3].split(" | ")
    assert rust[4] == "85"  # the median of 90, 85 and 50
    assert rust[5] == "80 times, 1/15 of its memory (1/18.0)"
    assert "not reached" in rows[2]
    assert "failed: no such wheel" in rows[4]


def test_a_slow_down_in_instructions_is_an_error() -> None:
    import instructions  # noqa: PLC0415

    stored = {"by": "one", "counts": {"job": 1_000_000}}
    assert instructions.compared({"by": "one", "counts": {"job": 1_020_000}}, stored)[1] is False
    said, is_more = instructions.compared({"by": "one", "counts": {"job": 1_050_000}}, stored)
    assert is_more
    assert "+5.0%" in said[0]
    said, is_more = instructions.compared({"by": "other", "counts": {"job": 9_000_000}}, stored)
    assert not is_more
    assert "nothing to compare" in said[0]


def test_what_grows_in_proportion_is_projected_in_proportion() -> None:
    import growth  # noqa: PLC0415

    # A second to begin with, and then one for each million bars.
    points = [growth.Point(n * 10**6, 1, 1.0 + n, 300.0) for n in (1, 2, 4, 8, 16)]
    seconds, exponent = growth.projected(points)
    assert seconds == pytest.approx(491)
    assert 0.9 < exponent < 1


def test_bars_of_a_plot_grow_by_a_step_for_each_ten_times() -> None:
    import plots  # noqa: PLC0415

    svg = ElementTree.fromstring(plots.bars("a second", [("a", 1e3, True), ("b", 1e5, False)]))
    widths = [float(each.get("width", "0")) for each in svg.iter() if each.get("height") == "20"]
    svg = ElementTree.fromstring(plots.bars("a second", [("a", 1e3, True), ("b", 1e4, False)]))
    less = [float(each.get("width", "0")) for each in svg.iter() if each.get("height") == "20"]
    assert widths[0] > 0
    assert widths[1] / widths[0] == pytest.approx(3, rel=0.01)
    assert less[1] / less[0] == pytest.approx(2, rel=0.01)
