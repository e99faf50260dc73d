"""BackOffice: what a broker books on an account besides trades, on the days when it is due."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from itertools import count

from papertape.domain.account import Account, Position
from papertape.domain.calendar import Calendar, calendar_of
from papertape.domain.calm import ALWAYS
from papertape.domain.clock import Nanos
from papertape.domain.compatibility import NONE, Compatibility
from papertape.domain.day import Payment
from papertape.domain.event import (
    CashSettled,
    DividendAccrued,
    DividendPaid,
    Event,
    FillBusted,
    FillCorrected,
    FinancingCharged,
    GoodFaithViolated,
    MarginCalled,
    Moment,
    OrderFilled,
    VariationPaid,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.money import Micros, micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.terms import AccountTerms, settlement_day
from papertape.matching.financing import Financing


class BackOffice:
    """Pays dividends, settles sales, marks futures, charges what is borrowed, calls for margin.

    Args:
        instruments: What is traded, by symbol.
        terms: What the account may do.
        financing: What borrowing costs.
        compat: Conventions of other engines to follow.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        terms: AccountTerms,
        financing: Financing,
        compat: frozenset[Compatibility] = NONE,
    ):
        self._instruments = instruments
        self._terms = terms
        self._financing = financing
        has_futures = any(each.is_future for each in instruments.values())
        self._can_owe = terms.lends_money or terms.lends_shares or has_futures
        self._compat = compat
        self._coming: list[Payment] = []
        self._unfunded: set[str] = set()
        self._day: date | None = None
        self._calls = count(1)

    def follow(self, event: Event, account: Account) -> Iterator[Event]:
        """Note what an event that was just booked will lead to; what it means at once.

        Args:
            event: What was booked.
            account: The account after it.
        """
        match event:
            case DividendAccrued(symbol=symbol, quantity=quantity, amount=amount, pay_date=day):
                at_once = Compatibility.DIVIDENDS_ON_EX_DATE in self._compat
                due = event.time if at_once else self._calendar(symbol).session(day).open
                self._expect(DividendPaid(due, symbol, quantity * amount))
            case OrderFilled(fill=fill):
                self._settle_later(fill, fill.time, 1)
                yield from self._good_faith(fill, account)
            case FillBusted(time=now, fill=fill):
                self._settle_later(fill, now, -1)
            case FillCorrected(time=now, fill=fill, instead=instead):
                self._settle_later(fill, now, -1)
                self._settle_later(instead, now, 1)
            case CashSettled() if account.settled >= 0:
                self._unfunded.clear()

    def _calendar(self, symbol: str) -> Calendar:
        return calendar_of(self._instruments[symbol].venue)

    def _settle_later(self, fill: Fill, now: Nanos, sign: int) -> None:
        """A sale's money comes on the settlement day of the moment it was booked."""
        if fill.bond is None and fill.quantity < 0:
            day = self._calendar(fill.symbol).local_day(now)
            due = _settles(self._instruments[fill.symbol].venue, day)
            self._expect(CashSettled(due, fill.symbol, -sign * fill.value))

    def _good_faith(self, fill: Fill, account: Account) -> Iterator[Event]:
        """Regulation T lets unsettled money buy, but not sell again before it has settled."""
        if self._terms.lends_money or fill.bond is not None:
            return
        if fill.quantity > 0 and account.settled < 0:
            self._unfunded.add(fill.symbol)
        elif fill.quantity < 0 and fill.symbol in self._unfunded:
            yield GoodFaithViolated(fill.time, fill.symbol, fill.id)

    def due(self, now: Nanos) -> list[Payment]:
        """Payments whose moment has come, oldest first; each is handed over once."""
        until = bisect_right(self._coming, now, key=_due)
        due, self._coming = self._coming[:until], self._coming[until:]
        return due

    def _expect(self, payment: Payment) -> None:
        insort(self._coming, payment, key=_due)

    def carry_over(self, coming: Sequence[Payment], since: Nanos) -> None:
        """Go on where a day ended: with what was promised, and the nights from then on."""
        self._coming = sorted(coming, key=_due)
        self.sleep_through(since)

    @property
    def coming(self) -> tuple[Payment, ...]:
        """What is still to be paid, oldest first."""
        return tuple(self._coming)

    @property
    def next_due(self) -> Nanos:
        """When the next payment comes."""
        return self._coming[0].time if self._coming else ALWAYS.until

    def owes(self, account: Account) -> bool:
        """Whether something is lent, or marked every day."""
        return self._can_owe and bool(account.positions)

    def sleep_through(self, now: Nanos) -> None:
        """Nothing was lent until now, so no night before it costs anything."""
        if self._can_owe:
            self._day = self._today(now)

    def _today(self, now: Nanos) -> date:
        return calendar_of(next(iter(self._instruments.values())).venue).local_day(now)

    def overnight(
        self, moment: Moment, account: Account, prices: Mapping[str, Micros]
    ) -> Iterator[FinancingCharged]:
        """What the nights since the last session cost, on what was held through them.

        Assumption: charged from trade date to trade date, at the last closes. The proceeds of a
        short are its collateral: they lend nothing and bear no interest.
        """
        if not self._can_owe:
            return
        today = self._today(moment.time)
        before, self._day = self._day, today
        if before is None or before == today or self._financing.is_free:
            return
        now = moment.bars[0].start if moment.bars else moment.time
        days = (today - before).days
        shares = [(s, held) for s, held in account.positions.items() if not held.bond]
        longs = [(symbol, held.value(prices[symbol])) for symbol, held in shares if _long(held)]
        shorts = [
            (symbol, -held.value(prices[symbol])) for symbol, held in shares if not _long(held)
        ]
        for symbol, value in shorts:
            if fee := self._financing.borrow_fee(value, days):
                yield FinancingCharged(now, symbol, "borrow", value, days, fee)
        debit = max(0, sum(value for _, value in shorts) - account.cash)
        for symbol, share in _shared(debit, longs):
            if interest := self._financing.interest_on(share, days):
                yield FinancingCharged(now, symbol, "interest", share, days, interest)

    def mark(self, moment: Moment, account: Account) -> Iterator[VariationPaid]:
        """Mark futures to the close of their session; gains and losses become cash."""
        for bar in moment.bars:
            held = account.positions.get(bar.symbol)
            if held is None or not held.bond:
                continue
            calendar = self._calendar(bar.symbol)
            if bar.end >= calendar.session(calendar.local_day(bar.start)).close:
                price = micros(bar.close)
                yield VariationPaid(bar.end, bar.symbol, price, held.worth(price))

    def margin_call(
        self, now: Nanos, account: Account, prices: Mapping[str, Micros]
    ) -> tuple[MarginCalled, list[Order]] | None:
        """Whether equity covers the holdings, and what is closed if it does not.

        Assumption: the broker does not wait for money but closes whole holdings at the next
        open, those first that ask for the most equity, until the rest is covered.
        """
        if not self.owes(account):
            return None
        required, equity = self._terms.maintenance(account, prices), account.equity(prices)
        if equity >= required:
            return None
        orders, left = list[Order](), required
        asks = {s: self._terms.maintenance_of(h, prices[s]) for s, h in account.positions.items()}
        for symbol in sorted(asks, key=lambda each: (-asks[each], each)):
            if left <= equity and orders:
                break
            left -= asks[symbol]
            orders.append(self._closing(symbol, account.quantity(symbol), now, equity, required))
        return MarginCalled(now, equity, required), orders

    def _closing(
        self, symbol: str, held: int, now: Nanos, equity: Micros, required: Micros
    ) -> Order:
        return Order(
            id=f"margin{next(self._calls)}",
            symbol=symbol,
            quantity=-held,
            kind=OrderKind.MARKET,
            time=now,
            reason=f"margin call: equity {equity / 1e6:,.2f}, required {required / 1e6:,.2f}",
            reduce_only=True,
        )


@cache
def _settles(venue: str, day: date) -> Nanos:
    """When the money of what was traded on a day is there."""
    calendar = calendar_of(venue)
    return calendar.session(settlement_day(day, calendar)).open


def _due(payment: Payment) -> Nanos:
    return payment.time


def _long(held: Position) -> bool:
    return held.quantity > 0


def _shared(amount: Micros, parts: list[tuple[str, Micros]]) -> Iterator[tuple[str, Micros]]:
    """An amount over holdings in proportion to their values; the last takes the rest."""
    whole, left = sum(value for _, value in parts), amount
    for number, (symbol, value) in enumerate(parts, start=1):
        share = left if number == len(parts) else amount * value // whole
        left -= share
        if share:
            yield symbol, share
