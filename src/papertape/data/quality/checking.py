"""All rules over one sheet, in the order in which each may lean on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from papertape.data.quality import activity, bars, bookings, hours, leaps, scale
from papertape.data.quality.finding import RULES, SEVERITIES, Finding
from papertape.data.quality.sheet import Sheet
from papertape.data.quality.usual import Usual
from papertape.domain.clock import Nanos


@dataclass(frozen=True, eq=False)
class Checked:
    """What the rules found in a sheet.

    Attributes:
        sheet: The sheet in order, each time once; what the repairs of D3 to D15 are for.
        findings: The worst first.
    """

    sheet: Sheet
    findings: tuple[Finding, ...]

    def mended(self, rule: str) -> Sheet:
        """The sheet after every repair of one rule; a sheet in order, each time once."""
        sheet = self.sheet
        for finding in self.findings:
            if finding.rule == rule and finding.repair and rule not in ("D1", "D2"):
                sheet = sheet.mended(finding.repair)
        return sheet


def check(sheet: Sheet, now: Nanos | None = None) -> Checked:
    """Hold a sheet against every rule.

    Args:
        sheet: The bars as their source tells them, in any order.
        now: The moment at which the source was asked; None asks nothing of the future.
    """
    found: list[Finding] = []
    once = sheet
    if not bool(np.all(np.diff(sheet.start) > 0)):
        found += bars.out_of_order(sheet)
        ordered = sheet.only(np.argsort(sheet.start, kind="stable"))
        found += bars.repeated(ordered)
        once = ordered.only(np.append(np.diff(ordered.start) != 0, True))
    if now is not None:
        found += bars.in_the_future(once, now)
    found += [*bars.inconsistent(once), *bars.priceless(once), *prices(once)]
    return Checked(once, ranked(found))


def prices(sheet: Sheet) -> list[Finding]:
    """The rules for bars that are in order and each time once: D5 to D14."""
    if len(sheet) < 2:
        return []
    usual = Usual(sheet)
    found = [*hours.against_calendar(sheet)]
    silent = hours.silences(usual)
    booked, explained = bookings.misbooked(usual)
    for finding in silent:
        explained |= sheet.on(finding.days)
    mixed, explained = scale.mixed_units(usual, explained)
    off, explained = scale.levels(usual, explained)
    back, explained = leaps.spikes(usual, explained)
    splits, explained = scale.unbooked_splits(usual, explained)
    found += [*silent, *booked, *mixed, *off, *splits, *back]
    found += [*leaps.wicks(usual, explained), *leaps.halves(usual, explained)]
    found += [*bookings.disagreeing_closes(sheet), *bookings.doubled(usual)]
    return [*found, *activity.moves_without_volume(sheet), *activity.stale(sheet)]


def ranked(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The worst first, and by rule within each severity."""
    order = list(RULES)
    return tuple(
        sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), order.index(f.rule)))
    )
