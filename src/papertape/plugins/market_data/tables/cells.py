"""From columns of text to columns of numbers, without guessing what a number means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from papertape.domain.market import FloatArray

Fault = tuple[int, str]
"""A row of a column, counted from 0, and what is wrong with it."""

_MISSING = {"", "null", "n/a", "na", "none", "-"}
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DECORATED = re.compile(r"([+-]?)\$?((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?)([KMB]?)")
_COMMA = re.compile(r"[0-9]+(?:,([0-9]+))?")
_FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}

ReadNumber = Callable[[str], float]


def numbers(cells: Sequence[str], read: ReadNumber) -> tuple[FloatArray, list[Fault]]:
    """A column's numbers, NaN where one is missing, and the cells that are no numbers."""
    column = np.full(len(cells), math.nan)
    faults = []
    for row, cell in enumerate(cells):
        try:
            column[row] = read(cell.strip())
        except ValueError as error:
            faults.append((row, str(error)))
    return column, faults


def plain_number(cell: str) -> float:
    """A number written plainly, or NaN for a word that means missing.

    Raises:
        ValueError: If it is neither; thousands separators are refused because ``1.000`` and
            ``1,000`` mean the same in two countries and differ by a thousand.
    """
    return math.nan if _is_missing(cell) else _finite(cell, cell if _PLAIN.fullmatch(cell) else "")


def decorated_number(cell: str) -> float:
    """A number with ``$``, thousands separators or K, M, B, for layouts known to write so.

    Raises:
        ValueError: If it is none, even so.
    """
    if _is_missing(cell):
        return math.nan
    found = _DECORATED.fullmatch(cell.upper())
    if not found:
        return plain_number(cell)
    return float(found[1] + found[2].replace(",", "")) * _FACTORS[found[3]]


def decimal_comma_number(cell: str) -> float:
    """A number with a decimal comma, once `decimal_commas_proven` has said so.

    Raises:
        ValueError: If it is none.
    """
    return math.nan if _is_missing(cell) else plain_number(cell.replace(",", "."))


def decimal_commas_proven(rows: Sequence[Sequence[str]]) -> bool:
    """Whether every row of prices shows that the comma separates decimals.

    Each row must hold a comma and no point; and since ``1,234`` may be a thousand, some comma must
    be followed by other than three digits.
    """
    other_than_three = False
    for row in rows:
        found = [_COMMA.fullmatch(cell.strip()) for cell in row if not _is_missing(cell.strip())]
        fractions = [match[1] for match in found if match and match[1]]
        if not all(found) or (found and not fractions):
            return False
        other_than_three |= any(len(fraction) != 3 for fraction in fractions)
    return other_than_three


def _is_missing(cell: str) -> bool:
    return cell.lower() in _MISSING


def _finite(cell: str, plain: str) -> float:
    number = float(plain) if plain else math.nan
    if math.isfinite(number):
        return number
    shown = cell if len(cell) <= 40 else cell[:37] + "..."
    word = "finite" if cell.lower().strip("+-") in {"nan", "inf", "infinity"} or plain else "plain"
    raise ValueError(f"{shown!r} is not a {word} number")
