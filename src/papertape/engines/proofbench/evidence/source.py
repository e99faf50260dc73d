"""Where a strategy comes from, said so that another process can find it, too."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import cast

from papertape.domain.errors import UsageError
from papertape.strategies.strategy import Strategy, build


@dataclass(frozen=True, slots=True)
class StrategySource:
    """A strategy's class by file or module, with its parameters as texts.

    Attributes:
        where: A ``.py`` file, or a dotted module name.
        name: The class; empty for the only strategy that is written there.
        parameters: Name -> text, as on a command line.
    """

    where: str
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: type, **parameters: str) -> StrategySource:
        """A class of an importable module, such as a shipped strategy."""
        return cls(kind.__module__, kind.__name__, parameters)

    def kind(self) -> type:
        """Load the class; a file is executed anew each time.

        Raises:
            UsageError: If there is no such file, module or class.
        """
        module = self._module()
        if not self.name:
            return _only_strategy(module, self.where)
        kind = getattr(module, self.name, None)
        if not isinstance(kind, type):
            found = ", ".join(each.__name__ for each in _strategies(module)) or "none"
            raise UsageError(
                f"{self.where} has no class {self.name!r}", hint=f"strategies there: {found}"
            )
        return kind

    def strategy(self) -> Strategy:
        """Load the class and make a strategy of it."""
        return cast("Strategy", build(self.kind(), self.parameters))

    def _module(self) -> ModuleType:
        path = Path(self.where)
        if path.suffix != ".py":
            return importlib.import_module(self.where)
        if not path.is_file():
            raise UsageError(f"there is no file {self.where}", hint="papertape strategy list")
        module = ModuleType(f"papertape_strategy_{path.stem}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # dataclasses look their own module up there
        # Compiled here, not imported: Python's cache may hold another text of the same second.
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
        return module


def file_of(kind: type) -> Path | None:
    """The file a class is written in; None if it was typed into a prompt."""
    try:
        return Path(inspect.getfile(kind))
    except (OSError, TypeError):
        return None


def _strategies(module: ModuleType) -> list[type]:
    """The strategy classes written in a module, not those it only imports."""
    return [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and any(hasattr(kind, name) for name in ("exposure", "on_bar", "rank"))
    ]


def _only_strategy(module: ModuleType, where: str) -> type:
    found = _strategies(module)
    if len(found) != 1:
        names = ", ".join(kind.__name__ for kind in found) or "none"
        raise UsageError(f"{where} has {len(found)} strategies: {names}", hint="name the class")
    return found[0]
