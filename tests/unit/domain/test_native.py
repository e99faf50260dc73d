"""Which modules run compiled, told from the files that lie there."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from papertape.domain import uncompiled
from papertape.domain.native import Native, native


@pytest.fixture
def package(tmp_path: Path) -> Path:
    room = tmp_path / "papertape" / "matching"
    room.mkdir(parents=True)
    for name in ("rules.py", "rules.pxd", "costs.py", "costs.pxd", "book.py"):
        (room / name).touch()
    (room / f"rules{EXTENSION_SUFFIXES[0]}").touch()
    return room.parent


def test_a_module_with_c_types_and_an_extension_beside_it_runs_compiled(package: Path) -> None:
    assert native(package) == Native(("papertape.matching.rules",), ("papertape.matching.costs",))


def test_half_a_build_is_told_in_numbers(package: Path) -> None:
    assert native(package).summary == "1 compiled, 1 plain"
    assert native(package).notice.startswith("1 module of papertape runs as plain Python")


def test_a_full_build_needs_no_notice() -> None:
    assert (Native(("a",), ()).summary, Native(("a",), ()).notice) == ("compiled", "")


def test_a_plain_install_says_that_it_is_slower_and_what_to_do() -> None:
    assert Native((), ("a", "b")).summary == "plain"
    assert Native((), ("a", "b")).notice.startswith("papertape runs as plain Python")
    assert "C compiler" in Native((), ("a", "b")).notice


def test_the_stand_in_for_cython_does_nothing() -> None:
    @uncompiled.boundscheck(False)
    def doubled(value: int) -> int:
        with uncompiled.nogil:
            return 2 * value

    assert (doubled(2), doubled(3), uncompiled.compiled) == (4, 6, False)
