"""Records that are made by the thousand: fields written at once, the collector seldom at work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from threading import current_thread, main_thread
from typing import Any, TypeVar

Record = TypeVar("Record")


def made_at_once(kind: type[Record]) -> type[Record]:
    """Give a frozen dataclass an ``__init__`` that writes its fields straight into its dict.

    The one it has goes through ``object.__setattr__`` for each field, past its own guard, and so
    takes most of the time of making a large record. Whatever else it does stays.

    Args:
        kind: A dataclass without slots and without default factories.
    """
    record: Any = kind
    before, given = record.__init__, fields(record)
    defaults = {item.name: item.default for item in given if item.default is not MISSING}
    taken = (f"{n}=_defaults[{n!r}]" if n in defaults else n for n in (f.name for f in given))
    lines = [
        f"def __init__(self, {', '.join(taken)}):",
        "    _into = self.__dict__",
        *(f"    _into[{item.name!r}] = {item.name}" for item in given),
    ]
    if hasattr(record, "__post_init__"):
        lines.append("    self.__post_init__()")
    scope: dict[str, Any] = {"_defaults": defaults}
    exec("\n".join(lines), scope)
    made = scope["__init__"]
    made.__annotations__, made.__qualname__ = before.__annotations__, before.__qualname__
    made.__module__, made.__doc__ = before.__module__, before.__doc__
    record.__init__ = made
    return kind


_OBJECTS = 50_000
"""How many new objects may be made between two searches for garbage."""


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Search for garbage less often: a run and a recovery keep most of what they make.

    The setting belongs to the whole process, so only the main thread touches it.
    """
    thresholds = gc.get_threshold()
    if not thresholds[0] or current_thread() is not main_thread():
        yield
        return
    gc.set_threshold(max(_OBJECTS, thresholds[0]), *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
