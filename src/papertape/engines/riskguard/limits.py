"""RiskLimits: the numbers behind the risk controls, and the profiles that set them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from typing import Annotated, Any, TypeAlias, get_args, get_type_hints

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import RiskRefusal, SettingsError, UsageError
from papertape.domain.money import MICROS_PER_DOLLAR, Micros
from papertape.engines.riskguard.units import (
    COUNT,
    DOLLARS,
    RATE,
    SECONDS,
    SECONDS_OR_NONE,
    SHARE,
    SHARES,
    SWITCH,
    SYMBOLS,
    TIMES,
    UNLIMITED,
    Unit,
    Unlimited,
)

# None is what a profile says nothing about; the unit says how the limit is written.
Shares: TypeAlias = Annotated[int | Unlimited | None, SHARES]
Count: TypeAlias = Annotated[int | Unlimited | None, COUNT]
Rate: TypeAlias = Annotated[int | Unlimited | None, RATE]
Share: TypeAlias = Annotated[Fraction | Unlimited | None, SHARE]
Times: TypeAlias = Annotated[Fraction | Unlimited | None, TIMES]
Time: TypeAlias = Annotated[Nanos | Unlimited | None, SECONDS]
TimeOrNone: TypeAlias = Annotated[Nanos | Unlimited | None, SECONDS_OR_NONE]
Money: TypeAlias = Annotated[Micros | Unlimited | None, DOLLARS]
Names: TypeAlias = Annotated[frozenset[str] | Unlimited | None, SYMBOLS]
OnOff: TypeAlias = Annotated[bool | None, SWITCH]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What each control allows; None means that the limit is not set in this profile.

    Shares of equity are exact fractions, money is micro-dollars, time is nanoseconds.

    Attributes:
        max_order_quantity: Shares an order (risk-R4).
        max_order_notional: Share of equity an order (risk-R5).
        price_collar: Share that a limit may lie from the last price (risk-R6).
        price_collar_below_dollar: The same below a dollar, where a few ticks are a large share.
        max_price_age: How old a price may always be (risk-R7).
        max_price_age_bars: How many bars old it may be, where that is more.
        finality_delay: How long after its close a bar may come in, on top of that.
        max_position: Share of equity in one symbol, with everything open filled (risk-R8).
        max_gross: Share of equity in all holdings, with everything open filled (risk-R9).
        max_net: The same for longs less shorts (risk-R10).
        max_leverage: Value that may be held as a multiple of equity (risk-R11).
        shortable: Symbols that were located and may be sold short (risk-R12).
        order_rate: Orders a second in the long run (risk-R13).
        order_burst: Orders at once.
        max_throttled: Orders over the rate within a minute, before all trading halts.
        max_orders: Orders a day (risk-R14).
        max_daily_notional: Bought a day, and sold a day, as a multiple of equity (risk-R15).
        alert_at: Share of any limit from which on somebody is told.
        duplicate_window: Within which the same content is not sent twice (risk-R16).
        unique_ids: Whether an id is good for one order, ever (risk-R17).
        balanced_children: Whether children together stay within their parent (risk-R18).
        max_cycles: Entries and exits in one symbol without a new bar (risk-R19).
        no_self_cross: Whether an order that would meet one of ours is refused (risk-R20).
        max_daily_loss: Share of the day's first equity (risk-R21).
        max_drawdown: Share of the highest equity (risk-R22).
        max_rejects: Rejections within the window before trading halts (risk-R23).
        reject_window: See above.
        regular_hours: Whether orders must trade in the regular session (risk-R24).
        quiet_before_close: How long before the close nothing new begins.
        tradable: Symbols of the run that may be traded (risk-R25).
        restricted: Symbols that may not.
        max_symbols: Symbols held or ordered at a time.
        max_participation: Share of the median bar's volume an order (risk-R26).
        participation_bars: Bars that the median is taken over.
        dead_man: How long feed or operator may be silent (risk-R27).
        reconcile_every: How often the broker's books are compared with ours (risk-R28).
        canary_orders: How many orders of a day begin small (risk-R29).
        canary_quantity: Shares that each of them may have.
        capital: Money at work: shares of equity are shares of no more than this.
    """

    max_order_quantity: Shares = None
    max_order_notional: Share = None
    price_collar: Share = None
    price_collar_below_dollar: Share = None
    max_price_age: Time = 15 * SECOND
    max_price_age_bars: Count = 2
    finality_delay: TimeOrNone = 0
    max_position: Share = None
    max_gross: Share = None
    max_net: Share = None
    max_leverage: Times = None
    shortable: Names = None
    order_rate: Rate = None
    order_burst: Count = None
    max_throttled: Count = None
    max_orders: Count = None
    max_daily_notional: Times = None
    alert_at: Share = None
    duplicate_window: Time = None
    unique_ids: OnOff = None
    balanced_children: OnOff = None
    max_cycles: Count = None
    no_self_cross: OnOff = None
    max_daily_loss: Share = None
    max_drawdown: Share = None
    max_rejects: Count = None
    reject_window: Time = None
    regular_hours: OnOff = None
    quiet_before_close: TimeOrNone = None
    tradable: Names = None
    restricted: Names = None
    max_symbols: Count = None
    max_participation: Share = None
    participation_bars: Count = None
    dead_man: Time = None
    reconcile_every: Time = None
    canary_orders: Count = None
    canary_quantity: Shares = None
    capital: Money = None

    def __post_init__(self) -> None:
        faults = [
            f"risk limit {name}={value!r} {fault}"
            for name, unit in UNITS.items()
            if (value := getattr(self, name)) is not None and (fault := unit.fault(value))
        ]
        if faults:
            raise SettingsError("\n".join(faults))

    @property
    def missing(self) -> tuple[str, ...]:
        """Limits that are not set."""
        return tuple(name for name in UNITS if getattr(self, name) is None)

    def written(self) -> dict[str, str]:
        """Every limit that is set, as `limits_from` reads it."""
        return {
            name: unit.write(value)
            for name, unit in UNITS.items()
            if (value := getattr(self, name)) is not None
        }


UNITS: Mapping[str, Unit] = {
    name: get_args(kind)[1]
    for name, kind in get_type_hints(RiskLimits, include_extras=True).items()
}
"""Limit -> how it is counted."""

_PAPER = RiskLimits(
    max_order_quantity=10_000,
    max_order_notional=Fraction(1, 10),
    price_collar=Fraction(1, 20),
    price_collar_below_dollar=Fraction(1, 5),
    max_position=Fraction(1, 5),
    max_gross=Fraction(1),
    max_net=Fraction(1),
    max_leverage=Fraction(1),
    shortable=frozenset(),
    order_rate=5,
    order_burst=20,
    max_throttled=100,
    max_orders=500,
    max_daily_notional=Fraction(5),
    alert_at=Fraction(7, 10),
    duplicate_window=10 * SECOND,
    unique_ids=True,
    balanced_children=True,
    max_cycles=3,
    no_self_cross=True,
    max_daily_loss=Fraction(3, 100),
    max_drawdown=Fraction(1, 10),
    max_rejects=10,
    reject_window=60 * SECOND,
    regular_hours=True,
    quiet_before_close=0,
    tradable=UNLIMITED,
    restricted=frozenset(),
    max_symbols=UNLIMITED,
    max_participation=Fraction(1, 20),
    participation_bars=20,
    dead_man=60 * SECOND,
    reconcile_every=30 * SECOND,
    canary_orders=UNLIMITED,
    canary_quantity=UNLIMITED,
    capital=UNLIMITED,
)

PROFILES: Mapping[str, RiskLimits] = {
    "backtest": RiskLimits(),
    "paper": _PAPER,
    "first-day": replace(
        _PAPER,
        capital=10_000 * MICROS_PER_DOLLAR,
        max_symbols=1,
        canary_orders=3,
        canary_quantity=1,
    ),
}
"""``backtest`` sets only what a price must be; ``paper`` is for an account of 100,000."""


def limits_from(profile: str, overrides: Mapping[str, object]) -> RiskLimits:
    """The limits of a profile, some of them set otherwise.

    Args:
        profile: One of `PROFILES`.
        overrides: Limit -> what it is set to, written as its unit is; numbers may be integers.

    Raises:
        UsageError: If there is no such profile.
        SettingsError: If a limit is unknown or cannot be set so; all faults at once.
    """
    if profile not in PROFILES:
        raise UsageError(f"risk profile {profile!r} is none of {', '.join(PROFILES)}")
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, given in overrides.items():
        if name not in UNITS:
            faults.append(f"nobody knows the risk limit {name!r}{_meant(name)}")
            continue
        try:
            values[name] = UNITS[name].read(_text(given))
        except UsageError as error:
            faults.append(f"risk limit {name}: {error.message}")
    if faults:
        raise SettingsError(
            "\n".join(faults), hint=f"where there is to be no limit, write {UNLIMITED}"
        )
    return replace(PROFILES[profile], **values)


def require_complete(limits: RiskLimits) -> None:
    """Refuse to trade on limits of which one is not set.

    Raises:
        RiskRefusal: Naming all that are missing.
    """
    if limits.missing:
        raise RiskRefusal(
            f"these risk limits are not set: {', '.join(limits.missing)}",
            hint=f"set each, or say {UNLIMITED}; --profile paper sets all of them",
        )


def _text(given: object) -> str:
    """A TOML file may hold 200 for "200"; whatever else is no text cannot be a limit."""
    if isinstance(given, bool):
        return "on" if given else "off"
    return (
        str(given) if isinstance(given, int) else given if isinstance(given, str) else repr(given)
    )


def _meant(name: str) -> str:
    near = get_close_matches(name, UNITS, n=1)
    return f", did you mean {near[0]}?" if near else f"; known are {', '.join(UNITS)}"
