"""Every record of a journal has a sentence of its own."""

from typing import get_args

import pytest

from papertape.domain.day import Line
from papertape.monitoring import telling


def kinds(alias: object) -> list[type]:
    found = get_args(alias)
    return [kind for each in found for kind in kinds(each)] if found else [alias]  # type: ignore[list-item]


@pytest.mark.parametrize("kind", sorted(set(kinds(Line)), key=lambda kind: kind.__name__))
def test_no_record_is_told_as_a_bare_dump(kind: type) -> None:
    source = __import__("inspect").getsource(telling)
    assert f"{kind.__name__}(" in source
