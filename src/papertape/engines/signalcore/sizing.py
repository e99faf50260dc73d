"""How much: an exposure becomes a whole number of shares."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from papertape.domain.errors import UsageError
from papertape.domain.money import Micros


def exactly(exposure: float) -> Fraction:
    """The exposure as it is written: 0.3 is three tenths, and not a hair less of it."""
    return Fraction(str(float(exposure)))


BILLION = 1_000_000_000
_UNIT = BILLION


def part_of(equity: Micros, billionths: int) -> Micros:
    """So many billionths of equity, signed like them, in whole micro-dollars cut towards zero."""
    size = abs(billionths)
    value = equity // _UNIT * size + equity % _UNIT * size // _UNIT
    return value if billionths > 0 else -value


def shares_towards(held: int, value: Micros, price: Micros) -> int:
    """Shares to trade, signed, so that a holding comes near to a value.

    The trade is cut to whole shares, not the holding: none is larger than wanted, and a value of 0
    sells all.
    """
    side = 1 if value >= 0 else -1
    value, held = side * value, side * held
    if value >= held * price:
        return side * (value // price - held)
    return side * (-(-value // price) - held)


class SizePolicy(Protocol):
    """Turns a wanted exposure into a wanted holding."""

    @property
    def needs_stop(self) -> bool:
        """Whether it can size nothing without an attached stop."""
        ...

    def share_of_equity(self, exposure: float, symbols: int) -> Fraction:
        """Share of equity to hold, signed; 0 where the size does not rest on equity and price."""
        ...

    @property
    def is_net(self) -> bool:
        """Whether the fees of an order are to be paid out of its share of equity, too."""
        ...

    @property
    def bends_to_cash(self) -> bool:
        """Whether a buy that free cash cannot pay for is cut to what it can, or asked for whole."""
        ...

    def target(
        self, exposure: float, price: Micros, equity: Micros, stop_distance: Micros, symbols: int
    ) -> int:
        """Shares to hold, signed, cut towards zero.

        Args:
            exposure: From -1 to 1.
            price: The decision's close, micro-dollars.
            equity: Account equity at that close, micro-dollars.
            stop_distance: Micro-dollars a share to the attached stop; 0 for none.
            symbols: Instruments of the run, which share the money equally.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedShares:
    """The same number of shares at full exposure, whatever they cost."""

    shares: int
    needs_stop = False
    is_net = False
    bends_to_cash = False

    def share_of_equity(self, exposure: float, symbols: int) -> Fraction:
        """None of it."""
        return Fraction(0)

    def target(
        self, exposure: float, price: Micros, equity: Micros, stop_distance: Micros, symbols: int
    ) -> int:
        """Shares times exposure."""
        return int(exactly(exposure) * self.shares)

    def __str__(self) -> str:
        return f"shares:{self.shares}"


@dataclass(frozen=True, slots=True)
class PercentOfEquity:
    """A share of equity at full exposure, split equally among the run's instruments.

    Attributes:
        percent: Of equity.
        is_net: Whether the order's fees are to be paid out of the share, too.
    """

    percent: Fraction
    is_net: bool = False
    needs_stop = False
    bends_to_cash = True

    def share_of_equity(self, exposure: float, symbols: int) -> Fraction:
        """Percent times exposure, split equally."""
        return exactly(exposure) * self.percent / (100 * symbols)

    def target(
        self, exposure: float, price: Micros, equity: Micros, stop_distance: Micros, symbols: int
    ) -> int:
        """Equity times percent times exposure, over the price."""
        return int(self.share_of_equity(exposure, symbols) * max(0, equity) / price)

    def __str__(self) -> str:
        return f"percent:{float(self.percent):g}" + (",net" if self.is_net else "")


@dataclass(frozen=True, slots=True)
class RiskPerTrade:
    """A share of equity lost if the attached stop is hit at its level."""

    percent: Fraction
    needs_stop = True
    is_net = False
    bends_to_cash = True

    def share_of_equity(self, exposure: float, symbols: int) -> Fraction:
        """None of it."""
        return Fraction(0)

    def target(
        self, exposure: float, price: Micros, equity: Micros, stop_distance: Micros, symbols: int
    ) -> int:
        """Equity times percent times exposure, over the distance to the stop."""
        if stop_distance == 0:
            return 0
        money = exactly(exposure) * self.percent * max(0, equity) / (100 * symbols)
        return int(money / stop_distance)

    def __str__(self) -> str:
        return f"risk:{float(self.percent):g}"


def size_policy(spec: str) -> SizePolicy:
    """Read ``shares:100``, ``percent:95``, ``percent:95,net`` (fees included) or ``risk:1``.

    Raises:
        UsageError: If it is none of these, or the number cannot be.
    """
    kind, _, text = spec.removesuffix(",net").partition(":")
    is_net = spec.endswith(",net")
    plain = text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) <= 12
    number = Fraction(text) if plain else Fraction(0)
    if kind == "percent" and 0 < number <= 100:
        return PercentOfEquity(number, is_net)
    if kind == "shares" and not is_net and text.isdecimal() and 0 < number < 10**9:
        return FixedShares(int(number))
    if kind == "risk" and not is_net and 0 < number <= 100:
        return RiskPerTrade(number)
    raise UsageError(
        f"{spec!r} is no order size",
        hint="use shares:100 (whole), percent:95 (of equity; percent:95,net with fees in it) or "
        "risk:1 (percent lost at the stop)",
    )
