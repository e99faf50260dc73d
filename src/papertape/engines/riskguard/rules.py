"""The rules an order is held against: one small policy for each limit, all failing closed.

A rule answers a `Check` (looked at, and inside), a `Veto`, or None where it does not concern the
order. What it cannot know, it vetoes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, dollars
from papertape.domain.order import Order
from papertape.domain.restraint import Cause, Restraints, TradingState
from papertape.domain.terms import judged_price
from papertape.domain.verdict import Check
from papertape.engines.riskguard.limits import RiskLimits
from papertape.engines.riskguard.units import UNLIMITED, Unlimited
from papertape.engines.riskguard.view import RiskView


@dataclass(frozen=True, slots=True)
class Veto:
    """A limit that was not kept, in words with numbers."""

    rule: str
    reason: str


Answer: TypeAlias = Check | Veto | None
Rule: TypeAlias = Callable[[Order, RiskView], Answer]

_ARMED = Check("R1", "armed", "armed")


def restrained(order: Order, view: RiskView, restraints: Restraints) -> Check | Veto:
    """risk-R1 and risk-R2: what the restraints in force leave allowed.

    Nothing new passes while trading is halted, except what closes holdings where that is what the
    restraint is for; while it is reducing, only what brings a holding nearer to zero.
    """
    strictest, killed = restraints.strictest, restraints[Cause.KILL]
    if strictest is None:
        return _ARMED
    reducing = strictest.state is TradingState.REDUCING or restraints.flattens
    if reducing and view.reduces(order):
        return Check("R2", "only reduces", f"{strictest.state}, {strictest.cause}")
    if killed is not None:
        return Veto("R1", f"the kill switch is pressed: {killed.reason}")
    return Veto("R2", f"{strictest.state}, {strictest.cause}: {strictest.reason}")


@dataclass(frozen=True, slots=True)
class OrderQuantity:
    """risk-R4: shares an order."""

    most: int

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """Held against the order as it was asked for."""
        shares = abs(order.quantity)
        if order.share_of_equity:
            return Veto("R4", "its quantity is counted when it fills, so it is not known")
        if shares > self.most:
            return Veto("R4", f"{shares} shares, an order may have {self.most}")
        return Check("R4", f"{shares} shares", f"{self.most} shares")


@dataclass(frozen=True, slots=True)
class FreshPrice:
    """risk-R7: a price that is missing or old cannot be judged.

    Old is older than its bar's close by more than some bars and by more than some time, not
    counting how long the feed takes to make a bar final.
    """

    age: Nanos | Unlimited
    bars: int | Unlimited
    delay: Nanos

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """Without the prices of all holdings, equity is not known either."""
        for symbol in (order.symbol, *view.account.positions):
            if symbol not in view.prices:
                return Veto("R7", f"no price of {symbol} is known")
        last = view.prices[order.symbol]
        age = view.now - last.time
        if isinstance(self.age, str) or isinstance(self.bars, str):
            return Check("R7", f"{age / SECOND:.0f} s", UNLIMITED)
        allowed = max(self.age, self.bars * last.length) + self.delay
        if not 0 <= age <= allowed:
            words = f"the price is {age / SECOND:.0f} s old, limit {allowed / SECOND:.0f} s"
            return Veto("R7", words)
        return Check("R7", f"{age / SECOND:.0f} s", f"{allowed / SECOND:.0f} s")


@dataclass(frozen=True, slots=True)
class Collar:
    """How far a price may lie from the last one; below a dollar a few ticks are a large share."""

    width: Fraction
    below_a_dollar: Fraction

    def at(self, last: Micros) -> Fraction:
        """The width at a price."""
        return self.below_a_dollar if last < MICROS_PER_DOLLAR else self.width


@dataclass(frozen=True, slots=True)
class PriceCollar:
    """risk-R6: a limit price far from the last trade is a slip of the finger."""

    collar: Collar

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """An order without a limit price has nothing to slip."""
        if order.limit is None:
            return None
        last = view.prices[order.symbol].price
        return _held("R6", abs(order.limit - last), last, self.collar.at(last), "of the last price")


@dataclass(frozen=True, slots=True)
class Allowance:
    """A share of equity, of no more equity than the capital that is at work."""

    share: Fraction
    capital: Micros | None

    def held(self, rule: str, value: Micros, view: RiskView) -> Check | Veto:
        """Hold a value against it."""
        equity = view.equity if self.capital is None else min(view.equity, self.capital)
        return _held(rule, value, equity, self.share, "of equity")


@dataclass(frozen=True, slots=True)
class OrderNotional:
    """risk-R5: value of one order; one without a limit price is valued at the collar's edge."""

    allowance: Allowance
    collar: Collar | None

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        return self.allowance.held("R5", order_value(order, view, self.collar), view)


def order_value(order: Order, view: RiskView, collar: Collar | None) -> Micros:
    """What an order may come to at the worst price that can be foreseen, micro-dollars."""
    last = view.prices[order.symbol].price
    value = abs(order.quantity) * judged_price(order, last)
    value *= view.instrument(order.symbol).multiplier
    if order.limit is not None or collar is None:
        return value
    edge = 1 + collar.at(last)
    return -(-value * edge.numerator // edge.denominator)


@dataclass(frozen=True, slots=True)
class LargestPosition:
    """risk-R8: value of one holding once everything open is filled."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        unit = view.prices[order.symbol].price * view.instrument(order.symbol).multiplier
        return self.allowance.held("R8", abs(view.worst_position(order)) * unit, view)


@dataclass(frozen=True, slots=True)
class GrossExposure:
    """risk-R9: value of all holdings once this order and all open ones are filled."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        return self.allowance.held("R9", view.worst_values(order)[0], view)


@dataclass(frozen=True, slots=True)
class NetExposure:
    """risk-R10: longs less shorts, whichever side of what is open fills."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        _, most, least = view.worst_values(order)
        return self.allowance.held("R10", max(abs(most), abs(least)), view)


def buying_power(order: Order, view: RiskView) -> Answer:
    """risk-R11: available funds that are not promised to another open order pay for it.

    Judged at the last price (a limit order: at its limit); costs and a gap at the open are met by
    the exchange, which reduces a fill rather than overdraw.
    """
    if view.reduces(order):
        return None
    price = judged_price(order, view.prices[order.symbol].price)
    instrument, before = view.instrument(order.symbol), view.position_before(order)
    needed, free = view.terms.commits(instrument, before, order.quantity, price), view.free
    if needed <= 0:
        return None  # it sets funds free
    if needed > free:
        return Veto("R11", f"buying power: needs {_cash(needed)}, has {_cash(free)}")
    return Check("R11", _cash(needed), _cash(free))


@dataclass(frozen=True, slots=True)
class Leverage:
    """risk-R11: what may be held of a multiple of equity, whatever the broker would lend."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        answer = self.allowance.held("R11", view.worst_values(order)[0], view)
        return answer if isinstance(answer, Veto) else None  # the check is `buying_power`'s


@dataclass(frozen=True, slots=True)
class ShortSelling:
    """risk-R12: a short needs an account that lends shares, and shares that were located."""

    located: frozenset[str] | Unlimited

    def __call__(self, order: Order, view: RiskView) -> Answer:
        """Contracts are not borrowed."""
        if order.quantity > 0 or order.reduce_only or view.instrument(order.symbol).is_future:
            return None
        short = -view.worst_position(order)
        if short > 0 and not view.terms.lends_shares:
            return Veto("R12", f"it would leave a short of {short} shares in a cash account")
        if short > 0 and self.located != UNLIMITED and order.symbol not in self.located:
            words = (
                f"it would leave a short of {short} shares, and none of {order.symbol} is located"
            )
            return Veto("R12", words)
        held = view.account.quantity(order.symbol)
        return Check("R12", f"sells {-order.quantity}", f"{held} held")


def active_rules(limits: RiskLimits) -> tuple[Rule, ...]:
    """The rules of the limits that are set, in the order they are asked.

    The first veto ends the questions; the fresh price comes before every rule that needs a price.
    """
    rules: list[Rule] = []
    if isinstance(limits.max_order_quantity, int):
        rules.append(OrderQuantity(limits.max_order_quantity))
    if limits.max_price_age is not None and limits.max_price_age_bars is not None:
        delay = limits.finality_delay if isinstance(limits.finality_delay, int) else 0
        rules.append(FreshPrice(limits.max_price_age, limits.max_price_age_bars, delay))
    collar = collar_of(limits)
    if collar is not None:
        rules.append(PriceCollar(collar))
    capital = limits.capital if isinstance(limits.capital, int) else None
    if isinstance(limits.max_order_notional, Fraction):
        rules.append(OrderNotional(Allowance(limits.max_order_notional, capital), collar))
    if isinstance(limits.max_position, Fraction):
        rules.append(LargestPosition(Allowance(limits.max_position, capital)))
    if isinstance(limits.max_gross, Fraction):
        rules.append(GrossExposure(Allowance(limits.max_gross, capital)))
    if isinstance(limits.max_net, Fraction):
        rules.append(NetExposure(Allowance(limits.max_net, capital)))
    rules.append(buying_power)
    if isinstance(limits.max_leverage, Fraction):
        rules.append(Leverage(Allowance(limits.max_leverage, capital)))
    rules.append(ShortSelling(UNLIMITED if limits.shortable is None else limits.shortable))
    return tuple(rules)


def collar_of(limits: RiskLimits) -> Collar | None:
    """How far from the last price an order may lie; None where no limit says so."""
    if not isinstance(limits.price_collar, Fraction):
        return None
    below = limits.price_collar_below_dollar
    wide = below if isinstance(below, Fraction) else limits.price_collar
    return Collar(limits.price_collar, max(wide, limits.price_collar))


def _held(rule: str, value: Micros, whole: Micros, most: Fraction, of_what: str) -> Check | Veto:
    """Hold a value against a share of a whole, both counted exactly; words are rounded."""
    share = value / whole if whole > 0 else float("inf")
    if whole <= 0 or value * most.denominator > whole * most.numerator:
        return Veto(rule, f"{share:.2%} {of_what}, limit {float(most):.2%}")
    return Check(rule, f"{share:.2%}", f"{float(most):.2%}")


def _cash(amount: Micros) -> str:
    return f"{dollars(amount):,.2f}"
