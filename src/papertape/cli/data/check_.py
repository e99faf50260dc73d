"""`papertape data check`: series, or a file, held against the data rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.sheets import NO_FILE, FileOptions, Subject, of_file, stored
from papertape.cli.data.shelf import meant, store_of
from papertape.cli.options import Here
from papertape.cli.progress import progress
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import LABEL, sentence, table
from papertape.data.quality.checking import Checked, check, ranked
from papertape.data.quality.finding import RULES, Finding
from papertape.data.quality.hours import Timetable
from papertape.data.quality.peers import with_peers
from papertape.data.quality.providers import disagreements
from papertape.data.store import Manifest, Store
from papertape.domain.errors import UsageError
from papertape.domain.instrument import canonical_symbol

_Switch = Annotated[bool, Parameter(negative=(), show_default=False)]
_DAYS_TOLD = 1_000
_INDENT = " " * LABEL


def check_(
    symbols: Annotated[tuple[str, ...], Parameter(show=True)] = (),
    /,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative=(), show_default=False)] = False,
    bar: str | None = None,
    strict: _Switch = False,
    against: str | None = None,
    file: FileOptions = NO_FILE,
    here: Here,
) -> Answer:
    """Hold series against the data rules; the answer is no where one finds an error.

    Parameters
    ----------
    symbols
        Whose bars, one or several.
    all_
        Every series in the store.
    bar
        Bar length; every length that the store holds if left out.
    strict
        Say no to warnings, too.
    against
        A price file of the same symbol from another source, to compare with (D14).
    """
    subjects = _subjects(symbols, all_, bar, file, here)
    if against and len(subjects) != 1:
        raise UsageError("--against compares one series", hint="name one symbol, and its --bar")
    with progress("checking", here):
        checked = [check(each.sheet, each.now) for each in subjects]
    if against:
        checked = [_compared(checked[0], against, file, here)]
    checked = with_peers(checked)
    lines: list[str] = []
    for subject, found in zip(subjects, checked, strict=True):
        lines += [*_page(subject, found, here), ""]
    findings = [each for found in checked for each in found.findings]
    unread = sum(len(subject.unread) for subject in subjects)
    data = {"series": [_data(*each) for each in zip(subjects, checked, strict=True)]}
    bad = [each for each in findings if each.severity in ("error", *(["warn"] if strict else []))]
    return Answer("\n".join([*lines, _verdict(findings, unread)]), data, is_no=bool(bad or unread))


def _subjects(
    symbols: Sequence[str], all_: bool, bar: str | None, file: FileOptions, here: Surroundings
) -> list[Subject]:
    now = here.clock.now()
    if file.data:
        if len(symbols) != 1 or all_:
            raise UsageError("a file holds one symbol's bars", hint="data check SPY --data FILE")
        return [of_file(symbols[0], bar, file, now)]
    if bool(symbols) == all_:
        raise UsageError(
            "name symbols, or --all", hint="papertape data check SPY, or papertape data check --all"
        )
    store = store_of(here)
    return [stored(store, manifest, now) for manifest in _series(store, symbols, bar)]


def _series(store: Store, symbols: Sequence[str], bar: str | None) -> list[Manifest]:
    """The series asked for; all of the store if no symbol is named."""
    if not symbols:
        return [each for each in store.series() if bar in (None, each.bar)]
    found = []
    for symbol in dict.fromkeys(map(canonical_symbol, symbols)):
        lengths = [each for each in store.series() if each.symbol == symbol]
        found += lengths if bar is None and lengths else [meant(store, symbol, bar)]
    return found


def _compared(checked: Checked, file: str, options: FileOptions, here: Surroundings) -> Checked:
    """What was found, and where another source's file disagrees."""
    sheet = checked.sheet
    other = of_file(
        sheet.symbol, str(sheet.frequency), replace(options, data=file), here.clock.now()
    )
    found = disagreements(sheet, check(other.sheet).sheet)
    return Checked(sheet, ranked([*checked.findings, *found]))


def _page(subject: Subject, checked: Checked, here: Surroundings) -> list[str]:
    sheet = checked.sheet
    days = sheet.days
    bars = f"{len(sheet):,} bars"
    hours = Timetable(sheet)
    if len(sheet) and hours.fits and not hours.is_sparse:
        bars = _expected(hours)
    span = f"{days[0]}..{days[-1]}" if len(sheet) else "no rows"
    head = f"{sheet.symbol} {sheet.frequency}  {span}  {bars}  data {subject.content}"
    lines = [head, *sentence("Source", subject.source, here.width)]
    for fault in subject.unread[:5]:
        lines += sentence("Unread", fault, here.width)
    if not checked.findings:
        return [*lines, "no finding"]
    heads = ["severity", "rule", "rows", "example"]
    rows = [
        [each.severity, f"{each.rule} {RULES[each.rule]}", f"{each.count:,}", each.example]
        for each in checked.findings
    ]
    first, *others = table(heads, rows, left=2, width=here.width - 2)
    lines.append(f"  {first}")
    for line, each in zip(others, checked.findings, strict=True):
        # A command to type is never broken; what it is about may be.
        lines += [f"  {line}", *sentence("", each.what, here.width), _INDENT + subject.todo(each)]
    return lines


def _expected(hours: Timetable) -> str:
    """How many bars are there of those that the sessions want, and how many besides."""
    there = len(hours.sheet)
    if hours.sheet.frequency.is_daily:
        inside, wanted = there - len(hours.foreign), len(hours.due)
    else:
        inside, wanted = int(hours.inside.sum()), int(hours.wanted.sum())
    besides = f" and {there - inside:,} besides" if there > inside else ""
    return f"{inside:,} bars of {wanted:,} expected{besides}"


def _verdict(findings: Sequence[Finding], unread: int) -> str:
    def rows(severity: str) -> int:
        return sum(each.count for each in findings if each.severity == severity)

    errors, warnings = rows("error") + unread, rows("warn")
    told = f"{errors:,} error{'' if errors == 1 else 's'}"
    told += f", {warnings:,} warning{'' if warnings == 1 else 's'}"
    rule = next((each.rule for each in findings if each.severity == "error"), "")
    allow = f"; --allow {rule} accepts a rule for one run" if rule else ""
    return f"{told}. Backtests refuse errors{allow}."


def _data(subject: Subject, checked: Checked) -> dict[str, Any]:
    sheet = checked.sheet
    return {
        "symbol": sheet.symbol,
        "bar": str(sheet.frequency),
        "rows": len(sheet),
        "first": str(sheet.days[0]) if len(sheet) else None,
        "last": str(sheet.days[-1]) if len(sheet) else None,
        "source": subject.source,
        "content": subject.content,
        "unread": list(subject.unread),
        "findings": [_finding(subject, each) for each in checked.findings],
    }


def _finding(subject: Subject, finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "rows": finding.count,
        "days": np.datetime_as_string(finding.days[:_DAYS_TOLD]).tolist(),
        "example": finding.example,
        "what": finding.what,
        "todo": subject.todo(finding),
        "repair": finding.repair.words if finding.repair else None,
    }
