"""`papertape compare`: runs side by side, and whether they differ by more than luck."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.options import DEFAULTS, Here, RunOptions
from papertape.cli.progress import progress
from papertape.cli.store import RunStore
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import sentence
from papertape.cli.wiring import plan, run, sample_if_nothing_else
from papertape.cli.words import BENCHMARK, Column, figures, ground_lines, terms, title_of
from papertape.domain.errors import UsageError
from papertape.domain.market import Frequency
from papertape.engines.proofbench.evidence.luck import Interval, in_words, return_difference
from papertape.engines.proofbench.metrics import Reason, returns
from papertape.engines.proofbench.record import Ground, RunRecord


class Named(NamedTuple):
    """A run under the name it was asked for by."""

    name: str
    record: RunRecord


def compare(
    names: Annotated[tuple[str, ...], Parameter(show=True)],
    /,
    *,
    baseline: str | None = None,
    options: RunOptions = DEFAULTS,
    here: Here,
) -> Answer:
    """Put runs, or strategies run on the same terms, side by side.

    Parameters
    ----------
    names
        Two or more run ids (last~1 last) or strategies; strategies use the options of `backtest`.
    baseline
        The one the others are held against; exit 1 if one is worse by more than luck explains.
    """
    if baseline is not None:
        names = (baseline, *(name for name in names if name != baseline))
    if len(names) < 2:
        raise UsageError("there is nothing to compare with", hint="papertape compare last~1 last")
    compared = [_named(name, options, here) for name in names]
    for other in compared[1:]:
        _refuse_unequal(compared[0], other)
    differences = [_difference(compared[0], other) for other in compared[1:]]
    worse = [found for found in differences if isinstance(found, Interval) and found.high < 0]
    return Answer(
        _page(compared, differences, here),
        _data(compared, differences),
        is_no=baseline is not None and bool(worse),
    )


def _named(name: str, options: RunOptions, here: Surroundings) -> Named:
    store = RunStore(here)
    if store.has(name):
        return Named(name, store.load(name).record)
    planned = plan(name, sample_if_nothing_else(options), here)
    with progress(f"running {name}", here):
        return Named(name, run(planned).record)


_MUST_BE_EQUAL: dict[str, Callable[[Ground], Any]] = {
    "symbols": lambda ground: " ".join(ground.symbols),
    "bar length": lambda ground: ground.frequency,
    "first day": lambda ground: ground.first,
    "last day": lambda ground: ground.last,
    "costs": lambda ground: ground.cost,
    "account": lambda ground: ground.account,
    "cash": lambda ground: ground.capital,
}


def _refuse_unequal(first: Named, other: Named) -> None:
    """Refuse to compare what does not rest on the same ground.

    Raises:
        UsageError: Naming what differs.
    """
    grounds = first.record.ground, other.record.ground
    differ = [
        f"{what} ({' and '.join(str(of(ground)) for ground in grounds)})"
        for what, of in _MUST_BE_EQUAL.items()
        if of(grounds[0]) != of(grounds[1])
    ]
    if not differ and not _same_prices(first.record, other.record):
        differ = [f"data ({grounds[0].data_hash[:8]} and {grounds[1].data_hash[:8]})"]
    if differ:
        raise UsageError(
            f"{first.name} and {other.name} cannot be compared, they differ in {', '.join(differ)}",
            hint="run both again with equal data, dates, --cost and --cash",
        )


def _same_prices(one: RunRecord, other: RunRecord) -> bool:
    """Whether two runs traded the same prices.

    The hash covers a strategy's warm-up bars, too, so it may differ where the days traded do not.
    Buy and hold knows the days traded alone: where it is equal at every close, so are the prices.
    """
    if one.ground.data_hash == other.ground.data_hash:
        return True
    held = one.equity.benchmark
    return held is not None and held == other.equity.benchmark


def _difference(base: Named, other: Named) -> Interval | Reason:
    ground = base.record.ground
    theirs, ours = (returns(np.array(each.record.equity.equity)) for each in (other, base))
    ppy = Frequency.parse(ground.frequency).per_year
    return return_difference(theirs, ours, ppy, seed=ground.seed)


def _page(
    compared: Sequence[Named], differences: Sequence[Interval | Reason], here: Surroundings
) -> str:
    first, width = compared[0].record, here.width
    columns = [Column(title, each.record.metrics) for title, each in _titled(compared)]
    if first.benchmark_metrics:
        columns.append(Column(BENCHMARK, first.benchmark_metrics, is_benchmark=True))
    lines = [*ground_lines(first.ground, width), *terms(first.ground, width), ""]
    lines += [*figures(columns, here, here.colour_on(sys.stdout)), ""]
    for other, found in zip(compared[1:], differences, strict=True):
        against = f"{other.name} against {compared[0].name}: {in_words(found)}"
        lines += sentence("Result", against, width)
    return "\n".join(lines)


def _titled(compared: Sequence[Named]) -> list[tuple[str, Named]]:
    """Each with its strategy's title, or with its own name where two titles are the same."""
    titles = [title_of(each.record.ground) for each in compared]
    return [
        (title if titles.count(title) == 1 else each.name, each)
        for title, each in zip(titles, compared, strict=True)
    ]


def _data(compared: Sequence[Named], differences: Sequence[Interval | Reason]) -> dict[str, Any]:
    return {
        "compared": [
            {"name": name, "ground": record.ground, "metrics": record.metrics}
            for name, record in compared
        ],
        "against_first": [
            {"name": other.name, "words": in_words(found)} | _ends(found)
            for other, found in zip(compared[1:], differences, strict=True)
        ],
    }


def _ends(found: Interval | Reason) -> dict[str, float | None]:
    ends = ("estimate", "low", "high")
    return {end: getattr(found, end) if isinstance(found, Interval) else None for end in ends}
