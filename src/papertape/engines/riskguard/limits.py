"""The limits an order is held against: one small rule for each, all of them failing closed.

A rule answers a `Check` (looked at, and inside) or a `Veto`. What it cannot know, it vetoes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple, TypeAlias

from papertape.domain.account import Account
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import SettingsError
from papertape.domain.instrument import Instrument
from papertape.domain.money import MICROS_PER_DOLLAR, Micros, dollars
from papertape.domain.order import Order
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms, judged_price
from papertape.domain.verdict import Check
from papertape.engines.riskguard.kill_switch import KillSwitch

FRESH_AT_LEAST: Nanos = 15 * SECOND
COLLAR_BELOW_A_DOLLAR = 0.20


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The numbers behind the rules; None means that the limit is not set in this profile.

    Attributes:
        max_order_quantity: Shares an order (risk-R4).
        max_order_notional: Share of equity an order (risk-R5).
        price_collar: Share a limit may lie from the last price (risk-R6).
        max_position: Share of equity in one symbol, with everything open filled (risk-R8).
        max_gross: Share of equity in all holdings, with everything open filled (risk-R9).
        short_selling: Whether a holding may go below zero where the account lends (risk-R12).
    """

    max_order_quantity: int | None = None
    max_order_notional: float | None = None
    price_collar: float | None = None
    max_position: float | None = None
    max_gross: float | None = None
    short_selling: bool = True

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "short_selling":
                continue
            # NaN compares false, so it is refused here and cannot disarm a rule later.
            if value is not None and (isinstance(value, bool) or not value > 0):
                raise SettingsError(f"risk limit {item.name}={value!r} is not a positive number")


PROFILES: Mapping[str, RiskLimits] = {
    "backtest": RiskLimits(),
    "paper": RiskLimits(
        max_order_quantity=10_000,
        max_order_notional=0.10,
        price_collar=0.05,
        max_position=0.20,
        max_gross=1.0,
        short_selling=False,
    ),
}


class LastPrice(NamedTuple):
    """The last trade known of an instrument, micro-dollars, and the close of its bar."""

    price: Micros
    time: Nanos
    length: Nanos


@dataclass(frozen=True, slots=True)
class RiskView:
    """What RiskGuard may know when it judges an order.

    Attributes:
        now: The present moment.
        account: Cash and holdings.
        prices: The last price of each symbol.
        working: Orders sent and still open: symbol -> signed shares that could yet trade,
            buys and sells apart.
        reserved: Available funds that open orders may yet take, micro-dollars.
        terms: What the account may do.
        instruments: What is traded; a symbol that is missing here is an ordinary share.
    """

    now: Nanos
    account: Account
    prices: Mapping[str, LastPrice]
    working: Mapping[str, tuple[int, int]]
    reserved: Micros
    terms: AccountTerms = CASH_ACCOUNT
    instruments: Mapping[str, Instrument] = field(default_factory=dict)

    @property
    def _closes(self) -> dict[str, Micros]:
        return {symbol: last.price for symbol, last in self.prices.items()}

    @property
    def equity(self) -> Micros:
        """Cash and holdings at the last prices."""
        return self.account.equity(self._closes)

    @property
    def free(self) -> Micros:
        """Available funds that no open order may yet take."""
        return self.terms.available(self.account, self._closes) - self.reserved

    def instrument(self, symbol: str) -> Instrument:
        """What a symbol names."""
        return self.instruments.get(symbol) or Instrument(symbol)

    def reduces(self, order: Order) -> bool:
        """Whether the order can only bring its position nearer to zero."""
        held = self.account.quantity(order.symbol)
        return order.reduce_only or (held * order.quantity < 0 and abs(order.quantity) <= abs(held))

    def position_before(self, order: Order) -> int:
        """Shares held once every open order on the side of this one is filled."""
        buys, sells = self.working.get(order.symbol, (0, 0))
        return self.account.quantity(order.symbol) + (buys if order.quantity > 0 else sells)

    def worst_position(self, order: Order) -> int:
        """Shares held if this order and every open one on its side fill."""
        return self.position_before(order) + order.quantity

    def worst_value(self, order: Order) -> Micros:
        """Value of all holdings, long and short, whichever side of the open orders fills."""
        return sum(
            max(abs(held + buys), abs(held + sells))
            * self.prices[symbol].price
            * self.instrument(symbol).multiplier
            for symbol in {*self.account.positions, *self.working, order.symbol}
            for held in [self.account.quantity(symbol)]
            for buys, sells in [self._open_with(order, symbol)]
        )

    def _open_with(self, order: Order, symbol: str) -> tuple[int, int]:
        """What could yet trade of a symbol, this order included."""
        buys, sells = self.working.get(symbol, (0, 0))
        if symbol == order.symbol:
            buys, sells = buys + max(0, order.quantity), sells + min(0, order.quantity)
        return buys, sells


@dataclass(frozen=True, slots=True)
class Veto:
    """A limit that was not kept, in words with numbers."""

    rule: str
    reason: str


Answer: TypeAlias = Check | Veto | None
Rule: TypeAlias = Callable[[Order, RiskView, RiskLimits, KillSwitch], Answer]


def kill_switch(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R1: nothing new while the switch is pressed."""
    if switch.is_pressed:
        return Veto("R1", f"the kill switch is pressed: {switch.reason}")
    return Check("R1", "armed", "armed")


def order_quantity(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R4: shares an order."""
    most = limits.max_order_quantity
    if most is None:
        return None
    if abs(order.quantity) > most:
        return Veto("R4", f"{abs(order.quantity)} shares, an order may have {most}")
    return Check("R4", f"{abs(order.quantity)} shares", f"{most} shares")


def fresh_price(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R7: a price that is missing or old cannot be judged.

    Old is older than its bar's close by more than two bars, and by more than 15 seconds.
    """
    for symbol in (order.symbol, *view.account.positions):  # without them equity is unknown, too
        if symbol not in view.prices:
            return Veto("R7", f"no price of {symbol} is known")
    last = view.prices[order.symbol]
    age, allowed = view.now - last.time, max(FRESH_AT_LEAST, 2 * last.length)
    if not 0 <= age <= allowed:
        return Veto("R7", f"the price is {age / SECOND:.0f} s old, limit {allowed / SECOND:.0f} s")
    return Check("R7", f"{age / SECOND:.0f} s", f"{allowed / SECOND:.0f} s")


def price_collar(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R6: a limit price far from the last trade is a slip of the finger."""
    if limits.price_collar is None or order.limit is None:
        return None
    last = view.prices[order.symbol].price
    # One division of whole numbers: 105 / 100 - 1 would be a hair over 5 %.
    return _held("R6", abs(order.limit - last) / last, _collar(limits, last), "of the last price")


def _collar(limits: RiskLimits, last: Micros) -> float:
    """The collar's width; below a dollar a few ticks are a large share, so it is wider there."""
    width = limits.price_collar or 0.0
    return max(width, COLLAR_BELOW_A_DOLLAR) if last < MICROS_PER_DOLLAR else width


def order_notional(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R5: value of one order; one without a limit price is valued at the collar's edge."""
    if limits.max_order_notional is None or view.reduces(order):
        return None
    last = view.prices[order.symbol].price
    share = _share(order.quantity, order, view)
    share *= order.limit / last if order.limit else 1 + _collar(limits, last)
    return _held("R5", share, limits.max_order_notional, "of equity")


def position(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R8: value of one holding once everything open is filled."""
    if limits.max_position is None or view.reduces(order):
        return None
    share = _share(view.worst_position(order), order, view)
    return _held("R8", share, limits.max_position, "of equity")


def gross_exposure(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R9: value of all holdings once this order and all open ones are filled."""
    if limits.max_gross is None or view.reduces(order):
        return None
    equity = view.equity
    share = view.worst_value(order) / equity if equity > 0 else float("inf")
    return _held("R9", share, limits.max_gross, "of equity")


def buying_power(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
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


def short_selling(order: Order, view: RiskView, limits: RiskLimits, switch: KillSwitch) -> Answer:
    """risk-R12: a short needs an account that lends shares, and a profile that allows it."""
    if order.quantity > 0 or order.reduce_only or view.instrument(order.symbol).is_future:
        return None
    short = -view.worst_position(order)
    if short > 0 and not view.terms.lends_shares:
        return Veto("R12", f"it would leave a short of {short} shares in a cash account")
    if short > 0 and not limits.short_selling:
        return Veto("R12", f"it would leave a short of {short} shares, and shorts are off")
    return Check("R12", f"sells {-order.quantity}", f"{view.account.quantity(order.symbol)} held")


RULES: tuple[Rule, ...] = (
    kill_switch,
    order_quantity,
    fresh_price,
    price_collar,
    order_notional,
    position,
    gross_exposure,
    buying_power,
    short_selling,
)
"""In the order they are asked; the first veto ends the questions.

The fresh price comes before every rule that needs a price.
"""


def _share(quantity: int, order: Order, view: RiskView) -> float:
    equity, instrument = view.equity, view.instrument(order.symbol)
    value = abs(quantity) * view.prices[order.symbol].price * instrument.multiplier
    return value / equity if equity > 0 else float("inf")


def _held(rule: str, share: float, most: float, of_what: str) -> Check | Veto:
    if not share <= most:
        return Veto(rule, f"{share:.2%} {of_what}, limit {most:.2%}")
    return Check(rule, f"{share:.2%}", f"{most:.2%}")


def _cash(amount: Micros) -> str:
    return f"{dollars(amount):,.2f}"
