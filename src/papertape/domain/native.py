"""Native: which of the hot modules run compiled in this installation, and which as plain Python.

A module is hot when a ``.pxd`` lies beside it. Python prefers an extension to a ``.py`` of the same
name, so looking at the files is enough and nothing has to be imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Native:
    """The hot modules by name, those that run compiled and those that do not."""

    compiled: tuple[str, ...]
    plain: tuple[str, ...]

    @property
    def summary(self) -> str:
        """For ``--version``: ``compiled``, ``plain``, or how many of each."""
        if not self.plain:
            return "compiled"
        if not self.compiled:
            return "plain"
        return f"{len(self.compiled)} compiled, {len(self.plain)} plain"

    @property
    def notice(self) -> str:
        """One line for people where something is slower than it could be; else an empty string."""
        if not self.plain:
            return ""
        count = len(self.plain)
        some = (
            f"{count} module{'s' if count > 1 else ''} of papertape run{'' if count > 1 else 's'}"
        )
        return (
            f"{some if self.compiled else 'papertape runs'} as plain Python: same numbers, slower. "
            "Install a C compiler and install papertape again to have it compiled."
        )


def native(package: Path = PACKAGE) -> Native:
    """How the modules under ``package`` run, by the files that lie there."""
    compiled: list[str] = []
    plain: list[str] = []
    for declared in sorted(package.rglob("*.pxd")):
        name = ".".join(declared.relative_to(package.parent).with_suffix("").parts)
        built = any(declared.with_name(declared.stem + end).exists() for end in EXTENSION_SUFFIXES)
        (compiled if built else plain).append(name)
    return Native(tuple(compiled), tuple(plain))
