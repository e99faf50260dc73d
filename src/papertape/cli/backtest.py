"""`papertape backtest`: a strategy over history, beside buy and hold."""

from __future__ import annotations

import sys

from papertape.cli.answer import Answer
from papertape.cli.options import DEFAULTS, Here, RunOptions
from papertape.cli.progress import progress
from papertape.cli.store import RunStore, StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.wiring import plan, run
from papertape.cli.words import report, run_data


def backtest(strategy: str, /, *, options: RunOptions = DEFAULTS, here: Here) -> Answer:
    """Run a strategy over history, and keep the run.

    Parameters
    ----------
    strategy
        A name that `papertape strategy list` shows, or the path of a strategy file.
    """
    planned = plan(strategy, options, here)
    store = RunStore(here)
    store.prepare(options.name)
    with progress(f"running {planned.listed.name}", here):
        results = run(planned)
    kept = store.keep("backtest", planned.listed.short, results.record, options.name)
    return told(kept, here)


def told(kept: StoredRun, here: Surroundings) -> Answer:
    """A run as an answer; no, if its strategy knew the future."""
    record = kept.record
    return Answer(
        report(kept, here, here.colour_on(sys.stdout)),
        run_data(kept),
        warnings=tuple(record.notices),
        is_no=record.lookahead.status == "failed",
    )
