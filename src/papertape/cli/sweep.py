"""`papertape sweep`: many settings of a strategy, and what the best of them is worth."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.heat_map import heat_map
from papertape.cli.options import DEFAULTS, Here, RunOptions, pairs
from papertape.cli.progress import progress
from papertape.cli.surroundings import Surroundings
from papertape.cli.sweep_store import SweepStore
from papertape.cli.tables import LABEL, number, painted, percent, sentence, steps, table
from papertape.cli.wiring import Plan as Run
from papertape.cli.wiring import blaming, plan
from papertape.domain.clock import SECOND
from papertape.domain.errors import UsageError
from papertape.engines.proofbench.cluster import LOCAL, cluster
from papertape.engines.proofbench.metrics import Reason
from papertape.engines.proofbench.sweep import Hands, Plan, Sweep, Trial, run_sweep, score_of
from papertape.engines.proofbench.verdict import (
    Fold,
    Verdict,
    data_hash,
    judged,
    sitting_of,
    walk_forward,
)
from papertape.strategies.strategy import build, declared_parameters

MOST_VALUES = 1_000_000
MOST_NEIGHBOURHOODS = 10_000
"""Settings up to which the plateau is looked for while the sweep goes on."""
TOLD = 50
"""Times that a sweep tells how far it is."""
GREEN, AMBER = 0.95, 0.90

_Odd = Parameter(allow_leading_hyphen=True)
Objective = Literal[
    "sharpe", "total_return", "profit_factor", "max_drawdown", "win_rate", "expectancy"
]


def sweep(
    strategy: str,
    /,
    *,
    options: RunOptions = DEFAULTS,
    method: Literal["grid", "random", "tpe"] = "grid",
    trials: Annotated[int, Parameter(name=("--trials", "--draws"), allow_leading_hyphen=True)] = 0,
    objective: Objective = "sharpe",
    walk: Annotated[int, Parameter(name="--walk-forward", allow_leading_hyphen=True)] = 0,
    jobs: Annotated[int, _Odd] = 0,
    backend: Literal["local", "ray"] = "local",
    ray_address: str = "",
    resume: str | None = None,
    top: Annotated[int, _Odd] = 10,
    here: Here,
) -> Answer:
    """Try many settings of a signal strategy, and say what the best of them is worth.

    Parameters
    ----------
    strategy
        A name that `papertape strategy list` shows, or the path of a strategy file.
    method
        Every combination of the values, some drawn at random, or some of which each is chosen in
        the light of those before (tpe, which needs papertape[tune]).
    trials
        How many to draw or to choose (not for grid).
    objective
        What to look for; more of each is better.
    walk
        Choose on the days so far and trade the next stretch, so many times over.
    jobs
        Threads; all cores if 0. The result is the same with any number.
    backend
        This machine's threads, or a Ray cluster (which needs papertape[ray]).
    ray_address
        Of a Ray cluster that runs, host:port; RAY_ADDRESS if left out, else one is started here.
    resume
        Go on with a sweep that was cut short, under the same words as before.
    top
        How many settings to show.
    """
    run = plan(strategy, replace(options, param=()), here)
    tuned_by = objective if method == "tpe" else ""
    values = _values(run.listed.kind, options.param)
    tries = Plan(values, _draws(method, trials), options.seed, tuned_by)
    store, key = SweepStore(here), _key(run, tries)
    if resume is None:
        sweep_id, done = store.begin(run.listed.short, key), list[Trial]()
    else:
        sweep_id, done = resume, store.resume(resume, key)
    threads = jobs if jobs > 0 else os.cpu_count() or 1
    with _hands(backend, ray_address, len(tries)) as hands:
        by: dict[str, Any] = {"jobs": threads, "hands": hands}
        swept = _swept(run, tries, by, done, store, sweep_id, objective, here)
        before = {trial.number for trial in done}
        new = replace(swept, trials=[each for each in swept.trials if each.number not in before])
        store.ledger.add(sitting_of(new, run.histories))
        folds = None
        if walk and swept.is_complete:
            with progress(f"walking forward in {walk} steps", here):
                folds = blaming(
                    run,
                    lambda: walk_forward(
                        run.listed.kind, run.histories, tries, swept, walk, objective, **by
                    ),
                )
            store.ledger.add(folds[1])
    verdict = blaming(run, lambda: judged(swept, run.histories, objective, store.ledger, folds))
    picture = heat_map(swept, objective, verdict.plateau and verdict.plateau[0])
    file = None if picture is None else store.draw(sweep_id, picture)
    page = _page(run, swept, verdict, objective, sweep_id, file, max(0, top), here)
    return Answer(
        page,
        _data(sweep_id, swept, verdict, objective) | {"heat_map": file and str(file)},
        is_no=verdict.lookahead is not None and verdict.lookahead.status == "failed",
        is_cut_short=not swept.is_complete,
    )


def _swept(
    run: Run,
    tries: Plan,
    by: dict[str, Any],
    done: list[Trial],
    store: SweepStore,
    sweep_id: str,
    objective: str,
    here: Surroundings,
) -> Sweep:
    """Run the sweep; each trial is on disk before the next one is told of."""
    doing = f"sweeping {len(tries):,} settings of {run.listed.name}"
    begun, often = here.clock.now(), max(1, len(tries) // TOLD)
    so_far = Sweep(run.listed.kind, tries, run.config, list(done), 0, False, "")
    with progress(doing, here) as say, store.writing(sweep_id) as stream:

        def told(trial: Trial | None, count: int, all_of: int) -> None:
            if trial is not None:
                stream.write(msgspec.json.encode(trial) + b"\n")
                so_far.trials.append(trial)
            if count % often == 0:
                seconds = (here.clock.now() - begun) / SECOND
                say(state(so_far, objective, count, len(done), seconds))

        return blaming(
            run,
            lambda: run_sweep(
                run.listed.kind,
                run.histories,
                tries,
                run.config,
                done=done,
                told=told,
                **by,
            ),
        )


def state(so_far: Sweep, objective: str, count: int, before: int, seconds: float) -> str:
    """How far it is: ``312/400 done, 4 failed, 0:41 left, best plateau 0.62``."""
    all_of, failed = len(so_far.plan), count - len(so_far.trials)
    minutes, rest = divmod(round(seconds / (count - before) * (all_of - count)), 60)
    words = f"{count:,}/{all_of:,} done, {failed:,} failed, {minutes}:{rest:02} left"
    if all_of == so_far.plan.size <= MOST_NEIGHBOURHOODS:
        plateau = so_far.plateau(objective)
        return words if plateau is None else f"{words}, best plateau {plateau[1]:.2f}"
    best = so_far.best(objective)
    return words if best is None else f"{words}, best {score_of(best, objective):.2f}"


@contextmanager
def _hands(backend: str, address: str, settings: int) -> Iterator[Hands | None]:
    """Who makes the trials; None for this machine's threads."""
    if address and backend != "ray":
        raise UsageError("--ray-address goes with --backend ray only")
    if backend == "local":
        yield None
        return
    with cluster(address or os.environ.get("RAY_ADDRESS") or LOCAL, settings) as hands:
        yield hands


def _draws(method: str, trials: int) -> int:
    if (method != "grid") != (trials > 0):
        raise UsageError(
            f"--method {method} and --trials {trials} do not go together",
            hint="--method random --trials 500",
        )
    return trials


def _values(kind: type, texts: Sequence[str]) -> dict[str, list[Any]]:
    """Parameter -> the values to try, of its own type.

    Raises:
        UsageError: If a parameter or its values cannot be.
    """
    known = {item.name: item for item in declared_parameters(kind)}
    found: dict[str, list[Any]] = {}
    for name, text in pairs("--param", texts).items():
        if name not in known:
            build(kind, {name: text})  # tells which there are
        wanted: Any = type(known[name].default)
        found[name] = [_typed(name, each, wanted) for each in _spelled(name, text)]
    return found


def _spelled(name: str, text: str) -> list[str]:
    """The values that ``5:50:5`` (both ends included), ``5,10,20`` or ``5`` spell."""
    if ":" not in text:
        return text.split(",")
    try:
        low, high, step = (Decimal(part) for part in (text + ":1").split(":")[:3])
        count = int((high - low) / step) + 1
    except (ArithmeticError, ValueError):
        count = 0
    if text.count(":") > 2 or not 0 < count <= MOST_VALUES:
        raise UsageError(
            f"--param {name}={text} spells no values",
            hint=f"{name}=5:50:5 for 5, 10 and so on to 50, or {name}=5,10,20",
        )
    return [str(low + place * step) for place in range(count)]


def _typed(name: str, text: str, wanted: Any) -> Any:
    try:
        if wanted is not str and not (text.isascii() and "_" not in text):
            raise ValueError
        return wanted(text)
    except ValueError:
        raise UsageError(f"{name}={text!r} is not of type {wanted.__name__}") from None


def _key(run: Run, tries: Plan) -> str:
    """Of everything that a trial's figures rest on."""
    source = inspect.getsource(run.listed.kind)
    values = {name: list(values) for name, values in tries.values.items()}
    draw = (tries.draws, tries.seed, tries.tuned_by)
    parts = (source, values, *draw, run.config, data_hash(run.histories))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


# What it says


def _page(
    run: Run,
    swept: Sweep,
    verdict: Verdict,
    objective: str,
    sweep_id: str,
    picture: Path | None,
    top: int,
    here: Surroundings,
) -> str:
    width, colour = here.width, here.colour_on(sys.stdout)
    symbols = " ".join(run.histories)
    tried = f"{len(swept.trials):,} of {len(swept.plan):,} settings tried"
    if swept.impossible:
        tried += f", {swept.impossible:,} cannot be"
    lines = [painted(f"{run.listed.name} on {symbols}: {tried}", "bold", colour)]
    if swept.served_by != "kernel":
        lines += sentence("Note", f"run bar by bar, which is slower: {swept.served_by}", width)
    lines += ["", *_best(swept, objective, top, width), ""]
    lines += _judgement(verdict, objective, width)
    lines += _folds(verdict.folds, verdict, width)
    if not swept.is_complete:
        lines += sentence("Note", f"cut short; go on with --resume {sweep_id}", width)
    lines += sentence("Sweep", sweep_id, width)
    lines += [f"{'Map'.ljust(LABEL)}{picture}"] if picture else []
    if verdict.best is not None:
        chosen = " ".join(f"--param {k}={v}" for k, v in verdict.best.parameters.items())
        lines += steps([f"papertape backtest {run.listed.name} --symbol {symbols} {chosen}"], width)
    return "\n".join(lines)


def _best(swept: Sweep, objective: str, top: int, width: int) -> list[str]:
    rated = [(score_of(each, objective), each) for each in swept.trials]
    known = [(score, each) for score, each in rated if score is not None]
    known.sort(key=lambda pair: -pair[0])
    names = list(swept.plan.values)
    rows = [
        [
            *(str(each.parameters[name]) for name in names),
            percent(each.figures.total_return),
            percent(each.figures.max_drawdown),
            number(each.figures.sharpe),
            f"{each.figures.trades_closed:,}",
            percent(each.figures.win_rate, signed=False),
        ]
        for _, each in known[:top]
    ]
    heads = [*names, "return", "drawdown", "Sharpe", "trades", "won"]
    return table(heads, rows, width=width) if rows else [f"no setting has a {objective}"]


def _judgement(verdict: Verdict, objective: str, width: int) -> list[str]:
    lines: list[str] = []
    if verdict.best is None:
        return lines
    lines += sentence("Best", f"{_spoken(verdict.best)}: {_score(verdict.best, objective)}", width)
    if verdict.plateau is not None:
        trial, median = verdict.plateau
        words = f"{_spoken(trial)}: {_score(trial, objective)}, its neighbours' median {median:.2f}"
        lines += sentence("Plateau", words, width)
    lines += sentence("Trials", _luck(verdict), width)
    if verdict.lookahead is not None:
        words = f"look-ahead {verdict.lookahead.status}: {verdict.lookahead.detail}"
        lines += sentence("Check", words, width)
    return lines


def _luck(verdict: Verdict) -> str:
    """What a good figure is worth after so many tries (the deflated Sharpe ratio)."""
    tried, best = verdict.tried, verdict.best
    words = f"{tried.trials:,} settings were tried on these prices."
    if best is None or best.figures.sharpe is None or verdict.to_beat is None:
        return words
    words += (
        f" The best of that many useless settings would show a Sharpe ratio of about "
        f"{verdict.to_beat:.2f}; this one shows {best.figures.sharpe:.2f}."
    )
    if isinstance(verdict.deflated, Reason):
        return f"{words} Deflated Sharpe ratio: n/a ({verdict.deflated})."
    light = (
        "green" if verdict.deflated >= GREEN else "amber" if verdict.deflated >= AMBER else "red"
    )
    return f"{words} Deflated Sharpe ratio {verdict.deflated:.3f}: {light}."


def _folds(folds: list[Fold], verdict: Verdict, width: int) -> list[str]:
    if not folds:
        return []
    rows = [
        [
            fold.chosen_until,
            " ".join(f"{k}={v}" for k, v in fold.parameters.items()),
            percent(fold.inside),
            f"{fold.traded_from}..{fold.traded_until}",
            percent(fold.outside),
        ]
        for fold in folds
    ]
    heads = ["chosen until", "setting", "a year before", "traded", "a year after"]
    efficiency = verdict.efficiency
    words = f"n/a ({efficiency})" if isinstance(efficiency, Reason) else f"{efficiency:.2f}"
    return [
        "",
        *table(heads, rows, left=2, width=width),
        *sentence("Walk", f"efficiency {words}: yearly return after the choice over before", width),
    ]


def _spoken(trial: Trial) -> str:
    return " ".join(f"{name}={value}" for name, value in trial.parameters.items())


def _score(trial: Trial, objective: str) -> str:
    return f"{objective} {score_of(trial, objective):.2f}"


def _data(sweep_id: str, swept: Sweep, verdict: Verdict, objective: str) -> dict[str, Any]:
    plateau = verdict.plateau
    figures = {"deflated_sharpe": verdict.deflated, "walk_forward_efficiency": verdict.efficiency}
    return {
        "sweep": sweep_id,
        "objective": objective,
        "complete": swept.is_complete,
        "trials": swept.trials,
        "impossible": swept.impossible,
        "served_by": swept.served_by,
        "best": verdict.best,
        "plateau": plateau and {"trial": plateau[0], "median": plateau[1]},
        "tried_on_these_prices": verdict.tried.trials,
        "sharpe_to_beat": verdict.to_beat,
        **{name: None if isinstance(v, Reason) else v for name, v in figures.items()},
        "lookahead": verdict.lookahead,
        "folds": verdict.folds,
    }
