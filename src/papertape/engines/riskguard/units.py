"""Units of risk limits: how a limit is written, and what cannot be one (input-B35)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, Protocol, TypeAlias

from papertape.domain.clock import SECOND
from papertape.domain.errors import UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR

Unlimited: TypeAlias = Literal["unlimited"]
UNLIMITED: Final[Unlimited] = "unlimited"
"""The only word for no limit: an empty text, -1 and null are faults."""

Value: TypeAlias = int | Fraction | frozenset[str] | Unlimited
"""A limit: a number of its unit, a switch (a bool), names, or no limit."""

_NO_SYMBOL = "none"
_PLAIN = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")
"""No sign, no exponent, no separator of thousands: what cannot be misread."""


class Unit(Protocol):
    """What a limit counts; each has one way of being written, so that 10 is never 10 %."""

    def read(self, text: str) -> Value:
        """The value that is written like this.

        Raises:
            UsageError: If none is, with an example of what would be.
        """
        ...

    def write(self, value: Value) -> str:
        """The text that `read` makes the value of."""
        ...

    def fault(self, value: object) -> str:
        """What keeps something from being a value of this unit, or an empty string."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A positive number.

    Attributes:
        like: An example of how it is written.
        suffix: What stands behind the number.
        step: What 1 is worth: 1/100 for a percentage, a billion nanoseconds for a second.
        is_whole: Whether it is counted in whole steps; otherwise it is an exact fraction.
        may_be_zero: Whether 0 is a limit, too.
    """

    like: str
    suffix: str = ""
    step: Fraction = Fraction(1)
    is_whole: bool = True
    may_be_zero: bool = False

    def read(self, text: str) -> Value:
        """Decimal text with its unit behind it, such as ``20%``."""
        if text == UNLIMITED:
            return UNLIMITED
        number = text.removesuffix(self.suffix)
        if text != number + self.suffix or not _PLAIN.fullmatch(number):
            raise UsageError(f"{text!r} is not written like {self.like} or {UNLIMITED}")
        value = Fraction(number) * self.step
        exact = int(value) if self.is_whole and value.denominator == 1 else value
        if self.fault(exact):
            raise UsageError(f"{text!r} {self.fault(exact)}")
        return exact

    def write(self, value: Value) -> str:
        """The shortest plain decimal text, and the unit."""
        if not isinstance(value, int | Fraction):
            return UNLIMITED
        number = value / self.step
        places = next((n for n in range(9) if (number * 10**n).denominator == 1), 9)
        digits = f"{int(number * 10**places):0{places + 1}d}"
        text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
        return text + self.suffix

    def fault(self, value: object) -> str:
        """A float is no value: NaN would disarm a rule, and 0.1 is not a tenth."""
        if value == UNLIMITED:
            return ""
        wanted = int if self.is_whole else Fraction
        if isinstance(value, bool) or not isinstance(value, wanted):
            return "is not a whole number" if self.is_whole else "is no Fraction"
        if not (0 < value < LARGEST or (value == 0 and self.may_be_zero)):
            return "is not a positive number"
        return ""


@dataclass(frozen=True, slots=True)
class Switch:
    """A control that is on or off."""

    like: str = "on"

    def read(self, text: str) -> Value:
        """``on`` or ``off``."""
        if text not in {"on", "off"}:
            raise UsageError(f"{text!r} is neither on nor off")
        return text == "on"

    def write(self, value: Value) -> str:
        """``on`` or ``off``."""
        return "on" if value else "off"

    def fault(self, value: object) -> str:
        """Nothing but a bool is a switch."""
        return "" if isinstance(value, bool) else "is neither on nor off"


@dataclass(frozen=True, slots=True)
class Symbols:
    """A list of instruments."""

    like: str = "SPY BRK.B"

    def read(self, text: str) -> Value:
        """Symbols with spaces or commas between them; ``none`` for an empty list."""
        if text == UNLIMITED:
            return UNLIMITED
        names = [] if text == _NO_SYMBOL else text.replace(",", " ").split()
        if not names and text != _NO_SYMBOL:
            raise UsageError(f"an empty list is written {_NO_SYMBOL}, a full one {UNLIMITED}")
        return frozenset(map(canonical_symbol, names))

    def write(self, value: Value) -> str:
        """In alphabetical order."""
        if not isinstance(value, frozenset):
            return UNLIMITED
        return " ".join(sorted(value)) or _NO_SYMBOL

    def fault(self, value: object) -> str:
        """Names are checked where they are read."""
        return "" if value == UNLIMITED or isinstance(value, frozenset) else "is no set of symbols"


SHARES = Number("500")
COUNT = Number("200")
RATE = Number("5/s", "/s")
SHARE = Number("20%", "%", Fraction(1, 100), is_whole=False)
TIMES = Number("1.5x", "x", is_whole=False)
SECONDS = Number("60s", "s", Fraction(SECOND))
SECONDS_OR_NONE = Number("0s", "s", Fraction(SECOND), may_be_zero=True)
DOLLARS = Number("10000", "", Fraction(MICROS_PER_DOLLAR))
SWITCH = Switch()
SYMBOLS = Symbols()
