"""One message of the tape as a walk of one step: the same rules, at a price that is known.

A bar leaves open what came when; a trade or a quote does not. So there is one path, nothing is
forced, and a fill bears the message's own time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from papertape.domain.account import Account
from papertape.domain.event import CancelPending, GroupOverfilled, ReplacePending
from papertape.domain.fill import Fill
from papertape.domain.market import Bar, Quote, Trade
from papertape.domain.money import Micros, micros
from papertape.domain.order import TimeInForce
from papertape.matching import rules
from papertape.matching.counter import Counter, Market, Touch
from papertape.matching.quotation import Quotation
from papertape.matching.resting import UNKNOWN_QUEUE, Resting, is_for
from papertape.matching.spreads import half_of
from papertape.matching.walk import Due, Path, Walk
from papertape.matching.wire import Reduction, Wire


class TickCounter(Counter):
    """Serves the orders of one message from what it offers.

    Assumption: nobody takes more than is displayed or was traded, and of that no more than the cap
    allows: of a display at once, of trades counted over the moment they fall in (fill-Q1).

    Args:
        said: The message.
        market: What else is known.
        account: Cash and holdings before it.
        orders: Every order held for the instrument; those that a fill brings to life join them.
        tape: What the tape has said so far, this message included.
        wire: The way on which cancels of siblings travel.
    """

    def __init__(
        self,
        said: Quote | Trade,
        market: Market,
        account: Account,
        orders: list[Resting],
        tape: Quotation,
        wire: Wire,
    ):
        super().__init__(_as_bar(said, tape.quote), market, account, orders, "")
        self.said, self.quotation = said, tape
        self.tape = _in_words(said, tape.quote)
        self._wire = wire
        self._of_trade = 0

    def half_spread(self, price: Micros) -> Micros:
        """Half of the quoted spread at least, whatever a policy says; without quotes an estimate.

        A quote is no model: nobody who takes gets a better price than the one displayed.
        """
        quote, market = self.quotation.quote, self.market
        if quote is None:
            return super().half_spread(price)
        tick, policy = market.instrument.tick, market.costs.spread
        quoted = half_of(micros(quote.bid), micros(quote.ask))
        return max(quoted, policy.half_spread(price, market.liquidity, tick, quote))

    def serve(self, resting: Resting, touch: Touch) -> list[Resting]:
        """Give an order what it gets, and keep count of what is left of the message."""
        before, displayed = self._traded, self._takes_display(touch)
        born = super().serve(resting, touch)
        taken = self._traded - before
        self.quotation.take(taken, resting.order.side, displayed=displayed)
        self._of_trade += 0 if displayed else taken
        return born

    def _takes_display(self, touch: Touch) -> bool:
        """Whether what is displayed stands behind a touch, and not a trade."""
        is_taker = touch.slips > 0 and touch.pays_spread and self.quotation.quote is not None
        return is_taker or isinstance(self.said, Quote)

    def _within_cap(self, resting: Resting, wanted: int, touch: Touch) -> tuple[int, str]:
        cap, tape, side = self.market.costs.cap, self.quotation, resting.order.side
        if self._takes_display(touch):
            what, offered, of = "displayed", tape.far(side)[1], tape.far(side)[1]
            taken = gone = tape.taken_of(side)
        else:
            assert isinstance(self.said, Trade)
            above, below = touch.share
            what, offered, of = "traded", self.said.size * above // below, tape.volume
            taken, gone = self._of_trade, tape.taken
        budget = min(offered - taken, cap.shares(of, at_open=False) - gone)
        lot = self.market.instrument.lot
        allowed = max(0, budget) // lot * lot
        return (wanted, "") if wanted <= allowed else (allowed, f"{what} {offered}")

    def _book(self, resting: Resting, fill: Fill) -> list[Resting]:
        born = super()._book(resting, fill)
        rest = abs(resting.state.open)
        if resting.owed > rest:
            beyond = min(abs(fill.quantity), resting.owed - rest) * resting.order.side
            self.events.append(GroupOverfilled(self.time, fill.symbol, fill.order_id, beyond))
            resting.owed = rest
        return born

    def _take_back(self, resting: Resting, size: int, reason: str) -> None:
        """Where messages take time, a sibling can still trade until its cancel is there."""
        if self._wire.is_instant:
            super()._take_back(resting, size, reason)
            return
        order_id, request_id = resting.order.id, self._wire.request_id(resting.order.id)
        resting.owed = min(resting.owed + size, abs(resting.state.open))
        kind = CancelPending if resting.owed == abs(resting.state.open) else ReplacePending
        self.say(resting, kind(self.time, order_id, reason, request_id=request_id))
        reduction = Reduction(order_id, size, reason, request_id)
        self._wire.send(resting.order.symbol, reduction, self.time)


class TickWalk(Walk):
    """The matching of one message: a trade triggers and fills, a quote only fills (fill-S1).

    Args:
        counter: Serves the orders, which the walk changes.
    """

    def __init__(self, counter: TickCounter):
        self._tape = counter.quotation
        price = micros(counter.bar.open)
        super().__init__(counter, Path("", (price,)))
        self._trade = counter.said if isinstance(counter.said, Trade) else None

    def run(self) -> None:
        """Let every order meet the message; afterwards those at rest know their place."""
        before = [each for each in self._live() if _is_at_rest(each)]
        self._meet(self._here)
        if self._trade is not None:
            for resting in before:
                self._shorten_queue(resting, self._trade)
            for resting in self._live():
                resting.see(self._here)
        self._end_attempts()
        for resting in self._live():
            if resting.ahead == UNKNOWN_QUEUE and _is_at_rest(resting):
                resting.ahead = self._tape.queue(resting.order.side, resting.limit)

    def close(self) -> None:
        """Hold the closing auction at the last trade's price, and nothing else."""
        self._meet_close()

    def _shorten_queue(self, resting: Resting, trade: Trade) -> None:
        """Who stood before an order at its limit has traded now.

        Assumption: whoever leaves the queue without trading stood behind us.
        """
        if self._is_crossed(resting, self._here):
            resting.ahead = 0
        elif self._here == resting.limit and resting.ahead != UNKNOWN_QUEUE:
            resting.ahead = max(0, resting.ahead - trade.size)

    def _due(self, resting: Resting, to: Micros) -> Due | None:
        if resting.is_waiting:
            return None if self._trade is None else super()._due(resting, to)
        takes = resting.is_market or resting.is_arriving
        is_blind = self._tape.is_quoted and self._tape.quote is None
        # fill-E5: who takes waits until both sides are known; an auction needs no quote.
        if takes and is_blind and not resting.order.time_in_force.is_auction:
            return None
        return super()._due(resting, to)

    def _limit_point(self, resting: Resting, to: Micros) -> Micros:
        meets = resting.is_arriving or self._auction_price(resting) or self._behind(resting)
        return self._here if meets else rules.NO_FILL

    def _behind(self, resting: Resting) -> int:
        """Shares of the message that an order at rest may have (fill-L5).

        Assumption: whoever shows a price beyond our limit would have hit it first.
        """
        if self._trade is None:
            far, size = self._tape.far(resting.order.side)
            return size if self._is_crossed(resting, far) else 0
        if self._is_crossed(resting, self._here):
            return self._trade.size
        if self._here != resting.limit or resting.ahead == UNKNOWN_QUEUE:
            return 0
        return max(0, self._trade.size - resting.ahead)

    def _is_crossed(self, resting: Resting, price: Micros) -> bool:
        side, limit = resting.order.side, resting.limit
        return rules.resting_limit_reference(side, limit, price, price, self._tick) != rules.NO_FILL

    def _arrive(self, resting: Resting) -> None:
        """A limit that takes nothing is at rest at once, unless it came with an auction."""
        before = resting.fills
        super()._arrive(resting)
        lasts = not resting.order.time_in_force.is_immediate
        if lasts and resting.fills == before and not self.market.is_session_open:
            resting.is_served = False

    def _resting_touch(self, resting: Resting) -> Touch:
        share = (1, 1) if self._trade is None else (self._behind(resting), self._trade.size)
        return Touch(resting.limit, "fill-L5", 0, False, share)

    def _price_for(self, side: int) -> Micros:
        """Half a spread inside the far side; a trade beyond that side says: the quote is old."""
        quote = self._tape.quote
        if quote is None:
            return self._here
        far, _ = self._tape.far(side)
        if self._trade is not None and side * (self._here - far) > 0:
            return self._here
        return far - side * half_of(micros(quote.bid), micros(quote.ask))

    def _is_its_opening(self, resting: Resting) -> bool:
        is_auction = self.market.is_session_open and is_for(resting, TimeInForce.OPG)
        session = self._tape.session
        return is_auction and session is not None and resting.auction == session.open


def matters(said: Quote | Trade, orders: Sequence[Resting], tape: Quotation, tick: Micros) -> bool:
    """Whether a message can change anything about an order; most pass by all of them."""
    price = micros(said.price) if isinstance(said, Trade) else 0
    return any(
        resting.eligible <= said.time
        and (_is_met(resting, price, tick) if price else _is_shown(resting, tape))
        for resting in orders
    )


def _is_met(resting: Resting, price: Micros, tick: Micros) -> bool:
    """Whether a trade at that price may trigger, fill or move an order."""
    if resting.is_waiting and not resting.order.kind.trails:
        return rules.has_passed(resting.trigger_side, resting.level(tick), price)
    return not _is_at_rest(resting) or resting.order.side * (resting.limit - price) >= 0


def _is_shown(resting: Resting, tape: Quotation) -> bool:
    """Whether a quote may fill an order, or says how many come before it."""
    if resting.is_waiting or not _is_at_rest(resting):
        return not resting.is_waiting
    side = resting.order.side
    is_new = resting.ahead == UNKNOWN_QUEUE and side * (resting.limit - tape.far(-side)[0]) >= 0
    return is_new or side * (resting.limit - tape.far(side)[0]) > 0


def _is_at_rest(resting: Resting) -> bool:
    """Whether it is a limit that has arrived."""
    return not (resting.is_waiting or resting.is_market or resting.is_arriving)


def _as_bar(said: Quote | Trade, quote: Quote | None) -> Bar:
    """A message as the shortest bar there is, as wide as what is quoted; its end never acts."""
    price = said.price if isinstance(said, Trade) else (said.bid + said.ask) / 2
    low = min(price, quote.bid) if quote else price
    high = max(price, quote.ask) if quote else price
    size = float(said.size) if isinstance(said, Trade) else nan
    return Bar(said.symbol, said.time, said.time + 1, price, high, low, price, size)


def _in_words(said: Quote | Trade, quote: Quote | None) -> str:
    """What a fill's record says of the message: itself, and the age of the quote beside it."""
    shown = f"quote {quote.bid:g} x {quote.ask:g}" if quote else "no quote"
    if isinstance(said, Quote):
        return shown
    age = f", {(said.time - quote.time) / 1e6:g} ms old" if quote else ""
    return f"trade of {said.size} at {said.price:g}; {shown}{age}"
