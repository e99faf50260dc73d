"""Driving: the one loop that walks a pipeline through moments, for bench and session alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from papertape.domain.event import Entry, Journal, Moment
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.proofbench.marks import Logged
from papertape.engines.proofbench.window import Window

Notify: TypeAlias = Callable[[Sequence[Entry]], None]


class Driven(NamedTuple):
    """When each moment after the start was, and what happened in it."""

    times: list[int]
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
    driven = Driven([], Logged([], []))
    for moment in stream:
        if moment.time < window.decides_from:
            pipeline.warm(moment)
            continue
        entries = pipeline.step(moment, journal)
        if entries:
            driven.logged.add(len(driven.times), entries)
            if notify is not None:
                notify(entries)
        if moment.time > window.start:
            driven.times.append(moment.time)
    pipeline.finish()
    return driven
