"""Faults in the rows of an answer, the same for every provider whatever it calls its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulators.faults import Fault, Switches

Rows = list[dict[str, Any]]


def spoiled(
    rows: Rows, switches: Switches, high: str = "h", low: str = "l", close: str = "c"
) -> Rows:
    """The rows with whatever faults are on; ``high``, ``low``, ``close`` are their columns."""
    middle = len(rows) // 2

    def changed(rows: Rows, **figures: float | None) -> Rows:
        return [*rows[:middle], {**rows[middle], **figures}, *rows[middle + 1 :]]

    def contradicted(rows: Rows) -> Rows:
        row = rows[middle]
        other = {**row, close: (row[high] + row[low]) / 2 + 0.0001}
        return [*rows[: middle + 1], other, *rows[middle + 1 :]]

    spoils: dict[Fault, Callable[[Rows], Rows]] = {
        Fault.NULL_FIELDS: lambda rows: changed(rows, **{close: None}),
        Fault.BAD_BAR: lambda rows: changed(rows, **{high: rows[middle][low] - 1}),
        Fault.CONTRADICTION: contradicted,
        Fault.DUPLICATES: lambda rows: [row for row in rows for _ in range(2)],
        Fault.SHUFFLED: lambda rows: rows[::-1],
        Fault.CUT_HISTORY: lambda rows: rows[middle:],
        Fault.HOLE: lambda rows: rows[:middle] + rows[middle + 1 :],
        Fault.EMPTY: lambda rows: [],
    }
    for fault, spoil in spoils.items():
        if rows and switches.shows(fault):
            rows = spoil(rows)
    return rows
