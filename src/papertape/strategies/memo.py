"""Memo: each distinct indicator of a sweep is computed once, however many settings ask for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

Arguments = ParamSpec("Arguments")
Column = TypeVar("Column")


class _Answer:
    """A column that is being computed or known, and what it was computed from."""

    def __init__(self, arguments: tuple[Any, ...]):
        # Kept, so that no other column can come to have the identity of one that is gone.
        self.arguments = arguments
        self.column: Any = None
        self.lock = Lock()


class Memo:
    """Columns by the function, the identity of its columns and its parameters.

    Only columns that nobody can write to are taken for the same, and what is handed out cannot be
    written to. The columns asked for least recently go first.

    Args:
        room: Bytes of columns to keep.
    """

    def __init__(self, room: int):
        self._room = room
        self._held = 0
        self._answers: OrderedDict[Any, _Answer] = OrderedDict()
        self._lock = Lock()

    def ask(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """What a function of columns answers."""
        columns = [each for each in arguments if isinstance(each, np.ndarray)]
        if not columns or any(each.flags.writeable for each in columns):
            return function(*arguments)
        names = (id(each) if isinstance(each, np.ndarray) else each for each in arguments)
        key = (function, *names)
        with self._lock:
            answer = self._answers.setdefault(key, _Answer(arguments))
            self._answers.move_to_end(key)
        with answer.lock:
            if answer.column is None:
                answer.column = function(*arguments)
                answer.column.flags.writeable = False
                self._make_room(answer.column.nbytes)
        return answer.column

    def _make_room(self, size: int) -> None:
        with self._lock:
            self._held += size
            while self._held > self._room and len(self._answers) > 1:
                _, oldest = self._answers.popitem(last=False)
                if oldest.column is not None:
                    self._held -= oldest.column.nbytes


_memo: ContextVar[Memo | None] = ContextVar("memo", default=None)


@contextmanager
def remembering(memo: Memo) -> Iterator[None]:
    """Have the indicators asked for in this thread meanwhile kept in a memo."""
    token = _memo.set(memo)
    try:
        yield
    finally:
        _memo.reset(token)


def remembered(function: Callable[Arguments, Column]) -> Callable[Arguments, Column]:
    """An indicator that answers from the memo where there is one."""

    @wraps(function)
    def asked(*arguments: Arguments.args, **named: Arguments.kwargs) -> Column:
        memo = _memo.get()
        if memo is None or named:
            return function(*arguments, **named)
        return cast("Column", memo.ask(function, arguments))

    return asked
