"""Costs of trading: spread, slippage and volume caps, and the models that bundle them with fees.

The scalar rules at the head take and give integers (floats only where something is estimated) and
round every computed offset so that the trader never gains. The policies below them hold the
numbers; a `CostModel` names one of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import ceil, floor, isnan, nan, sqrt
from typing import Protocol

from papertape.domain.errors import DataError, UsageError, require
from papertape.domain.market import Quote
from papertape.domain.money import LARGEST, Micros, dollars, micros, tick_down, tick_up
from papertape.matching.fees import (
    Fees,
    NoFee,
    PerShareFee,
    ProportionalFee,
    RegulatoryFees,
    SumOfFees,
    TieredFee,
)
from papertape.matching.financing import FREE, Financing
from papertape.matching.liquidity import Liquidity

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


def half_spread_at(price: Micros, basis_points: int, tick: Micros) -> Micros:
    """Basis points of a price, rounded up, and never less than half a tick."""
    return max(-(-price * basis_points // 10_000), (tick + 1) // 2)


def half_of(bid: Micros, ask: Micros) -> Micros:
    """Half of a quoted spread, rounded up."""
    return (ask - bid + 1) // 2


def impact(factor: float, volatility: float, participation: float, price: Micros) -> Micros:
    """The square-root law: factor x daily volatility x root of the share of daily volume."""
    return ceil(factor * volatility * sqrt(participation) * price)


def shares_within(volume: float, millionths: int) -> int:
    """So many millionths of a volume, in whole shares, rounded down."""
    return floor(volume) * millionths // 1_000_000


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
        _refuse_negative("a half spread", self.amount)

    @property
    def words(self) -> str:
        """The amount in dollars."""
        return f"half spread {dollars(self.amount):g}"

    def half_spread(
        self, price: Micros, liquidity: Liquidity, tick: Micros, quote: Quote | None = None
    ) -> Micros:
        """The amount."""
        return self.amount


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
    # Assumption: what has not traded for the whole window is as thin as one share a day.
    return abs(shares) / max(liquidity.average_daily_volume, 1.0)


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
        _refuse_negative("slippage", self.amount)

    @property
    def words(self) -> str:
        """The amount in dollars."""
        return f"slippage {dollars(self.amount):g}"

    def slippage(self, price: Micros, shares: int, liquidity: Liquidity) -> Micros:
        """The amount."""
        return self.amount


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


def us_retail() -> CostModel:
    """A broker without commission: spread, impact, regulatory fees.

    Assumption: such a broker lends money at 12 % a year, as the large ones list small debits.
    """
    return _market_costs("us-retail", RegulatoryFees(), Fraction(12, 100))


def ibkr_fixed() -> CostModel:
    """Interactive Brokers' fixed tariff and what the market costs besides."""
    return _market_costs("ibkr-fixed", SumOfFees((PerShareFee(), RegulatoryFees())), _IBKR_RATE)


def ibkr_tiered() -> CostModel:
    """Interactive Brokers' tiered tariff and what the market costs besides."""
    return _market_costs("ibkr-tiered", SumOfFees((TieredFee(), RegulatoryFees())), _IBKR_RATE)


def free_of_cost() -> CostModel:
    """Nothing costs anything; reports carry a banner."""
    return CostModel("none", NoFee(), NoSpread(), NoSlippage(), NoCap())


_IBKR_RATE = Fraction(6, 100)
"""Assumption: Interactive Brokers lends money at 6 % a year; its rate follows the market's."""


def _market_costs(name: str, fees: Fees, interest: Fraction) -> CostModel:
    financing = Financing(interest=interest)
    return CostModel(name, fees, SpreadByLiquidity(), SquareRootImpact(), VolumeCap(), financing)


_MODELS: dict[str, Callable[[], CostModel]] = {
    "us-retail": us_retail,
    "ibkr-fixed": ibkr_fixed,
    "ibkr-tiered": ibkr_tiered,
    "none": free_of_cost,
}


def cost_model(spec: str) -> CostModel:
    """The model of that name, or ``percent:0.1`` for a commission of 0.1 % and nothing else.

    Raises:
        UsageError: If there is no such model; the nearest name is offered.
    """
    name, colon, amount = spec.partition(":")
    if name == "percent":
        return _percent(spec, amount)
    if name in _MODELS and not colon:
        return _MODELS[name]()
    near = get_close_matches(name, [*_MODELS, "percent"], n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise UsageError(
        f"{spec!r} is no cost model",
        hint=f"{meant}There are {', '.join(_MODELS)}, and percent:0.1 for 0.1 % of the value",
    )


def _percent(spec: str, amount: str) -> CostModel:
    plain = amount.replace(".", "", 1).isdecimal() and amount.isascii() and len(amount) <= 9
    rate = Fraction(amount) / 100 if plain else Fraction(-1)
    if not 0 <= rate <= 1:
        raise UsageError(
            f"{spec!r} names no commission in percent", hint="write percent:0.1 for 0.1 %"
        )
    fees = ProportionalFee(rate) if rate else NoFee()
    return CostModel(spec, fees, NoSpread(), NoSlippage(), NoCap())


def _refuse_negative(what: str, amount: Micros) -> None:
    require(amount >= 0, f"{what} never flatters the trader, was {amount} micros")
