"""The price-level check: the same history four times as high must mean the same decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from papertape.domain.clock import rfc3339
from papertape.domain.event import OrderApproved, OrderRefused
from papertape.domain.market import Bars, FloatArray
from papertape.domain.order import Order, OrderKind
from papertape.engines.proofbench.evidence.decisions import (
    TOLERANCE,
    Wishes,
    bench_config,
    run,
)
from papertape.engines.proofbench.evidence.findings import CheckResult
from papertape.engines.proofbench.evidence.other_prices import LEVELS, at_level, on_coarse_grid
from papertape.engines.proofbench.evidence.trial import Trial

_WHY = (
    "papertape adjusts the prices of signals forward, so no later split or dividend moves an "
    "earlier price; on prices adjusted backwards, this rule would know of splits years ahead"
)


def price_level(trial: Trial) -> CheckResult:
    """Decisions that change with the level are legal, but leak on back-adjusted prices."""
    base = on_coarse_grid(trial.bars)
    if not isinstance(trial.whole, Wishes):
        return _of_orders(trial, base)
    usual = _exposures(trial, base)
    for level in LEVELS:
        moved = np.flatnonzero(np.abs(_exposures(trial, at_level(base, level)) - usual) > TOLERANCE)
        if len(moved):
            first = rfc3339(int(trial.whole.start[moved[0]]))
            return _depends(f"{len(moved)} of {len(usual)} decisions change", level, first)
    return CheckResult("price level", "passed", "no level of prices changes a decision")


def _exposures(trial: Trial, bars: Bars) -> FloatArray:
    return cast("Wishes", trial.decide(bars)).exposure


def _depends(what: str, level: float, first: str) -> CheckResult:
    detail = f"it depends on the price level: with all prices times {level:g}, {what}, the first "
    return CheckResult("price level", "warning", f"{detail}at {first}. {_WHY}")


def _of_orders(trial: Trial, base: Bars) -> CheckResult:
    """Moments and sides of the orders, with as many times the money and no costs.

    Quantities and prices are left out: a share is a share and a cent a cent on every level.
    """
    usual = _sent(trial, base, 1.0)
    if any(order.kind is not OrderKind.MARKET for order in usual):
        why = "limit and stop prices are rounded to the cent, so the level matters to them anyway"
        return CheckResult("price level", "not_run", why)
    for level in (4.0, 1 / 4):
        there = _sent(trial, at_level(base, level), level)
        changed = set(_moments(usual)) ^ set(_moments(there))
        if changed:
            return _depends(f"{len(changed)} orders come or go", level, min(changed)[0])
    return CheckResult("price level", "passed", "no level of prices changes an order's moment")


def _sent(trial: Trial, bars: Bars, level: float) -> list[Order]:
    config = bench_config(bars)
    config = replace(config, initial_capital=config.initial_capital * level, cost="none")
    orders: list[Order] = []
    for entry in run(trial.strategy(), bars, config=config).log:
        match entry:
            case OrderApproved(approved=approved):
                orders.append(approved.order)
            case OrderRefused(refused=refused):
                orders.append(refused.order)
    return orders


def _moments(orders: Sequence[Order]) -> list[tuple[str, int]]:
    return [(rfc3339(order.time), order.side) for order in orders]
