"""The strategies that can be named: the shipped ones, and the user's own files."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from papertape.cli.failure import blamed
from papertape.domain.errors import PapertapeError, StrategyError, UsageError
from papertape.strategies.strategy import Strategy, build

SHIPPED = {
    "moving_average_crossover": ("MovingAverageCrossoverStrategy", "sma"),
    "rsi_mean_reversion": ("RSIMeanReversionStrategy", "rsi"),
    "momentum_breakout": ("MomentumBreakoutStrategy", "breakout"),
    "top_momentum": ("TopMomentumStrategy", "top"),
    "buy_and_hold": ("BuyAndHoldStrategy", "hold"),
}
"""Name -> class, and the word that begins the ids of its runs."""

PROTOCOLS = {"exposure": "signal", "on_bar": "order", "rank": "cross-section"}
"""The method by which a strategy is known -> what kind it is."""

OWN = Path("strategies")
"""Where the user's own lie, seen from the current folder."""

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A strategy that was found and loaded, not yet made."""

    name: str
    kind: type
    file: Path
    short: str
    is_shipped: bool

    def make(self, parameters: Mapping[str, str]) -> Strategy:
        """The strategy with parameters as they come from a command line.

        Raises:
            UsageError: If a parameter is unknown or out of its bounds.
            StrategyError: If its own code raises.
        """
        _refuse_odd_digits(parameters)
        try:
            made: Strategy = build(self.kind, parameters)
        except PapertapeError:
            raise
        except Exception as error:
            raise blamed(error, self.file) or error from error
        return made


def listed(name: str) -> Listed:
    """The strategy of that name: a shipped one, one in ``strategies/``, or a file's path.

    Raises:
        UsageError: If there is none, or its file lies outside the current folder.
        StrategyError: If its file cannot be loaded.
    """
    return _shipped(name) if name in SHIPPED else _own(own_file(name))


def own_file(name: str) -> Path:
    """The whole path of the user's strategy of that name or path.

    Raises:
        UsageError: If there is none, or its file lies outside the current folder.
    """
    if name.endswith(".py") or "/" in name or "\\" in name:
        return _inside(Path(name))
    if NAME.fullmatch(name) and (OWN / f"{name}.py").exists():
        return _inside(OWN / f"{name}.py")
    known = [*SHIPPED, *(file.stem for file in own_files())]
    near = get_close_matches(name, known, n=1)
    raise UsageError(
        f"no strategy is called {name!r}",
        hint=f"did you mean {near[0]}?" if near else "papertape strategy list",
    )


def own_files() -> Iterator[Path]:
    """The user's strategy files, by name."""
    if OWN.is_dir():
        yield from (file for file in sorted(OWN.glob("*.py")) if NAME.fullmatch(file.stem))


def check_name(name: str) -> None:
    """Refuse a name that no file or class can carry.

    Raises:
        UsageError: If it is no plain name, a word of Python's, or taken by a shipped strategy.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(
            f"{name!r} cannot name a strategy",
            hint="begin with a small letter, then small letters, digits and _, 40 at most",
        )
    if name in SHIPPED:
        raise UsageError(f"{name} is a shipped strategy", hint="choose another name")


def _refuse_odd_digits(parameters: Mapping[str, str]) -> None:
    # Python takes 1_000 and the digits of every script for numbers, and so would a slip of the
    # keyboard be taken for one.
    for name, text in parameters.items():
        if not text.isascii() or ("_" in text and text.lstrip("+-.")[:1].isdigit()):
            raise UsageError(
                f"--param {name}={text!r} is no plain value", hint=f"--param {name}=20"
            )


def _shipped(name: str) -> Listed:
    kind, short = SHIPPED[name]
    module = import_module(f"papertape.strategies.{name}")
    return Listed(name, getattr(module, kind), Path(str(module.__file__)), short, is_shipped=True)


def _inside(path: Path) -> Path:
    """The file's whole path, if it lies in the current folder and no link leads there."""
    here = Path.cwd()
    whole = here / path
    if ".." in whole.parts or not whole.is_relative_to(here) or whole.resolve() != whole:
        raise UsageError(
            f"{path} is not a plain file inside the current folder",
            hint="a strategy is loaded from the folder you stand in, never through a link",
        )
    if not whole.is_file():
        raise UsageError(f"there is no file {path}", hint="papertape strategy list")
    return whole


def _own(file: Path) -> Listed:
    module = _loaded(file)
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and any(hasattr(kind, name) for name in PROTOCOLS)
    ]
    if len(kinds) != 1:
        found = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise StrategyError(
            f"{file.name} must hold one class with {' or '.join(PROTOCOLS)}, it holds {found}",
            hint="papertape strategy new NAME writes one to begin with",
        )
    return Listed(file.stem, kinds[0], file, file.stem, is_shipped=False)


class _Fresh(SourceFileLoader):
    """Reads the source each time: a cached file could be yesterday's, and nothing is written."""

    def path_stats(self, path: str | bytes) -> Mapping[str, Any]:
        raise OSError("no cache is wanted")


def _loaded(file: Path) -> ModuleType:
    name = f"papertape_strategy_{file.stem}"
    spec = spec_from_file_location(name, file, loader=_Fresh(name, str(file)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its own module up there
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of a command's result
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise StrategyError(
            f"{file.name} is no Python: {error.msg} ({file.name}:{error.lineno})",
            hint=f"repair line {error.lineno}",
        ) from error
    except (Exception, SystemExit) as error:
        raise blamed(error, file) or error from error
    return module
