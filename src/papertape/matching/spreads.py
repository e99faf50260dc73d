"""Spreads: how far the price of a taker lies from the middle, as small policies.

A quote that is known goes before anything; without one a policy estimates from bars completed
before the fill, or holds a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import ceil, isnan, nan
from typing import Protocol

import numpy as np

from papertape.domain.errors import UsageError, require
from papertape.domain.market import FloatArray, Quote
from papertape.domain.money import Micros, dollars, micros
from papertape.matching.liquidity import WINDOW, Liquidity
from papertape.matching.spread_estimators import abdi_ranaldo, corwin_schultz, edge, roll

FEWEST_BARS = 10
"""Fewer completed bars tell too little of a spread: the class of the instrument stands in."""


def half_spread_at(price: Micros, basis_points: int, tick: Micros) -> Micros:
    """Basis points of a price, rounded up, and never less than half a tick."""
    return max(-(-price * basis_points // 10_000), (tick + 1) // 2)


def half_of(bid: Micros, ask: Micros) -> Micros:
    """Half of a quoted spread, rounded up."""
    return (ask - bid + 1) // 2


class Spread(Protocol):
    """How far the price of a taker lies from the middle."""

    @property
    def words(self) -> str:
        """The policy in a few words."""
        ...

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """Micro-dollars a share; a quote that is known at the moment goes before any estimate."""
        ...


@dataclass(frozen=True)
class NoSpread:
    """Buyers and sellers meet at one price; a fiction that a report has to announce."""

    words = "no spread"

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """Nothing."""
        return 0


@dataclass(frozen=True)
class FixedHalfSpread:
    """The same half spread always, whatever the price, the day or the quote."""

    amount: Micros

    def __post_init__(self) -> None:
        require(self.amount >= 0, f"a half spread never flatters, was {self.amount} micros")

    @property
    def words(self) -> str:
        """The amount in dollars."""
        return f"half spread {dollars(self.amount):g}"

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """The amount."""
        return self.amount


@dataclass(frozen=True)
class StatedHalfSpread:
    """The same share of the price always; a convention of other engines, not of any market."""

    share: Fraction

    @property
    def words(self) -> str:
        """The share in basis points."""
        return f"half spread {float(self.share * 10_000):g} bp"

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """The share of the price, rounded up."""
        return ceil(price * self.share)


@dataclass(frozen=True)
class ProportionalHalfSpread:
    """Half of the quoted spread where there is a quote, else a fixed share of the price."""

    share: Fraction

    def __post_init__(self) -> None:
        if not 0 < self.share <= Fraction(1, 10):
            raise UsageError(f"a half spread of {self.share} of the price is none")

    @property
    def words(self) -> str:
        """The share in basis points."""
        return f"half spread {float(self.share * 10_000):g} bp"

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """Micro-dollars a share, rounded up, and never less than half a tick."""
        if quote is not None:
            return half_of(micros(quote.bid), micros(quote.ask))
        return max(ceil(price * self.share), (tick + 1) // 2)


# Assumption: a class by dollars traded a day stands in for the spread of an instrument without
# quotes. The borders are ours: the first is low enough for AAPL in 2003 (41 million a day), and
# each next one is a quarter or a fifth of the one before.
_CLASSES = ((40_000_000, 1), (10_000_000, 2), (2_500_000, 5), (500_000, 15), (0, 50))


@dataclass(frozen=True)
class SpreadByLiquidity:
    """Half of the quoted spread where there is a quote, else basis points by liquidity class.

    Left out: that spreads are wider at the open and in a panic.

    Attributes:
        classes: (dollars traded a day from which it holds, basis points), descending to 0.
        unknown: Basis points where the value traded is not known.
            Assumption: the middle class, for want of anything better.
    """

    classes: tuple[tuple[float, int], ...] = _CLASSES
    unknown: int = 5

    @property
    def words(self) -> str:
        """The range of the classes."""
        points = [each for _, each in self.classes]
        return f"half spread {min(points)} to {max(points)} bp by liquidity"

    def basis_points(self, liquidity: Liquidity) -> int:
        """The class of an instrument."""
        if isnan(liquidity.daily_value):
            return self.unknown
        return next(points for least, points in self.classes if liquidity.daily_value >= least)

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """Micro-dollars a share; an estimate is never below half a tick."""
        if quote is not None:
            return half_of(micros(quote.bid), micros(quote.ask))
        return half_spread_at(price, self.basis_points(liquidity), tick)


_ESTIMATORS: dict[str, Callable[[FloatArray, FloatArray, FloatArray, FloatArray], float]] = {
    "edge": edge,
    "corwin-schultz": lambda open_, high, low, close: corwin_schultz(high, low),
    "abdi-ranaldo": lambda open_, high, low, close: abdi_ranaldo(high, low, close),
    "roll": lambda open_, high, low, close: roll(close),
}


@dataclass(frozen=True)
class EstimatedSpread:
    """Half of the quoted spread where there is a quote, else half of what past bars betray.

    Assumption: the last bars' spread is the next one's. So few bars make a noisy estimate; one of
    0 says "too narrow to see" and costs half a tick.

    Attributes:
        estimator: ``edge``, ``corwin-schultz``, ``abdi-ranaldo`` or ``roll``.
        otherwise: What stands in where there are too few bars, or they stand too still.
    """

    estimator: str
    otherwise: SpreadByLiquidity = SpreadByLiquidity()

    @property
    def words(self) -> str:
        """The estimator, and what stands in for it."""
        return (
            f"half spread by {self.estimator} over the last {WINDOW} bars "
            f"(by liquidity before bar {FEWEST_BARS})"
        )

    def estimate(self, liquidity: Liquidity) -> float:
        """The full spread as a share of the price; NaN where the bars do not tell."""
        if len(liquidity.recent) < FEWEST_BARS:
            return nan
        columns = np.array(liquidity.recent).T
        return _ESTIMATORS[self.estimator](*columns[:4])

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """Micro-dollars a share; an estimate is never below half a tick."""
        if quote is not None:
            return half_of(micros(quote.bid), micros(quote.ask))
        spread = self.estimate(liquidity)
        if isnan(spread):
            return self.otherwise.half_spread(price, liquidity, tick)
        return max(ceil(price * spread / 2), (tick + 1) // 2)


def spread_policy(spec: str) -> Spread:
    """The policy of that name: an estimator's, ``class``, or ``bp:2`` for 2 basis points a side.

    Raises:
        UsageError: If there is no such policy; the nearest name is offered.
    """
    name, colon, amount = spec.partition(":")
    if name == "bp":
        return _basis_points(spec, amount)
    if name == "class" and not colon:
        return SpreadByLiquidity()
    if name in _ESTIMATORS and not colon:
        return EstimatedSpread(name)
    near = get_close_matches(name, [*_ESTIMATORS, "class", "bp"], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{spec!r} is no spread",
        hint=f"{meant}There are {', '.join(_ESTIMATORS)}, class, and bp:2 for 2 basis points",
    )


def _basis_points(spec: str, amount: str) -> Spread:
    plain = amount.replace(".", "", 1).isdecimal() and amount.isascii() and len(amount) <= 6
    points = Fraction(amount) if plain else Fraction(0)
    if not 0 < points <= 1_000:
        raise UsageError(
            f"{spec!r} names no half spread in basis points",
            hint="write bp:2 for 2 basis points of the price on each side, at most bp:1000",
        )
    return ProportionalHalfSpread(points / 10_000)
