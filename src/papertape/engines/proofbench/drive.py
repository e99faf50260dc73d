"""Driving: the one loop that walks a pipeline through moments, for bench and session alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from papertape.data.actions import rows_of
from papertape.domain.event import Entry, Journal, Moment
from papertape.domain.market import IntArray
from papertape.domain.record import rarely_collecting
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.proofbench.marks import Logged
from papertape.engines.proofbench.window import Window

Notify: TypeAlias = Callable[[Sequence[Entry]], None]


class Driven(NamedTuple):
    """When each moment after the start was, and what happened in it."""

    times: Sequence[int] | IntArray
    logged: Logged


def drive(
    pipeline: TradingPipeline,
    stream: Iterable[Moment],
    window: Window,
    journal: Journal,
    notify: Notify | None = None,
) -> Driven:
    """Warm up on what lies before the first decision, then step through the rest.

    Args:
        pipeline: What is driven.
        stream: The market; a feed hands each moment over when it has happened.
        window: Where history ends and trading begins.
        journal: Where entries are recorded before anything is sent.
        notify: Told what happened, after it is recorded.
    """
    times, logged = list[int](), Logged([], [])
    for moment in stream:
        if moment.time < window.decides_from:
            pipeline.warm(moment)
            continue
        entries = pipeline.step(moment, journal)
        if entries:
            logged.add(len(times), entries)
            if notify is not None:
                notify(entries)
        if moment.time > window.start:
            times.append(moment.time)
    pipeline.finish()
    return Driven(times, logged)


def drive_history(pipeline: TradingPipeline, window: Window, journal: Journal) -> Driven:
    """The same for the history of one instrument, with calm stretches passed over.

    What comes of it is what `drive` brings, to the last entry; only sooner.
    """
    with rarely_collecting():
        return _drive_history(pipeline, window, journal)


def _drive_history(pipeline: TradingPipeline, window: Window, journal: Journal) -> Driven:
    (symbol, bars), logged = next(iter(window.bars.items())), Logged([], [])
    acting = rows_of(bars, window.actions.get(symbol, ()))
    turns = [*sorted(acting), len(bars)]
    first = int(np.searchsorted(bars.end, window.start, side="right"))

    def moment_at(row: int) -> Moment:
        return Moment(int(bars.end[row]), (bars.bar(row),), tuple(acting.get(row, ())))

    row = int(np.searchsorted(bars.end, window.decides_from))
    for warm in range(row):
        pipeline.warm(moment_at(warm))
    while row < len(bars):
        if row not in acting:
            stop = turns[bisect_right(turns, row)]
            after = pipeline.pass_calm(bars, row, stop)
            if after > row:
                entries = pipeline.answer(int(bars.end[after - 1]), journal)
                logged.add(max(0, after - 1 - first), entries)
                row = after
                continue
        logged.add(max(0, row - first), pipeline.step(moment_at(row), journal))
        row += 1
    pipeline.finish()
    return Driven(bars.end[first:], logged)
