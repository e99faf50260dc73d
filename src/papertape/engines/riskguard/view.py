"""RiskView: what RiskGuard may know of market and account when it judges an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros
from papertape.domain.order import Order, OrderId
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms


class LastPrice(NamedTuple):
    """The last trade known of an instrument, micro-dollars, and the close of its bar."""

    price: Micros
    time: Nanos
    length: Nanos


@dataclass(frozen=True)
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
        open: The orders behind ``working``, and those that only reduce.
        known: Every order of the run so far.
    """

    now: Nanos
    account: Account
    prices: Mapping[str, LastPrice]
    working: Mapping[str, tuple[int, int]]
    reserved: Micros
    terms: AccountTerms = CASH_ACCOUNT
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    open: Mapping[OrderId, OrderState] = field(default_factory=dict)
    known: Mapping[OrderId, OrderState] = field(default_factory=dict)

    @cached_property
    def _closes(self) -> dict[str, Micros]:
        return {symbol: last.price for symbol, last in self.prices.items()}

    @cached_property
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
        """Whether the order can only bring its position nearer to zero.

        Orders that are open on its side may get there first, so they count.
        """
        if order.reduce_only:
            return True
        held, after = self.account.quantity(order.symbol), self.worst_position(order)
        return held * order.quantity < 0 and held * after >= 0

    def position_before(self, order: Order) -> int:
        """Shares held once every open order on the side of this one is filled."""
        buys, sells = self.working.get(order.symbol, (0, 0))
        return self.account.quantity(order.symbol) + (buys if order.quantity > 0 else sells)

    def worst_position(self, order: Order) -> int:
        """Shares held if this order and every open one on its side fill."""
        return self.position_before(order) + order.quantity

    def worst_values(self, order: Order) -> tuple[Micros, Micros, Micros]:
        """Value of all holdings, whichever side of the open orders and of this one fills.

        Returns:
            Longs and shorts added up; longs less shorts if all buys fill, and if all sales do.
        """
        gross = most = least = 0
        for symbol in {*self.account.positions, *self.working, order.symbol}:
            unit = self.prices[symbol].price * self.instrument(symbol).multiplier
            low, high = self._range(order, symbol)
            gross += max(abs(low), abs(high)) * unit
            most += high * unit
            least += low * unit
        return gross, most, least

    def _range(self, order: Order, symbol: str) -> tuple[int, int]:
        """The fewest and the most shares of a symbol that there may be, this order included."""
        held, (buys, sells) = self.account.quantity(symbol), self.working.get(symbol, (0, 0))
        if symbol == order.symbol:
            buys, sells = buys + max(0, order.quantity), sells + min(0, order.quantity)
        return held + sells, held + buys
