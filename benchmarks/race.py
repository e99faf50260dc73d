"""Races papertape against other engines: the same prices, the same task, the same fills.

Run it by ``make bench`` or alone: ``python benchmarks/race.py``. Each run is a process of its own,
and the engines take turns, so that a machine that slows down slows all of them: read the ratios.
The figures go to ``build/bench/races.json`` after each race, the page to ``docs/benchmarks.md``.
A peer that cannot be installed, or that fails, is named in its row. A difference in the fills that
`WHY` does not explain is an error in the end.

``--quick`` races over a few bars and writes nothing to ``docs/``; ``--only order,sweep`` races some
and keeps the figures of the others; ``--alone`` leaves the peers out. A call that was broken off
is taken up by the next one with the race that it was in.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import race_page
import tapes
from peers import PROJECT, NotInstalled, environment
from racers.track import CASH, RATE, SHARES, Tape, pairs

RACERS = Path(__file__).parent / "racers"
LONGEST = 400
"""Seconds after which a run is given up."""

OURS = "papertape"
EARLIER = "it trades at the close of the bar that made the decision, which is the next one's open"
LATER = "it does not ask about the first bar on which both averages are known"
WHY = {
    ("order", "nautilus"): EARLIER,
    ("order", "backtesting"): LATER,
    ("guarded", "nautilus"): EARLIER,
}
"""Why a peer's fills are not in the bars that ours are in; size and price are equal."""


class Racer(NamedTuple):
    """An engine in a race.

    Attributes:
        engine: Whose driver and environment.
        variant: What the driver is told.
        words: Its name for people.
        times: Runs in its process; the first of several is not counted.
        asked: How many times as fast as this one we want to be.
        asked_memory: The largest share of its memory that we want to take.
    """

    engine: str
    variant: str
    words: str
    times: int = 1
    asked: float = 0.0
    asked_memory: float = 0.0


class Race(NamedTuple):
    """Engines that do the same work.

    Attributes:
        words: The work.
        unit: What is counted a second; empty where seconds are the answer.
        count: How many of them there are.
        tape: The prices.
        racers: Ours first.
        asked: How many a second we want, or how many seconds at most.
        rounds: How often each has its turn.
        asked_mb: Megabytes at most.
    """

    words: str
    unit: str
    count: int
    tape: Callable[[], Path]
    racers: tuple[Racer, ...]
    asked: float = 0.0
    rounds: int = 3
    asked_mb: float = 0.0


def races(folder: Path, *, quick: bool) -> dict[str, Race]:
    """All of them; their tapes are made in the folder when they are run."""
    bars, swept, settings = (3_000, 2_000, 20) if quick else (1_000_000, 100_000, 1_000)
    symbols, days = (20, 300) if quick else (500, 2_520)
    minutes = _kept(folder / f"minutes-{bars}.npz", lambda: tapes.minutes(bars))
    fewer = _kept(folder / f"minutes-{swept}.npz", lambda: tapes.minutes(swept))
    many = _kept(folder / f"days-{symbols}-{days}.npz", lambda: tapes.many(symbols, days))
    daily = _kept(folder / "days.csv", lambda: tapes.days(300 if quick else 2_520))
    tried = len(pairs(settings))
    ours = Racer(OURS, "-", "papertape")
    return {
        "order": Race(
            f"{bars:,} one-minute bars, a Python `on_bar` with two streaming averages",
            "bars",
            bars,
            minutes,
            (
                ours,
                Racer("nautilus", "minute", "NautilusTrader", asked=35),
                Racer("backtesting", "-", "backtesting.py", asked=8),
                Racer("backtrader", "-", "backtrader", asked=100),
            ),
            asked=2e6,
        ),
        "guarded": Race(
            "the same with a stop and a target attached to each entry",
            "bars",
            bars,
            minutes,
            (ours, Racer("nautilus", "minute", "NautilusTrader", asked=20)),
        ),
        "signal": Race(
            f"{bars:,} one-minute bars, signals: indicators, fills, equity and five statistics",
            "bars",
            bars,
            minutes,
            (
                ours._replace(times=4),
                Racer(OURS, "table", "papertape, with its whole table of metrics", 4),
                Racer("vectorbt", "rust", "vectorbt, Rust", 4, asked=25),
                Racer("vectorbt", "numba", "vectorbt, numba", 4, asked=25),
            ),
        ),
        "sweep": Race(
            f"{tried:,} settings over {swept:,} bars; equity, drawdown, Sharpe ratio and trades",
            "bar-settings",
            tried * swept,
            fewer,
            (
                Racer(OURS, f"2,{settings}", "papertape, 2 threads", 2),
                Racer(OURS, f"1,{settings}", "papertape, 1 thread", 2, asked=1.8),
                Racer("vectorbt", f"rust,{settings}", "vectorbt, Rust", 1, 80, 1 / 15),
                Racer("vectorbt", f"numba,{settings}", "vectorbt, numba", 1, 80, 1 / 15),
            ),
            asked=6e8,
        ),
        "portfolio": Race(
            f"{symbols} symbols, {days:,} days, each month the tenth that rose most; as columns",
            "bars",
            symbols * days,
            many,
            (
                ours._replace(times=4),
                Racer("vectorbt", "rust", "vectorbt, Rust", 4, asked=30),
                Racer("vectorbt", "numba", "vectorbt, numba", 4, asked=30),
            ),
        ),
        "rebalance": Race(
            "the same with a Python callback on each rebalancing date, and real orders",
            "bars",
            symbols * days,
            many,
            (
                ours._replace(times=2),
                Racer("vectorbt", "rust", "vectorbt, Rust, as columns", 4, asked=6),
            ),
        ),
        "cold": Race(
            "2,520 daily bars from CSV, the whole process, by the command line",
            "",
            1,
            daily,
            (
                Racer(OURS, "backtest", "papertape"),
                Racer(OURS, "fresh", "papertape, first run after its installation", asked=0.5),
                Racer("nautilus", "day", "NautilusTrader", asked=2),
                Racer("backtrader", "-", "backtrader", asked=2),
                Racer("backtesting", "-", "backtesting.py", asked=2),
                Racer("vectorbt", "rust", "vectorbt, Rust", asked=2),
            ),
            asked=0.30,
            rounds=7,
            asked_mb=90,
        ),
        "help": Race(
            "`papertape --help`", "", 1, daily, (Racer(OURS, "--help", "papertape"),), 0.15, 7
        ),
        "status": Race(
            "`papertape status`, no session running",
            "",
            1,
            daily,
            (Racer(OURS, "status", "papertape"),),
            0.15,
            7,
        ),
    }


WHOLE = {"cold", "help", "status"}
"""Races of whole processes; their drivers run the task of `order` (vectorbt that of `signal`)."""
TASKS = {"rebalance": {"vectorbt": "portfolio"}, "cold": {"vectorbt": "signal"}}


def _kept(file: Path, make: Callable[[], Tape]) -> Callable[[], Path]:
    """A tape's file, which is made at the first use."""

    def path() -> Path:
        if not file.exists():
            tape = make()
            if file.suffix == ".csv":
                tapes.csv(tape, file)
            else:
                np.savez(file, **tape._asdict())
        return file

    return path


START = """
import sys
from papertape.cli.main import run
try:
    run()
except SystemExit as end:  # `status` tells by its code that no session runs here
    sys.exit(0 if "status" in sys.argv else end.code)
"""
"""Our command line, as its console script starts it."""


class Failed(Exception):
    """A run that came to nothing; the message is the last that was heard of it."""


def run(name: str, race: Race, racer: Racer, folder: Path) -> dict[str, Any]:
    """One run: its seconds, its peak memory, and where it says so, its equity and its fills."""
    fills = folder / "fills.npy"
    fills.unlink(missing_ok=True)
    python = Path(sys.executable) if racer.engine == OURS else _python(racer.engine)
    if name in WHOLE and racer.engine == OURS:
        command, more = _typed(python, racer.variant, race.tape(), folder)
    else:
        task = TASKS.get(name, {}).get(racer.engine, "order" if name == "cold" else name)
        driver = [str(python), str(RACERS / f"drive_{racer.engine}.py")]
        command = [*driver, task, racer.variant, str(race.tape()), str(racer.times), str(fills)]
        more = {}
    if name in WHOLE:
        said = _output([sys.executable, "-IS", str(RACERS / "launch.py"), *command], more)
        seconds, peak = map(float, said[-1].split())
        answer = _read_off(said) if racer.engine == OURS else json.loads(said[-2])
        return {**answer, "seconds": seconds, "peak_mb": peak}
    answer = json.loads(_output(command, more)[-1])
    return {**answer, "fills": np.load(fills).tolist()}


@cache
def _python(engine: str) -> Path:
    """A peer's Python; asked for once, so that what is not to be had is not tried again."""
    return environment(engine)


def _output(command: list[str], more: dict[str, str]) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ours = os.environ.get("PYTHONPATH")
    if ours and command[0] == sys.executable:  # ours may be run from its sources
        clean["PYTHONPATH"] = ours
    try:
        ran = subprocess.run(
            command,
            env={**clean, "PYTHONHASHSEED": "0", **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {LONGEST} seconds") from None
    if ran.returncode:
        said = ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"]
        raise Failed(said[-1] if said[0].startswith("Traceback") else said[0])
    return ran.stdout.splitlines()


def _typed(
    python: Path, variant: str, tape: Path, folder: Path
) -> tuple[list[str], dict[str, str]]:
    """A command line of ours, and what is special around it."""
    words = ["backtest", "moving_average_crossover", "--symbol", "AAA", "--data", str(tape)]
    words += ["--cash", f"{CASH:.0f}", "--size", f"shares:{SHARES}", "--warmup", "inside"]
    words += ["--cost", f"percent:{RATE * 100:g}"]
    home, more = folder / "home", {}
    if variant == "fresh":
        home = folder / "fresh"
        shutil.rmtree(home, ignore_errors=True)
        # As the installer left it: with the files that Python makes of the sources, or without.
        [package] = find_spec("papertape").submodule_search_locations  # type: ignore[union-attr]
        shutil.copytree(package, home / "site" / "papertape")
        more = {"PYTHONPATH": str(home / "site")}
    elif variant != "backtest":
        words = [variant]
    return [str(python), "-c", START, "--home", str(home), *words], more


def _read_off(page: list[str]) -> dict[str, Any]:
    """The final equity that our page shows, of the strategy and not of buy and hold."""
    figures = [line.split()[2] for line in page if line.startswith("Final equity")]
    return {"equity": float(figures[0].replace(",", ""))} if figures else {}


def raced(name: str, race: Race, folder: Path, *, rounds: int, alone: bool) -> dict[str, Any]:
    """All rounds of a race: what each racer took, and whether it filled what we filled."""
    racers = [each for each in race.racers if each.engine == OURS or not alone]
    found: dict[str, Any] = {each.words: {"seconds": [], "peak_mb": []} for each in racers}
    came: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for racer in racers:
            line = found[racer.words]
            if "failed" in line:
                continue
            try:
                answer = came[racer.words] = run(name, race, racer, folder)
            except (Failed, NotInstalled) as error:
                line["failed"] = str(error).strip().splitlines()[-1]
                print(f"  {racer.words:44}failed: {line['failed']}", flush=True)
                continue
            line["seconds"].append(answer["seconds"])
            line["peak_mb"].append(answer["peak_mb"])
            print(f"  {racer.words:44}{answer['seconds']:10.4f} s", flush=True)
    ours = came.get(race.racers[0].words)
    for racer in racers[1:]:
        if ours and racer.words in came:
            found[racer.words]["fills"] = compared(name, racer.engine, ours, came[racer.words])
    if ours and "fills" in ours:
        found[race.racers[0].words]["fills"] = _counted(ours)
    return found


def _counted(answer: dict[str, Any]) -> str:
    equity, fills = answer["equity"], answer["fills"]
    return f"{len(fills):,} fills" if fills else f"{np.size(equity):,} final equities"


def compared(name: str, engine: str, ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """How a peer's fills and final equity lie beside ours, to the cent.

    What begins with ``DIFFERS`` is not explained.
    """
    if "equity" not in ours or "equity" not in theirs:
        return ""
    apart = np.abs(np.subtract(ours["equity"], theirs["equity"]))
    if np.shape(ours["equity"]) != np.shape(theirs["equity"]) or np.any(apart >= 0.005):
        return f"DIFFERS: final equity by up to {np.max(apart):,.2f}"
    mine, other = (np.reshape(each.get("fills", []), (-1, 3)) for each in (ours, theirs))
    if not len(mine):
        return "the same to the cent"
    if mine.shape != other.shape or np.abs(mine[:, 1:] - other[:, 1:]).max() >= 0.005:
        return f"DIFFERS: {len(mine):,} fills of ours, {len(other):,} of its own"
    moved = other[:, 0] - mine[:, 0]
    if not moved.any():
        return "the same to the cent, bar by bar"
    why = WHY.get((name, engine))
    if why is None or np.abs(moved).max() > 1:
        return f"DIFFERS: {np.count_nonzero(moved):,} fills in other bars"
    side = "earlier" if moved.min() < 0 else "later"
    return f"the same to the cent, {np.count_nonzero(moved):,} of {len(mine):,} a bar {side}: {why}"


def main() -> None:
    """Race, write the figures and the page; fail where a difference is not explained."""
    asked = _asked()
    folder = PROJECT / "build" / "bench" / ("quick" if asked.quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    results = asked.to or folder / "races.json"
    known = races(folder, quick=asked.quick)
    found = _before(results)
    left = found.get("left", [])
    if not asked.only and left:
        print(f"going on with {', '.join(left)}; to begin anew, delete {results}", flush=True)
    elif not asked.only:
        found, left = {}, list(known)
    machine = Machine()
    for name in asked.only or tuple(left):
        race = known[name]
        print(f"{name}: {race.words}", flush=True)
        rounds = asked.rounds or (1 if asked.quick else race.rounds)
        found[name] = raced(name, race, folder, rounds=rounds, alone=asked.alone)
        left = [each for each in left if each != name]
        found |= {"machine": machine.told(), "left": left}
        results.write_text(json.dumps(found, indent=1) + "\n")
    docs = results.parent if asked.quick else PROJECT / "docs"
    race_page.write(docs, known, found)
    differing = [
        f"{name}: {words}: {line['fills']}"
        for name, lines in found.items()
        if name in known
        for words, line in lines.items()
        if line.get("fills", "").startswith("DIFFERS")
    ]
    if differing:
        sys.exit("\n".join(differing))


def _asked() -> argparse.Namespace:
    words = argparse.ArgumentParser(description="papertape beside other engines")
    words.add_argument("--quick", action="store_true", help="a few bars, one round, no page")
    words.add_argument("--alone", action="store_true", help="without the peers")
    words.add_argument("--only", type=lambda text: text.split(","), help="order,sweep")
    words.add_argument("--rounds", type=int, help="turns of each, instead of the race's own")
    words.add_argument("--to", type=Path, help="file for the figures")
    return words.parse_args()


def _before(results: Path) -> dict[str, Any]:
    return json.loads(results.read_text()) if results.exists() else {}


class Machine:
    """What races are run on, and what else it did meanwhile."""

    def __init__(self):
        self._busy, self._times = _busy(), os.times()

    def told(self) -> dict[str, Any]:
        """Its processor and Python, and the share of its time that other processes took."""
        now, cores = os.times(), os.cpu_count() or 1
        own = sum(now[:4]) - sum(self._times[:4])
        passed = (now.elapsed - self._times.elapsed) * cores
        return {
            "processor": next(_processors(), "unknown"),
            "cores": cores,
            "python": sys.version.split()[0],
            "others": max(0.0, (_busy() - self._busy - own) / passed),
        }


def _busy() -> float:
    """Seconds that all cores have worked since the machine started."""
    first = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    return (sum(map(int, first)) - int(first[3]) - int(first[4])) / os.sysconf("SC_CLK_TCK")


def _processors() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            yield line.partition(":")[2].strip()


if __name__ == "__main__":
    main()
