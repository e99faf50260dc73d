"""RiskGuard: asks every rule in turn, and alone makes `Approved`."""

from __future__ import annotations

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.day import Line
from papertape.domain.event import Restrained
from papertape.domain.order import Order
from papertape.domain.restraint import Restraint, Restraints
from papertape.domain.verdict import Approved, Check, Refused, Verdict
from papertape.engines.riskguard.limits import RiskLimits
from papertape.engines.riskguard.rules import (
    Canary,
    Rule,
    Veto,
    active_rules,
    restrained,
    rules_of_changes,
)
from papertape.engines.riskguard.tally import RiskTally
from papertape.engines.riskguard.view import RiskView
from papertape.engines.riskguard.watch import watch

_FREE = Restraints()


class RiskGuard:
    """Holds orders against limits; a cancel is never asked, so it always passes (risk-R3).

    Args:
        limits: What each control allows.
        restraints: What keeps the session from trading freely.

    Attributes:
        limits: See above.
        restraints: Those in force now; a driver puts its own here.
        tally: What was counted so far; a driver that starts again puts here what it has read.
        counts: Whether anything is counted at all; a backtest's profile needs no count.
    """

    def __init__(self, limits: RiskLimits, restraints: Restraints = _FREE):
        self.limits = limits
        self.restraints = restraints
        self.tally = RiskTally(limits)
        self.counts = limits != RiskLimits()
        self._rules = active_rules(limits)
        self._rules_of_changes = rules_of_changes(limits)
        self._canary = next((rule for rule in self._rules if isinstance(rule, Canary)), None)

    def check(self, order: Order, view: RiskView) -> Verdict:
        """Whether the order may be sent, with every limit it was held against."""
        return self._held(order, view, self._rules)

    def check_change(self, rest: Order, view: RiskView) -> Verdict:
        """Whether an order may be changed so that this is what will be open of it."""
        return self._held(rest, view, self._rules_of_changes)

    def small_enough(self, order: Order, view: RiskView) -> Order:
        """The order, or what the day's first orders may have of it (risk-R29).

        Refusing them instead would keep a strategy of larger orders from ever beginning.
        """
        return order if self._canary is None else self._canary.cut(order, view, self.tally)

    def _held(self, order: Order, view: RiskView, rules: tuple[Rule, ...]) -> Verdict:
        answer = restrained(order, view, self.restraints)
        if isinstance(answer, Veto):
            return Refused(order, answer.rule, answer.reason)
        checks: list[Check] = [answer]
        for rule in rules:
            found = rule(order, view, self.tally)
            if isinstance(found, Veto):
                return Refused(order, found.rule, found.reason)
            if found is not None:
                checks.append(found)
        return Approved(order, tuple(checks))

    def begin(self, account: Account) -> None:
        """Count from here on, for this account."""
        if self.counts:
            self.tally = RiskTally(self.limits, account)

    def note(self, line: Line) -> None:
        """Count what happened."""
        if self.counts:
            self.tally = self.tally.after(line)

    def watch(self, now: Nanos) -> list[Restrained]:
        """Restrain what the counts call for."""
        if not self.counts:
            return []
        return [told for found in watch(self.tally, now) for told in self.restrain(found)]

    def restrain(self, found: Restraint) -> list[Restrained]:
        """Put a restraint in force; nothing is said of one that is in force already."""
        before, self.restraints = self.restraints, self.restraints.after(found)
        if self.restraints is before:
            return []
        told = Restrained(found.since, found)
        self.note(told)
        return [told]
