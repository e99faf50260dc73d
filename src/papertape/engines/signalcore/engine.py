"""SignalCore: follows a strategy and proposes the orders that its wishes amount to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import count
from math import nan
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.event import (
    CancelRequest,
    Decided,
    Event,
    Moment,
    OrderFilled,
    Proposal,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bar, Bars, Renaming, calm_pieces, ends_symbol
from papertape.domain.money import Micros, micros, payable
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.signal import Signal
from papertape.domain.terms import AccountTerms
from papertape.engines.signalcore.answers import Answers, Wish
from papertape.engines.signalcore.sizing import SizePolicy


class Standing(NamedTuple):
    """Where the account stands when a strategy is asked.

    Attributes:
        now: The present moment.
        account: Cash and holdings after everything that has happened.
        prices: Last close of each symbol, micro-dollars.
        working: Orders that can still trade.
        available: Funds that new holdings may be paid from and no open order may yet take,
            micro-dollars.
    """

    now: Nanos
    account: Account
    prices: Mapping[str, Micros]
    working: Mapping[OrderId, OrderState]
    available: Micros

    def working_on(self, symbol: str) -> list[OrderState]:
        """Open orders of one instrument, oldest first."""
        return [state for state in self.working.values() if state.order.symbol == symbol]


class SignalCore(Protocol):
    """A strategy of either kind, as the pipeline sees it."""

    def see(self, moment: Moment) -> None:
        """Take note of what the market did; called for the warm-up, too."""
        ...

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        """What the strategy decided after this moment, and the orders that follow from it."""
        ...

    def pass_calm(
        self, bars: Bars, first: int, stop: int, calm: Calm, standing: Callable[[Nanos], Standing]
    ) -> int:
        """See calm bars one after the other; the row of the first that is not calm.

        It stops behind a bar after which the strategy asked for something: `asked` says for what.

        Args:
            bars: The only instrument's bars.
            first: Row of the next bar.
            stop: Row before which to stop in any case.
            calm: What calm is.
            standing: Where the account stands at a moment; but for the time it stays the same.
        """
        ...

    def asked(self, standing: Standing) -> tuple[list[Event], list[Proposal]]:
        """What the strategy decided in the last of the calm bars, if it did."""
        ...

    def finish(self) -> None:
        """There is nothing more to come."""
        ...


OrderFee: TypeAlias = Callable[[int, Micros, date], Micros]
"""What an order of so many shares (signed) at a price owes in fees on a day."""


def free(shares: int, price: Micros, day: date) -> Micros:
    """Nothing."""
    return 0


class SignalDesk:
    """Follows a signal strategy: an order only when the wanted exposure changes.

    So after a stop-out the desk stays flat until the strategy has wanted nothing once.

    Args:
        answers: The strategy.
        size: How much to hold at full exposure.
        instruments: What the run trades; they share the money equally.
        terms: What the account may do.
        fee: What an order of so many shares at a price owes on a day, where the size counts it in.
        sizes_at_fill: Whether shares are counted at the price of the fill (`size_at_fill`).
    """

    def __init__(
        self,
        answers: Answers,
        size: SizePolicy,
        instruments: Mapping[str, Instrument],
        terms: AccountTerms,
        fee: OrderFee = free,
        *,
        sizes_at_fill: bool = False,
    ):
        self._terms = terms
        self._answers = answers
        self._size = size
        self._instruments = instruments
        self._fee = fee
        self._sizes_at_fill = sizes_at_fill
        self._wanted = dict.fromkeys(instruments, 0.0)
        self._numbers = count(1)
        self._taken_back: set[OrderId] = set()
        self._calm_bar: Bar | None = None
        self._has_compared = False

    def see(self, moment: Moment) -> None:
        """Hand the bars to the strategy.

        Assumption: under a new symbol it meets a new instrument, so the holding is kept as it is
        until the warm-up there is over.
        """
        for action in filter(ends_symbol, moment.actions):
            wanted, self._wanted[action.symbol] = self._wanted[action.symbol], 0.0
            if isinstance(action, Renaming):
                self._wanted[action.new_symbol] = wanted
        for bar in moment.bars:
            actions = [action for action in moment.actions if action.symbol == bar.symbol]
            self._answers.see(bar, actions)

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        """Compare each wish with the one before; most bars change nothing."""
        for event in happened:
            # A cancel may lose its race; what filled all the same has to be put right.
            if isinstance(event, OrderFilled) and event.fill.order_id in self._taken_back:
                self._wanted[event.fill.symbol] = nan
        return self._compared(moment.bars, standing)

    def _compared(
        self, bars: Sequence[Bar], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        self._has_compared = True
        decided: list[Event] = []
        proposals: list[Proposal] = []
        for bar in bars:
            wish = self._answers.wish(bar.symbol)
            if wish is not None and wish.exposure != self._wanted[bar.symbol]:
                self._wanted[bar.symbol] = wish.exposure
                event, orders, left = self._change(bar, wish, standing)
                standing = standing._replace(available=left)
                decided.append(event)
                proposals += orders
        return decided, proposals

    def pass_calm(
        self, bars: Bars, first: int, stop: int, calm: Calm, standing: Callable[[Nanos], Standing]
    ) -> int:
        """See calm bars up to the one after which the wish may change."""
        turns = self._answers.turns(bars.symbol)
        if turns is None or not self._has_compared:
            return first  # it is asked bar by bar, or wanted something before the window begins
        place = int(np.searchsorted(turns, first))
        last = min(stop, int(turns[place]) + 1) if place < len(turns) else stop
        row = max((end for _, end in calm_pieces(bars, first, last, calm)), default=first)
        self._answers.skip(bars.symbol, row - first)
        self._calm_bar = bars.bar(row - 1) if row > first else None
        return row

    def asked(self, standing: Standing) -> tuple[list[Event], list[Proposal]]:
        """The change of the wish after the last calm bar, if there was one."""
        bars = () if self._calm_bar is None else (self._calm_bar,)
        self._calm_bar = None
        return self._compared(bars, standing)

    def finish(self) -> None:
        """A signal strategy has nothing to put away."""

    def _change(
        self, bar: Bar, wish: Wish, standing: Standing
    ) -> tuple[Decided, list[Proposal], Micros]:
        """What a new wish amounts to, and the funds that are still available after it."""
        signal = Signal(
            bar.symbol,
            standing.now,
            wish.exposure,
            bar.close,
            self._answers.reason(bar.symbol),
            wish.stop_distance,
        )
        # The orders that still work are cancelled below, so their funds can be spent again.
        symbol, open_ = bar.symbol, standing.working_on(bar.symbol)
        freed = self._terms.reserved(standing.account, open_, self._instruments, standing.prices)
        available = standing.available + freed
        target, note = self._target(signal, standing._replace(available=available))
        held = standing.account.quantity(symbol)
        quantity = target - held
        unwanted = [
            state.order.id for state in open_ if not (state.order.reduce_only and target * held > 0)
        ]
        self._taken_back.update(unwanted)
        proposals: list[Proposal] = [
            CancelRequest(standing.now, order_id, "the strategy's wish changed")
            for order_id in unwanted
        ]
        if quantity:
            proposals.append(self._order(signal, quantity))
        commits = self._terms.commits(
            self._instruments[symbol], held, quantity, standing.prices[symbol]
        )
        left = available - max(0, commits)
        return Decided(standing.now, signal, quantity, note), proposals, left

    def _target(self, signal: Signal, standing: Standing) -> tuple[int, str]:
        """Shares to hold, and what there is to say about the number."""
        instrument = self._instruments[signal.symbol]
        if signal.exposure < 0 and not (self._terms.lends_shares or instrument.is_future):
            return 0, f"a short is wanted; a {self._terms.name} account holds none, so flat"
        price = micros(signal.price)
        equity = standing.account.equity(standing.prices)
        distance = micros(signal.stop_distance)
        wanted = self._size.target(
            signal.exposure,
            price * instrument.multiplier,
            equity,
            distance * instrument.multiplier,
            len(self._instruments),
        )
        held, note = standing.account.quantity(signal.symbol), ""
        if self._size.is_net:
            wanted = self._net(signal, instrument, equity, held)
        if self._size.bends_to_cash:
            payable = self._terms.within(instrument, held, wanted, price, standing.available)
            if payable != wanted:
                note = f"cut to what {standing.available / 1e6:,.2f} of available funds can buy"
            wanted = payable
        side = 1 if wanted > 0 else -1
        target = side * (abs(wanted) // instrument.lot * instrument.lot)
        if signal.exposure and not target:
            return 0, f"{self._size} of {equity / 1e6:,.2f} buys no share at {signal.price:,.2f}"
        return target, note

    def _net(self, signal: Signal, instrument: Instrument, equity: Micros, held: int) -> int:
        """Shares to hold if the order's fees come out of the same share of equity."""
        price, side = micros(signal.price), 1 if signal.exposure > 0 else -1
        share = self._size.share_of_equity(signal.exposure, len(self._instruments))
        day = calendar_of(instrument.venue).local_day(signal.time)
        unit = price * instrument.multiplier
        return side * payable(
            abs(share) * max(0, equity),
            unit,
            instrument.lot,
            lambda shares: self._fee(side * shares - held, unit, day),
        )

    def _order(self, signal: Signal, quantity: int) -> Order:
        opens = signal.exposure * quantity > 0  # it goes the way of the wish: a stop protects it
        symbols = len(self._instruments)
        share = self._size.share_of_equity(signal.exposure, symbols) if self._sizes_at_fill else 0
        return Order(
            id=f"O{next(self._numbers)}",
            symbol=signal.symbol,
            quantity=quantity,
            kind=OrderKind.MARKET,
            time=signal.time,
            reason=signal.reason,
            stop_distance=micros(signal.stop_distance) if opens else 0,
            share_of_equity=Fraction(share if opens else 0),
        )
