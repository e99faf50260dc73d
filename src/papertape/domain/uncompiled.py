"""What a hot module needs of ``cython`` when Cython is not installed: names that do nothing.

A hot module begins like this, because Cython understands only the literal ``import cython``::

    try:
        import cython
    except ImportError:
        from papertape.domain import uncompiled as cython
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

Decorated = TypeVar("Decorated")
Whole = TypeVar("Whole")

compiled = False
"""Whether this very code runs compiled; Cython puts True in its place."""

nogil: AbstractContextManager[None] = nullcontext()
"""Where compiled code lets go of the interpreter lock."""

gil: AbstractContextManager[None] = nullcontext()
"""Where it takes it again."""

longlong = int
"""The type of an integer in C."""


def cast(kind: Callable[[float], Whole], value: float) -> Whole:
    """A number as another type; a fraction is cut towards zero."""
    return kind(value)


def _directive(value: bool) -> Callable[[Decorated], Decorated]:
    """A compiler directive as a decorator; plain Python is always checked."""
    return lambda decorated: decorated


boundscheck = wraparound = cdivision = overflowcheck = _directive
