"""`papertape demo`: what this is, in two seconds, from the embedded sample."""

from __future__ import annotations

import sys

from papertape.cli.answer import Answer
from papertape.cli.catalogue import SHIPPED
from papertape.cli.options import Here
from papertape.cli.progress import progress
from papertape.cli.store import RunStore, StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import painted, sentence, steps
from papertape.cli.wiring import run_sample
from papertape.cli.words import (
    BENCHMARK,
    Column,
    figures,
    ground_lines,
    run_data,
    settings,
    title_of,
)

STRATEGIES = ("moving_average_crossover", "rsi_mean_reversion", "momentum_breakout")


def demo(*, here: Here) -> Answer:
    """Run the three shipped strategies on the embedded sample, beside buy and hold."""
    store = RunStore(here)
    store.prepare()
    with progress("running three strategies over 13 years", here):
        results = run_sample(STRATEGIES, here)
    kept = [
        store.keep("demo", SHIPPED[name][1], each.record)
        for name, each in zip(STRATEGIES, results, strict=True)
    ]
    return Answer(_page(kept, here), {"runs": [run_data(each) for each in kept]})


def _page(runs: list[StoredRun], here: Surroundings) -> str:
    first, colour, width = runs[0].record, here.colour_on(sys.stdout), here.width
    columns = [Column(title_of(run.record.ground), run.record.metrics) for run in runs]
    columns.append(Column(BENCHMARK, first.benchmark_metrics, is_benchmark=True))
    waits = "each strategy waits until it has seen its warm-up bars, buy & hold does not"
    lines = [
        painted("SAMPLE: real prices of four shares, kept in the package", "bold", colour),
        *ground_lines(first.ground, width),
        *sentence("Costs", first.ground.cost_words, width),
        *sentence("Terms", f"{settings(first.ground)}; {waits}", width),
        "",
        *figures(columns, here, colour),
        "",
        f"Against {BENCHMARK}, percentage points a year with the range that luck allows",
    ]
    for column, run in zip(columns, runs, strict=False):
        lines += sentence("", f"{column.title} {run.record.against_benchmark}", width)
    lines += sentence("Runs", ", ".join(run.id for run in runs), width)
    lines += steps([f"papertape why T1 --run {runs[0].id}", "papertape strategy new mine"], width)
    return "\n".join(lines)
