"""Instrument: what is traded, and the key of everything from day one."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from papertape.domain.errors import UsageError
from papertape.domain.money import Micros

_SYMBOL = re.compile(r"[A-Z0-9]([A-Z0-9.]{0,18}[A-Z0-9])?")


def canonical_symbol(text: str) -> str:
    """One spelling for one thing: upper case, share classes with a dot (``brk/b`` -> ``BRK.B``).

    Raises:
        UsageError: If the text is no symbol; the odd character is shown by its code point, because
            a look-alike letter or an invisible mark cannot be seen.
    """
    symbol = text.upper().replace("/", ".").replace("-", ".") if text.isascii() else text
    if _SYMBOL.fullmatch(symbol) and ".." not in symbol:
        return symbol
    odd = next((c for c in text if not (c.isascii() and (c.isalnum() or c in "./-"))), None)
    why = (
        f"it holds U+{ord(odd):04X} ({unicodedata.name(odd, 'a control character')})"
        if odd
        else "it is empty"
        if not text
        else "it must be 1 to 20 letters, digits or dots, and start and end with a letter or digit"
    )
    shown = text if len(text) <= 40 else text[:37] + "..."
    raise UsageError(f"{shown!r} is not a symbol: {why}", hint="symbols look like SPY or BRK.B")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A US share or fund: its symbol, price grid and venue.

    Attributes:
        symbol: Canonical symbol, see `canonical_symbol`.
        tick: Smallest step of an order's price.
        lot: Smallest number of shares that trades; every quantity is a multiple of it.
        currency: Currency of price and cash.
        venue: ISO 10383 code of the exchange whose sessions it keeps.
    """

    symbol: str
    tick: Micros = 10_000
    lot: int = 1
    currency: str = "USD"
    venue: str = "XNYS"

    def __post_init__(self) -> None:
        if self.symbol != canonical_symbol(self.symbol):
            raise UsageError(f"{self.symbol!r} is not in its canonical spelling")
        if self.tick <= 0 or self.lot <= 0:
            raise UsageError(f"{self.symbol}: tick and lot are positive")
