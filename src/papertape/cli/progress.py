"""Progress: a sign of life on stderr for whatever takes more than a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import TYPE_CHECKING

from papertape.cli.surroundings import Surroundings

if TYPE_CHECKING:
    from rich.status import Status

PATIENCE = 1.0
"""Seconds of silence that nobody minds."""


@contextmanager
def progress(doing: str, here: Surroundings) -> Iterator[Callable[[str], None]]:
    """Show what is being done, on a terminal only, from the first second on until it is done.

    Who counts can say so: the answer takes other words for what is being done.
    """
    if here.quiet or not sys.stderr.isatty():
        yield lambda words: None
        return
    shown: list[Status] = []
    timer = Timer(PATIENCE, lambda: _start(shown, doing, here))
    timer.daemon = True
    timer.start()

    def say(words: str) -> None:
        for status in shown:
            status.update(words)

    try:
        yield say
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            with suppress(OSError):  # a terminal that was closed meanwhile
                status.stop()


def _start(shown: list[Status], doing: str, here: Surroundings) -> None:
    from rich.console import Console  # noqa: PLC0415 - most commands are done before it is loaded

    console = Console(stderr=True, no_color=not here.colour_on(sys.stderr))
    status = console.status(doing)
    with suppress(OSError):
        status.start()
        shown.append(status)
