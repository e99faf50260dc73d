"""Account: cash and holdings as a fold over what happened, by balanced postings.

Every event that moves value becomes postings that sum to zero for each asset: what leaves one
pocket arrives in others, to the micro-dollar and to the share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeAlias

from papertape.domain.errors import InvariantBroken, require
from papertape.domain.event import (
    CashSettled,
    DividendAccrued,
    DividendPaid,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    HoldingDelisted,
    LedgerEvent,
    OrderFilled,
    SplitApplied,
    SymbolChanged,
    VariationPaid,
)
from papertape.domain.fill import Fill
from papertape.domain.money import Micros, counted, half_even
from papertape.domain.record import made_at_once

CASH, UNSETTLED, BOND, OWED, HOLDING = "cash", "unsettled", "bond", "owed", "holding"
CAPITAL, MARKET, FEES, DIVIDENDS = "capital", "market", "fees", "dividends"
FINANCING = "financing"
USD = "USD"


Posting: TypeAlias = tuple[str, str, int]
"""A pocket, an asset, and the amount of it that enters the pocket or, negative, leaves it.

Money is in micro-dollars, shares in shares. A bare tuple, for each fill needs six of them.
"""


def postings(event: LedgerEvent) -> tuple[Posting, ...]:  # noqa: C901, PLR0911 - one case an event
    """What an event moves; the amounts of each asset sum to zero."""
    match event:
        case OrderFilled(fill=fill):
            return _exchanged(fill)
        case FillBusted(fill=fill):
            return _undone(fill)
        case FillCorrected(fill=fill, instead=instead):
            return (*_undone(fill), *_exchanged(instead))
        case DividendAccrued(quantity=quantity, amount=amount):
            total = counted(quantity * amount)
            return ((OWED, USD, total), (DIVIDENDS, USD, -total))
        case DividendPaid(total=total):
            return ((CASH, USD, total), (OWED, USD, -total))
        case SplitApplied(symbol=symbol, before=before, after=after, cash_in_lieu=cash):
            return (
                (HOLDING, symbol, after - before),
                (MARKET, symbol, before - after),
                (CASH, USD, cash),
                (MARKET, USD, -cash),
            )
        case SymbolChanged(symbol=symbol, new_symbol=new, quantity=quantity):
            return (
                (HOLDING, symbol, -quantity),
                (MARKET, symbol, quantity),
                (HOLDING, new, quantity),
                (MARKET, new, -quantity),
            )
        case HoldingDelisted(symbol=symbol, quantity=quantity, price=price):
            paid = counted(quantity * price)
            return (
                (HOLDING, symbol, -quantity),
                (MARKET, symbol, quantity),
                (CASH, USD, paid),
                (MARKET, USD, -paid),
            )
        case CashSettled(total=total):
            return ((CASH, USD, total), (UNSETTLED, USD, -total))
        case VariationPaid(total=total):
            return ((CASH, USD, total), (MARKET, USD, -total))
        case FinancingCharged(total=total):
            return ((CASH, USD, -total), (FINANCING, USD, total))


def _exchanged(fill: Fill) -> tuple[Posting, ...]:
    """What a trade moves: shares against money, or a contract against a bond."""
    shares = (
        (FEES, USD, fill.fee),
        (HOLDING, fill.symbol, fill.quantity),
        (MARKET, fill.symbol, -fill.quantity),
    )
    if fill.bond is not None:
        return (
            (CASH, USD, fill.cash),
            (BOND, USD, fill.bond),
            (MARKET, USD, -fill.variation),
            *shares,
        )
    # A sale's money comes when it settles; a purchase takes it at once, so that none is promised
    # twice, and so does the fee.
    value = fill.value
    proceeds = -value if value < 0 else 0
    return (
        (CASH, USD, fill.cash - proceeds),
        (UNSETTLED, USD, proceeds),
        (MARKET, USD, value),
        *shares,
    )


def _undone(fill: Fill) -> tuple[Posting, ...]:
    return tuple((pocket, asset, -amount) for pocket, asset, amount in _exchanged(fill))


@made_at_once
@dataclass(frozen=True)
class Position:
    """A holding: signed shares and what they cost, micro-dollars, signed like the shares.

    Futures are marked, not bought: ``cost`` is their value when they were marked last, and what
    they have gained since is all that they are worth.

    Attributes:
        quantity: Shares or contracts.
        cost: See above.
        multiplier: Units of the price that one contract stands for.
        bond: What the contracts tie up, micro-dollars; 0 for shares.
    """

    quantity: int = 0
    cost: Micros = 0
    multiplier: int = 1
    bond: Micros = 0

    @property
    def average_price(self) -> float:
        """Average entry price (for futures: the last mark) in micro-dollars; 0 when flat."""
        return self.cost / (self.quantity * self.multiplier) if self.quantity else 0.0

    def value(self, price: Micros) -> Micros:
        """Quantity times price times multiplier: the exposure."""
        return self.quantity * price * self.multiplier

    def worth(self, price: Micros) -> Micros:
        """What it adds to equity: its value, or for futures the gain since the last mark."""
        return self.value(price) - self.cost if self.bond else self.value(price)

    def after(self, fill: Fill) -> Position:
        """The holding after a fill."""
        if fill.bond is None:
            return self.traded(fill.quantity, fill.price)
        return Position(
            self.quantity + fill.quantity,
            self.cost + fill.variation + fill.value,
            fill.multiplier,
            self.bond + fill.bond,
        )

    def without(self, fill: Fill) -> Position:
        """The holding once a fill was taken back.

        Assumption: shares leave at the fill's own price, as if traded back; where a reduction
        came in between, the average cost of what is left is not what it would have been.
        """
        if fill.bond is None:
            return self.traded(-fill.quantity, fill.price)
        return Position(
            self.quantity - fill.quantity,
            self.cost - fill.variation - fill.value,
            self.multiplier,
            self.bond - fill.bond,
        )

    def traded(self, quantity: int, price: Micros) -> Position:
        """The holding after a trade; a reduction releases cost in proportion (average cost)."""
        after = self.quantity + quantity
        if self.quantity * quantity >= 0:
            return Position(after, self.cost + quantity * price)
        if self.quantity * after <= 0:  # closed, or turned round at this price
            return Position(after, after * price)
        return Position(after, half_even(self.cost * after, self.quantity))

    def with_(self, other: Position) -> Position:
        """Two holdings of one thing, after a change of symbol made it so."""
        return replace(
            self,
            quantity=self.quantity + other.quantity,
            cost=self.cost + other.cost,
            bond=self.bond + other.bond,
        )

    def split(self, after: int) -> Position:
        """The holding after a split: other shares, the same cost."""
        return Position(after, self.cost if after else 0)


_FLAT = Position()


def _empty() -> MappingProxyType[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Account:
    """Cash and holdings after everything so far; `after` gives the next one.

    Attributes:
        balances: (pocket, asset) -> amount; each asset sums to zero over all pockets.
        positions: Symbol -> holding; a flat symbol has no entry.
    """

    balances: MappingProxyType[tuple[str, str], int] = field(default_factory=_empty)
    positions: MappingProxyType[str, Position] = field(default_factory=_empty)
    _became: tuple[object, Account | None] = field(
        default=(None, None), init=False, repr=False, compare=False
    )

    @classmethod
    def opened(cls, capital: Micros) -> Account:
        """A new account with this much cash."""
        require(capital > 0, f"an account opens with money, was {capital}")
        return cls(
            MappingProxyType({(CASH, USD): counted(capital), (CAPITAL, USD): -capital}),
            MappingProxyType({}),
        )

    @classmethod
    def carried(
        cls, cash: Micros, unsettled: Micros, owed: Micros, positions: Mapping[str, Position]
    ) -> Account:
        """An account that goes on where another day left it; ``cash`` is by trade date."""
        bond = sum(held.bond for held in positions.values())
        balances = {
            (CASH, USD): cash - unsettled,
            (UNSETTLED, USD): unsettled,
            (OWED, USD): owed,
            (BOND, USD): bond,
            (CAPITAL, USD): -(cash + owed + bond),
        }
        for symbol, held in positions.items():
            balances[HOLDING, symbol], balances[MARKET, symbol] = held.quantity, -held.quantity
        kept = {pocket: counted(amount) for pocket, amount in balances.items() if amount}
        return cls(MappingProxyType(kept), MappingProxyType(dict(positions)))

    def after(self, event: LedgerEvent) -> Account:
        """The account once the event is booked; whoever asks again gets the same one.

        An exchange, its broker and the session each keep books, and book the same fills: where they
        begin with one account, only the first of them works each out. An account that is kept keeps
        those that came after it, too.

        Raises:
            InvariantBroken: If the postings do not balance.
        """
        # Under its number or without it, a fill is the same fill.
        asked = event.fill if isinstance(event, OrderFilled) else event
        booked, became = self._became
        if became is None or booked is not asked:
            became = self._with(event)
            self.__dict__["_became"] = asked, became
        return became

    def _with(self, event: LedgerEvent) -> Account:
        balances = self.balances.copy()  # `dict` would ask for each key
        totals: dict[str, int] = {}
        for pocket, asset, amount in postings(event):
            place = pocket, asset
            balances[place] = counted(balances.get(place, 0) + amount)
            totals[asset] = totals.get(asset, 0) + amount
        if any(totals.values()):
            raise InvariantBroken(f"postings of {event} do not balance: {totals}")
        return Account(MappingProxyType(balances), MappingProxyType(self._positions_after(event)))

    def _positions_after(self, event: LedgerEvent) -> dict[str, Position]:
        positions = self.positions.copy()
        symbol = symbol_of(event)
        held = positions.get(symbol, _FLAT)
        match event:
            case OrderFilled(fill=fill):
                held = held.after(fill)
            case FillBusted(fill=fill):
                held = held.without(fill)
            case FillCorrected(fill=fill, instead=instead):
                held = held.without(fill).after(instead)
            case SplitApplied(before=before, after=after):
                require(held.quantity == before, f"{symbol}: a split of {before} shares, not held")
                held = held.split(after)
            case SymbolChanged(new_symbol=new, quantity=quantity):
                require(held.quantity == quantity, f"{symbol}: {quantity} shares are not held")
                positions.pop(symbol)
                symbol, held = new, held.with_(positions.get(new, Position()))
            case HoldingDelisted(quantity=quantity):
                require(held.quantity == quantity, f"{symbol}: {quantity} shares are not held")
                held = Position()
            case VariationPaid(price=price, total=total):
                require(held.worth(price) == total, f"{symbol}: {event} is not what it has gained")
                held = replace(held, cost=held.cost + total)
            case _:
                return positions
        positions[symbol] = held
        if held.quantity == 0:
            require(held.bond == 0, f"{symbol}: {held.bond} tied up and nothing held")
            del positions[symbol]
        return positions

    @property
    def cash(self) -> Micros:
        """Cash by trade date, micro-dollars: settled, and what sales will bring."""
        return self.settled + self.unsettled

    @property
    def settled(self) -> Micros:
        """Settled cash less what was spent, micro-dollars; negative if unsettled money bought."""
        return self.balances.get((CASH, USD), 0)

    @property
    def unsettled(self) -> Micros:
        """Proceeds of sales that have not settled yet, micro-dollars."""
        return self.balances.get((UNSETTLED, USD), 0)

    @property
    def bond(self) -> Micros:
        """Cash that futures tie up, micro-dollars."""
        return self.balances.get((BOND, USD), 0)

    @property
    def owed(self) -> Micros:
        """Dividends accrued and not yet paid, micro-dollars; negative when we owe them."""
        return self.balances.get((OWED, USD), 0)

    @property
    def fees(self) -> Micros:
        """Fees paid so far, micro-dollars."""
        return self.balances.get((FEES, USD), 0)

    @property
    def financing(self) -> Micros:
        """What borrowed shares and borrowed money have cost so far, micro-dollars."""
        return self.balances.get((FINANCING, USD), 0)

    def quantity(self, symbol: str) -> int:
        """Shares held, signed."""
        held = self.positions.get(symbol)
        return held.quantity if held else 0

    def equity(self, prices: Mapping[str, Micros]) -> Micros:
        """Cash, bonds, what is owed, and the holdings at these prices, micro-dollars."""
        worth = sum(held.worth(prices[symbol]) for symbol, held in self.positions.items())
        return counted(self.cash + self.bond + self.owed + worth)


_OF_A_FILL = (OrderFilled, FillBusted, FillCorrected)


def symbol_of(event: LedgerEvent) -> str:
    """The instrument an event is about."""
    if isinstance(event, _OF_A_FILL):
        return event.fill.symbol
    return event.symbol


def split_shares(quantity: int, ratio: Fraction, price: Micros) -> tuple[int, Micros]:
    """Whole shares after a split and the cash paid for the fraction, at the price before it.

    The fraction is cut towards zero, and worth its share of the old price (micro-dollars).
    """
    exact = quantity * ratio
    whole = int(exact)
    rest = (exact - whole) * Fraction(price) / ratio
    return whole, half_even(rest.numerator, rest.denominator)
