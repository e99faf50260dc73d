"""`papertape data fix`: what a rule found is mended, in a revision of its own."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.data.keeping import Keeping, line_of
from papertape.cli.data.sheets import NO_FILE, FileOptions, Subject, of_file, stored
from papertape.cli.data.shelf import meant, store_of
from papertape.cli.options import Here
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import sentence, steps, table
from papertape.data.quality.checking import Checked, check
from papertape.data.quality.finding import Finding, rule_id
from papertape.data.quality.sheet import Sheet
from papertape.domain.errors import DataError

_SHOWN = 12


def fix_(
    symbol: str,
    /,
    *,
    rule: str,
    bar: str | None = None,
    write: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    file: FileOptions = NO_FILE,
    here: Here,
) -> Answer:
    """Show how a rule's findings can be mended; with --write, keep it as a new revision.

    A file given by --data stays as it is: its mended bars go into the store.

    Parameters
    ----------
    symbol
        Whose bars.
    rule
        Which rule's findings: D3.
    bar
        Bar length; may be left out where there is only one.
    write
        Keep the mended bars; without it nothing is written.
    """
    rule = rule_id(rule)
    subject = _subject(symbol, bar, file, here)
    checked = check(subject.sheet, subject.now)
    found = [each for each in checked.findings if each.rule == rule]
    repairs = [each for each in found if each.repair]
    if not repairs:
        return _nothing(rule, found, here)
    after = checked.mended(rule)
    if not len(after):
        raise DataError(f"{symbol}: no bar is left once {rule} is mended", hint="get them again")
    lines = []
    for each in repairs:
        words = each.repair.words if each.repair else ""
        lines += sentence(rule, f"{each.what}: {each.rows}; {words}", here.width)
    lines += ["", *_changes(checked, repairs, after), ""]
    left = [each for each in check(after).findings if each.rule == rule]
    if left:
        lines += sentence("Left", f"{left[0].what} ({left[0].rows})", here.width)
    lines += _kept(subject, after, rule, write=write, here=here)
    return Answer("\n".join(lines), _data(rule, repairs, after, write=write))


def _subject(symbol: str, bar: str | None, file: FileOptions, here: Surroundings) -> Subject:
    now = here.clock.now()
    if file.data:
        return of_file(symbol, bar, file, now)
    store = store_of(here)
    return stored(store, meant(store, symbol, bar), now)


def _nothing(rule: str, found: list[Finding], here: Surroundings) -> Answer:
    data: dict[str, Any] = {"rule": rule, "changes": 0, "written": False}
    if not found:
        return Answer(f"{rule} finds nothing: there is nothing to mend", data)
    lines = []
    for each in found:
        what = f"{each.what} ({each.rows}): the bars do not say what is right"
        lines += [*sentence(rule, what, here.width), *sentence("Try", each.todo, here.width)]
    return Answer("\n".join(lines), data, is_no=True)


def _changes(checked: Checked, repairs: list[Finding], after: Sheet) -> list[str]:
    """The first cells that change, and how many rows go."""
    sheet, cells = checked.sheet, []
    for each in repairs:
        for name, (rows, numbers) in (each.repair.cells if each.repair else {}).items():
            old = getattr(sheet, name)[rows]
            cells += [
                [sheet.time(row), name, f"{was:g}", f"{now:g}"]
                for row, was, now in zip(rows.tolist(), old.tolist(), numbers.tolist(), strict=True)
                if was != now and not (np.isnan(was) and np.isnan(now))
            ]
    lines = table(["time", "column", "was", "becomes"], cells[:_SHOWN], left=2) if cells else []
    if len(cells) > _SHOWN:
        lines.append(f"and {len(cells) - _SHOWN:,} more")
    gone = len(checked.sheet) - len(after)
    return [*lines, f"{len(after):,} rows stay, {gone:,} go"]


def _kept(
    subject: Subject, after: Sheet, rule: str, *, write: bool, here: Surroundings
) -> list[str]:
    store = store_of(here, rehearse=not write)
    history, reason = subject.mended(after), f"fix {rule}"
    kept = store.replace(
        history, subject.origin, here.clock.now(), reason=reason, instead_of=subject.manifest
    )
    keeping = Keeping("latest", reason, dry_run=not write)
    again = f"papertape data check {after.symbol} --bar {after.frequency}"
    more = f"papertape data fix {after.symbol}{subject.options} --rule {rule} --write"
    return [
        line_of(kept, dry_run=keeping.dry_run),
        *steps([again] if write else [more], here.width),
    ]


def _data(rule: str, repairs: list[Finding], after: Sheet, *, write: bool) -> dict[str, Any]:
    return {
        "rule": rule,
        "changes": sum(each.count for each in repairs),
        "repairs": [each.repair.words for each in repairs if each.repair],
        "rows": len(after),
        "written": write,
    }
