"""Costs of trading: slippage and volume caps, and the models that bundle them with spread and fees.

The scalar rules at the head take and give integers (floats only where something is estimated) and
round every computed offset so that the trader never gains. The policies below them hold the
numbers; a `CostModel` names one of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isnan, nan
from typing import Protocol

from papertape.domain.errors import DataError, UsageError, require
from papertape.domain.money import LARGEST, Micros, dollars, tick_down, tick_up
from papertape.matching.fees import (
    Fees,
    NoFee,
    PerShareFee,
    RegulatoryFees,
    SumOfFees,
    TieredFee,
)
from papertape.matching.financing import FREE, Financing
from papertape.matching.liquidity import Liquidity
from papertape.matching.spreads import (
    FixedHalfSpread,
    NoSpread,
    ProportionalHalfSpread,
    Spread,
    SpreadByLiquidity,
)

try:
    import cython
except ImportError:
    from papertape.domain import uncompiled as cython

if cython.compiled:
    from cython.cimports.libc.math import ceil, sqrt
else:
    from math import ceil, sqrt

MILLION = 1_000_000
UNLIMITED = LARGEST - 1
"""What a cap answers that does not bind."""


def taker_price(
    reference: Micros,
    side: int,
    half_spread: Micros,
    slippage: Micros,
    tick: Micros,
    triggered: bool = False,
) -> Micros:
    """What a taker pays or gets (fill-C1); a triggered stop slips twice (fill-C2).

    The tick binds prices that we compute, against the trader (fill-C5); a traded price to which
    nothing is added keeps its digits. A sale never falls below one tick, nor rises to it.
    """
    added = half_spread + (2 * slippage if triggered else slippage)
    if added == 0:
        return reference
    if side > 0:
        return tick_up(reference + added, tick)
    return max(tick_down(reference - added, tick), min(tick, reference))


def impact(factor: float, volatility: float, participation: float, price: Micros) -> Micros:
    """The square-root law: factor x daily volatility x root of the share of daily volume."""
    rounded = ceil(factor * volatility * sqrt(participation) * price)
    return cython.cast(cython.longlong, rounded)


def shares_within(volume: float, millionths: int) -> int:
    """So many millionths of a volume, in whole shares, rounded down."""
    return cython.cast(cython.longlong, volume) * millionths // 1_000_000


class Slippage(Protocol):
    """How far an order pushes the price against itself."""

    @property
    def words(self) -> str:
        """The policy in a few words."""
        ...

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """Micro-dollars a share for an order of so many shares."""
        ...


def participation(shares: int, liquidity: Liquidity) -> float:
    """An order's share of a day's volume; NaN where the volume is unknown. Over .1 is a warning."""
    if isnan(liquidity.average_daily_volume):
        return nan
    return part_of_day(abs(shares), liquidity.average_daily_volume)


def part_of_day(shares: int, daily_volume: float) -> float:
    """Shares over those of a day."""
    # Assumption: what has not traded for the whole window is as thin as one share a day.
    return shares / max(daily_volume, 1.0)


@dataclass(frozen=True)
class NoSlippage:
    """No order moves the price; a fiction that a report has to announce."""

    words = "no slippage"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """Nothing."""
        return 0


@dataclass(frozen=True)
class FixedSlippage:
    """The same slippage always, whatever the order's size."""

    amount: Micros

    def __post_init__(self) -> None:
        require(self.amount >= 0, f"slippage never flatters, was {self.amount} micros")

    @property
    def words(self) -> str:
        """The amount in dollars."""
        return f"slippage {dollars(self.amount):g}"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """The amount."""
        return self.amount


@dataclass(frozen=True)
class ProportionalSlippage:
    """The same share of the price always, whatever the order's size."""

    rate: Fraction

    @property
    def words(self) -> str:
        """The share in basis points."""
        return f"slippage {float(self.rate * 10_000):g} bp"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """The share of the price, rounded up."""
        return ceil(price * self.rate)


@dataclass(frozen=True)
class SquareRootImpact:
    """Impact grows with volatility and with the root of the share of the day's volume.

    Left out: the pace of the order, and what it leaves behind for the next one.

    Attributes:
        factor: 1 is the impact at the order's end, 2/3 the average that it pays.
        volatility_if_unknown: Assumption: a share moves 2 % a day where too few bars are seen.
        participation_if_unknown: Assumption: an order is 1 % of a day where no volume is known.
    """

    factor: Fraction = Fraction(2, 3)
    volatility_if_unknown: float = 0.02
    participation_if_unknown: float = 0.01

    @property
    def words(self) -> str:
        """The law and its factor."""
        return f"square-root impact (k {self.factor})"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """Micro-dollars a share, rounded up."""
        share, volatility = participation(shares, liquidity), liquidity.daily_volatility
        return impact(
            float(self.factor),
            self.volatility_if_unknown if isnan(volatility) else volatility,
            self.participation_if_unknown if isnan(share) else share,
            price,
        )


def permanent_impact(volatility: float, participation: float, days_of_shares: float) -> float:
    """Almgren et al. (2005): how far an order moves the price for good, a share of the price.

    Args:
        volatility: Daily.
        participation: The order's share of a day's volume.
        days_of_shares: How many days' volume all shares outstanding are.
    """
    return 0.314 * volatility * participation * sqrt(sqrt(days_of_shares))


def average_impact(
    volatility: float, participation: float, days_of_shares: float, days: float
) -> float:
    """Almgren et al. (2005): what an order spread evenly over so many days pays on average."""
    passing = 0.142 * volatility * float((participation / days) ** 0.6)
    return permanent_impact(volatility, participation, days_of_shares) / 2 + passing


@dataclass(frozen=True)
class AlmgrenImpact:
    """The law of Almgren et al. (2005), for who knows the shares outstanding and his pace.

    Attributes:
        outstanding: Shares that exist of the instrument; one policy is for one instrument.
        days: How much of a day each order takes.
        unknown: What answers where volume or volatility are not known.
    """

    outstanding: float
    days: float = 1.0
    unknown: SquareRootImpact = SquareRootImpact()

    def __post_init__(self) -> None:
        if not (self.outstanding > 0 and self.days > 0):
            raise UsageError("the impact of Almgren needs shares outstanding, and a time to trade")

    @property
    def words(self) -> str:
        """The law and the pace."""
        return f"Almgren impact over {self.days:g} days"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """Micro-dollars a share, rounded up."""
        share, volatility = participation(shares, liquidity), liquidity.daily_volatility
        if isnan(share) or isnan(volatility):
            return self.unknown.slippage(price, shares, liquidity)
        days_of_shares = self.outstanding / max(liquidity.average_daily_volume, 1.0)
        return ceil(average_impact(volatility, share, days_of_shares, self.days) * price)


class Cap(Protocol):
    """How much of a bar's volume all our orders together may take."""

    @property
    def words(self) -> str:
        """The policy in a few words."""
        ...

    @property
    def binds(self) -> bool:
        """Whether there is a cap at all, so that a volume must be known."""
        ...

    def shares(self, volume: float, at_open: bool) -> int:
        """Whole shares of a bar with that volume, at its open or over all of it."""
        ...


@dataclass(frozen=True)
class NoCap:
    """Every order fills whole, however large; chosen by name, never by silence (fill-E5)."""

    words = "no volume cap"
    binds = False

    def shares(self, volume: float, at_open: bool) -> int:
        """As many as anybody can count."""
        return UNLIMITED


@dataclass(frozen=True)
class VolumeCap:
    """A share of the bar's volume, and a smaller one of it at the open (fill-Q1)."""

    binds = True
    per_bar: float = 0.10
    at_open: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.at_open <= self.per_bar <= 1:
            raise UsageError(
                f"a volume cap of {self.per_bar} a bar and {self.at_open} at the open",
                hint="both lie between 0 and 1, and the open's is not the larger one",
            )

    @property
    def words(self) -> str:
        """Both shares in percent."""
        return (
            f"at most {self.per_bar * 100:.3g} % of a bar's volume "
            f"({self.at_open * 100:.3g} % at the open)"
        )

    def shares(self, volume: float, at_open: bool) -> int:
        """Whole shares, rounded down.

        Raises:
            DataError: If the volume is unknown.
        """
        if isnan(volume):
            raise DataError(
                "a bar has no volume, so the volume cap cannot say how much may trade",
                hint="use data with volume, or say that no cap is wanted: --cost none",
            )
        return shares_within(volume, round((self.at_open if at_open else self.per_bar) * MILLION))


@dataclass(frozen=True)
class CostModel:
    """What trading costs in one run: a name, and a policy for each part."""

    name: str
    fees: Fees
    spread: Spread
    slippage: Slippage
    cap: Cap
    financing: Financing = FREE

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged for a trade, which a report has to announce."""
        parts = (self.fees, self.spread, self.slippage)
        return parts == (NoFee(), NoSpread(), NoSlippage())

    @cached_property
    def asks_the_past(self) -> bool:
        """Whether what a trade costs depends on what past bars say of its instrument."""
        is_fixed = isinstance(self.spread, NoSpread | FixedHalfSpread | ProportionalHalfSpread)
        slips = NoSlippage | FixedSlippage | ProportionalSlippage
        return not (is_fixed and isinstance(self.slippage, slips))

    def describe(self, liquidity: Liquidity | None = None, *, financed: bool = False) -> str:
        """The model in one line; with an instrument's liquidity, its own half spread.

        Args:
            liquidity: What past bars say of it.
            financed: Whether the account can borrow, so that the rates matter.
        """
        if self.is_free:
            return f"{self.name}: free of any cost"
        spread = self.spread.words
        if liquidity is not None and isinstance(self.spread, SpreadByLiquidity):
            spread = f"{self.spread.basis_points(liquidity):.1f} bp half spread"
        parts = (
            spread,
            self.slippage.words,
            self.fees.words,
            self.cap.words,
            *((self.financing.words,) if financed else ()),
        )
        return f"{self.name}: " + ", ".join(part for part in parts if not part.startswith("no "))


def free_of_cost() -> CostModel:
    """Nothing costs anything; reports carry a banner."""
    return CostModel("none", NoFee(), NoSpread(), NoSlippage(), NoCap())


_REGULATED: dict[str, tuple[tuple[Fees, ...], Fraction]] = {
    # Assumption: such a broker lends money at 12 % a year, as the large ones list small debits.
    "us-retail": ((), Fraction(12, 100)),
    # Assumption: Interactive Brokers lends at 6 % a year; its rate follows the market's.
    "ibkr-fixed": ((PerShareFee(),), Fraction(6, 100)),
    "ibkr-tiered": ((TieredFee(),), Fraction(6, 100)),
}
"""What a broker takes of a trade, and a year for money that it lends; the market takes its part."""

REGULATED = tuple(_REGULATED)


def regulated(name: str, regulatory: RegulatoryFees) -> CostModel:
    """A broker's tariff, the regulators' fees, and what the market costs besides."""
    broker, interest = _REGULATED[name]
    fees = SumOfFees((*broker, regulatory)) if broker else regulatory
    financing = Financing(interest=interest)
    return CostModel(name, fees, SpreadByLiquidity(), SquareRootImpact(), VolumeCap(), financing)


def _refuse_negative(what: str, amount: Micros) -> None:
    require(amount >= 0, f"{what} never flatters the trader, was {amount} micros")
