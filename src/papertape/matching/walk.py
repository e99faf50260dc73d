"""One walk through a bar: every live order is met along one path, in the order it stands there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from papertape.domain.event import OrderExpired
from papertape.domain.money import Micros, micros
from papertape.domain.order import OrderId, OrderKind, TimeInForce
from papertape.matching import rules
from papertape.matching.counter import Counter, Touch
from papertape.matching.resting import Resting, is_for

_OPG, _CLS = TimeInForce.OPG, TimeInForce.CLS  # looked up once: it costs as much as a call
_SLIPS_ONCE = (OrderKind.MARKET, OrderKind.LIMIT)


class Path(NamedTuple):
    """A way through a bar: its name, and the prices it turns at."""

    name: str
    points: tuple[Micros, ...]


class Birth(NamedTuple):
    """An exit as it came to life, and where on the path that was."""

    exit: Resting
    point: Micros
    is_at_open: bool


class Due(NamedTuple):
    """An order that acts next; it sorts as orders are served along a path (fill-Q2).

    How far ahead comes first; there market orders go before triggers, those before limits, then
    the more eager price, then who was first.
    """

    way: Micros
    rank: int
    eagerness: Micros
    number: int
    id: str
    point: Micros
    resting: Resting


class Walk:
    """The matching of one bar along one path; it lives as long as the bar.

    At the open every order meets one price; then the path moves from turn to turn and stops at
    each price where an order acts; at the close comes the auction.

    Args:
        counter: Serves the orders, which the walk changes.
        path: The way to go.
        forces: Whether an entry's stop is taken where its target lies in the bar, too (fill-B3).
    """

    def __init__(self, counter: Counter, path: Path, *, forces: bool = True):
        self.counter, self.bar, self.market, self.path = counter, counter.bar, counter.market, path
        self.was_forced = False
        self.births: list[Birth] = []
        self._forces = forces
        self._tick = self.market.instrument.tick
        self._high, self._low = micros(self.bar.high), micros(self.bar.low)
        self._here = path.points[0]

    def run(self) -> None:
        """Walk the bar; afterwards the counter holds the events, the account and the orders."""
        self._move(self._here)
        self._end_attempts()
        self.counter.time = self.bar.end
        if any(resting.is_working for resting in self.counter.orders):
            for point in self.path.points[1:]:
                self._move(point)
            self._meet_close()
        for resting in self.orders:
            resting.is_served = False

    def fill_at_close(self, order_id: OrderId, quoted: Micros) -> None:
        """Serve one market order at the close, and nothing else (`fill_at_decision_close`).

        A quoted price has the spread in it already; without one it is 0.
        """
        self.counter.time, self._here = self.bar.end, quoted or self.path.points[-1]
        resting = next(each for each in self.counter.orders if each.order.id == order_id)
        slips = _slips(resting.order.kind)
        rule = "fill_at_decision_close"
        self._serve(resting, Touch(self._here, rule, slips, pays_spread=not quoted))
        duration = resting.order.time_in_force
        if duration.is_immediate and resting.is_working:
            self.counter.cancel(resting, f"{duration}: the rest after one attempt")
        resting.is_served = False

    @property
    def orders(self) -> list[Resting]:
        """What still works of the orders it was given, and of those that came to life."""
        return [resting for resting in self.counter.orders if resting.is_working]

    @property
    def equity(self) -> Micros:
        """Cash and this instrument's holding at the bar's close; the rest is alike on any path."""
        account, close = self.counter.account, self.path.points[-1]
        held = account.positions.get(self.bar.symbol)
        return account.cash + account.bond + (held.worth(close) if held else 0)

    # Along the path

    def _move(self, to: Micros) -> None:
        """Go to the path's next turn, and serve what is met on the way."""
        self._meet(to)
        for resting in self._live():
            resting.see(to)

    def _meet(self, to: Micros) -> None:
        """Serve what is met on the way to a price, in the order in which it is met."""
        while True:
            due: Due | None = None
            for resting in self.counter.orders:
                found = self._due(resting, to)
                if found is not None and (due is None or found < due):
                    due = found
            if due is None:
                break
            self._here = due.point
            self._act(due.resting)
        self._here = to

    def _live(self) -> Iterator[Resting]:
        return (each for each in self.orders if each.eligible <= self.bar.start)

    def _due(self, resting: Resting, to: Micros) -> Due | None:
        """Where on the way to the next turn an order acts, if it does."""
        if not resting.is_working or resting.is_served or resting.eligible > self.bar.start:
            return None
        order = resting.order
        if order.time_in_force.is_auction and not self._is_its_opening(resting):
            return None
        if resting.is_market:
            if not self.counter.is_open:
                return None
            rank, point, price = 0, self._here, 0
        elif resting.is_waiting:
            rank, point, price = 1, self._trigger_point(resting, to), resting.level(self._tick)
        else:
            rank, point, price = 2, self._limit_point(resting, to), resting.limit
        if point == rules.NO_FILL:
            return None
        eagerness = -order.side * price
        return Due(
            abs(point - self._here), rank, eagerness, resting.number, order.id, point, resting
        )

    def _trigger_point(self, resting: Resting, to: Micros) -> Micros:
        if resting.is_forced:
            return self._here
        level, here = resting.level(self._tick), self._here
        if level == 0:
            return rules.NO_FILL
        return rules.stop_reference(resting.trigger_side, level, here, max(here, to), min(here, to))

    def _limit_point(self, resting: Resting, to: Micros) -> Micros:
        side, limit, here = resting.order.side, resting.limit, self._here
        if resting.is_arriving or self._auction_price(resting):
            return here
        high, low = max(here, to), min(here, to)
        if not rules.resting_limit_reference(side, limit, high, low, self._tick):
            return rules.NO_FILL
        return rules.cross_point(side, limit, here, self._tick)

    def _is_its_opening(self, resting: Resting) -> bool:
        is_its_own = is_for(resting, _OPG) and resting.auction == self.bar.start
        return is_its_own and self.counter.is_open

    def _auction_price(self, resting: Resting) -> Micros:
        """What the opening auction gives a limit that was there before it (fill-L3), or 0."""
        if not (self.counter.is_open and self.market.is_session_open):
            return rules.NO_FILL
        return rules.auction_limit_reference(resting.order.side, resting.limit, self._here)

    def _price_for(self, side: int) -> Micros:
        """The market's price for a taker on that side, before the spread."""
        return self._here

    # What an order does when it is its turn

    def _act(self, resting: Resting) -> None:
        if resting.is_waiting:
            self._trigger(resting)
        elif resting.is_market:
            self._serve(resting, self._market_touch(resting))
        elif self._is_its_opening(resting):
            self._meet_auction(resting, self._here, "fill-M2 opening auction")
        elif resting.is_arriving:
            self._arrive(resting)
        elif auction := self._auction_price(resting):
            self._serve(resting, Touch(auction, "fill-L3 auction", pays_spread=False))
        else:
            self._serve(resting, self._resting_touch(resting))

    def _resting_touch(self, resting: Resting) -> Touch:
        share = (1, 1)
        if not self.counter.is_open:
            share = rules.limit_share(resting.order.side, resting.limit, self._high, self._low)
        return Touch(resting.limit, "fill-L2", 0, False, share)

    def _market_touch(self, resting: Resting) -> Touch:
        if is_for(resting, _OPG):
            return Touch(self._here, "fill-M2 opening auction", pays_spread=False)
        return Touch(self._reference(resting), "fill-M1", _slips(resting.order.kind))

    def _reference(self, resting: Resting) -> Micros:
        """What the market has for a taker; never better than the stop that made it one (fill-S2).

        Assumption: what a cap left of a stop gains nothing by a recovery, either.
        """
        side, reference = resting.order.side, self._price_for(resting.order.side)
        if not resting.is_triggered or resting.order.kind.is_touched:
            return reference
        return rules.worse(side, reference, resting.level(self._tick))

    def _trigger(self, resting: Resting) -> None:
        """Pull a trigger; a market order trades at once, a limit order arrives (fill-S4)."""
        kind, level = resting.order.kind, resting.level(self._tick)
        resting.trigger(self._tick)
        if not resting.is_market:
            return
        if resting.is_forced:
            reference = rules.worse(resting.order.side, level, self._here)
            self._serve(resting, Touch(reference, "fill-B3", 2, level=level))
            return
        rule = "fill-S5" if kind.is_touched else "fill-T2" if kind.trails else "fill-S2"
        gap = " gap" if self.counter.is_open and self._here != level else ""
        touch = Touch(self._reference(resting), rule + gap, _slips(kind), level=level)
        self._serve(resting, touch)

    def _arrive(self, resting: Resting) -> None:
        """A limit meets its first price: it takes what is there, or rests (fill-L1, fill-L6)."""
        resting.is_arriving = False
        order, limit = resting.order, resting.limit
        price = self._reference(resting)
        if rules.is_marketable(order.side, limit, price, self.counter.half_spread(price)):
            if order.post_only:
                self.counter.cancel(resting, "post-only: it would take liquidity")
                return
            rule = "fill-L1" if order.kind is OrderKind.LIMIT else "fill-S4"
            self._serve(resting, Touch(price, rule, _slips(resting.order.kind)))
        elif order.time_in_force.is_immediate:
            self.counter.cancel(resting, f"{order.time_in_force}: not marketable when it arrived")
        else:
            # At the open it comes too late for the auction of this open.
            resting.is_served = self.counter.is_open

    def _end_attempts(self) -> None:
        """The open is over: what was for it alone ends, the others meet the rest of the bar."""
        for resting in list(self._live()):
            duration = resting.order.time_in_force
            if duration.is_immediate and resting.is_served:
                self.counter.cancel(resting, f"{duration}: the rest after one attempt")
            elif self._is_its_opening(resting):
                expired = OrderExpired(self.bar.start, resting.order.id)
                self.counter.say(resting, expired)
            resting.is_served = False

    def _meet_close(self) -> None:
        """The closing auction of the orders that are for it, market orders first."""
        # Assumption: the bar's close is the auction's price; sources seldom give the official one.
        queue = [each for each in self._live() if is_for(each, _CLS)]
        for resting in sorted(queue, key=lambda each: (not each.is_market, each.number)):
            if self.bar.end >= resting.auction and resting.is_working:
                resting.is_arriving = False
                self._meet_auction(resting, self._here, "fill-M2 closing auction")

    def _meet_auction(self, resting: Resting, price: Micros, rule: str) -> None:
        """An auction fills a limit only where it is strictly better (fill-M3, fill-C6)."""
        resting.is_served = True
        limit = resting.limit
        if limit and not rules.auction_limit_reference(resting.order.side, limit, price):
            return
        self._serve(resting, Touch(price, rule, pays_spread=False))

    def _serve(self, resting: Resting, touch: Touch) -> None:
        born = self.counter.serve(resting, touch)
        for child in born:
            child.see(self._here)
            self.births.append(Birth(child.twin(), self._here, self.counter.is_open))
        if self._forces and not self.counter.is_open and not is_for(resting, _CLS):
            self._force_stop(born)

    def _force_stop(self, born: list[Resting]) -> None:
        """Where stop and target of an entry within the bar lie in it, the stop is hit (fill-B3)."""

        def lies_inside(resting: Resting) -> bool:
            level = resting.limit or resting.level(self._tick)
            return self._low <= level <= self._high

        inside = [resting for resting in born if lies_inside(resting)]
        if any(not resting.is_waiting for resting in inside):
            for stop in (resting for resting in inside if resting.is_waiting):
                stop.is_forced = self.was_forced = True


def _slips(kind: OrderKind) -> int:
    """How often a taker of this kind slips: a triggered stop twice (fill-C2)."""
    return 1 if kind in _SLIPS_ONCE or kind.is_touched else 2
