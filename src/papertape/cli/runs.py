"""`papertape runs`: the runs that are kept."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.backtest import told
from papertape.cli.options import Here
from papertape.cli.store import RunStore
from papertape.cli.tables import listing, percent, steps
from papertape.cli.words import span, title_of


def list_(*, newest: Annotated[int, Parameter(name="--newest")] = 20, here: Here) -> Answer:
    """List the runs kept, newest first.

    Parameters
    ----------
    newest
        How many to show.
    """
    store = RunStore(here)
    ids = store.ids()
    runs = [store.load(run_id) for run_id in reversed(ids[-max(0, newest) :])]
    rows = [
        [
            run.id,
            run.made_at[:10],
            run.kind,
            title_of(run.record.ground),
            percent(run.record.metrics["total_return"]),
            span(run.record.ground),
        ]
        for run in runs
    ]
    heads = ["run", "made", "by", "strategy", "return", "on"]
    lines = listing(heads, rows, left=4, width=here.width) if rows else ["no runs are kept yet"]
    if len(ids) > len(runs):
        lines.append(f"{len(ids) - len(runs)} older ones: --newest {len(ids)}")
    data = {"runs": [dict(zip(heads, row, strict=True)) for row in rows], "kept": len(ids)}
    after = f"papertape runs show {ids[-1]}" if ids else "papertape demo"
    return Answer("\n".join([*lines, "", *steps([after], here.width)]), data)


def show_(run: str = "last", /, *, here: Here) -> Answer:
    """Show what a run printed.

    Parameters
    ----------
    run
        The run's id; last and last~1 work, too.
    """
    return told(RunStore(here).load(run), here)
