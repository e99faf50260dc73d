"""The user's series: where they lie, which one is meant, and how one is told of in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from papertape.cli.surroundings import Surroundings
from papertape.data.store import Manifest, Store
from papertape.domain.errors import DataError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.market import Adjustment, Frequency

ADJUSTED: dict[str, Adjustment] = {"none": "raw", "split": "split", "all": "all"}
"""The command line's words for what prices are adjusted for."""


def store_of(here: Surroundings, *, rehearse: bool = False) -> Store:
    """The store under the home folder; a rehearsal of writing to it writes nothing."""
    return Store(here.home / "data", rehearse=rehearse)


def meant(store: Store, symbol: str, bar: str | None) -> Manifest:
    """The newest revision of a series; the bar length may be left out where there is only one.

    Raises:
        UsageError: If a word is no symbol or no bar length.
        DataError: If the store holds no such series, or several of the symbol.
    """
    symbol = canonical_symbol(symbol)
    lengths = [Frequency.parse(bar)] if bar else store.lengths(symbol)
    if len(lengths) > 1:
        raise DataError(
            f"the store holds {symbol} in several bar lengths: {', '.join(map(str, lengths))}",
            hint=f"--bar {lengths[0]}",
        )
    found = store.newest(symbol, lengths[0]) if lengths else None
    if found is None:
        raise DataError(
            f"the store holds no {symbol}{f' {lengths[0]}' if lengths else ''}",
            hint=f"papertape data get {symbol} --from 2020-01-01, or papertape data import FILE "
            f"--symbol {symbol}; papertape data list shows what is there",
        )
    return found


def told(manifest: Manifest) -> dict[str, Any]:
    """A revision for programs, without the list of its files."""
    fields: dict[str, Any] = msgspec.to_builtins(manifest)
    del fields["parts"], fields["schema"]
    return {**fields, "actions": fields.pop("written")}


def span(manifest: Manifest) -> str:
    """The first and the last day, in UTC."""
    return f"{manifest.first[:10]}..{manifest.last[:10]}"


def notes(lines: Sequence[str], most: int = 5) -> list[str]:
    """Sentences worth a line each, but not a page of them."""
    more = len(lines) - most
    return [*lines[:most], *([f"and {more} more"] if more > 0 else [])]
