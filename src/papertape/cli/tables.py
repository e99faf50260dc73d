"""Tables and sentences on a terminal: columns that line up, lines that fit, sparing colour."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

GAP = "   "
_NARROWEST_PROSE = 24
LABEL = 9
"""Columns that a sentence's label takes."""

_COLOUR = re.compile("\033\\[[0-9;]*m")
_APART = re.compile(r"( {3}|  (?=\| ))")
_STYLES = {"bold": "1", "green": "32", "red": "31", "dim": "2"}


def painted(text: str, style: str, colour: bool) -> str:
    """The text in a style; the same text where there is no colour."""
    return f"\033[{_STYLES[style]}m{text}\033[0m" if colour and text.strip() else text


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, width: int = 1_000
) -> list[str]:
    """Rows under their heads, the first ``left`` columns flush left and the others flush right.

    The gaps between columns shrink before a line grows wider than ``width``.
    """
    lines = [heads, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    gap = max(1, min(len(GAP), (width - sum(widths)) // max(1, len(widths) - 1)))
    return [
        (" " * gap)
        .join(
            cell.ljust(size) if place < left else cell.rjust(size)
            for place, (cell, size) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    ]


def listing(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int, width: int
) -> list[str]:
    """A table whose last column is prose: wrapped beside the others, or below where none fits."""
    fixed = table(heads[:-1], [row[:-1] for row in rows], left=left, width=width)
    indent = max(len(line) for line in fixed) + len(GAP)
    beside = width - indent >= _NARROWEST_PROSE
    lines = [fixed[0].ljust(indent) + heads[-1] if beside else fixed[0]]
    for line, row in zip(fixed[1:], rows, strict=True):
        if beside:
            lines += _wrapped(row[-1], width, line.ljust(indent), " " * indent)
        else:
            lines += [line, *_wrapped(row[-1], width, "    ", "    ")]
    return [line.rstrip() for line in lines]


def sentence(label: str, text: str, width: int, column: int = LABEL) -> list[str]:
    """A label and what it says, wrapped under itself from a column on."""
    return _wrapped(text, width, label.ljust(column), " " * column)


def packed(lines: Sequence[str], width: int) -> list[str]:
    """Labelled lines of groups that stand apart, broken between groups where they are too long."""
    found: list[str] = []
    for line in lines:
        first, *rest = _APART.split(line[LABEL:])
        found.append(line[:LABEL] + first)
        for gap, group in zip(rest[::2], rest[1::2], strict=True):
            if _visible(found[-1] + gap + group) <= width:
                found[-1] += gap + group
            else:
                found.append(" " * LABEL + group)
    return found


def _visible(text: str) -> int:
    """Columns that it takes: colours take none."""
    return len(_COLOUR.sub("", text))


def steps(commands: Sequence[str], width: int) -> list[str]:
    """Commands to type next: on one line, or each on its own, never broken."""
    whole = "  |  ".join(commands)
    if len(whole) + LABEL <= width:
        return ["Next".ljust(LABEL) + whole]
    return [("" if at else "Next").ljust(LABEL) + each for at, each in enumerate(commands)]


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        text or "-",
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def percent(fraction: float | None, *, signed: bool = True) -> str:
    """A fraction in percent with one digit; ``n/a`` where it is not defined."""
    if fraction is None:
        return "n/a"
    return f"{100 * fraction:+,.1f} %" if signed else f"{100 * fraction:,.1f} %"


def number(value: float | None, digits: int = 2) -> str:
    """A plain figure; ``n/a`` where it is not defined."""
    return "n/a" if value is None else f"{value:,.{digits}f}"
