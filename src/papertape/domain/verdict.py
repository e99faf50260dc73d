"""Verdict: what RiskGuard answers; brokers accept `Approved`, never a bare order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from papertape.domain.order import Order


@dataclass(frozen=True, slots=True)
class Check:
    """One limit that was looked at: the control's id, what was found, what is allowed.

    ``used`` is how much of the limit that is, in hundredths of a percent; 0 where it has no size.
    """

    rule: str
    found: str
    limit: str
    used: int = 0


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed every control; only RiskGuard makes one."""

    order: Order
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that a control vetoed: which one and why, in words with numbers."""

    order: Order
    rule: str
    reason: str


Verdict: TypeAlias = Approved | Refused
