"""Statement: what a broker says of an account, where one day ends and the next begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from papertape.domain.account import Account, Position
from papertape.domain.clock import Nanos
from papertape.domain.day import Holding, Payment
from papertape.domain.event import CashSettled
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros


@dataclass(frozen=True, slots=True)
class Statement:
    """An account as its broker has it.

    Attributes:
        time: The market's time up to which it is true.
        cash: By trade date, micro-dollars.
        holdings: What it holds, in the order of the symbols.
        coming: Payments that are still to come, oldest first.
        working: The orders that can still trade.
        number: The broker's last report that is counted in.
    """

    time: Nanos
    cash: Micros
    holdings: tuple[Holding, ...] = ()
    coming: tuple[Payment, ...] = ()
    working: tuple[OrderState, ...] = ()
    number: int = 0


def holdings_of(account: Account, prices: Mapping[str, Micros]) -> tuple[Holding, ...]:
    """The holdings as lines of a statement."""
    return tuple(
        Holding(symbol, held.quantity, held.cost, held.multiplier, held.bond, prices.get(symbol, 0))
        for symbol, held in sorted(account.positions.items())
    )


def carried_over(cash: Micros, holdings: Sequence[Holding], coming: Sequence[Payment]) -> Account:
    """The account that a statement describes: it goes on to the share and the micro-dollar."""
    unsettled = sum(each.total for each in coming if isinstance(each, CashSettled))
    owed = sum(each.total for each in coming) - unsettled
    positions = {
        each.symbol: Position(each.quantity, each.cost, each.multiplier, each.bond)
        for each in holdings
    }
    return Account.carried(cash, unsettled, owed, positions)
