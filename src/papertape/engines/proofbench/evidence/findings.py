"""Findings: what a check of a strategy says, as values."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from papertape.domain.errors import InvariantBroken, PapertapeError

T = TypeVar("T")

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
    except Exception as error:  # noqa: BLE001 - whatever a strategy raises is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f" ({Path(where.filename).name}:{where.lineno})"
        return CheckResult(name, "failed", f"it raised {type(error).__name__}: {error}{place}")
