"""RiskGuard: asks every rule in turn, and alone makes `Approved`."""

from __future__ import annotations

from papertape.domain.order import Order
from papertape.domain.restraint import Restraints
from papertape.domain.verdict import Approved, Check, Refused, Verdict
from papertape.engines.riskguard.limits import RiskLimits
from papertape.engines.riskguard.rules import Veto, active_rules, restrained
from papertape.engines.riskguard.view import RiskView


class RiskGuard:
    """Holds orders against limits; a cancel is never asked, so it always passes (risk-R3).

    Args:
        limits: What each control allows.
        restraints: What keeps the session from trading freely.

    Attributes:
        restraints: Those in force now; a driver puts new ones here.
    """

    def __init__(self, limits: RiskLimits, restraints: Restraints = Restraints()):  # noqa: B008
        self.limits = limits
        self.restraints = restraints
        self._rules = active_rules(limits)

    def check(self, order: Order, view: RiskView) -> Verdict:
        """Whether the order may be sent, with every limit it was held against."""
        answer = restrained(order, view, self.restraints)
        if isinstance(answer, Veto):
            return Refused(order, answer.rule, answer.reason)
        checks: list[Check] = [answer]
        for rule in self._rules:
            found = rule(order, view)
            if isinstance(found, Veto):
                return Refused(order, found.rule, found.reason)
            if found is not None:
                checks.append(found)
        return Approved(order, tuple(checks))
