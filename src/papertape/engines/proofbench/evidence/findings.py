"""Findings: what a check of a strategy says, as values."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import papertape
from papertape.domain.errors import InvariantBroken, PapertapeError

T = TypeVar("T")

_FOLDERS = (
    str(Path(papertape.__file__).parent),
    sysconfig.get_path("purelib"),
    sysconfig.get_path("stdlib"),
    "<",
)

Status = Literal["failed", "warning", "not_run", "passed"]
WORST_FIRST: tuple[Status, ...] = ("failed", "warning", "not_run", "passed")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One finding: which check, how it ended, and why in words."""

    name: str
    status: Status
    detail: str


def held(name: str, call: Callable[[], T]) -> T | CheckResult:
    """The answer of code that a user wrote, or the finding that it raised."""
    try:
        return call()
    except InvariantBroken:  # our own fault is nobody's finding
        raise
    except PapertapeError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return CheckResult(name, "failed", f"{error}{hint}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a strategy raises is what is looked for
        raised = f"it raised {type(error).__name__}: {error}"
        return CheckResult(name, "failed", f"{raised}{_place(error)}")


def _place(error: BaseException) -> str:
    """The last line outside our package and the installed ones: most likely the user's own."""
    if isinstance(error, SyntaxError):  # says itself where
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_FOLDERS)]
    where = (own or frames)[-1]
    return f" ({Path(where.filename).name}:{where.lineno})"
