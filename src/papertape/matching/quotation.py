"""Quotation: what the tape has said of one instrument so far, and what we took of it."""

from __future__ import annotations

from papertape.domain.calendar import Session
from papertape.domain.clock import MINUTE, Nanos
from papertape.domain.market import Quote, Tick, Trade, TradingStatus, Unquoted
from papertape.domain.money import Micros, micros
from papertape.matching.resting import UNKNOWN_QUEUE, Resting

OPENING_LASTS: Nanos = MINUTE
"""Assumption: the opening auction is the first trade within a minute of the open; a later first
trade is one like any other."""

_WHENEVER: Nanos = 2**62


class Quotation:
    """The quote in force, the last trade, and what both leave for us.

    Attributes:
        quote: The last quote of the present session; None while one side is not known.
        is_quoted: Whether the tape carries quotes at all, so that takers wait for one.
        is_halted: Whether trading is halted.
        trade: The last trade.
        session: The session it is in; None before the first message.
        volume: Shares traded since the present moment began.
        taken: Shares that we traded against those trades.
    """

    def __init__(self) -> None:
        self.quote: Quote | None = None
        self.is_quoted = False
        self.is_halted = False
        self.trade: Trade | None = None
        self.volume = 0
        self.taken = 0
        self.session: Session | None = None
        self._auction_until: Nanos = 0
        self._taken_of = {1: 0, -1: 0}

    def turn(self) -> None:
        """A new moment begins: what may be taken of the volume is counted anew (fill-Q1)."""
        self.volume = self.taken = 0

    def begin(self, session: Session) -> None:
        """Another day: yesterday's quote says nothing, and an auction comes first."""
        self.session, self.quote = session, None
        self._auction_until = session.open + OPENING_LASTS

    def is_open(self, time: Nanos) -> bool:
        """Whether orders may trade now: in the regular session, and not in a halt (fill-E5)."""
        session = self.session
        return session is not None and session.open <= time <= session.close and not self.is_halted

    def hear(self, tick: Tick) -> bool:
        """Take note of a message; whether it is the print of an auction."""
        is_auction = False
        match tick:
            case Quote():
                self._show(tick)
            case Trade():
                self.trade = tick
                self.volume += tick.size
                is_auction = self._is_auction(tick)
            case Unquoted():
                self.quote, self.is_quoted = None, True
            case TradingStatus():
                # After a halt, too, trading begins with an auction, whenever that may be.
                self.is_halted, self.quote = tick.is_halted, None
                self._auction_until = 0 if tick.is_halted else _WHENEVER
        return is_auction

    def _show(self, quote: Quote) -> None:
        # Assumption: a side that is shown again with the same price and size is the same display;
        # what we took of it does not come back.
        before = self.quote
        if before is None or (before.ask, before.ask_size) != (quote.ask, quote.ask_size):
            self._taken_of[1] = 0
        if before is None or (before.bid, before.bid_size) != (quote.bid, quote.bid_size):
            self._taken_of[-1] = 0
        self.quote, self.is_quoted = quote, True

    def _is_auction(self, trade: Trade) -> bool:
        if self.session is None or not self.session.open <= trade.time:
            return False
        until, self._auction_until = self._auction_until, 0
        return trade.time <= until

    def far(self, side: int) -> tuple[Micros, int]:
        """Price and size of what a taker on that side meets; needs a quote."""
        assert self.quote is not None
        if side > 0:
            return micros(self.quote.ask), self.quote.ask_size
        return micros(self.quote.bid), self.quote.bid_size

    def taken_of(self, side: int) -> int:
        """Shares that we took of what is displayed there."""
        return self._taken_of[side]

    def take(self, shares: int, side: int, *, displayed: bool) -> None:
        """Note what we traded: against the display, or against a trade."""
        if displayed:
            self._taken_of[side] += shares
        else:
            self.taken += shares

    def queue(self, side: int, limit: Micros) -> int:
        """Shares displayed at a limit, on its own side: they stand before whoever comes now."""
        if self.quote is None:
            return UNKNOWN_QUEUE
        near, size = self.far(-side)
        if limit == near:
            return size
        # Assumption: below the best bid (above the best ask) nothing is shown, so all comes first.
        return 0 if side * (limit - near) > 0 else UNKNOWN_QUEUE

    def place(self, resting: Resting, now: Nanos) -> None:
        """Put a new limit order at rest at once, where a quote says that it takes nothing."""
        order, limit = resting.order, resting.limit
        if self.quote is None or resting.eligible > now or not limit or resting.is_waiting:
            return
        lasts = not (order.time_in_force.is_immediate or order.time_in_force.is_auction)
        if lasts and order.side * (self.far(order.side)[0] - limit) > 0:
            resting.is_arriving, resting.ahead = False, self.queue(order.side, limit)
