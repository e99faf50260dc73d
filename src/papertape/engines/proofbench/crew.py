"""Crew: the same work on many items by several threads, for work that lets go of the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def by_crew(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, at_a_time: int = 1
) -> Iterator[Result]:
    """Each item's result, in the order of the items; at an error or an end all stop.

    Args:
        work: Done to each.
        items: Taken as they are needed.
        threads: How many.
        at_a_time: Items that a thread takes, and results that it hands over, at once: whoever
            wakes another thread waits for the lock himself.
    """
    if threads == 1:
        yield from map(work, items)
        return
    crew = _Crew(work, iter(items), threads, at_a_time)
    try:
        yield from crew.results()
    finally:
        crew.dismiss()


class _Crew:
    def __init__(
        self, work: Callable[[Any], Any], items: Iterator[Any], threads: int, at_a_time: int
    ):
        self._work, self._items, self._at_a_time = work, items, at_a_time
        self._taking, self._stop, self._taken = Lock(), Event(), 0
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._threads = [Thread(target=self._toil, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _toil(self) -> None:
        try:
            while some := self._some():
                turn, items = some
                self._said.put((turn, list(map(self._unless_stopped, items)), None))
        except BaseException as error:  # noqa: BLE001 - raised again by `results`
            self._said.put((-1, [], error))
        finally:
            self._said.put((-1, [], None))

    def _unless_stopped(self, item: Any) -> Any:
        return None if self._stop.is_set() else self._work(item)

    def _some(self) -> tuple[int, list[Any]] | None:
        with self._taking:
            items = [] if self._stop.is_set() else list(islice(self._items, self._at_a_time))
            self._taken += 1
            return (self._taken, items) if items else None

    def results(self) -> Iterator[Any]:
        early: dict[int, list[Any]] = {}
        working, turn = len(self._threads), 1
        while working:
            taken, done, error = self._said.get()
            if error is not None:
                raise error
            if taken < 0:
                working -= 1
            early[taken] = done
            while turn in early:
                yield from early.pop(turn)
                turn += 1

    def dismiss(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
