"""Sentences about what a run's costs rest on: rates, sizes and estimates that are not certain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import Nanos
from papertape.domain.event import Entry, OrderAccepted, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.market import Split
from papertape.domain.order import Order
from papertape.engines.proofbench.window import Window
from papertape.matching.costs import CostModel, participation
from papertape.matching.liquidity import WINDOW, Liquidity, LiquidityEstimator
from papertape.matching.spreads import FEWEST_BARS, EstimatedSpread

LARGE = 0.10
"""An order for more of a day's volume moves the price by more than any law was fitted to."""


def cost_notices(log: Sequence[Entry], window: Window, costs: CostModel) -> list[str]:
    """What to say once of the costs of a run."""
    fills = [entry.fill for entry in log if isinstance(entry, OrderFilled)]
    orders = [entry.order for entry in log if isinstance(entry, OrderAccepted)]
    return [
        *_uncertain_rates(fills, window, costs),
        *_large_orders([order for order in orders if not order.parent], window),
        *_guessed_spreads(fills, window, costs),
    ]


def _uncertain_rates(fills: Sequence[Fill], window: Window, costs: CostModel) -> tuple[str, ...]:
    times = [fill.time for fill in fills if fill.quantity < 0]
    if not times:
        return ()
    calendar = calendar_of(window.bars[fills[0].symbol].instrument.venue)
    first, last = (calendar.local_day(moment) for moment in (min(times), max(times)))
    return costs.fees.notices(first, last)


def _large_orders(orders: Sequence[Order], window: Window) -> list[str]:
    shares = {order.id: _share_of_day(order, window) for order in orders}
    large = {order_id: share for order_id, share in shares.items() if share > LARGE}
    if not large:
        return []
    largest = max(large, key=lambda order_id: large[order_id])
    many = f"{len(large)} orders are" if len(large) > 1 else "1 order is"
    return [
        f"{many} for more than {LARGE:.0%} of a day's volume (the largest, {largest}, for "
        f"{large[largest]:.0%}): no law of impact was fitted to such sizes"
    ]


def _share_of_day(order: Order, window: Window) -> float:
    """An order's share of a usual day's volume; NaN where nobody knows it."""
    bars = window.bars[order.symbol]
    thinnest = np.nanmin(bars.volume, initial=np.inf) * bars.frequency.per_session
    if abs(order.quantity) <= LARGE * thinnest:  # small beside any bar: no need to look back
        return 0.0
    return participation(order.quantity, _known(order.symbol, order.time, window))


def _guessed_spreads(fills: Sequence[Fill], window: Window, costs: CostModel) -> list[str]:
    policy = costs.spread
    if not isinstance(policy, EstimatedSpread):
        return []
    takers = [fill for fill in fills if fill.half_spread]
    known = (_known(fill.symbol, fill.bar_start, window) for fill in takers)
    guessed = sum(bool(np.isnan(policy.estimate(each))) for each in known)
    if not guessed:
        return []
    return [
        f"{guessed} of {len(takers)} fills that paid a spread paid that of their liquidity class: "
        f"{policy.estimator} needs {FEWEST_BARS} bars that move"
    ]


def _known(symbol: str, until: Nanos, window: Window) -> Liquidity:
    """What the exchange knew of an instrument then."""
    bars = window.bars[symbol]
    row = int(np.searchsorted(bars.end, until, "right"))
    last = bars[max(0, row - WINDOW - 1) : row]
    splits = [each for each in window.actions[symbol] if isinstance(each, Split)]
    estimator, before = LiquidityEstimator(bars.frequency), None
    for bar, day in zip(last, last.days().tolist(), strict=True):
        for split in splits:
            if before and before < split.ex_date <= day:
                estimator.split(split.ratio)
        estimator.observe(bar)
        before = day
    return estimator.snapshot()
