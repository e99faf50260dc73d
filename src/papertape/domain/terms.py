"""Terms: what an account at a broker may do with money and shares that are not its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property

from papertape.domain.account import Account, Position
from papertape.domain.calendar import Calendar
from papertape.domain.errors import UsageError
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.money import Micros
from papertape.domain.order import Order

WHOLE = Fraction(1)
HALF, QUARTER, THREE_TENTHS = Fraction(1, 2), Fraction(1, 4), Fraction(3, 10)


@dataclass(frozen=True)
class AccountTerms:
    """A contract with a broker: what it lends, whether it lets us sell short, what may buy.

    *Available funds* are what new holdings may be paid from: cash, and what the broker lends on
    the holdings there are. A trade *commits* some of them, or (negative) sets some free.

    Attributes:
        name: As the command line spells it.
        initial: Share of a new holding's value that own money covers; 1 lends nothing.
        maintenance_long: Share of a long holding's value that must stay covered.
        maintenance_short: The same for a short one.
        lends_shares: Whether shares can be borrowed, so that a sale may go below zero.
        settled_only: Whether the proceeds of a sale buy nothing before they have settled.
    """

    name: str
    initial: Fraction = WHOLE
    maintenance_long: Fraction = WHOLE
    maintenance_short: Fraction = WHOLE
    lends_shares: bool = False
    settled_only: bool = False

    def __post_init__(self) -> None:
        for share in (self.initial, self.maintenance_long, self.maintenance_short):
            if not 0 < share <= 1:
                raise UsageError(f"account {self.name}: {share} of a holding cannot be covered")

    @cached_property
    def lends_money(self) -> bool:
        """Whether holdings can be bought with the broker's money."""
        return self.initial < 1

    def loan(self, value: Micros) -> Micros:
        """What a holding of that value adds to available funds; a short one takes away.

        Under Regulation T a long holding lends half of its value, and a short one binds its own
        value and half of it again. Rounded against the trader.
        """
        return value - _share(abs(value), self.initial) if self.lends_money or value < 0 else 0

    def commits(self, instrument: Instrument, held: int, quantity: int, price: Micros) -> Micros:
        """Available funds that a trade takes, fees apart; negative where it sets some free.

        Args:
            instrument: What is traded.
            held: Shares or contracts before, signed.
            quantity: Shares or contracts traded, signed.
            price: Of the trade, and at which the holding is valued.
        """
        if instrument.is_future:
            return instrument.margin * (abs(held + quantity) - abs(held))
        loans = self.loan((held + quantity) * price) - self.loan(held * price)
        return quantity * price - loans

    def available(self, account: Account, prices: Mapping[str, Micros]) -> Micros:
        """What new holdings may be paid from; negative where too much is lent already.

        Args:
            account: Cash and holdings.
            prices: At which the holdings are valued, micro-dollars.
        """
        cash = account.settled if self.settled_only else account.cash
        if not (account.positions and (self.lends_money or self.lends_shares)):
            return cash
        return cash + sum(
            self.loan(held.quantity * prices[symbol])
            for symbol, held in account.positions.items()
            if not held.bond
        )

    def reserved(
        self,
        account: Account,
        working: Iterable[OrderState],
        instruments: Mapping[str, Instrument],
        prices: Mapping[str, Micros],
    ) -> Micros:
        """Available funds that open orders may yet take; each is judged by itself.

        Args:
            account: Cash and holdings.
            working: Orders that can still trade; those that only reduce take nothing.
            instruments: What they trade.
            prices: Last prices.
        """
        return sum(
            max(0, self.commits(instruments[symbol], account.quantity(symbol), state.open, price))
            for state in working
            if not state.order.reduce_only
            for symbol in [state.order.symbol]
            for price in [judged_price(state.order, prices.get(symbol, 0))]
        )

    def within(
        self, instrument: Instrument, held: int, wanted: int, price: Micros, available: Micros
    ) -> int:
        """The holding nearest to the one wanted that available funds can pay for, fees apart."""
        if self.commits(instrument, held, wanted - held, price) <= available:
            return wanted
        if held * wanted < 0:  # what is held now is closed first, which sets funds free
            available -= self.commits(instrument, held, -held, price)
            held = 0
        if abs(wanted) <= abs(held):
            return wanted
        step = 1 if wanted > held else -1
        many = abs(wanted - held)

        def commits(steps: int) -> Micros:
            return self.commits(instrument, held, step * steps, price)

        # Near enough: what a few shares commit is rounded by a micro-dollar at most.
        steps = max(0, available) * many // commits(many)
        while steps and commits(steps) > available:
            steps -= 1
        while commits(steps + 1) <= available:
            steps += 1
        return held + step * steps

    def maintenance(self, account: Account, prices: Mapping[str, Micros]) -> Micros:
        """Equity that must be there for the holdings as they are."""
        return sum(
            self.maintenance_of(held, prices[symbol]) for symbol, held in account.positions.items()
        )

    def maintenance_of(self, held: Position, price: Micros) -> Micros:
        """Equity that one holding asks for; a future asks for its bond."""
        if held.bond:
            return held.bond
        share = self.maintenance_long if held.quantity > 0 else self.maintenance_short
        return _share(abs(held.quantity) * price, share)


def judged_price(order: Order, last: Micros) -> Micros:
    """The price that a trade to come is judged at and funds are kept for, micro-dollars.

    The worst a limit allows; for the others the last price, or the stop where that is worse.
    """
    if order.quantity > 0:
        return order.limit or max(order.stop or 0, last)
    # A short sale binds more the dearer it is.
    return max(order.limit or 0, last)


def _share(value: Micros, share: Fraction) -> Micros:
    """A share of a value, rounded up."""
    return -(-value * share.numerator // share.denominator)


CASH_ACCOUNT = AccountTerms("cash")
"""Nothing is lent. Proceeds of a sale buy at once, as brokers let them, and are watched."""

SETTLED_CASH_ACCOUNT = AccountTerms("cash-settled", settled_only=True)
"""Nothing is lent, and only what has settled can buy."""

MARGIN_ACCOUNT = AccountTerms(
    "margin",
    initial=HALF,
    maintenance_long=QUARTER,
    maintenance_short=THREE_TENTHS,
    lends_shares=True,
)
"""Regulation T (12 CFR 220.12) at the start, FINRA Rule 4210 afterwards: 50, 25 and 30 %.

Left out: house requirements, concentration, pattern day trading, shares below five dollars.
Assumption: whatever is sold short can be borrowed, at the rate that the costs name.
"""

_ACCOUNTS = {each.name: each for each in (CASH_ACCOUNT, SETTLED_CASH_ACCOUNT, MARGIN_ACCOUNT)}
ACCOUNTS = tuple(_ACCOUNTS)


def account_terms(name: str) -> AccountTerms:
    """The terms of that name.

    Raises:
        UsageError: If there are none.
    """
    if name not in _ACCOUNTS:
        raise UsageError(f"account {name!r} is none of {', '.join(ACCOUNTS)}")
    return _ACCOUNTS[name]


_SETTLEMENT = ((date(2024, 5, 28), 1), (date(2017, 9, 5), 2), (date(1995, 6, 7), 3), (date.min, 5))
"""Trade date from which it holds -> business days; SEC Rule 15c6-1 and its amendments."""


def settlement_day(traded: date, calendar: Calendar) -> date:
    """When a trade of that day is settled: cash against shares.

    Assumption: banks are open whenever the exchange is, so sessions are counted.
    """
    day = traded
    for _ in range(next(days for since, days in _SETTLEMENT if traded >= since)):
        day = calendar.next_session(day)
    return day
