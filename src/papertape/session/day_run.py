"""Day run: a session's day as a run like any other, from its journal alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, cast, get_args

import numpy as np

from papertape.domain.clock import Nanos
from papertape.domain.day import DayOpened, Holding, Line, MomentSeen
from papertape.domain.day_state import DayState
from papertape.domain.event import Entry, Moment, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import Bar, Bars, Frequency, PriceHistory
from papertape.domain.money import dollars
from papertape.domain.order import Order, OrderKind
from papertape.domain.report import Execution
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.marks import Logged, value
from papertape.engines.proofbench.record import LookaheadVerdict
from papertape.engines.proofbench.results import Outcome, SimulationResults, Story, report
from papertape.engines.proofbench.window import Window
from papertape.session.proof import film
from papertape.strategies.strategy import Strategy

CARRIED = "carried over from the day before"
"""The reason of what a day begins with."""


class Seen(NamedTuple):
    """The market of a session's day: all of it, and what of it was traded."""

    histories: Mapping[str, PriceHistory]
    window: Window


def seen_in(
    lines: Sequence[Line], instruments: Mapping[str, Instrument], length: Frequency, source: str
) -> Seen | None:
    """What a live session saw, as it is known in the evening; None if a symbol had no bar.

    Args:
        lines: Of its journal.
        instruments: What it traded, by symbol.
        length: Of its bars.
        source: Who told them.
    """
    opened, market = _opened(lines), film(lines)
    bars = {
        symbol: _columns(instrument, length, _of(symbol, (*market.history, *market.traded)))
        for symbol, instrument in instruments.items()
    }
    if not market.traded or not all(map(len, bars.values())):
        return None
    first = market.traded[0]
    start = min((bar.start for bar in first.bars), default=first.time)
    history = {symbol: int((each.end <= start).sum()) for symbol, each in bars.items()}
    closes = [
        int(each.end[history[symbol] - 1]) for symbol, each in bars.items() if history[symbol]
    ]
    histories = {
        symbol: PriceHistory(each, source=f"{symbol} {length} {source}, live")
        for symbol, each in bars.items()
    }
    window = Window(
        bars,
        dict.fromkeys(bars, ()),
        history,
        start,
        max(closes, default=start),
        opened.day,
        opened.day,
    )
    return Seen(histories, window)


def journaled(
    lines: Sequence[Line],
    strategy: Strategy,
    window: Window,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
) -> SimulationResults:
    """A session's day as a run, from its journal.

    What the account held already is bought before its first moment at the last price of the day
    before, so that the day's figures are the day's.

    Args:
        lines: Of the journal.
        strategy: What traded.
        window: The market it was to see.
        histories: Where that is from.
        config: Its settings.
    """
    opened, state = _opened(lines), DayState.of(lines)
    times: list[Nanos] = []
    logged = Logged([], [])
    carried = [_carried(each, window.start) for each in opened.holdings]
    for fill in carried:
        logged.add(0, [fill])
    for line in lines:
        match line:
            case MomentSeen(moment=moment) if moment.time > window.start:
                times.append(moment.time)
            case _ if isinstance(line, get_args(Entry)):
                logged.add(max(0, len(times) - 1), [cast("Entry", line)])
    capital = opened.cash + sum(each.fill.value for each in carried)
    valuation = value(capital, window.start, times, logged, window.bars)
    verdict = LookaheadVerdict("not_run", 0, "a session cannot look ahead: its feed has no future")
    orders = {each.order.id: each for each in map(_bought, carried)} | state.orders
    story = Story(logged, orders)
    outcome = Outcome.known(strategy, window, story, valuation, verdict)
    return report(outcome, None, histories, replace(config, initial_capital=dollars(capital)))


def _opened(lines: Sequence[Line]) -> DayOpened:
    opened = lines[0]
    assert isinstance(opened, DayOpened)
    return opened


def _of(symbol: str, moments: Iterable[Moment]) -> list[Bar]:
    return [bar for moment in moments for bar in moment.bars if bar.symbol == symbol]


def _columns(instrument: Instrument, length: Frequency, bars: Sequence[Bar]) -> Bars:
    names = ("start", "end", "open", "high", "low", "close", "volume")
    return Bars(instrument, length, *(np.array([getattr(b, name) for b in bars]) for name in names))


def _carried(held: Holding, start: Nanos) -> OrderFilled:
    price = held.price or held.cost // held.quantity
    fill = Fill(
        f"carried-{held.symbol}",
        f"carried-{held.symbol}",
        held.symbol,
        start,
        held.quantity,
        price,
        fee=0,
        rule="carried",
        bar_start=start,
        reference=price,
    )
    return OrderFilled(start, fill)


def _bought(carried: OrderFilled) -> OrderState:
    """The order that never was, for whoever looks a fill's order up."""
    fill = carried.fill
    order = Order(fill.order_id, fill.symbol, fill.quantity, OrderKind.MARKET, fill.time, CARRIED)
    execution = Execution(fill.id, fill.quantity, fill.value)
    return OrderState(order, OrderStatus.NEW, fill.quantity, fill.value, executions=(execution,))
