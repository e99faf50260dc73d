"""What must be told of a run's fills beside its result: what they cost, and how they came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from papertape.domain.event import Entry, LimitTouched, OrderAccepted, OrderFilled, SplitApplied
from papertape.domain.fill import Fill
from papertape.domain.market import Bars
from papertape.domain.money import dollars
from papertape.engines.proofbench.record import CostSplit, FillReport
from papertape.engines.proofbench.trades import Trade


def cost_split(log: Sequence[Entry]) -> CostSplit:
    """Where the costs of all fills went."""
    fills = list(_fills(log))
    return CostSplit(
        total=dollars(sum(fill.cost for fill in fills)),
        fees=dollars(sum(fill.fee for fill in fills)),
        spread=dollars(sum(fill.spread_cost for fill in fills)),
        slippage=dollars(sum(fill.slippage_cost for fill in fills)),
        lateness=dollars(sum(fill.delay_cost for fill in fills)),
    )


def fill_report(
    log: Sequence[Entry], trades: Sequence[Trade], bars: Mapping[str, Bars]
) -> FillReport:
    """How the fills came about, read off the events alone."""
    fills, exits = list(_fills(log)), _exits(log)
    gaps = [abs(fill.quantity * (fill.reference - fill.level)) for fill in fills if _gapped(fill)]
    return FillReport(
        fills=len(fills),
        exits=len(exits),
        ambiguous_exits=sum(fill.ambiguous for fill in exits),
        touched=sum(isinstance(entry, LimitTouched) for entry in log),
        capped=sum(bool(fill.cap) for fill in fills),
        outside=sum(fill.outside for fill in fills),
        deferred=sum(_arrived_late(entry, bars) for entry in log),
        gap_stops=len(gaps),
        gap_cost=dollars(sum(gaps)) / len(gaps) if gaps else None,
        entry_bar_share=_entry_bar_share(trades),
    )


def _fills(log: Sequence[Entry]) -> Iterator[Fill]:
    return (entry.fill for entry in log if isinstance(entry, OrderFilled))


def _exits(log: Sequence[Entry]) -> list[Fill]:
    """The fills against what was held when they came."""
    held, exits = Counter[str](), list[Fill]()
    for entry in log:
        if isinstance(entry, SplitApplied):
            held[entry.symbol] = entry.after
        if isinstance(entry, OrderFilled):
            fill = entry.fill
            if fill.quantity * held[fill.symbol] < 0:
                exits.append(fill)
            held[fill.symbol] += fill.quantity
    return exits


def _gapped(fill: Fill) -> bool:
    """Whether a stop was filled beyond its level; one that is merely touched gains by a gap."""
    side = 1 if fill.quantity > 0 else -1
    return fill.level > 0 and side * (fill.reference - fill.level) > 0


def _arrived_late(entry: Entry, bars: Mapping[str, Bars]) -> bool:
    """Whether an order reached the exchange while a bar was under way."""
    if not isinstance(entry, OrderAccepted) or entry.order.symbol not in bars:
        return False
    of_symbol = bars[entry.order.symbol]
    row = int(np.searchsorted(of_symbol.start, entry.time, "left")) - 1
    return row >= 0 and entry.time < int(of_symbol.end[row])


def _entry_bar_share(trades: Sequence[Trade]) -> float | None:
    closed = [trade for trade in trades if not trade.is_open]
    whole = sum(abs(trade.pnl) for trade in closed)
    within = sum(abs(trade.pnl) for trade in closed if trade.bars_held == 0)
    return within / whole if whole else None
