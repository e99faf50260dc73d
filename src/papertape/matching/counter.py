"""Counter: how much an order gets in a bar, at what price, and what its fill does to others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from math import isnan
from typing import NamedTuple

from papertape.domain.account import Account, Position
from papertape.domain.bar import Bar
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError
from papertape.domain.event import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReplaced,
    OrderReport,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.money import Micros, micros, payable
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.terms import CASH_ACCOUNT, AccountTerms
from papertape.matching.costs import CostModel, taker_price
from papertape.matching.exits import WORDS, exits_of
from papertape.matching.liquidity import Liquidity
from papertape.matching.resting import Resting, is_for, new_resting


class Touch(NamedTuple):
    """A rule's answer: the reference price, which costs apply, and the share of volume behind it.

    ``slips`` counts how often slippage is charged: 0 a resting limit, 1 a taker, 2 a stop;
    ``level`` is where a stop stood.
    """

    reference: Micros
    rule: str
    slips: int = 1
    pays_spread: bool = True
    share: tuple[int, int] = (1, 1)
    level: Micros = 0


class Market(NamedTuple):
    """What one bar's walk needs to know of the market besides the bar itself.

    Attributes:
        instrument: What is traded.
        costs: What trading costs.
        liquidity: What past bars say of the instrument.
        day: The exchange's date.
        is_session_open: Whether the bar begins with the opening auction.
        withheld: Part of the available funds that may pay for nothing yet, micro-dollars.
        terms: What the account may do.
        others: Last prices, at which other holdings back what is bought here.
    """

    instrument: Instrument
    costs: CostModel
    liquidity: Liquidity
    day: date
    is_session_open: bool
    withheld: Micros = 0
    terms: AccountTerms = CASH_ACCOUNT
    others: Mapping[str, Micros] = {}


class Counter:
    """Serves the orders of one bar on one path from one budget, and keeps the account.

    Args:
        bar: What the market did.
        market: What else is known of it.
        account: Cash and holdings before the bar.
        orders: Every order held for the instrument; those that a fill brings to life join them.
        path: Name of the way through the bar, for the fills' record.
    """

    def __init__(
        self, bar: Bar, market: Market, account: Account, orders: list[Resting], path: str
    ):
        self.bar, self.market, self.account, self.orders = bar, market, account, orders
        self.events: list[Event] = []
        self.time: Nanos = bar.start
        self.targets_on_entry = 0
        self._path = path
        self.tape = ""
        self._high, self._low = micros(bar.high), micros(bar.low)
        self._traded = 0

    @property
    def is_open(self) -> bool:
        """Whether the bar is still at its open."""
        return self.time == self.bar.start

    @property
    def fills(self) -> Iterator[Fill]:
        """What was filled, in order."""
        return (event.fill for event in self.events if isinstance(event, OrderFilled))

    def serve(self, resting: Resting, touch: Touch) -> list[Resting]:
        """Give an order what it gets of a touch; the exits that its fill brought to life."""
        resting.is_served = True
        if resting.order.share_of_equity and not resting.fills:
            self._size(resting, touch)
        wanted = self._held_back(resting) if resting.is_working else 0
        if wanted == 0:
            return []
        size, cap = self._within_cap(resting, wanted, touch)
        if size < wanted and is_for(resting, TimeInForce.FOK):
            self.cancel(resting, f"fok: {size} of {wanted} shares were to be had")
            return []
        if size == 0:
            return []
        fill = self._fill(resting, touch, size, cap)
        affordable = self._affordable(resting, fill)
        if affordable == size:
            return self._book(resting, fill)
        return self._book_affordable(resting, touch, affordable, wanted, fill.price)

    def cancel(self, resting: Resting, reason: str) -> None:
        """Take an order out, for a reason that its owner reads."""
        self.say(resting, OrderCanceled(self.time, resting.order.id, reason))

    def say(self, resting: Resting, report: OrderReport) -> None:
        """Report what became of an order."""
        resting.report(report)
        self.events.append(report)

    def _size(self, resting: Resting, touch: Touch) -> None:
        """Count an order's shares anew at the price it meets, fees included (`size_at_fill`)."""
        order, instrument = resting.order, self.market.instrument
        held = self.account.quantity(order.symbol)
        price = self._fill(resting, touch, abs(order.quantity), "").price
        equity = self.account.equity({**self.market.others, order.symbol: price})
        shares = payable(
            abs(order.share_of_equity) * equity,
            price * instrument.multiplier,
            instrument.lot,
            lambda shares: self._fee(resting, order.side * shares - held, price),
        )
        quantity = order.side * shares - held
        if quantity * order.side <= 0:
            self.cancel(resting, f"size_at_fill: {held} shares are as many as wanted")
            return
        changed = replace(order, quantity=quantity, share_of_equity=Fraction(0))
        self.say(resting, OrderReplaced(self.time, changed, "counted at the price of its fill"))

    def _held_back(self, resting: Resting) -> int:
        """Shares the order may trade at all: one that reduces is clipped (fill-L6)."""
        order, wanted = resting.order, abs(resting.state.open)
        lends = self.market.terms.lends_shares or self.market.instrument.is_future
        if not order.reduce_only and (order.side > 0 or lends):
            return wanted
        # Where no shares are lent, every sale is one that reduces.
        held = self.account.quantity(order.symbol)
        reducible = max(0, -order.side * held)
        if reducible == 0 or (wanted > reducible and not order.reduce_only):
            self.cancel(resting, f"only {held} shares are held")
            return 0
        return min(wanted, reducible)

    def _within_cap(self, resting: Resting, wanted: int, touch: Touch) -> tuple[int, str]:
        """Whole shares the bar's volume leaves for an order, and the cap if it binds."""
        volume, costs = self.bar.volume, self.market.costs
        if not costs.cap.binds:
            return wanted, ""
        if isnan(volume):
            raise DataError(
                f"{self.bar.symbol}: the data give no volume, and {costs.name} fills at most a "
                "part of it",
                hint="say that there is no cap: --cost none, or --cost percent:0.05",
            )
        bar_budget = costs.cap.shares(volume, at_open=self.is_open)
        above, below = touch.share
        budget = min(bar_budget - self._traded, bar_budget * above // below)
        lot = self.market.instrument.lot
        allowed = max(0, budget) // lot * lot
        return (wanted, "") if wanted <= allowed else (allowed, f"volume {volume:.0f}")

    def half_spread(self, price: Micros) -> Micros:
        """What a taker pays beside a price, as far as the past tells."""
        market = self.market
        return market.costs.spread.half_spread(price, market.liquidity, market.instrument.tick)

    def _fill(self, resting: Resting, touch: Touch, size: int, cap: str) -> Fill:
        order, market, reference = resting.order, self.market, touch.reference
        half_spread = self.half_spread(reference) if touch.pays_spread and touch.slips else 0
        slippage = touch.slips * (
            market.costs.slippage.slippage(reference, size, market.liquidity) if touch.slips else 0
        )
        # fill-E3: who came just too late for an open may use it, for a charge.
        delay = resting.delay if touch.slips and resting.eligible == self.time else 0
        added = slippage + delay
        price = taker_price(reference, order.side, half_spread, added, market.instrument.tick)
        if resting.limit:
            price = min(price, resting.limit) if order.side > 0 else max(price, resting.limit)
        quantity = order.side * size
        bond, variation = self._marked(quantity, price)
        return Fill(
            id=f"{order.id}#{resting.fills + 1}",
            order_id=order.id,
            symbol=order.symbol,
            time=self.time,
            quantity=quantity,
            price=price,
            fee=self._fee(resting, quantity, price),
            rule=touch.rule,
            bar_start=self.bar.start,
            reference=reference,
            half_spread=half_spread,
            slippage=slippage,
            cap=cap,
            outside=not self._low <= price <= self._high,
            level=touch.level,
            path=self._path,
            multiplier=market.instrument.multiplier,
            bond=bond,
            variation=variation,
            delay=delay,
            tape=self.tape,
        )

    def _fee(self, resting: Resting, quantity: int, price: Micros) -> Micros:
        """What the order's fees grow by; a contract counts with its multiplier."""
        state, market = resting.state, self.market
        unit = market.instrument.multiplier
        return market.costs.fees.next_fee(
            state.filled, state.paid * unit, quantity, price * unit, market.day
        )

    def _marked(self, quantity: int, price: Micros) -> tuple[Micros | None, Micros]:
        """What a futures fill ties up, and what it pays for the contracts held before."""
        instrument = self.market.instrument
        if not instrument.is_future:
            return None, 0
        held = self.account.positions.get(instrument.symbol, Position())
        bond = instrument.margin * (abs(held.quantity + quantity) - abs(held.quantity))
        return bond, held.worth(price)

    def _affordable(self, resting: Resting, fill: Fill) -> int:
        """The most shares of this fill that available funds pay for, fees included (fill-Q5).

        What only brings the holding nearer to zero always may: it sets funds free.
        """
        market, side = self.market, resting.order.side
        size, held = abs(fill.quantity), self.account.quantity(fill.symbol)
        closing = min(size, max(0, -side * held))
        if closing == size:
            return size
        prices = {**market.others, fill.symbol: fill.price}
        available = market.terms.available(self.account, prices) - market.withheld
        instrument, lot = market.instrument, market.instrument.lot
        # Contracts held before are marked to this price, which pays or costs, too.
        available += fill.variation
        within = market.terms.within
        size = abs(within(instrument, held, held + fill.quantity, fill.price, available) - held)
        while size > closing:
            size = size // lot * lot
            need = market.terms.commits(instrument, held, side * size, fill.price)
            if need + self._fee(resting, side * size, fill.price) <= available:
                return size
            size -= lot
        return closing

    def _book_affordable(
        self, resting: Resting, touch: Touch, affordable: int, wanted: int, price: Micros
    ) -> list[Resting]:
        born: list[Resting] = []
        if affordable and not is_for(resting, TimeInForce.FOK):
            fill = self._fill(resting, touch, affordable, "buying power")
            # Fewer shares slip less, and a short that is sold dearer binds more.
            while (fits := self._affordable(resting, fill)) < affordable:
                affordable = fits
                if not affordable:
                    break
                fill = self._fill(resting, touch, affordable, "buying power")
            born = self._book(resting, fill) if affordable else []
        if resting.is_working:
            why = f"buying power: {affordable} of {wanted} shares at {price / 1e6}"
            self.cancel(resting, why)
        return born

    def _book(self, resting: Resting, fill: Fill) -> list[Resting]:
        event = OrderFilled(fill.time, fill)
        self.account = self.account.after(event)
        self.say(resting, event)
        resting.fills += 1
        self._traded += abs(fill.quantity)
        order = resting.order
        if not resting.is_working:
            self._wake(order)
        if order.group:
            self._reduce_siblings(resting, abs(fill.quantity))
        if order.parent:
            self._leave_entry(order, fill)
        return self._bring_exits(resting, fill) if order.exits else []

    def _wake(self, filled: Order) -> None:
        """One triggers other: what waited for this order is live from here on.

        Assumption: a market order that wakes within a bar waits for the next one's open.
        """
        for resting in self.orders:
            if resting.order.after == filled.id and resting.is_asleep:
                resting.eligible = max(self.bar.start, resting.order.not_before)

    def _reduce_siblings(self, filled: Resting, size: int) -> None:
        """One cancels other: what one member got, the others need not get any more (fill-B2)."""
        for resting in self.orders:
            order = resting.order
            if resting is filled or order.group != filled.order.group or not resting.is_working:
                continue
            self._take_back(resting, size, f"{filled.order.id} of its group was filled")

    def _take_back(self, resting: Resting, size: int, reason: str) -> None:
        """So many shares of an order are not wanted any more.

        Assumption: within a bar nobody can tell how long a cancel takes; it is there at once.
        """
        self.say(resting, resting.less(size, self.time, reason))

    def _leave_entry(self, child: Order, fill: Fill) -> None:
        """Cancel what is open of an entry whose exit was hit, or it would walk in again."""
        for resting in self.orders:
            if resting.order.id == child.parent and resting.is_working:
                why = f"its {WORDS[child.kind]} was hit"
                self._take_back(resting, abs(resting.state.open), why)
        if child.kind is OrderKind.LIMIT and child.time == fill.time:
            self.targets_on_entry += 1

    def _bring_exits(self, entry: Resting, fill: Fill) -> list[Resting]:
        opened = min(abs(fill.quantity), abs(self.account.quantity(fill.symbol)))
        if self.account.quantity(fill.symbol) * fill.quantity <= 0:
            return []  # it only closed what was held: there is nothing to protect
        tick = self.market.instrument.tick
        children = exits_of(entry.order, fill, opened, entry.fills, tick)
        born = [new_resting(child, self.bar.start, entry.number) for child in children]
        self.events += [OrderAccepted(fill.time, child) for child in children]
        self.orders += born
        return born
