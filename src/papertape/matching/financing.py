"""Financing: what borrowed shares and borrowed money cost while they are borrowed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from papertape.domain.errors import UsageError
from papertape.domain.money import Micros, half_even

COLLATERAL = Fraction(102, 100)
"""A lender of shares wants 102 % of their value, and charges for that."""

YEAR = 360
"""Days in a year of the money market."""


@dataclass(frozen=True)
class Financing:
    """Two rates a year, simple interest for calendar days.

    Left out: hard-to-borrow names and recalls, rebates on short proceeds, interest on idle cash.

    Attributes:
        borrow: For shares sold short; general collateral.
        interest: For money, on the debit balance.
    """

    borrow: Fraction = Fraction(25, 10_000)
    interest: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if not (0 <= self.borrow <= 10 and 0 <= self.interest <= 10):
            raise UsageError(f"rates of {self.borrow} and {self.interest} a year are none")

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for what is borrowed."""
        return not (self.borrow or self.interest)

    @property
    def words(self) -> str:
        """Both rates in percent."""
        if self.is_free:
            return "no financing"
        return (
            f"short borrow {float(self.borrow) * 100:g} % and margin interest "
            f"{float(self.interest) * 100:g} % a year"
        )

    def borrow_fee(self, value: Micros, days: int) -> Micros:
        """For shares of that value, micro-dollars: 1.02 x value x rate / 360 a day."""
        return _simple(value, COLLATERAL * self.borrow, days)

    def interest_on(self, debit: Micros, days: int) -> Micros:
        """For that much borrowed money, micro-dollars."""
        return _simple(debit, self.interest, days)


FREE = Financing(Fraction(0), Fraction(0))


def _simple(amount: Micros, rate: Fraction, days: int) -> Micros:
    return half_even(amount * rate.numerator * days, rate.denominator * YEAR)
