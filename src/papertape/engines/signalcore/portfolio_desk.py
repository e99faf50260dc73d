"""The desk of a portfolio: brings all holdings near to their weights, and leaves them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import count
from typing import NamedTuple

from papertape.domain.bar import Bar
from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.errors import UsageError
from papertape.domain.event import CancelRequest, Decided, Event, Moment, Proposal
from papertape.domain.instrument import Instrument
from papertape.domain.market import Bars
from papertape.domain.money import MICROS_PER_DOLLAR, Micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.signal import Signal
from papertape.domain.terms import AccountTerms
from papertape.engines.signalcore.allocation import LEFT_ALONE, Allocation, billionths
from papertape.engines.signalcore.engine import Standing
from papertape.engines.signalcore.sizing import BILLION, part_of, shares_towards

PUT_RIGHT_ANEW = "the portfolio is put right anew"
"""Why an order of ours is taken back."""


class _Wish(NamedTuple):
    """A trade that brings a holding to its weight, and what the holding is before it."""

    symbol: str
    share: int
    held: int
    quantity: int

    @property
    def reduces(self) -> bool:
        """Whether it only brings the holding nearer to zero."""
        return self.held * self.quantity < 0 and abs(self.quantity) <= abs(self.held)


class PortfolioDesk:
    """Trades on the days on which an allocation has weights; in between they drift.

    At such a close what still works is cancelled, and each holding whose symbol has a bar is
    brought near to its share of equity: reductions are asked for first, then what opens, in the
    order of symbols and as far as available funds go. What they do not pay for is asked for once
    more at the next close, as far as they go then: the sales have brought their money by that time.

    Args:
        allocation: The weights.
        part: How much of equity a weight of 1 is.
        instruments: What the run trades, in the order of the weights.
        terms: What the account may do.
    """

    def __init__(
        self,
        allocation: Allocation,
        part: Fraction,
        instruments: Mapping[str, Instrument],
        terms: AccountTerms,
    ):
        self._allocation = allocation
        self._part = part
        self._instruments = instruments
        self._terms = terms
        self._numbers = count(1)
        self._waiting: list[_Wish] = []

    def see(self, moment: Moment) -> None:
        """Hand the moment to the allocation."""
        self._allocation.see(moment)

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        """Put the portfolio right if the day is due, or ask again for what it lacks."""
        if not moment.bars:
            return [], []
        bars = {bar.symbol: bar for bar in moment.bars}
        weights = self._allocation.weights()
        waiting, self._waiting = self._waiting, []
        if weights is None:
            wishes = [
                each
                for each in waiting
                if each.symbol in bars and not standing.working_on(each.symbol)
            ]
            held = standing.account.quantity
            wishes = [each._replace(held=held(each.symbol)) for each in wishes]
            decided, orders, _ = self._ask(wishes, bars, standing, standing.available)
            return decided, orders
        cancels, freed = self._taken_back(standing)
        shares = billionths(weights, self._part).tolist()
        wishes = list(
            self._wishes(dict(zip(self._instruments, shares, strict=True)), bars, standing)
        )
        wishes.sort(key=lambda each: not each.reduces)
        decided, orders, self._waiting = self._ask(
            wishes, bars, standing, standing.available + freed
        )
        return decided, [*cancels, *orders]

    def _taken_back(self, standing: Standing) -> tuple[list[Proposal], Micros]:
        """Cancels of what works, but for a broker's own orders, and the funds they set free."""
        ours = [each for each in standing.working.values() if not each.order.reduce_only]
        freed = self._terms.reserved(standing.account, ours, self._instruments, standing.prices)
        cancels = [CancelRequest(standing.now, each.order.id, PUT_RIGHT_ANEW) for each in ours]
        return [*cancels], freed

    def _wishes(
        self, shares: Mapping[str, int], bars: Mapping[str, Bar], standing: Standing
    ) -> Iterator[_Wish]:
        """The trades that bring every holding to its share, in the order of symbols."""
        equity = max(0, standing.account.equity(standing.prices))
        for symbol, share in shares.items():
            if share == LEFT_ALONE or symbol not in bars:
                continue
            instrument, held = self._instruments[symbol], standing.account.quantity(symbol)
            if share < 0 and not (self._terms.lends_shares or instrument.is_future):
                raise short_refused(symbol, share / BILLION, self._terms)
            price = standing.prices[symbol] * instrument.multiplier
            trade = shares_towards(held, part_of(equity, share), price)
            quantity = _in_lots(trade, instrument)
            if quantity:
                yield _Wish(symbol, share, held, quantity)

    def _ask(
        self,
        wishes: Sequence[_Wish],
        bars: Mapping[str, Bar],
        standing: Standing,
        available: Micros,
    ) -> tuple[list[Event], list[Proposal], list[_Wish]]:
        """Orders as far as funds go; what is left of the wishes they do not pay for."""
        decided: list[Event] = []
        orders: list[Proposal] = []
        left: list[_Wish] = []
        for wish in wishes:
            payable, note = self._payable(wish, standing.prices[wish.symbol], available)
            if payable != wish.quantity:
                left.append(wish._replace(quantity=wish.quantity - payable))
            price = standing.prices[wish.symbol]
            commits = self._terms.commits(self._instruments[wish.symbol], wish.held, payable, price)
            available -= max(0, commits)
            reason = rebalanced_to(wish.share)
            signal = Signal(
                wish.symbol,
                standing.now,
                wish.share / BILLION,
                bars[wish.symbol].close,
                reason,
            )
            decided.append(Decided(standing.now, signal, payable, note))
            if payable:
                orders.append(self._order(signal, payable))
        return decided, orders, left

    def _payable(self, wish: _Wish, price: Micros, available: Micros) -> tuple[int, str]:
        """The part of a trade that funds pay for, and what there is to say about it."""
        if wish.reduces:
            return wish.quantity, ""
        instrument, wanted = self._instruments[wish.symbol], wish.held + wish.quantity
        within = self._terms.within(instrument, wish.held, wanted, price, available)
        payable = _in_lots(within - wish.held, instrument)
        if payable == wish.quantity:
            return payable, ""
        funds = available / MICROS_PER_DOLLAR
        return payable, f"cut from {wish.quantity} to what {funds:,.2f} of available funds can buy"

    def _order(self, signal: Signal, quantity: int) -> Order:
        return Order(
            id=f"O{next(self._numbers)}",
            symbol=signal.symbol,
            quantity=quantity,
            kind=OrderKind.MARKET,
            time=signal.time,
            reason=signal.reason,
        )

    def pass_calm(
        self, bars: Bars, first: int, stop: int, calm: Calm, standing: Callable[[Nanos], Standing]
    ) -> int:
        """None is passed over: each row may be due."""
        return first

    def asked(self, standing: Standing) -> tuple[list[Event], list[Proposal]]:
        """Nothing, for no bar was passed over."""
        return [], []

    def finish(self) -> None:
        """A portfolio has nothing to put away."""


def rebalanced_to(share: int) -> str:
    """The reason of an order, from the billionths of equity that its symbol is to have."""
    return f"rebalanced to {share / BILLION:.4%} of equity"


def _in_lots(quantity: int, instrument: Instrument) -> int:
    """A trade cut to whole lots."""
    whole = abs(quantity) // instrument.lot * instrument.lot
    return whole if quantity > 0 else -whole


def short_refused(symbol: str, weight: float, terms: AccountTerms) -> UsageError:
    """Why an account cannot hold what a negative weight asks for."""
    return UsageError(
        f"a weight of {weight:.4%} is wanted in {symbol}, and a {terms.name} account sells nothing "
        "short",
        hint="--account margin",
    )
