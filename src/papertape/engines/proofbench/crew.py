"""Crew: the same work on many items by several threads, for work that lets go of the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AT_A_TIME = 8
"""Items that a thread takes at once."""

_DONE = object()


def by_crew(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Each item's result, in the order in which they come; at an error or an end all stop."""
    if threads == 1:
        yield from map(work, items)
        return
    crew = _Crew(work, iter(items), threads)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


class _Crew:
    def __init__(self, work: Callable[[Any], Any], items: Iterator[Any], threads: int):
        self._work, self._items = work, items
        self._taking, self._stop = Lock(), Event()
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._threads = [Thread(target=self._toil, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _toil(self) -> None:
        try:
            while some := self._some():
                for item in some:
                    self._said.put((self._work(item), None))
                    if self._stop.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - raised again by `results`
            self._said.put((None, error))
        finally:
            self._said.put((_DONE, None))

    def _some(self) -> list[Any]:
        if self._stop.is_set():
            return []
        with self._taking:
            return list(islice(self._items, AT_A_TIME))

    def results(self) -> Iterator[Any]:
        working = len(self._threads)
        while working:
            result, error = self._said.get()
            if error is not None:
                raise error
            if result is _DONE:
                working -= 1
            else:
                yield result

    def dismiss(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
