"""The page of the races: a table for each, and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from plots import bars

if TYPE_CHECKING:
    from race import Race, Racer

Line = Mapping[str, Any]
"""What came of a racer: seconds and megabytes of each round, and how its fills lie."""

HEAD = """# Beside other engines

The same prices, the same task and the same fills, in one run on one machine, the engines taking
turns. Written by `benchmarks/race.py` (`make bench`): do not edit it here.

Prices move in quarters of a dollar, whose sums are exact in floating point, so that no engine sees
a tie of two averages where another sees none. Each bar opens where the last one closed, so that an
engine that trades at the close of the bar that made the decision pays what the others pay at the
next open. Fees of 0.04 % on 500 shares are whole cents. Seconds are those of the run, without
reading the prices, but where the whole process is named; where vectorbt, which compiles at the
first run, may run again in the same process, so do we. All are medians; *times* is the median, over
the rounds, of a peer's seconds over ours in the same round. Memory is the most that a process ever
took, its libraries included.

{machine}
"""
NOISY = 0.05
"""Share of the machine's time taken by others from which on a page says that it is noisy."""


def write(folder: Path, races: Mapping[str, Race], found: Mapping[str, Any]) -> None:
    """Write ``benchmarks.md`` into a folder, and the pictures into one beside it."""
    pictures = folder / "benchmarks"
    pictures.mkdir(exist_ok=True)
    parts = [HEAD.format(machine=_machine(found["machine"]))]
    for name, race in races.items():
        if name not in found:
            continue
        parts.append(f"## {race.words[0].upper()}{race.words[1:]}\n\n{table(race, found[name])}")
        rates = [
            (words, _rate(race, line), words.startswith("papertape"))
            for words, line in found[name].items()
            if line["seconds"]
        ]
        if len(rates) > 1:
            unit = f"{race.unit} a second" if race.unit else "runs a second"
            (pictures / f"{name}.svg").write_text(bars(unit, rates), encoding="utf-8")
            parts.append(f"![{race.words}, {unit}](benchmarks/{name}.svg)\n")
    (folder / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


def table(race: Race, lines: Mapping[str, Line]) -> str:
    """A race's table: a row for each racer."""
    ours = lines[race.racers[0].words]
    rate = f" {race.unit} a second |" if race.unit else ""
    rows = [f"| engine | seconds |{rate} MB | times | asked | fills |"]
    rows.append("|---" * (6 + bool(race.unit)) + "|")
    for racer in race.racers:
        if racer.words not in lines:
            continue
        line = lines[racer.words]
        if not line["seconds"]:
            rows.append(f"| {racer.words} | - |{' - |' if rate else ''} - | - | - | {_why(line)} |")
            continue
        cells = [racer.words, f"{median(line['seconds']):.4g}"]
        cells += [f"{_rate(race, line):,.0f}"] if race.unit else []
        cells += [f"{median(line['peak_mb']):,.0f}", *_held(race, racer, line, ours)]
        rows.append(f"| {' | '.join([*cells, _why(line)])} |")
    return "\n".join(rows) + "\n"


def _why(line: Line) -> str:
    failed = f"failed: {line['failed']}" if "failed" in line else ""
    return failed.replace("|", "/") or line.get("fills", "")


def _rate(race: Race, line: Line) -> float:
    return race.count / median(line["seconds"])


def ratio(line: Line, ours: Line) -> float:
    """The median, over the rounds, of a racer's seconds over ours in the same round."""
    return median(a / b for a, b in zip(line["seconds"], ours["seconds"], strict=False))


def _held(race: Race, racer: Racer, line: Line, ours: Line) -> tuple[str, str]:
    """How many times as fast we are, and what was asked for, with whether it is reached."""
    if racer == race.racers[0]:
        asked = []
        if race.asked and race.unit:
            asked.append(_mark(_rate(race, line) >= race.asked, f"{race.asked:,.0f} a second"))
        elif race.asked:
            asked.append(_mark(median(line["seconds"]) <= race.asked, f"{race.asked:.2f} s"))
        if race.asked_mb:
            asked.append(_mark(median(line["peak_mb"]) <= race.asked_mb, f"{race.asked_mb:.0f} MB"))
        return "1", ", ".join(asked)
    if not ours["seconds"]:
        return "-", ""
    times = ratio(line, ours)
    asked = []
    if racer.asked >= 1:
        asked.append(_mark(times >= racer.asked, f"{racer.asked:g} times"))
    elif racer.asked:
        most = 1 / racer.asked
        asked.append(_mark(times <= most, f"at most {most:g} times the seconds"))
    if racer.asked_memory:
        share = median(ours["peak_mb"]) / median(line["peak_mb"])
        words = f"1/{1 / racer.asked_memory:.0f} of its memory (1/{1 / share:.1f})"
        asked.append(_mark(share <= racer.asked_memory, words))
    return f"{times:.3g}", ", ".join(asked)


def _mark(is_reached: bool, words: str) -> str:
    return words if is_reached else f"**not reached:** {words}"


def _machine(machine: Mapping[str, Any]) -> str:
    words = "Machine: {processor}, {cores} cores, Python {python}.".format(**machine)
    others = f"Other processes took {machine['others']:.0%} of its time meanwhile"
    noisy = ": **these figures are noisy**" if machine["others"] > NOISY else ""
    return f"{words} {others}{noisy}."
