"""Account: cash and holdings as a fold over what happened, by balanced postings.

Every event that moves value becomes postings that sum to zero for each asset: what leaves one
pocket arrives in others, to the micro-dollar and to the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from papertape.domain.errors import require
from papertape.domain.event import (
    DividendAccrued,
    DividendPaid,
    LedgerEvent,
    OrderFilled,
    SplitApplied,
)
from papertape.domain.money import Micros, counted, half_even

CASH, OWED, HOLDING = "cash", "owed", "holding"
CAPITAL, MARKET, FEES, DIVIDENDS = "capital", "market", "fees", "dividends"
USD = "USD"


class Posting(NamedTuple):
    """An amount of one asset that enters (or, negative, leaves) a pocket.

    Money is in micro-dollars, shares in shares.
    """

    pocket: str
    asset: str
    amount: int


def postings(event: LedgerEvent) -> tuple[Posting, ...]:
    """What an event moves; the amounts of each asset sum to zero."""
    match event:
        case OrderFilled(fill=fill):
            value = counted(fill.quantity * fill.price)
            return (
                Posting(CASH, USD, -value - fill.fee),
                Posting(MARKET, USD, value),
                Posting(FEES, USD, fill.fee),
                Posting(HOLDING, fill.symbol, fill.quantity),
                Posting(MARKET, fill.symbol, -fill.quantity),
            )
        case DividendAccrued(quantity=quantity, amount=amount):
            total = counted(quantity * amount)
            return (Posting(OWED, USD, total), Posting(DIVIDENDS, USD, -total))
        case DividendPaid(total=total):
            return (Posting(CASH, USD, total), Posting(OWED, USD, -total))
        case SplitApplied(symbol=symbol, before=before, after=after, cash_in_lieu=cash):
            return (
                Posting(HOLDING, symbol, after - before),
                Posting(MARKET, symbol, before - after),
                Posting(CASH, USD, cash),
                Posting(MARKET, USD, -cash),
            )


@dataclass(frozen=True, slots=True)
class Position:
    """A holding: signed shares and what they cost, micro-dollars, signed like the shares."""

    quantity: int = 0
    cost: Micros = 0

    @property
    def average_price(self) -> float:
        """Average entry price in micro-dollars; 0 when flat."""
        return self.cost / self.quantity if self.quantity else 0.0

    def traded(self, quantity: int, price: Micros) -> Position:
        """The holding after a trade; a reduction releases cost in proportion (average cost)."""
        after = self.quantity + quantity
        if self.quantity * quantity >= 0:
            return Position(after, self.cost + quantity * price)
        if self.quantity * after <= 0:  # closed, or turned round at this price
            return Position(after, after * price)
        return Position(after, half_even(self.cost * after, self.quantity))

    def split(self, after: int) -> Position:
        """The holding after a split: other shares, the same cost."""
        return Position(after, self.cost if after else 0)


@dataclass(frozen=True)
class Account:
    """Cash and holdings after everything so far; `after` gives the next one.

    Attributes:
        balances: (pocket, asset) -> amount; each asset sums to zero over all pockets.
        positions: Symbol -> holding; a flat symbol has no entry.
    """

    balances: Mapping[tuple[str, str], int] = field(default_factory=dict)
    positions: Mapping[str, Position] = field(default_factory=dict)

    @classmethod
    def opened(cls, capital: Micros) -> Account:
        """A new account with this much cash."""
        require(capital > 0, f"an account opens with money, was {capital}")
        return cls(
            MappingProxyType({(CASH, USD): counted(capital), (CAPITAL, USD): -capital}),
            MappingProxyType({}),
        )

    def after(self, event: LedgerEvent) -> Account:
        """The account once the event is booked.

        Raises:
            InvariantBroken: If the postings do not balance.
        """
        balances = dict(self.balances)
        totals: dict[str, int] = {}
        for pocket, asset, amount in postings(event):
            balances[pocket, asset] = counted(balances.get((pocket, asset), 0) + amount)
            totals[asset] = totals.get(asset, 0) + amount
        require(not any(totals.values()), f"postings of {event} do not balance: {totals}")
        return Account(MappingProxyType(balances), MappingProxyType(self._positions_after(event)))

    def _positions_after(self, event: LedgerEvent) -> dict[str, Position]:
        positions = dict(self.positions)
        match event:
            case OrderFilled(fill=fill):
                held = positions.get(fill.symbol, Position())
                positions[fill.symbol] = held.traded(fill.quantity, fill.price)
            case SplitApplied(symbol=symbol, before=before, after=after):
                held = positions.get(symbol, Position())
                require(held.quantity == before, f"{symbol}: a split of {before} shares, not held")
                positions[symbol] = held.split(after)
            case _:
                return positions
        if positions[symbol_of(event)].quantity == 0:
            del positions[symbol_of(event)]
        return positions

    @property
    def cash(self) -> Micros:
        """Cash in hand, micro-dollars."""
        return self.balances.get((CASH, USD), 0)

    @property
    def owed(self) -> Micros:
        """Dividends accrued and not yet paid, micro-dollars; negative when we owe them."""
        return self.balances.get((OWED, USD), 0)

    @property
    def fees(self) -> Micros:
        """Fees paid so far, micro-dollars."""
        return self.balances.get((FEES, USD), 0)

    def quantity(self, symbol: str) -> int:
        """Shares held, signed."""
        held = self.positions.get(symbol)
        return held.quantity if held else 0

    def equity(self, prices: Mapping[str, Micros]) -> Micros:
        """Cash, what is owed, and the holdings at these prices, micro-dollars."""
        worth = sum(held.quantity * prices[symbol] for symbol, held in self.positions.items())
        return counted(self.cash + self.owed + worth)


def symbol_of(event: LedgerEvent) -> str:
    """The instrument an event is about."""
    return event.fill.symbol if isinstance(event, OrderFilled) else event.symbol


def split_shares(quantity: int, ratio: Fraction, price: Micros) -> tuple[int, Micros]:
    """Whole shares after a split and the cash paid for the fraction, at the price before it.

    The fraction is cut towards zero, and worth its share of the old price (micro-dollars).
    """
    exact = quantity * ratio
    whole = int(exact)
    rest = (exact - whole) * Fraction(price) / ratio
    return whole, half_even(rest.numerator, rest.denominator)
