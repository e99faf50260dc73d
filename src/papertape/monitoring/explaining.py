"""Explaining a session from its lines alone: why it did a thing, and why it did not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from papertape.domain.bar import Bar
from papertape.domain.clock import SECOND, Nanos, utc
from papertape.domain.day import (
    FeedLost,
    FeedRestored,
    Line,
    MomentSeen,
    OutcomeUnknown,
    Released,
    Restrained,
    StrategyFailed,
)
from papertape.domain.day_state import DayState, folded
from papertape.domain.errors import UsageError
from papertape.domain.event import (
    CancelRequest,
    Decided,
    FillBusted,
    FillCorrected,
    OrderApproved,
    OrderFilled,
    OrderRefused,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bars, Frequency
from papertape.domain.money import dollars
from papertape.domain.order import Order, OrderId
from papertape.domain.restraint import Restraints
from papertape.domain.verdict import Check
from papertape.engines.proofbench.trades import Trade, round_trips


class Fact(NamedTuple):
    """One line of an explanation, under its label."""

    label: str
    text: str


class Explained(NamedTuple):
    """What was asked about, and what there is to say of it."""

    head: str
    facts: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """For people."""
        return "\n".join([self.head, *(f"  {label:<8} {text}" for label, text in self.facts)])


class Span(NamedTuple):
    """The time that is asked about, as it was typed, from its first nanosecond to its end."""

    words: str
    start: Nanos
    stop: Nanos


class Diary:
    """The lines of a session, in which everything that explains it can be looked up.

    Args:
        lines: All of them, or what is published of them so far.
        instruments: What is traded, by symbol.
        frequency: Length of the bars.
        warmup: Bars that the strategy wants before it speaks.
        zone: Of the exchange.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
        warmup: int,
        zone: ZoneInfo,
    ):
        self._lines, self._state = lines, DayState.of(lines)
        self._instruments, self._frequency = instruments, frequency
        self._warmup, self._zone = warmup, zone
        self._shown = [line for line in lines if isinstance(line, MomentSeen)]
        self._decided = [line for line in lines if isinstance(line, Decided)]
        self._refused = [line for line in lines if isinstance(line, OrderRefused)]
        self._approved = {
            line.approved.order.id: line for line in lines if isinstance(line, OrderApproved)
        }

    def why(self, identifier: str) -> Explained:
        """Explain a trade (``T1``), an order (``O1``, or its name at the broker) or a fill.

        Raises:
            UsageError: If the session has nothing of that name.
        """
        for trade in self._trades:
            if trade.id == identifier:
                return self._why_trade(trade)
        names = {line.client_id: order_id for order_id, line in self._approved.items()}
        order_id = names.get(identifier, identifier.partition("#")[0])
        if order_id in self._state.orders:
            order = self._state.orders[order_id].order
            return Explained(self._head(order_id, order), tuple(self._why_order(order_id)))
        for line in self._refused:
            if line.refused.order.id == identifier:
                head = self._head(identifier, line.refused.order)
                return Explained(head, tuple(self._why_refused(line)))
        raise UsageError(
            f"this session has nothing called {identifier!r}", hint=f"it has {self._named()}"
        )

    def why_not(self, symbol: str, span: Span) -> Explained:
        """What was done with a symbol at a time, or why nothing was.

        Raises:
            UsageError: If the symbol is not traded.
        """
        if symbol not in self._instruments:
            names = ", ".join(self._instruments)
            raise UsageError(f"{symbol} is not part of this session", hint=f"it has {names}")
        sent = [
            order_id
            for order_id, state in self._state.orders.items()
            if state.order.symbol == symbol and span.start <= state.order.time < span.stop
        ]
        refused = [
            line
            for line in self._refused
            if line.refused.order.symbol == symbol and span.start <= line.time < span.stop
        ]
        if not sent and not refused:
            head = f"{symbol} {span.words}: no order"
            return Explained(head, tuple(self._why_nothing(symbol, span)))
        told = [f"order {each}" for each in sent]
        told += [f"no order: {line.refused.rule} refused it" for line in refused]
        facts = [
            fact for each in sent for fact in (self._named_order(each), *self._why_order(each))
        ]
        facts += [fact for line in refused for fact in self._why_refused(line)]
        return Explained(f"{symbol} {span.words}: {', '.join(told)}", tuple(facts))

    # Trades and orders --------------------------------------------------------------------------

    @cached_property
    def _trades(self) -> list[Trade]:
        """The day's round trips; shares that were held already belong to none."""
        kinds = (OrderFilled, FillBusted, FillCorrected)
        carried = self._state.opened.holdings if self._state.opened is not None else ()
        held = {each.symbol for each in carried}
        fills = [
            line for line in self._lines if isinstance(line, kinds) and line.fill.symbol not in held
        ]
        orders = {order_id: state.order for order_id, state in self._state.orders.items()}
        return round_trips(fills, orders, {symbol: self._bars(symbol) for symbol in self._traded})

    @property
    def _traded(self) -> set[str]:
        return {state.order.symbol for state in self._state.orders.values()}

    def _bars(self, symbol: str) -> Bars:
        bars = [bar for line in self._shown for bar in line.moment.bars if bar.symbol == symbol]
        names = ("start", "end", "open", "high", "low", "close", "volume")
        columns = ([getattr(bar, name) for bar in bars] for name in names)
        return Bars(self._instruments[symbol], self._frequency, *map(np.array, columns))

    def _why_trade(self, trade: Trade) -> Explained:
        first, *others = trade.order_ids
        side = "BUY" if trade.quantity > 0 else "SELL"
        what = f"{side} {abs(trade.quantity):,} {trade.symbol}"
        head = f"{trade.id}  {what}  {self._when(trade.entry_time)}"
        facts = [self._named_order(first), *self._why_order(first)]
        for order_id in others:
            facts += [self._named_order(order_id), *self._why_order(order_id)]
        if trade.exit_price is None:
            end = "still held, marked at the last price"
        else:
            verb = "sold" if trade.quantity > 0 else "bought back"
            end = f"{verb} by {trade.order_ids[-1]} {self._clock(trade.exit_time or 0)} at "
            end += f"{trade.exit_price / 1e6:,.4f}"
        words = f"{end}: {dollars(trade.pnl):+,.2f}, costs {dollars(trade.costs):,.2f}"
        if trade.mfe is not None and trade.mae is not None:
            words += f"; best {trade.mfe:+.1%}, worst {trade.mae:+.1%} on the way"
        return Explained(head, (*facts, Fact("result", words)))

    def _named_order(self, order_id: OrderId) -> Fact:
        order = self._state.orders[order_id].order
        return Fact("order", self._head(order_id, order))

    def _head(self, order_id: OrderId, order: Order) -> str:
        side = "BUY" if order.quantity > 0 else "SELL"
        what = f"{side} {abs(order.quantity):,} {order.symbol} {order.kind}"
        return f"{order_id}  {what}  {self._when(order.time)}"

    def _why_order(self, order_id: OrderId) -> Iterator[Fact]:
        state = self._state.orders[order_id]
        order, approved = state.order, self._approved.get(order_id)
        yield from self._wish(order)
        if order.parent:
            yield Fact("parent", f"a fill of {order.parent} brought it to life")
        if approved is not None:
            yield Fact("checks", _checks(approved.approved.checks))
            if approved.client_id:
                yield Fact("sent", f"{self._clock(approved.time)} as {approved.client_id}")
        for line in self._lines:
            match line:
                case OutcomeUnknown(time=time, order_id=unknown, reason=reason):
                    if unknown == order_id:
                        words = f"{self._clock(time)} {reason}; the broker was asked by id"
                        yield Fact("silence", words)
                case CancelRequest(time=time, order_id=asked, reason=reason) if asked == order_id:
                    yield Fact("cancel", f"{self._clock(time)} asked for: {reason}")
        yield from (Fact("fill", self._fill(fill)) for fill in self._fills(order_id))
        yield Fact("became", self._became(state))

    def _why_refused(self, line: OrderRefused) -> Iterator[Fact]:
        order = line.refused.order
        yield from self._wish(order)
        yield Fact("order", f"{order.quantity:+,} {order.kind}")
        yield Fact("blocked", f"{line.refused.rule} {line.refused.reason}")
        yield Fact("became", "refused: it was never sent")

    def _wish(self, order: Order) -> Iterator[Fact]:
        """From what was seen to what was asked for."""
        yield self._saw(order.symbol, order.time + 1)
        wishes = [each for each in self._decided if each.signal.symbol == order.symbol]
        decided = next((each for each in wishes if each.time == order.time), None)
        if decided is not None:
            before = [each.signal.exposure for each in wishes if each.time < order.time]
            change = f"{before[-1] if before else 0:g} to {decided.signal.exposure:g}"
            yield Fact("rule", f"the wanted exposure changed from {change}")
        yield Fact("reason", f'"{order.reason}"')
        if decided is not None:
            yield Fact("wanted", _wanted(decided))

    def _became(self, state: OrderState) -> str:
        word = str(state.status).replace("_", " ")
        note = f": {state.note}" if state.note and word != "filled" else ""
        if not state.filled:
            return word + note
        fills = self._fills(state.order.id)
        cost = dollars(sum(fill.cost for fill in fills))
        parts = "" if len(fills) == 1 else f" in {len(fills)} parts"
        words = f"{word}{parts}, {self._clock(fills[-1].time)}, average "
        words += f"{state.average_price / 1e6:,.4f}, cost {cost:,.2f}"
        seen = self._last_bar(state.order.symbol, state.order.time + 1)
        if seen is not None:
            worse = state.order.side * (state.average_price / 1e6 / seen.close - 1) * 10_000
            words += f", {abs(worse):.1f} bp {'worse' if worse > 0 else 'better'} than decision"
        return words + note

    def _fills(self, order_id: OrderId) -> list[Fill]:
        fills = (line.fill for line in self._lines if isinstance(line, OrderFilled))
        return [fill for fill in fills if fill.order_id == order_id]

    def _fill(self, fill: Fill) -> str:
        sign = "+" if fill.quantity > 0 else "-"
        parts = (
            (fill.half_spread, "spread"),
            (fill.slippage, "slippage"),
            (fill.delay, "lateness"),
        )
        added = "".join(f" {sign} {name} {size / 1e6:,.4f}" for size, name in parts if size)
        return (
            f"{fill.id} {fill.quantity:+,} at {fill.price / 1e6:,.4f} {self._clock(fill.time)}, "
            f"{fill.rule}: {fill.reference / 1e6:,.4f}{added}; fee {dollars(fill.fee):,.2f}"
        )

    def _named(self) -> str:
        trades = f"trades T1 to T{len(self._trades)}" if self._trades else "no trades"
        orders = [*self._state.orders, *(line.refused.order.id for line in self._refused)]
        return f"{trades}, {f'orders {orders[0]} to {orders[-1]}' if orders else 'no orders'}"

    # Omissions ----------------------------------------------------------------------------------

    def _why_nothing(self, symbol: str, span: Span) -> Iterator[Fact]:
        """Every reason that is known, from the market to the account."""
        yield self._saw(symbol, span.stop)
        yield from self._when_not(symbol, span)
        yield from self._restraints(span)
        wishes = [
            each for each in self._decided if each.signal.symbol == symbol and each.time < span.stop
        ]
        last = wishes[-1] if wishes else None
        if last is None:
            yield Fact("rule", "no signal: the strategy has wanted nothing yet")
        else:
            since = f"wants exposure {last.signal.exposure:g} since {self._clock(last.time)}"
            yield Fact("rule", f"{since}: {last.signal.reason}")
            if last.time >= span.start:
                yield Fact("wanted", _wanted(last))
        held = self._held(symbol, span.stop)
        yield Fact("have", f"{held:,}, so nothing to do" if held else "no share, so nothing to do")
        refused = [
            line
            for line in self._refused
            if line.refused.order.symbol == symbol and line.time < span.start
        ]
        if refused:
            no = refused[-1]
            words = f"{self._clock(no.time)} blocked: {no.refused.rule} {no.refused.reason}"
            yield Fact("last no", words)

    def _when_not(self, symbol: str, span: Span) -> Iterator[Fact]:
        """What there is to say about the moment itself."""
        within = [line for line in self._shown if span.start <= line.moment.time < span.stop]
        traded = [line.moment.time for line in self._shown if not line.is_history]
        opened, seen_until = self._state.opened, self._state.seen_until
        if opened is not None and span.stop <= opened.time:
            yield Fact("when", f"before the session, which began {self._when(opened.time)}")
        elif span.start > seen_until:
            closed = self._state.closed
            end = f"the day was closed {self._clock(closed.time)}" if closed else "not seen yet"
            yield Fact("when", f"{end}; the market is known to {self._clock(seen_until)}")
        elif traded and span.stop <= traded[0]:
            yield Fact("when", f"the session decides from {self._clock(traded[0])} on")
        elif any(line.is_history for line in within):
            yield Fact("when", "shown as history only: it came too late to be traded")
        elif not any(bar.symbol == symbol for line in within for bar in line.moment.bars):
            yield Fact("when", f"no bar of {symbol} closed then, so nothing was asked")
        elif self._state.pending is not None and self._state.pending.time < span.stop:
            yield Fact("when", "recorded, and not decided on yet")
        seen = sum(
            bar.symbol == symbol
            for line in self._shown
            if line.moment.time < span.stop
            for bar in line.moment.bars
        )
        if seen < self._warmup:
            yield Fact("warm-up", f"{seen} of {self._warmup} bars seen: the strategy waits")

    def _restraints(self, span: Span) -> Iterator[Fact]:
        """What kept the session from trading freely at that time."""
        restraints, lost, failed = Restraints(), "", ""
        for line in self._lines:
            if line.time >= span.stop:
                continue
            match line:
                case Restrained() | Released():
                    restraints = folded(restraints, line)
                case FeedLost(time=time, reason=reason):
                    lost = f"market data lost since {self._clock(time)}: {reason}"
                case FeedRestored():
                    lost = ""
                case StrategyFailed(time=time, reason=reason):
                    failed = f"failed {self._clock(time)} and is asked nothing more: {reason}"
        for each in restraints.in_force:
            words = f"{each.state} since {self._clock(each.since)}, {each.cause} by {each.by}"
            yield Fact("state", f"{words}: {each.reason}")
        if lost:
            yield Fact("feed", lost)
        if failed:
            yield Fact("strategy", failed)

    # The market and the account at a time -------------------------------------------------------

    def _saw(self, symbol: str, before: Nanos) -> Fact:
        """The newest bar that was known before a time, and how old it was when it was seen."""
        for line in reversed(self._shown):
            for bar in line.moment.bars:
                if bar.symbol == symbol and line.moment.time < before:
                    age = max(0, line.time - bar.end) / SECOND
                    late = ", seen as history" if line.is_history else f" (age {age:,.1f} s)"
                    return Fact("saw", f"bar {self._bar(bar)} closed {bar.close:,.2f}{late}")
        return Fact("saw", f"no bar of {symbol} yet")

    def _last_bar(self, symbol: str, before: Nanos) -> Bar | None:
        bars = (
            bar
            for line in reversed(self._shown)
            if line.moment.time < before
            for bar in line.moment.bars
        )
        return next((bar for bar in bars if bar.symbol == symbol), None)

    def _held(self, symbol: str, before: Nanos) -> int:
        carried = self._state.opened.holdings if self._state.opened is not None else ()
        held = sum(each.quantity for each in carried if each.symbol == symbol)
        fills = (line.fill for line in self._lines if isinstance(line, OrderFilled))
        return held + sum(
            fill.quantity for fill in fills if fill.symbol == symbol and fill.time < before
        )

    def _bar(self, bar: Bar) -> str:
        return str(utc(bar.start).astimezone(self._zone).strftime(self._short))

    @property
    def _short(self) -> str:
        return "%Y-%m-%d" if self._frequency.is_daily else "%H:%M"

    def _clock(self, moment: Nanos) -> str:
        return utc(moment).astimezone(self._zone).strftime("%H:%M:%S")

    def _when(self, moment: Nanos) -> str:
        return utc(moment).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S New York")


def _wanted(decided: Decided) -> str:
    signal = decided.signal
    shares = f"{decided.quantity:+,} shares" if decided.quantity else "nothing to trade"
    note = f" ({decided.note})" if decided.note else ""
    return f"exposure {signal.exposure:g} at {signal.price:,.2f} -> {shares}{note}"


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return "none is set"
    tightest = max(checks, key=lambda each: each.used)
    words = f"{checks[0].rule}..{checks[-1].rule} passed"
    if not tightest.used:
        return words
    share = f"{tightest.used / 100:.2f} %"
    return f"{words}; tightest {tightest.rule} {tightest.found} of {tightest.limit} ({share})"
