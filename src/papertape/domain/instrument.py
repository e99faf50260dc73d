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
    """A US share or fund, or a futures contract: its symbol, price grid and venue.

    Attributes:
        symbol: Canonical symbol, see `canonical_symbol`.
        tick: Smallest step of an order's price.
        lot: Smallest number of shares that trades; every quantity is a multiple of it.
        currency: Currency of price and cash.
        venue: ISO 10383 code of the exchange whose sessions it keeps.
        multiplier: Units of the price that one share or contract stands for.
        margin: Performance bond of one futures contract, micro-dollars; 0 for what is paid in
            full. Assumption: the bond stays the same as long as the contract is held.
    """

    symbol: str
    tick: Micros = 10_000
    lot: int = 1
    currency: str = "USD"
    venue: str = "XNYS"
    multiplier: int = 1
    margin: Micros = 0

    def __post_init__(self) -> None:
        if self.symbol != canonical_symbol(self.symbol):
            raise UsageError(f"{self.symbol!r} is not in its canonical spelling")
        if self.tick <= 0 or self.lot <= 0:
            raise UsageError(f"{self.symbol}: tick and lot are positive")
        if self.multiplier < 1 or self.margin < 0:
            raise UsageError(f"{self.symbol}: a multiplier is 1 or more, a margin 0 or more")
        if self.multiplier > 1 and not self.is_future:
            raise UsageError(
                f"{self.symbol}: a multiplier of {self.multiplier} is a futures contract's",
                hint="give its margin, too: what one contract ties up",
            )

    @property
    def is_future(self) -> bool:
        """Whether it is a contract held against a bond and settled every day, not bought."""
        return self.margin > 0
