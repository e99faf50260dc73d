"""Checks: things looked at before something is begun, each with a verdict and what repairs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from papertape.cli.tables import painted

Verdict = Literal["ok", "warn", "FAIL"]

_COLOURS = {"ok": "green", "warn": "bold", "FAIL": "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and the command that repairs it."""

    name: str
    verdict: Verdict
    found: str
    repair: str = ""

    def line(self, *, colour: bool) -> str:
        """The check as it is printed."""
        mark = painted(self.verdict.ljust(5), _COLOURS[self.verdict], colour)
        return f"{mark} {self.name:<12} {self.found}{f'   -> {self.repair}' if self.repair else ''}"
