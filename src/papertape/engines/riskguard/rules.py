"""The rules an order is held against: one small policy for each limit, all failing closed.

A rule answers a `Check` (looked at, and inside), a `Veto`, or None where it does not concern the
order. What it cannot know, it vetoes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos, rfc3339
from papertape.domain.lifecycle import disputed
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, dollars
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.restraint import Cause, Restraints, TradingState
from papertape.domain.terms import judged_price
from papertape.domain.verdict import Check
from papertape.engines.riskguard.limits import RiskLimits
from papertape.engines.riskguard.tally import RiskTally, content_of, part
from papertape.engines.riskguard.units import UNLIMITED, Unlimited
from papertape.engines.riskguard.view import RiskView


@dataclass(frozen=True, slots=True)
class Veto:
    """A limit that was not kept, in words with numbers."""

    rule: str
    reason: str


Answer: TypeAlias = Check | Veto | None
Rule: TypeAlias = Callable[[Order, RiskView, RiskTally], Answer]
"""Looks at an order, at market and account, and at what was counted so far."""

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

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """Held against the order as it was asked for."""
        shares = abs(order.quantity)
        if order.share_of_equity:
            return Veto("R4", "its quantity is counted when it fills, so it is not known")
        if shares > self.most:
            return Veto("R4", f"{shares} shares, an order may have {self.most}")
        return Check("R4", f"{shares} shares", f"{self.most} shares", part(shares, self.most))


@dataclass(frozen=True, slots=True)
class FreshPrice:
    """risk-R7: a price that is missing or old cannot be judged.

    Old is older than its bar's close by more than some bars and by more than some time, not
    counting how long the feed takes to make a bar final.
    """

    age: Nanos | Unlimited
    bars: int | Unlimited
    delay: Nanos

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
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
        used = part(age, allowed)
        return Check("R7", f"{age / SECOND:.0f} s", f"{allowed / SECOND:.0f} s", used)


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

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
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

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        return self.allowance.held("R5", order_value(order, view, self.collar), view)


def order_value(order: Order, view: RiskView, collar: Collar | None) -> Micros:
    """What an order may come to at the worst price that can be foreseen, micro-dollars."""
    return value_of(order, order.quantity, view, collar)


def value_of(order: Order, quantity: int, view: RiskView, collar: Collar | None) -> Micros:
    """The same of a part of an order."""
    last = view.prices[order.symbol].price
    value = abs(quantity) * judged_price(order, last)
    value *= view.instrument(order.symbol).multiplier
    if order.limit is not None or collar is None:
        return value
    edge = 1 + collar.at(last)
    return -(-value * edge.numerator // edge.denominator)


@dataclass(frozen=True, slots=True)
class LargestPosition:
    """risk-R8: value of one holding once everything open is filled."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        unit = view.prices[order.symbol].price * view.instrument(order.symbol).multiplier
        return self.allowance.held("R8", abs(view.worst_position(order)) * unit, view)


@dataclass(frozen=True, slots=True)
class GrossExposure:
    """risk-R9: value of all holdings once this order and all open ones are filled."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        return self.allowance.held("R9", view.worst_values(order)[0], view)


@dataclass(frozen=True, slots=True)
class NetExposure:
    """risk-R10: longs less shorts, whichever side of what is open fills."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        _, most, least = view.worst_values(order)
        return self.allowance.held("R10", max(abs(most), abs(least)), view)


def buying_power(order: Order, view: RiskView, tally: RiskTally) -> Answer:
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
    return Check("R11", _cash(needed), _cash(free), part(needed, free))


@dataclass(frozen=True, slots=True)
class Leverage:
    """risk-R11: what may be held of a multiple of equity, whatever the broker would lend."""

    allowance: Allowance

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        answer = self.allowance.held("R11", view.worst_values(order)[0], view)
        return answer if isinstance(answer, Veto) else None  # the check is `buying_power`'s


@dataclass(frozen=True, slots=True)
class ShortSelling:
    """risk-R12: a short needs an account that lends shares, and shares that were located."""

    located: frozenset[str] | Unlimited

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
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


@dataclass(frozen=True, slots=True)
class OrderRate:
    """risk-R13: a token bucket; one strategy trades an account, so the bucket is its own, too."""

    rate: int
    burst: int

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes, and takes its token all the same."""
        if view.reduces(order):
            return None
        full, debt = self.burst * SECOND, tally.debt_now(view.now) + SECOND
        limit = f"burst of {self.burst} at {self.rate}/s"
        if debt > full:
            return Veto("R13", f"the order rate is used up, limit {limit}")
        return Check("R13", f"{-(-debt // SECOND)} at once", limit, part(debt, full))


@dataclass(frozen=True, slots=True)
class OrdersADay:
    """risk-R14: orders and changes a day."""

    most: int

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes, and counts."""
        if view.reduces(order):
            return None
        many = tally.orders + 1
        if many > self.most:
            return Veto("R14", f"{tally.orders} orders today, limit {self.most}")
        return Check("R14", f"order {many} today", f"{self.most}", part(many, self.most))


@dataclass(frozen=True, slots=True)
class DailyNotional:
    """risk-R15: bought a day, and sold a day: what was executed and what is open."""

    allowance: Allowance
    collar: Collar | None

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes, and counts."""
        if view.reduces(order):
            return None
        open_ = sum(
            value_of(state.order, state.open, view, self.collar)
            for state in view.open.values()
            if state.open * order.quantity > 0
        )
        done = tally.bought if order.quantity > 0 else tally.sold
        value = done + open_ + order_value(order, view, self.collar)
        return self.allowance.held("R15", value, view)


@dataclass(frozen=True, slots=True)
class DuplicateContent:
    """risk-R16: the same wish twice within a moment is a slip, or a loop."""

    window: Nanos

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        content = content_of(order)
        ages = [view.now - time for time, each in tally.recent if each == content]
        if ages and min(ages) < self.window:
            words = f"the same order was sent {min(ages) / SECOND:.0f} s ago, limit "
            return Veto("R16", f"{words}{self.window / SECOND:.0f} s")
        return Check("R16", "new content", f"{self.window / SECOND:.0f} s")


def unique_id(order: Order, view: RiskView, tally: RiskTally) -> Answer:
    """risk-R17: an id is good for one order, ever (input-B40 and input-B41)."""
    state = view.open.get(order.id) or view.known.get(order.id)
    if state is None:
        return Check("R17", "new id", "one order an id")
    if content_of(state.order) == content_of(order):
        return Veto("R17", f"order {order.id} was sent before; it stands, and is not sent again")
    return Veto("R17", f"id {order.id} belongs to another order")


def balanced_children(order: Order, view: RiskView, tally: RiskTally) -> Answer:
    """risk-R18: children together are for no more shares than their parent.

    Of those that cancel one another only the largest counts.
    """
    if order.parent is None:
        return None
    parent = view.known.get(order.parent) or view.open.get(order.parent)
    if parent is None:
        return Veto("R18", f"its parent {order.parent} is not known")
    largest: dict[str, int] = {order.group or order.id: abs(order.quantity)}
    for each, state in {**view.known, **view.open}.items():
        if state.order.parent == order.parent and each != order.id:
            group = state.order.group or each
            shares = abs(state.filled + state.open)
            largest[group] = max(shares, largest.get(group, 0))
    shares, most = sum(largest.values()), abs(parent.order.quantity)
    if shares > most:
        return Veto("R18", f"children for {shares} shares, their parent is for {most}")
    return Check("R18", f"{shares} shares", f"{most} shares", part(shares, most))


@dataclass(frozen=True, slots=True)
class RepeatedCycles:
    """risk-R19: in and out again and again on the same bar is a loop, not a strategy."""

    most: int

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes."""
        if view.reduces(order):
            return None
        many = tally.cycles.get(order.symbol, 0)
        if many >= self.most:
            return Veto("R19", f"{many} entries and exits without a new bar, limit {self.most}")
        return Check("R19", f"{many} cycles", f"{self.most} a bar", part(many, self.most))


@dataclass(frozen=True, slots=True)
class NoSelfCross:
    """risk-R20: an order that would meet one of ours trades with nobody."""

    collar: Collar | None

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes; an order that waits for a trigger meets nobody yet."""
        price = self._price(order, view)
        if price is None or view.reduces(order):
            return None
        for state in view.open.values():
            other, theirs = state.order, self._price(state.order, view)
            if other.symbol != order.symbol or other.side == order.side or theirs is None:
                continue
            if (price - theirs) * order.side >= 0:
                return Veto("R20", f"it would trade with our own order {other.id}")
        return Check("R20", "meets none of ours", "no own order")

    def _price(self, order: Order, view: RiskView) -> Fraction | None:
        """The price it reaches for, micro-dollars; None while it waits for another."""
        if order.kind is OrderKind.LIMIT and order.limit is not None:
            return Fraction(order.limit)
        if order.kind is not OrderKind.MARKET:
            return None
        last = view.prices[order.symbol].price
        width = self.collar.at(last) if self.collar else Fraction(0)
        return last * (1 + order.side * width)


@dataclass(frozen=True, slots=True)
class RegularHours:
    """risk-R24: an order must trade in the regular session, and not begin in its last minutes.

    Judged by when it may trade first: what is sent after the close meets the next open.
    """

    quiet: Nanos

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """A day that the calendar does not cover is not known to be open."""
        calendar = calendar_of(view.instrument(order.symbol).venue)
        earliest = max(view.now, order.not_before)
        day = calendar.local_day(earliest)
        if not calendar.is_session(day) or earliest >= calendar.session(day).close:
            day = calendar.next_session(day)
        if not calendar.covers(day):
            return Veto("R24", f"the calendar does not know {day}")
        session = calendar.session(day)
        first = max(earliest, session.open)
        if order.time_in_force is TimeInForce.GTD and order.expires <= first:
            return Veto("R24", "it expires before the market opens")
        left = session.close - first
        if self.quiet and left <= self.quiet:
            words = f"{left / MINUTE:.0f} min to the close, limit {self.quiet / MINUTE:.0f} min"
            return Veto("R24", words)
        return Check("R24", f"{rfc3339(first)}", f"regular session of {day}")


@dataclass(frozen=True, slots=True)
class Tradable:
    """risk-R25: only what the run is about, what is allowed and not restricted, halted, disputed.

    Attributes:
        allowed: Symbols that may be traded, or all of the run's.
        restricted: Symbols that may not.
        symbols: How many may be held or ordered at a time.
    """

    allowed: frozenset[str] | Unlimited
    restricted: frozenset[str]
    symbols: int | Unlimited

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes, except where the exchange has halted trading."""
        symbol = order.symbol
        if symbol in tally.halted:
            return Veto("R25", f"trading in {symbol} is halted")
        if view.reduces(order):
            return None
        if symbol not in view.instruments:
            return Veto("R25", f"{symbol} does not belong to this run")
        if self.allowed != UNLIMITED and symbol not in self.allowed:
            return Veto("R25", f"{symbol} is not on the list of what may be traded")
        if symbol in self.restricted:
            return Veto("R25", f"{symbol} is restricted")
        if symbol in disputed(view.known.values()):
            return Veto("R25", f"the broker's books and ours disagree about {symbol}")
        ours = {*view.account.positions, symbol}
        ours |= {state.order.symbol for state in view.open.values()}
        if self.symbols != UNLIMITED and len(ours) > self.symbols:
            return Veto("R25", f"{len(ours)} symbols at a time, limit {self.symbols}")
        return Check("R25", symbol, "tradable")


@dataclass(frozen=True, slots=True)
class Participation:
    """risk-R26: an order is a small part of what trades in a bar."""

    share: Fraction

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes; where no volume is known, nothing else does."""
        if view.reduces(order):
            return None
        median = tally.median_volume(order.symbol)
        if median is None:
            return Veto("R26", f"no volume of {order.symbol} is known")
        shares = abs(order.quantity)
        return _held("R26", 2 * shares, int(2 * median), self.share, "of the median bar")


@dataclass(frozen=True, slots=True)
class Canary:
    """risk-R29: the first orders of a day are small, until they are seen to come out right."""

    orders: int
    quantity: int

    def __call__(self, order: Order, view: RiskView, tally: RiskTally) -> Answer:
        """What only reduces passes, and counts."""
        if tally.orders >= self.orders or view.reduces(order):
            return None
        shares, which = abs(order.quantity), f"order {tally.orders + 1} of the day"
        if shares > self.quantity:
            return Veto("R29", f"{which} is for {shares} shares, limit {self.quantity}")
        return Check("R29", which, f"{self.quantity} shares", part(shares, self.quantity))

    def cut(self, order: Order, view: RiskView, tally: RiskTally) -> Order:
        """As much of an order as may be sent now; its reason says so."""
        if not isinstance(self(order, view, tally), Veto):
            return order
        words = f"{order.reason} (R29: {self.quantity} of {abs(order.quantity)} shares)"
        quantity = order.side * self.quantity
        return replace(order, quantity=quantity, reason=words, share_of_equity=Fraction(0))


def active_rules(limits: RiskLimits) -> tuple[Rule, ...]:
    """The rules of the limits that are set, in the order they are asked; a new order's.

    The first veto ends the questions; the fresh price comes before every rule that needs a price.
    """
    rules = [
        unique_id if limits.unique_ids else None,
        *_first_rules(limits),
        *_exposure_rules(limits),
        *_flow_rules(limits),
    ]
    return tuple(rule for rule in rules if rule is not None)


def rules_of_changes(limits: RiskLimits) -> tuple[Rule, ...]:
    """The same for a change of an order, which keeps its id and may keep its content."""
    return tuple(
        rule
        for rule in active_rules(limits)
        if rule is not unique_id and not isinstance(rule, DuplicateContent)
    )


def _first_rules(limits: RiskLimits) -> Iterator[Rule]:
    """What the order is, and whether it can be judged at all."""
    allowed, restricted, symbols = limits.tradable, limits.restricted, limits.max_symbols
    if allowed is not None:
        names = restricted if isinstance(restricted, frozenset) else frozenset()
        yield Tradable(allowed, names, UNLIMITED if symbols is None else symbols)
    if limits.regular_hours:
        quiet = limits.quiet_before_close
        yield RegularHours(quiet if isinstance(quiet, int) else 0)
    if isinstance(limits.max_order_quantity, int):
        yield OrderQuantity(limits.max_order_quantity)
    if isinstance(limits.canary_orders, int) and isinstance(limits.canary_quantity, int):
        yield Canary(limits.canary_orders, limits.canary_quantity)
    if limits.max_price_age is not None and limits.max_price_age_bars is not None:
        delay = limits.finality_delay if isinstance(limits.finality_delay, int) else 0
        yield FreshPrice(limits.max_price_age, limits.max_price_age_bars, delay)


def _exposure_rules(limits: RiskLimits) -> Iterator[Rule]:
    """What the account would hold."""
    collar = collar_of(limits)
    capital = limits.capital if isinstance(limits.capital, int) else None
    if collar is not None:
        yield PriceCollar(collar)
    if isinstance(limits.max_order_notional, Fraction):
        yield OrderNotional(Allowance(limits.max_order_notional, capital), collar)
    if isinstance(limits.max_position, Fraction):
        yield LargestPosition(Allowance(limits.max_position, capital))
    if isinstance(limits.max_gross, Fraction):
        yield GrossExposure(Allowance(limits.max_gross, capital))
    if isinstance(limits.max_net, Fraction):
        yield NetExposure(Allowance(limits.max_net, capital))
    yield buying_power
    if isinstance(limits.max_leverage, Fraction):
        yield Leverage(Allowance(limits.max_leverage, capital))
    yield ShortSelling(UNLIMITED if limits.shortable is None else limits.shortable)


def _flow_rules(limits: RiskLimits) -> Iterator[Rule]:
    """How many orders, how much of them, and which beside which."""
    collar = collar_of(limits)
    capital = limits.capital if isinstance(limits.capital, int) else None
    if isinstance(limits.order_rate, int) and isinstance(limits.order_burst, int):
        yield OrderRate(limits.order_rate, limits.order_burst)
    if isinstance(limits.max_orders, int):
        yield OrdersADay(limits.max_orders)
    if isinstance(limits.max_daily_notional, Fraction):
        yield DailyNotional(Allowance(limits.max_daily_notional, capital), collar)
    if isinstance(limits.duplicate_window, int):
        yield DuplicateContent(limits.duplicate_window)
    if limits.balanced_children:
        yield balanced_children
    if isinstance(limits.max_cycles, int):
        yield RepeatedCycles(limits.max_cycles)
    if limits.no_self_cross:
        yield NoSelfCross(collar)
    if isinstance(limits.max_participation, Fraction):
        yield Participation(limits.max_participation)


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
    return Check(rule, f"{share:.2%}", f"{float(most):.2%}", part(value, most * whole))


def _cash(amount: Micros) -> str:
    return f"{dollars(amount):,.2f}"
