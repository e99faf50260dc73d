"""Corporate actions stated in a file of their own, because a file of prices seldom holds them.

A CSV with the columns ``symbol,ex_date,action,value,pay_date``, one action a row, in any order:

- ``split``: new shares for one old share, as ``7``, ``7:1`` or ``1:10``
- ``dividend``: dollars a share; ``pay_date`` may be empty, and is then the ex-date
- ``rename``: the new symbol, whose prices have to be there, too
- ``delisting``: dollars that a share was paid out with, or ``-30%`` for a loss on the last price,
  or nothing if neither is known: then a long holding is lost whole
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path

from papertape.domain.errors import DataError, PapertapeError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import CorporateAction, Delisting, Dividend, Renaming, Split
from papertape.domain.money import micros_from_text

COLUMNS = ("symbol", "ex_date", "action", "value", "pay_date")


def read_actions(path: str | Path) -> dict[str, tuple[CorporateAction, ...]]:
    """The actions of a file, symbol by symbol, by ex-date.

    Raises:
        DataError: If the file cannot be read, or a row states no action; the line is named.
    """
    path = Path(path)
    found: dict[str, list[CorporateAction]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True)
            _refuse_header(path.name, rows.fieldnames or ())
            for row in rows:
                action = _stated(f"{path.name} line {rows.line_num}", row)
                found.setdefault(action.symbol, []).append(action)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    ordered = (sorted(each, key=lambda action: action.ex_date) for each in found.values())
    return dict(zip(found, map(tuple, ordered), strict=True))


def _refuse_header(name: str, header: Sequence[str]) -> None:
    if tuple(header) != COLUMNS:
        raise DataError(f"{name} begins with {header}", hint=f"it begins with {','.join(COLUMNS)}")


def _stated(where: str, row: Mapping[str | None, str | None]) -> CorporateAction:
    """One row as an action; whatever is wrong with it names the line."""
    if None in row or None in row.values():
        raise DataError(f"{where} has not {len(COLUMNS)} fields")
    symbol, ex_date, kind, value, pay_date = ((row[name] or "").strip() for name in COLUMNS)
    try:
        symbol, day = canonical_symbol(symbol), date.fromisoformat(ex_date)
        if pay_date and kind != "dividend":
            raise ValueError(f"a {kind} has no pay date")
        match kind:
            case "split":
                return Split(symbol, day, _ratio(value))
            case "dividend":
                paid = date.fromisoformat(pay_date) if pay_date else day
                return Dividend(symbol, day, micros_from_text(value), paid)
            case "rename":
                return Renaming(symbol, day, canonical_symbol(value))
            case "delisting":
                return _delisting(symbol, day, value)
        raise ValueError(f"{kind!r} is none of split, dividend, rename, delisting")
    except (ValueError, ZeroDivisionError, PapertapeError) as error:
        raise DataError(f"{where}: {error}", hint="split,7:1  dividend,0.82  rename,META") from None


def _ratio(text: str) -> Fraction:
    """New shares for one old share."""
    new, _, old = text.partition(":")
    return Fraction(new) / Fraction(old or "1")


def _delisting(symbol: str, day: date, text: str) -> Delisting:
    if text.startswith("-") and text.endswith("%"):
        return Delisting(symbol, day, haircut=Fraction(text[1:-1]) / 100)
    return Delisting(symbol, day, micros_from_text(text) if text else None)
