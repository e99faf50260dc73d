"""Records that are made by the thousand: their fields written at once, and no collector at work."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
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


@contextmanager
def uncollected() -> Iterator[None]:
    """While records are made that all stay.

    Python's collector looks for circles among all that was made, the more often the more there
    is: reading a long journal it would take a third of the time, and find nothing.
    """
    works = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if works:
            gc.enable()
