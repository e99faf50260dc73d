"""The others: what many symbols do on a day is the market's doing; what one lacks is its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from papertape.data.quality.checking import Checked, ranked
from papertape.data.quality.finding import Days, Finding

_FEWEST = 8
"""Symbols that must be there before they can be asked about the market."""

_CROWD, _CROWD_LEAST = 0.1, 3
"""Share, and number, of symbols that are odd on one day from which the day is: false prints come
alone."""

_ALL = 0.9
"""Share of the symbols listed on a day that must have it before it is missing elsewhere."""


def with_peers(checked: Sequence[Checked]) -> list[Checked]:
    """The same findings, each held against what the other symbols did on its days.

    A leap (D10) on days that are odd for many becomes information. A missing day (D13) that all
    others have becomes an error: the market was open, and somebody did trade.
    """
    if len(checked) < _FEWEST:
        return list(checked)
    odd: Counter[np.datetime64] = Counter()
    for each in checked:
        odd.update({day for f in each.findings if f.rule == "D10" for day in f.days})
    least = max(_CROWD_LEAST, _CROWD * len(checked))
    crowded = np.array([day for day, count in odd.items() if count >= least], "datetime64[D]")
    held = [np.unique(each.sheet.days) for each in checked]
    found = []
    for place, each in enumerate(checked):
        others = [*held[:place], *held[place + 1 :]]
        judged = [new for old in each.findings for new in _judged(old, crowded, others)]
        found.append(Checked(each.sheet, ranked(judged)))
    return found


def _judged(finding: Finding, crowded: Days, others: Sequence[Days]) -> Iterator[Finding]:
    if finding.rule == "D10" and np.isin(finding.days, crowded).all():
        what = f"{finding.what}; so do many others that day"
        todo = "nothing: it was the market"
        yield replace(finding, severity="info", what=what, todo=todo, repair=None)
    elif finding.rule == "D13" and finding.severity == "warn" and not finding.repair:
        yield from _missing(finding, others)
    else:
        yield finding


def _missing(finding: Finding, others: Sequence[Days]) -> Iterator[Finding]:
    """Days that the others have, as an error; those that they lack, too, as before."""
    days = finding.days
    listed, there = np.zeros(len(days)), np.zeros(len(days))
    for held in others:
        listed += (days >= held[0]) & (days <= held[-1]) if len(held) else 0
        there += np.isin(days, held)
    theirs = (listed >= _FEWEST / 2) & (there >= _ALL * np.maximum(listed, 1))
    for rows, is_theirs in ((theirs, True), (~theirs, False)):
        if rows.any():
            part = replace(finding, count=int(rows.sum()), days=days[rows])
            part = replace(part, example=str(part.days[0]))
            what = f"{finding.what}, and the other symbols have one"
            yield replace(part, severity="error", what=what) if is_theirs else part
