"""Kept: what was worked out of something that never changes is not worked out again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

Thing = TypeVar("Thing")
Rest = ParamSpec("Rest")
Answer = TypeVar("Answer")


def kept(
    function: Callable[Concatenate[Thing, Rest], Answer],
) -> Callable[Concatenate[Thing, Rest], Answer]:
    """A function whose answers live as long as its first argument, a frozen thing.

    The other arguments must be hashable; an answer must not hold on to the thing itself, or
    neither ever goes. Two threads that ask at once may both do the work.
    """
    answers: WeakKeyDictionary[Thing, dict[Hashable, Answer]] = WeakKeyDictionary()

    @wraps(function)
    def asked(thing: Thing, *rest: Rest.args, **named: Rest.kwargs) -> Answer:
        known = answers.setdefault(thing, {})
        key = (rest, tuple(named.items()))
        if key not in known:
            known[key] = function(thing, *rest, **named)
        return known[key]

    return cast("Callable[Concatenate[Thing, Rest], Answer]", asked)
