"""RiskGuard: asks every rule in turn, and alone makes `Approved`."""

from __future__ import annotations

from papertape.domain.order import Order
from papertape.domain.verdict import Approved, Check, Refused, Verdict
from papertape.engines.riskguard.kill_switch import KillSwitch
from papertape.engines.riskguard.limits import RULES, RiskLimits, RiskView, Veto


class RiskGuard:
    """Holds orders against limits; a cancel is never asked, so it always passes (risk-R3)."""

    def __init__(self, limits: RiskLimits, kill_switch: KillSwitch):
        self._limits = limits
        self.kill_switch = kill_switch

    def check(self, order: Order, view: RiskView) -> Verdict:
        """Whether the order may be sent, with every limit it was held against."""
        checks: list[Check] = []
        for rule in RULES:
            answer = rule(order, view, self._limits, self.kill_switch)
            if isinstance(answer, Veto):
                return Refused(order, answer.rule, answer.reason)
            if answer is not None:
                checks.append(answer)
        return Approved(order, tuple(checks))
