"""Money as integers: micro-dollars, and the only roundings in the house.

Nouns of the market (`Bar`, `Bars`, `Quote`, `Trade`) speak dollars as float64 on the 1e-6 grid,
because signals are arithmetic. Nouns of the account (`Order`, `Fill`, `Account`) speak `Micros`,
because cash is counted. `micros` and `dollars` are the two doors between them; on the grid both
are exact to two billion dollars and more (2**51 micros); amounts end at `LARGEST`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeAlias

from papertape.domain.errors import AmountTooLarge, UsageError

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import rint

Micros: TypeAlias = int
"""An amount or a price in millionths of a dollar."""

MICROS_PER_DOLLAR = 1_000_000
LARGEST = 2**53
"""Beyond this a float64 no longer holds every integer, so no amount may reach it."""

_SCALE, _LARGEST = float(MICROS_PER_DOLLAR), float(LARGEST)


def micros(amount: float) -> Micros:
    """Dollars to micro-dollars, the half to the even side.

    Raises:
        AmountTooLarge: If the amount is not finite or reaches `LARGEST`.
    """
    scaled = amount * _SCALE
    if not -_LARGEST < scaled < _LARGEST:  # also refuses NaN
        raise AmountTooLarge(f"an amount of {amount} dollars cannot be counted exactly")
    whole: int = cython.cast(cython.longlong, rint(scaled)) if cython.compiled else round(scaled)
    return whole


def micros_from_text(text: str) -> Micros:
    """Decimal text such as ``100.25`` to micro-dollars, exactly; no commas, no exponents.

    Raises:
        UsageError: If the text is no plain decimal number, or too large to count.
    """
    try:
        if not text.isascii() or not text.strip().lstrip("+-").replace(".", "", 1).isdecimal():
            raise InvalidOperation
        scaled = Decimal(text.strip()) * MICROS_PER_DOLLAR
    except InvalidOperation:
        raise UsageError(
            f"{text!r} is not an amount in dollars", hint="write it plainly, like 100000 or 99.50"
        ) from None
    if abs(scaled) >= LARGEST:
        raise UsageError(f"{text} dollars is more than can be counted exactly (9 billion)")
    return int(scaled.to_integral_value(ROUND_HALF_EVEN))


def dollars(amount: Micros) -> float:
    """Micro-dollars to dollars, the nearest float64."""
    return amount / MICROS_PER_DOLLAR


def counted(amount: Micros) -> Micros:
    """The amount itself, once it is known to be exact in every representation we use.

    Raises:
        AmountTooLarge: If it reaches `LARGEST`.
    """
    if not -LARGEST < amount < LARGEST:
        raise AmountTooLarge(
            f"an amount of {amount / MICROS_PER_DOLLAR:,.0f} dollars cannot be counted exactly",
            hint="begin with less cash, or trade a shorter window",
        )
    return amount


def half_even(numerator: int, denominator: int) -> int:
    """``numerator / denominator`` rounded to the nearest integer, the half to the even side."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def tick_up(price: Micros, tick: Micros) -> Micros:
    """The lowest price on the tick grid that is not below ``price``."""
    return -(-price // tick) * tick


def tick_down(price: Micros, tick: Micros) -> Micros:
    """The highest price on the tick grid that is not above ``price``."""
    return price // tick * tick


def against_trader(price: Micros, tick: Micros, side: int) -> Micros:
    """Round to the tick so that the trader never gains: a buy (side > 0) up, a sell down."""
    return tick_up(price, tick) if side > 0 else tick_down(price, tick)


def payable(amount: Fraction, unit: Micros, lot: int, fee: Callable[[int], Micros]) -> int:
    """The most shares, in lots, whose value and whose fee an amount pays for together.

    Args:
        amount: Micro-dollars.
        unit: Value of one share, micro-dollars.
        lot: The shares are a multiple of it.
        fee: What so many shares cost to trade; never less for more of them.
    """
    most = max(0, int(amount / unit))
    shares = max(0, int((amount - fee(most)) / unit)) // lot * lot  # these it surely pays for
    while (shares + lot) * unit + fee(shares + lot) <= amount:
        shares += lot
    return shares
