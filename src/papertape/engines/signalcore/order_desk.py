"""The desk of an order strategy: calls it, and collects what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from papertape.domain.account import Account, Position
from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError, require
from papertape.domain.event import (
    CancelRequest,
    Event,
    Moment,
    OrderFilled,
    Proposal,
    ReplaceRequest,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bars, Frequency, Quote, Tick, Trade
from papertape.domain.money import LARGEST, MICROS_PER_DOLLAR, Micros, micros
from papertape.domain.order import Attached, Order, OrderId, OrderKind, TimeInForce
from papertape.engines.signalcore.engine import Standing
from papertape.engines.signalcore.tape import Tape
from papertape.strategies.strategy import Exits, OrderStrategy


class OrderContext:
    """What an order strategy sees and does; see `papertape.strategies.strategy.Context`."""

    def __init__(self, tapes: Mapping[str, Tape]):
        self._tapes = tapes
        self._standing: Standing | None = None
        self._numbers = count(1)
        self._quotes: dict[str, Quote] = {}
        self.proposals: list[Proposal] = []
        self.now: Nanos = 0
        """The present moment."""
        self.account = Account()
        """Cash and holdings."""
        self._positions: Mapping[str, Position] = self.account.positions
        self.unread: Unread | None = None

    def hear(self, tick: Tick) -> None:
        """Note what the tape said."""
        if isinstance(tick, Quote):
            self._quotes[tick.symbol] = tick
        elif not isinstance(tick, Trade):  # the sides are not known any more
            self._quotes.pop(tick.symbol, None)

    def stand(self, standing: Standing) -> None:
        """Move to the present."""
        self._standing = standing
        self.now, self.account = standing.now, standing.account
        self._positions = self.account.positions

    @property
    def _present(self) -> Standing:
        require(self._standing is not None, "a context is used only while its strategy is called")
        assert self._standing is not None
        return self._standing

    def position(self, symbol: str) -> int:
        """Shares held."""
        held = self._positions.get(symbol)
        return held.quantity if held is not None else 0

    def working(self, symbol: str) -> list[OrderState]:
        """Orders that can still trade."""
        return self._present.working_on(symbol)

    def history(self, symbol: str, count: int) -> Bars:
        """The last bars up to now, in prices adjusted as of now."""
        return self._tape(symbol).last(count)

    def quote(self, symbol: str) -> Quote | None:
        """The last known quote."""
        self._tape(symbol)
        return self._quotes.get(symbol)

    def submit(
        self,
        symbol: str,
        quantity: int,
        *,
        reason: str,
        kind: OrderKind = OrderKind.MARKET,
        limit: float | None = None,
        stop: float | None = None,
        stop_distance: float | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        not_before: Nanos | None = None,
        trail: float | None = None,
        trail_percent: float | None = None,
        limit_offset: float | None = None,
        expires: Nanos | None = None,
        post_only: bool = False,
        reduce_only: bool = False,
        group: str = "",
        exits: Exits | None = None,
        triggers_at_once: bool = False,
        do_not_reduce: bool = False,
        after: OrderId = "",
    ) -> OrderId:
        """Ask for an order; prices in dollars."""
        self._refuse_stranger(symbol)
        order = Order(
            id=f"O{next(self._numbers)}",
            symbol=symbol,
            quantity=quantity,
            kind=kind,
            time=self.now,
            reason=reason,
            limit=None if limit is None else _micros(symbol, limit),
            stop=None if stop is None else _micros(symbol, stop),
            stop_distance=_micros(symbol, stop_distance or 0.0),
            time_in_force=time_in_force,
            not_before=not_before or 0,
            trail=_micros(symbol, trail or 0.0),
            trail_millionths=_millionths(symbol, trail_percent or 0.0),
            limit_offset=_micros(symbol, limit_offset or 0.0),
            expires=expires or 0,
            post_only=post_only,
            reduce_only=reduce_only,
            group=group,
            attached=() if exits is None else _attached(symbol, exits),
            triggers_at_once=triggers_at_once,
            do_not_reduce=do_not_reduce,
            after=after,
        )
        self.proposals.append(order)
        return order.id

    def cancel(self, order_id: OrderId) -> None:
        """Ask for a cancel; an order that is done is left alone."""
        self.proposals.append(CancelRequest(self.now, order_id, "asked for by the strategy"))

    def replace(
        self,
        order_id: OrderId,
        *,
        quantity: int | None = None,
        limit: float | None = None,
        stop: float | None = None,
    ) -> None:
        """Ask for a change in place; an order that is done is left alone.

        Raises:
            UsageError: If nothing would change, or no order of its kind could have such terms.
        """
        request = ReplaceRequest(
            self.now,
            order_id,
            quantity,
            None if limit is None else _micros(order_id, limit),
            None if stop is None else _micros(order_id, stop),
        )
        if request == ReplaceRequest(self.now, order_id):
            raise UsageError(
                f"{order_id}: a change that changes nothing",
                hint="say quantity=, limit= or stop=",
            )
        state = self._present.working.get(order_id)
        if state is not None:
            request.rest_of(state.order, state.filled)  # refuses here, where it is asked for
        self.proposals.append(request)

    def _tape(self, symbol: str) -> Tape:
        if self.unread is not None:
            self.unread.read()
        self._refuse_stranger(symbol)
        return self._tapes[symbol]

    def _refuse_stranger(self, symbol: str) -> None:
        if symbol not in self._tapes:
            raise UsageError(
                f"{symbol!r} is not part of this run", hint=f"it trades {', '.join(self._tapes)}"
            )


class Unread:
    """Calm bars that were handed to the strategy and are not on its tape yet.

    They are copied when somebody looks, and no further than the strategy has got.
    """

    def __init__(self, tape: Tape, bars: Bars, row: int):
        self.row = row
        self._tape, self._bars, self._first = tape, bars, row

    def read(self) -> None:
        """Bring the tape up to date."""
        if self.row > self._first:
            self._tape.extend(self._bars, self._first, self.row)
            self._first = self.row


class OrderDesk:
    """Follows an order strategy: calls it after each bar, once its warm-up is over."""

    def __init__(
        self,
        strategy: OrderStrategy,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
    ):
        self._strategy = strategy
        self._tapes = {name: Tape(each, frequency) for name, each in instruments.items()}
        self._context = OrderContext(self._tapes)
        self._has_started = False
        self._bars: Bars | None = None

    def see(self, moment: Moment) -> None:
        """Add the bars to their tapes, and note the quotes."""
        for tick in moment.ticks:
            self._context.hear(tick)
        for bar in moment.bars:
            actions = [action for action in moment.actions if action.symbol == bar.symbol]
            self._tapes[bar.symbol].append(bar, actions)

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        """Call the strategy; with the fills of this moment, then its quotes, then its bars."""
        context = self._context
        context.stand(standing)
        if not self._has_started:
            self._has_started = True
            self._call("on_start", context)
        for event in happened:
            if isinstance(event, OrderFilled):
                self._call("on_fill", context, event)
        for symbol in dict.fromkeys([tick.symbol for tick in moment.ticks]):
            quote = context.quote(symbol)
            if quote is not None and len(self._tapes[symbol]) >= self._strategy.warmup:
                self._call("on_quote", context, quote)
        for bar in moment.bars:
            if len(self._tapes[bar.symbol]) >= self._strategy.warmup:
                self._strategy.on_bar(context, bar)
        proposals, context.proposals = context.proposals, []
        return [], proposals

    def pass_calm(
        self, bars: Bars, first: int, stop: int, calm: Calm, standing: Callable[[Nanos], Standing]
    ) -> int:
        """Call the strategy bar by bar, until one is not calm or it asks for something."""
        if self._bars is not bars:
            self._bars, self._reel = bars, bars.reel()
        tape, reel, until, row = self._tapes[bars.symbol], self._reel, calm.until, first
        above, below = calm.above / MICROS_PER_DOLLAR, calm.below / MICROS_PER_DOLLAR
        if not (self._has_started and len(tape) + 1 >= self._strategy.warmup):
            return first
        if not reel.is_calm(row, until, above, below):
            return first
        context, on_bar = self._context, self._strategy.on_bar
        context.stand(standing(bars.end.item(first)))
        unread = context.unread = Unread(tape, bars, first)
        proposals = context.proposals
        while row < stop and not proposals and reel.is_calm(row, until, above, below):
            bar = reel.bar(row)
            row += 1
            unread.row = row
            context.now = bar.end
            on_bar(context, bar)
        unread.read()
        context.unread = None
        return row

    def asked(self, standing: Standing) -> tuple[list[Event], list[Proposal]]:
        """What the strategy asked for after the last calm bar."""
        self._context.stand(standing)
        proposals, self._context.proposals = self._context.proposals, []
        return [], proposals

    def finish(self) -> None:
        """Call the strategy a last time; what it still asks for is not sent any more."""
        self._call("on_stop", self._context)

    def _call(self, name: str, *arguments: object) -> None:
        method = getattr(self._strategy, name, None)
        if method is not None:
            method(*arguments)


def _micros(symbol: str, price: float) -> Micros:
    """A strategy's price; NaN is its mistake, not ours."""
    if not abs(price) * MICROS_PER_DOLLAR < LARGEST:
        raise UsageError(f"{symbol}: {price} is no price that an order can have")
    return micros(price)


def _millionths(symbol: str, percent: float) -> int:
    """Percent as millionths; a number that is none is the strategy's mistake."""
    if not 0 <= percent < 100:
        raise UsageError(f"{symbol}: {percent} is no percentage that a stop can trail by")
    return round(percent * 10_000)


def _attached(symbol: str, exits: Exits) -> tuple[Attached, ...]:
    """The exits in micro-dollars, in the order in which they are served."""
    stop, target, trailing = OrderKind.STOP, OrderKind.LIMIT, OrderKind.TRAILING_STOP
    asked: list[tuple[OrderKind, str, float | None]] = [
        (stop, "price", exits.stop),
        (stop, "distance", exits.stop_distance),
        (target, "price", exits.target),
        (target, "distance", exits.target_distance),
        (trailing, "distance", exits.trail),
    ]
    made = [
        Attached(kind, **{name: _micros(symbol, amount)})
        for kind, name, amount in asked
        if amount is not None
    ]
    if exits.trail_percent is not None:
        share = _millionths(symbol, exits.trail_percent)
        made.append(Attached(trailing, trail_millionths=share))
    return tuple(made)
