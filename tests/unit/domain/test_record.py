"""Records made at once: what a frozen dataclass promises still holds."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from papertape.domain.record import made_at_once


@dataclass(frozen=True)
class Ordinary:
    """A pair whose first is positive."""

    first: int
    second: str = "none"

    def __post_init__(self) -> None:
        if self.first <= 0:
            raise ValueError(self.first)


@made_at_once
@dataclass(frozen=True)
class Quick(Ordinary):
    """The same."""


def test_a_record_made_at_once_is_made_as_any_other() -> None:
    assert Quick(1) == Quick(first=1, second="none")
    assert (Quick(2, "b").first, Quick(2, "b").second) == (2, "b")
    assert hash(Quick(1)) == hash(Quick(1))
    assert replace(Quick(1), second="b") == Quick(1, "b")
    names, defaults = zip(*_parameters(Quick), strict=True)
    assert (names, defaults) == tuple(zip(*_parameters(Ordinary), strict=True))


def _parameters(kind: type) -> list[tuple[str, object]]:
    return [(each.name, each.default) for each in inspect.signature(kind).parameters.values()]


def test_it_is_checked_and_stays_frozen() -> None:
    with pytest.raises(ValueError, match="-1"):
        Quick(-1)
    with pytest.raises(ValueError, match="0"):
        replace(Quick(1), first=0)
    with pytest.raises(FrozenInstanceError):
        Quick(1).first = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        Quick(1, third=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Quick()  # type: ignore[call-arg]
