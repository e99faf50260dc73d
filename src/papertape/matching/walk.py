"""One bar, walked from open to close: who is served when, at which price, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import isnan
from typing import NamedTuple, TypeAlias

from papertape.domain.account import Account
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError, require
from papertape.domain.event import Event, OrderAccepted, OrderCanceled, OrderFilled, OrderReport
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import Bar
from papertape.domain.money import Micros, micros, tick_down, tick_up
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.report import report_of
from papertape.matching import rules
from papertape.matching.costs import CostModel, taker_price
from papertape.matching.liquidity import Liquidity


@dataclass(slots=True)
class Resting:
    """An order the exchange holds: where it stands, and from when until when it may trade.

    Attributes:
        state: The fold over what was reported of it.
        eligible: Only bars that begin at or after this moment may fill it (fill-E2).
        number: Acceptance order, the last tie-breaker of service.
        expires: The close of its last session; 0 if it works until it is cancelled.
        auction: The close it is meant for; 0 for other orders.
        has_rested: Whether it met a bar before, and so rests rather than arrives.
        fills: How many executions it has had.
        born_at: The price at which it came to life within the present bar; 0 if it saw the open.
    """

    state: OrderState
    eligible: Nanos
    number: int
    expires: Nanos = 0
    auction: Nanos = 0
    has_rested: bool = False
    fills: int = 0
    born_at: Micros = 0

    @property
    def order(self) -> Order:
        """What was asked for."""
        return self.state.order

    def report(self, event: OrderReport) -> None:
        """Book what the exchange itself says of the order; of its own book it is never wrong."""
        said = report_of(event)
        assert said is not None
        self.state = self.state.after(said)
        require(not self.state.needs_reconciliation, f"{self.order.id}: {event} cannot be")


class Touch(NamedTuple):
    """A rule's answer: the reference price, which costs apply, and the share of volume behind it.

    ``slips`` counts how often slippage is charged: 0 a resting limit, 1 a taker, 2 a stop.
    """

    reference: Micros
    rule: str
    slips: int = 1
    pays_spread: bool = True
    share: tuple[int, int] = (1, 1)


class Market(NamedTuple):
    """What one bar's walk needs to know of the market besides the bar itself."""

    instrument: Instrument
    costs: CostModel
    liquidity: Liquidity
    day: date
    is_session_open: bool


Meet: TypeAlias = Callable[[Resting], Touch | None]
_SERVICE = {OrderKind.MARKET: 0, OrderKind.AT_CLOSE: 0, OrderKind.STOP: 1, OrderKind.LIMIT: 2}


class BarWalk:
    """The matching of one bar; it lives as long as the bar.

    Orders are served at the open, then within the bar, then at its close; inside each, market
    orders before stops before limits, then by price, acceptance and id (fill-Q2).

    Assumption: within a bar each order meets the whole range from low to high by itself, and a
    stop is served before a limit that the same bar reaches, which is the worse of the two for us.
    """

    def __init__(self, bar: Bar, market: Market, account: Account, orders: list[Resting]):
        self.bar = bar
        self.market = market
        self.account = account
        self.orders = orders
        self.events: list[Event] = []
        self._traded = 0
        self._open, self._close = micros(bar.open), micros(bar.close)
        self._high, self._low = micros(bar.high), micros(bar.low)

    def run(self) -> None:
        """Walk the bar; afterwards `events`, `account` and `orders` hold what came of it."""
        self._serve(self._meet_open, self.bar.start)
        self._serve(self._meet_range, self.bar.end)
        self._serve(self._meet_close, self.bar.end)
        self.orders = [resting for resting in self.orders if resting.state.is_working]
        for resting in self.orders:
            resting.has_rested, resting.born_at = True, 0

    def _serve(self, meet: Meet, time: Nanos) -> None:
        queue = sorted(self.orders, key=_service)
        for resting in queue:  # a child that a fill brings to life joins the queue being walked
            if not resting.state.is_working:
                continue
            touch = meet(resting)
            if touch is not None:
                child = self._trade(resting, touch, time)
                queue += child
                self.orders += child

    def _meet_open(self, resting: Resting) -> Touch | None:
        order, side = resting.order, resting.order.side
        match order.kind:
            case OrderKind.MARKET:
                return Touch(self._open, "fill-M1")
            case OrderKind.STOP if rules.has_passed(side, order.stop or 0, self._open):
                return Touch(self._open, "fill-S2 gap", slips=2)
            case OrderKind.LIMIT if not resting.has_rested:
                spread = self._half_spread(self._open)
                if rules.is_marketable(side, order.limit or 0, self._open, spread):
                    return Touch(self._open, "fill-L1")
            case OrderKind.LIMIT if self.market.is_session_open:
                found = rules.auction_limit_reference(side, order.limit or 0, self._open)
                return Touch(found, "fill-L3 auction", pays_spread=False) if found else None
        return None

    def _meet_range(self, resting: Resting) -> Touch | None:
        order, side = resting.order, resting.order.side
        match order.kind:
            case OrderKind.STOP:
                stop = order.stop or 0
                first = resting.born_at or self._open
                found = rules.stop_reference(side, stop, first, self._high, self._low)
                return Touch(found, "fill-S2", slips=2) if found else None
            case OrderKind.LIMIT:
                limit, tick = order.limit or 0, self.market.instrument.tick
                found = rules.resting_limit_reference(side, limit, self._high, self._low, tick)
                share = rules.limit_share(side, limit, self._high, self._low)
                return Touch(found, "fill-L2", 0, False, share) if found else None
        return None

    def _meet_close(self, resting: Resting) -> Touch | None:
        if resting.order.kind is not OrderKind.AT_CLOSE or self.bar.end < resting.auction:
            return None
        # Assumption: the bar's close is the auction's price; sources seldom give the official one.
        return Touch(self._close, "fill-M2 closing auction", pays_spread=False)

    def _trade(self, resting: Resting, touch: Touch, time: Nanos) -> list[Resting]:
        """Book what the order gets of this touch; the children its fill brought to life."""
        order = resting.order
        wanted, cap = self._allowed(resting, touch, time)
        if order.reduce_only or order.side < 0:  # Assumption: a cash account holds no short
            held = self.account.quantity(order.symbol)
            reducible = max(0, -order.side * held)
            if reducible == 0 or (wanted > reducible and not order.reduce_only):
                self._cancel(resting, time, f"only {held} shares are held")
                return []
            wanted = min(wanted, reducible)
        if wanted == 0:
            return []
        fill = self._fill(resting, touch, time, wanted, cap)
        affordable = self._affordable(resting, fill)
        if affordable < abs(fill.quantity):
            why = f"buying power: {affordable} of {wanted} shares at {fill.price / 1e6}"
            if affordable:
                fill = self._fill(resting, touch, time, affordable, "buying power")
                children = self._book(resting, fill)
            else:
                children = []
            self._cancel(resting, time, why)
            return children
        return self._book(resting, fill)

    def _allowed(self, resting: Resting, touch: Touch, time: Nanos) -> tuple[int, str]:
        """Whole shares the bar's volume leaves for this order, and the cap if it binds."""
        wanted = abs(resting.state.open)
        volume, costs = self.bar.volume, self.market.costs
        if not costs.cap.binds:
            return wanted, ""
        if isnan(volume):
            raise DataError(
                f"{self.bar.symbol}: the data give no volume, and {costs.name} fills at most a "
                "part of it",
                hint="say that there is no cap: --cost none, or --cost percent:0.05",
            )
        bar_budget = costs.cap.shares(volume, at_open=time == self.bar.start)
        above, below = touch.share
        budget = min(bar_budget - self._traded, bar_budget * above // below)
        lot = self.market.instrument.lot
        allowed = max(0, budget) // lot * lot
        return (wanted, "") if wanted <= allowed else (allowed, f"volume {volume:.0f}")

    def _half_spread(self, price: Micros) -> Micros:
        market = self.market
        return market.costs.spread.half_spread(price, market.liquidity, market.instrument.tick)

    def _fill(self, resting: Resting, touch: Touch, time: Nanos, size: int, cap: str) -> Fill:
        order, market, reference = resting.order, self.market, touch.reference
        half_spread = self._half_spread(reference) if touch.pays_spread else 0
        slippage = touch.slips * (
            market.costs.slippage.slippage(reference, size, market.liquidity) if touch.slips else 0
        )
        price = taker_price(reference, order.side, half_spread, slippage, market.instrument.tick)
        if order.limit is not None:
            price = min(price, order.limit) if order.side > 0 else max(price, order.limit)
        quantity = order.side * size
        state = resting.state
        return Fill(
            id=f"{order.id}#{resting.fills + 1}",
            order_id=order.id,
            symbol=order.symbol,
            time=time,
            quantity=quantity,
            price=price,
            fee=market.costs.fees.next_fee(state.filled, state.paid, quantity, price, market.day),
            rule=touch.rule,
            bar_start=self.bar.start,
            reference=reference,
            half_spread=half_spread,
            slippage=slippage,
            cap=cap,
            outside=not self._low <= price <= self._high,
        )

    def _affordable(self, resting: Resting, fill: Fill) -> int:
        """The most shares of this fill that cash can pay for, fees included (fill-Q5)."""
        size, cash = abs(fill.quantity), self.account.cash
        if fill.quantity < 0 or fill.cash + cash >= 0:
            return size
        lot, state, fees = self.market.instrument.lot, resting.state, self.market.costs.fees
        size = min(size, cash // fill.price) // lot * lot
        while size > 0:
            fee = fees.next_fee(state.filled, state.paid, size, fill.price, self.market.day)
            if size * fill.price + fee <= cash:
                return size
            size -= lot
        return 0

    def _book(self, resting: Resting, fill: Fill) -> list[Resting]:
        event = OrderFilled(fill.time, fill)
        self.account = self.account.after(event)
        self.events.append(event)
        resting.report(event)
        resting.fills += 1
        self._traded += abs(fill.quantity)
        if resting.order.parent:
            self._stop_entering(resting.order.parent, fill.time)
        return self._protective_stop(resting, fill)

    def _stop_entering(self, parent: OrderId, time: Nanos) -> None:
        """Cancel what is open of an entry whose stop was hit, or it would walk in again."""
        for resting in self.orders:
            if resting.order.id == parent and resting.state.is_working:
                self._cancel(resting, time, "its protective stop was hit")

    def _protective_stop(self, parent: Resting, fill: Fill) -> list[Resting]:
        """The stop attached to an entry, alive from this fill on (fill-B1)."""
        order = parent.order
        if order.stop_distance == 0:
            return []
        tick = self.market.instrument.tick
        level = fill.price - order.side * order.stop_distance
        stop = tick_down(level, tick) if order.side > 0 else tick_up(level, tick)
        if stop <= 0:  # so far below that no price could reach it
            return []
        child = Order(
            id=f"{order.id}.stop{parent.fills}",
            symbol=order.symbol,
            quantity=-fill.quantity,
            kind=OrderKind.STOP,
            time=fill.time,
            reason=f"protective stop {order.stop_distance / 1e6:.2f} from the fill",
            stop=stop,
            reduce_only=True,
            parent=order.id,
        )
        self.events.append(OrderAccepted(fill.time, child))
        # A stop entry fills within the bar after the open, so its child never saw the open.
        born_at = fill.reference if order.kind is OrderKind.STOP else 0
        state = OrderState(child, OrderStatus.NEW)
        return [Resting(state, fill.time, parent.number, has_rested=True, born_at=born_at)]

    def _cancel(self, resting: Resting, time: Nanos, reason: str) -> None:
        event = OrderCanceled(time, resting.order.id, reason)
        resting.report(event)
        self.events.append(event)


def _service(resting: Resting) -> tuple[int, Micros, int, str]:
    """Sort key of fill-Q2; a better price for the market comes first."""
    order = resting.order
    price = order.limit or order.stop or 0
    return _SERVICE[order.kind], -order.side * price, resting.number, order.id
