"""`papertape data show`: one series, how it came to be, and a picture of its gaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

import msgspec

from papertape.cli.answer import Answer
from papertape.cli.data.shelf import meant, span, store_of, told
from papertape.cli.options import Here
from papertape.cli.tables import listing, sentence, steps
from papertape.data.coverage import Coverage, coverage
from papertape.data.store import Manifest

_MONTHS_SHOWN = 18
_GAPS_SHOWN = 5
_LEGEND = "# complete  9..1 tenths of it  0 less  . nothing"


def show_(symbol: str, /, *, bar: str | None = None, here: Here) -> Answer:
    """Show a series: where it is from, its revisions, splits and dividends, and its gaps.

    Parameters
    ----------
    symbol
        Whose bars.
    bar
        Bar length; may be left out where the store holds only one.
    """
    store = store_of(here)
    manifest = meant(store, symbol, bar)
    bars = store.unchecked(manifest).bars
    covered = coverage(bars)
    gaps = list(covered.gaps())
    data = {
        **told(manifest),
        "sessions": len(covered.days),
        "bars_expected": int(covered.expected.sum()),
        "bars_in_sessions": int(covered.found.sum()),
        "bars_outside": covered.outside,
        "gaps": [{"first": str(a), "last": str(b), "bars": n} for a, b, n in gaps],
    }
    revisions = store.revisions(manifest.symbol, manifest.frequency)
    data["revisions"] = [_revision(each) for each in revisions]
    lines = [
        f"{manifest.symbol} {manifest.bar}  {span(manifest)}  {manifest.rows:,} bars  "
        f"data {manifest.content[:8]}",
        *sentence("Source", _source(manifest), here.width),
        *sentence("Actions", _actions(manifest), here.width),
        "",
        *picture(covered),
        "",
        *_missing(manifest, covered, gaps, here.width),
        "",
        *_history(revisions, here.width),
        *steps([f"papertape data check {manifest.symbol} --bar {manifest.bar}"], here.width),
    ]
    return Answer("\n".join(lines), data, manifest.notices)


def _source(manifest: Manifest) -> str:
    origin = manifest.origin
    terms = f"; terms: {origin.terms}" if origin.terms else ""
    return f"{origin.words} ({origin.source or 'no more is known'}), {manifest.adjusted}{terms}"


def _actions(manifest: Manifest) -> str:
    written = msgspec.structs.asdict(manifest.written)
    known = ", ".join(f"{kind}: {len(rows)}" for kind, rows in written.items() if rows)
    return known or "no splits and no dividends are known"


def _revision(manifest: Manifest) -> dict[str, Any]:
    fields = told(manifest)
    return {
        name: fields[name]
        for name in ("revision", "parent", "fetched_at", "reason", "rows", "content", "change")
    }


def picture(covered: Coverage) -> list[str]:
    """A sign a session, a line a month; of a long series a sign a month, a line a year."""
    months = [
        (month, list(rows))
        for month, rows in groupby(range(len(covered.days)), lambda row: _month(covered.days[row]))
    ]
    if len(months) <= _MONTHS_SHOWN:
        return [
            *(
                f"{month}  {''.join(_sign(covered, [row]) for row in rows)}"
                for month, rows in months
            ),
            f"         {_LEGEND}; a sign a session",
        ]
    return [
        "      JFMAMJJASOND",
        *(f"{year}  {signs}" for year, signs in _years(covered, months)),
        f"      {_LEGEND}; a sign a month",
    ]


def _years(covered: Coverage, months: list[tuple[str, list[int]]]) -> Iterator[tuple[str, str]]:
    for year, rows in groupby(months, lambda each: each[0][:4]):
        signs = [" "] * 12
        for month, places in rows:
            signs[int(month[5:]) - 1] = _sign(covered, places)
        yield year, "".join(signs).rstrip()


def _month(day: date) -> str:
    return day.isoformat()[:7]


def _sign(covered: Coverage, rows: list[int]) -> str:
    """One sign for what is there of the sessions in these rows."""
    found, expected = int(covered.found[rows].sum()), int(covered.expected[rows].sum())
    if found == 0:
        return "."
    return "#" if found >= expected else str(10 * found // expected)


def _missing(
    manifest: Manifest, covered: Coverage, gaps: list[tuple[date, date, int]], width: int
) -> list[str]:
    expected, found = int(covered.expected.sum()), int(covered.found.sum())
    total = f"{found:,} of {expected:,} bars expected in {len(covered.days):,} sessions"
    also = f"; {covered.outside:,} more outside regular hours" if covered.outside else ""
    lines = sentence("Bars", total + also, width)
    largest = sorted(gaps, key=lambda gap: -gap[2])[:_GAPS_SHOWN]
    for first, last, count in sorted(largest):
        days = str(first) if first == last else f"{first}..{last}"
        fetch = (
            f"papertape data get {manifest.symbol} --bar {manifest.bar} --from {first} --to {last}"
        )
        lines += sentence("Gap", f"{days}: {count:,} bars   {fetch}", width)
    if len(gaps) > len(largest):
        lines += sentence(
            "", f"and {len(gaps) - len(largest):,} smaller gaps; --json has all", width
        )
    return lines


def _history(revisions: list[Manifest], width: int) -> list[str]:
    heads = ["rev", "fetched", "data", "why and what changed"]
    rows = [
        [
            str(each.revision),
            each.fetched_at[:16],
            each.content[:8],
            "; ".join([f"{each.reason}: {each.change}", *each.change.words]),
        ]
        for each in revisions[-10:]
    ]
    return [*listing(heads, rows, left=3, width=width), ""]
