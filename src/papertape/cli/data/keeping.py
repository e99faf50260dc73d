"""Keeping bars that came in: beside the stored ones or in their place, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from papertape.cli.answer import Answer
from papertape.cli.data.shelf import notes, span, told
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import sentence, steps
from papertape.data.store import Kept, OnDifference, Origin, Store
from papertape.domain.clock import Nanos
from papertape.domain.errors import PapertapeError
from papertape.domain.market import PriceHistory


@dataclass(frozen=True, slots=True)
class Keeping:
    """How bars are to be kept.

    Attributes:
        on_difference: Which bar wins where two differ.
        reason: Why there is a revision.
        replace: Whether they take the place of all stored ones.
        dry_run: Whether it is only said what would be done.
    """

    on_difference: OnDifference
    reason: str
    replace: bool = False
    dry_run: bool = False

    def beside(self) -> Keeping:
        """The same for what comes after the first piece, which has taken the place already."""
        return replace(self, replace=False)


def keep(store: Store, history: PriceHistory, origin: Origin, now: Nanos, keeping: Keeping) -> Kept:
    """Put bars into the store as it was asked for.

    Raises:
        DataError: If they do not go with the stored ones.
        LockHeld: If another process writes to the series.
    """
    if keeping.replace:
        return store.replace(history, origin, now, reason=keeping.reason)
    return store.add(
        history, origin, now, on_difference=keeping.on_difference, reason=keeping.reason
    )


def say_what_is_kept(
    error: PapertapeError | KeyboardInterrupt, kept: Sequence[Kept], go_on: str
) -> None:
    """Put into an error what was kept before it, and how to go on."""
    told = [
        f"{each.manifest.rows:,} bars of {each.manifest.symbol} to {each.manifest.last[:10]}"
        for each in kept
    ]
    if not told:
        return
    are_kept = f"{' and '.join(told)} are kept"
    if isinstance(error, PapertapeError):
        error.untouched = are_kept
        error.hint = f"{error.hint}; {go_on}".removeprefix("; ")
    else:
        error.args = (f"{are_kept}; {go_on}",)


def line_of(kept: Kept, *, dry_run: bool) -> str:
    """What became of the bars, in a line."""
    manifest = kept.manifest
    head = f"{manifest.symbol} {manifest.bar}  {span(manifest)}  {manifest.rows:,} bars"
    if not kept.is_new:
        return f"{head}  unchanged, revision {manifest.revision}  data {manifest.content[:8]}"
    would = "would be " if dry_run else ""
    return (
        f"{head}  {would}revision {manifest.revision}: {kept.change}  data {manifest.content[:8]}"
    )


def summary(
    kept: Sequence[Kept], notices: Sequence[str], keeping: Keeping, here: Surroundings
) -> Answer:
    """What was kept, with what is to be known about it."""
    lines = [line_of(each, dry_run=keeping.dry_run) for each in kept]
    said = [*notices]
    for each in kept:
        said += each.change.words
        if each.change.unsaid:
            said.append(f"{each.change.unsaid:,} stored bars were not in what came; they are kept")
    for words in notes(said):
        lines += sentence("Note", words, here.width)
    last = kept[-1].manifest
    after = [f"papertape data show {last.symbol} --bar {last.bar}"]
    after += [f"papertape backtest buy_and_hold --symbol {last.symbol}"]
    return Answer(
        "\n".join([*lines, *steps(after, here.width)]),
        {"kept": [_data(each) for each in kept], "dry_run": keeping.dry_run},
        tuple(said),
    )


def _data(kept: Kept) -> dict[str, Any]:
    change = msgspec.to_builtins(kept.change)
    return {**told(kept.manifest), "is_new": kept.is_new, "change": change}
