"""SignalDesk: an order when the wish changes, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from tests.exchange import FIRST_DAY

from papertape.data.moments import moments
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import StrategyError, UsageError
from papertape.domain.event import (
    CancelRequest,
    Decided,
    Entry,
    NoJournal,
    OrderApproved,
    OrderCanceled,
    OrderFilled,
    OrderRefused,
)
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars, FloatArray, session_times
from papertape.domain.restraint import Cause, Restraint, TradingState
from papertape.engines.proofbench.assembly import Rig, assemble, signal_desk
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.signalcore.answers import AskedOnce

Prices = tuple[float, float, float, float]


class Wanted:
    """Wants what it was told to, bar by bar."""

    warmup = 1

    def __init__(self, *exposures: float):
        self._exposures = np.array(exposures, np.float64)

    def exposure(self, bars: Bars) -> FloatArray:
        return self._exposures[: len(bars)]

    def reason(self, bars: Bars) -> str:
        return f"bar {len(bars)}"


class WantedWithStop(Wanted):
    """The same, with a protective stop so many dollars below each entry."""

    def __init__(self, distance: float, *exposures: float):
        super().__init__(*exposures)
        self._distance = distance

    def stop_distance(self, bars: Bars) -> FloatArray:
        return np.full(len(bars), self._distance)


def daily(rows: Sequence[Prices | float], symbol: str = "SPY", volume: Any = 1e6) -> Bars:
    """Consecutive sessions; a single number is a bar that stands still."""
    calendar, days = calendar_of("XNYS"), [FIRST_DAY]
    while len(days) < len(rows):
        days.append(calendar.next_session(days[-1]))
    prices = np.array([row if isinstance(row, tuple) else (row,) * 4 for row in rows]).T
    volumes = np.broadcast_to(np.asarray(volume, np.float64), (len(rows),))
    return Bars(Instrument(symbol), DAILY, *session_times(days, calendar), *prices, volumes)


def start(strategy: Any, bars: Mapping[str, Bars], **settings: Any) -> Rig:
    config = SimulationConfig(**{"cost": "none", "size": "shares:10", **settings})
    instruments = {symbol: each.instrument for symbol, each in bars.items()}
    answers = AskedOnce(strategy, bars, {})
    return assemble(signal_desk(strategy, answers, instruments, config), instruments, config)


def run(strategy: Any, *bars: Bars, **settings: Any) -> list[Entry]:
    """Everything that happened."""
    named = {each.symbol: each for each in bars}
    pipeline = start(strategy, named, **settings).pipeline
    return [e for moment in moments(named, {}) for e in pipeline.step(moment, NoJournal())]


def fills(log: list[Entry]) -> list[tuple[float, int]]:
    return [(e.fill.price / 1e6, e.fill.quantity) for e in log if isinstance(e, OrderFilled)]


def of(kind: type[Any], log: list[Entry]) -> list[Any]:
    return [entry for entry in log if isinstance(entry, kind)]


def test_one_order_a_change_of_wish_at_the_next_open() -> None:
    log = run(Wanted(0, 1, 1, 1, 0, 0, 1), daily([100, 101, 102, 103, 104, 105, 106]))
    assert fills(log) == [(102, 10), (105, -10)]
    assert [(each.signal.exposure, each.quantity) for each in of(Decided, log)] == [
        (1, 10),
        (0, -10),
        (1, 10),
    ]
    assert [each.signal.reason for each in of(Decided, log)] == ["bar 2", "bar 5", "bar 7"]


def test_leak_l09_a_decision_at_a_close_is_never_filled_on_its_own_day() -> None:
    log = run(Wanted(0, 1, 1), daily([100, (101, 103, 99, 102), (105, 106, 104, 105)]))
    [decided], [filled] = of(Decided, log), of(OrderFilled, log)
    assert decided.time < filled.time
    assert fills(log) == [(105, 10)]


def test_after_a_stop_out_it_stays_flat_until_the_strategy_has_wanted_nothing_once() -> None:
    rows: list[Prices | float] = [100, (100, 101, 94, 96), 96, 97, 98, 99]
    log = run(WantedWithStop(5, 1, 1, 1, 0, 1, 1), daily(rows))
    assert fills(log) == [(100, 10), (95, -10), (99, 10)]


def test_an_exit_takes_the_protective_stop_out_of_the_market() -> None:
    log = run(WantedWithStop(5, 1, 1, 0, 0, 0), daily([100, 101, 102, 103, 50]))
    assert fills(log) == [(101, 10), (103, -10)]
    assert [each.order_id for each in of(OrderCanceled, log)] == ["O1.stop1"]


def test_a_smaller_holding_keeps_its_stop() -> None:
    rows: list[Prices | float] = [100, 100, 100, 100, (100, 100, 90, 92)]
    log = run(WantedWithStop(5, 1, 1, 0.5, 0.5, 0.5), daily(rows))
    # the stop for ten is clipped to the five that are left
    assert fills(log) == [(100, 10), (100, -5), (95, -5)]


def test_an_order_that_still_works_is_cancelled_when_the_wish_changes() -> None:
    # Nothing trades on day 2, so the order of day 1 still works when the wish is gone.
    bars = daily([100, 101, 102, 103], volume=[1e6, 0, 1e6, 1e6])
    log = run(Wanted(1, 0, 0, 0), bars)
    assert fills(log) == []
    assert of(CancelRequest, log)[0].reason == "the strategy's wish changed"
    assert [each.order_id for each in of(OrderCanceled, log)] == ["O1"]


def test_the_part_that_was_bought_is_sold_and_the_rest_cancelled() -> None:
    # us-retail fills at most 5 % of a bar at its open: 5 of 10 shares
    bars = daily([100, 101, 102, 103], volume=[100, 100, 1e6, 1e6])
    log = run(Wanted(1, 0, 0, 0), bars, cost="us-retail")
    assert [quantity for _, quantity in fills(log)] == [5, -5]
    assert [each.order_id for each in of(OrderCanceled, log)] == ["O1"]


def test_a_refused_order_is_not_tried_again_until_the_wish_changes() -> None:
    log = run(Wanted(1, 1, 1, 0, 1, 1), daily([101, 99, 99, 99, 99, 99]), initial_capital=1_000.0)
    [refused] = of(OrderRefused, log)
    assert refused.refused.rule == "R11"
    assert fills(log) == [(99, 10)]
    assert len(of(OrderApproved, log)) == 1


def test_the_cash_of_an_order_that_is_cancelled_can_be_spent_again() -> None:
    bars = daily([100, 100, 100, 100], volume=[1e6, 0, 1e6, 1e6])
    log = run(Wanted(1, 0.5, 0.5, 0.5), bars, size="percent:95")
    assert fills(log) == [(100, 475)]


def test_a_short_wish_means_flat_and_says_so() -> None:
    log = run(Wanted(1, 1, -1, -1, 0), daily([100, 101, 102, 103, 104]))
    assert fills(log) == [(101, 10), (103, -10)]
    short, flat = of(Decided, log)[1:]
    assert short.note == "a short is wanted; a cash account holds none, so flat"
    assert (flat.quantity, flat.note) == (0, "")


def test_too_little_money_for_a_share_is_said() -> None:
    log = run(Wanted(1, 1), daily([96_000, 96_000]), size="percent:95")
    [decided] = of(Decided, log)
    assert decided.quantity == 0
    assert decided.note == "percent:95 of 100,000.00 buys no share at 96,000.00"


def test_95_percent_of_100_000_at_a_close_of_475_31_is_199_shares() -> None:
    # The open of 2024-01-02 of the main job; the close that decides is that of 2023-12-29.
    log = run(Wanted(1, 1), daily([475.31, 472.16]), size="percent:95")
    assert fills(log) == [(472.16, 199)]


def test_one_percent_at_risk_buys_by_the_distance_to_the_stop() -> None:
    rows: list[Prices | float] = [100, 100, (100, 100, 95, 96)]
    log = run(WantedWithStop(4, 1, 1, 1), daily(rows), size="risk:1")
    assert fills(log) == [(100, 250), (96, -250)]  # a loss of 1,000 of 100,000


def test_a_stop_too_near_is_cut_to_the_cash_there_is() -> None:
    log = run(WantedWithStop(0.5, 1, 1), daily([100, 100]), size="risk:1")
    assert fills(log) == [(100, 1_000)]  # risk:1 alone would say 2,000
    assert of(Decided, log)[0].note == "cut to what 100,000.00 of available funds can buy"


def test_a_size_by_the_stop_needs_a_strategy_that_attaches_one() -> None:
    with pytest.raises(UsageError, match="attaches none"):
        run(Wanted(1), daily([100]), size="risk:1")


def test_the_instruments_of_a_run_share_its_money_equally() -> None:
    bars = [daily([100, 100], name) for name in ("AAPL", "SPY")]
    log = run(Wanted(1, 1), *bars, size="percent:95")
    assert fills(log) == [(100, 475), (100, 475)]
    assert of(OrderRefused, log) == []


def test_an_instrument_may_start_later_and_gets_the_same_share() -> None:
    early, late = daily([100, 100, 100, 100], "AAPL"), daily([100, 50, 50, 50], "SPY")[1:]
    log = run(Wanted(1, 1, 1, 1), early, late, size="percent:90")
    assert [(e.fill.symbol, e.fill.quantity) for e in of(OrderFilled, log)] == [
        ("AAPL", 450),
        ("SPY", 900),
    ]


def test_a_whole_lot_is_the_least_that_is_bought() -> None:
    bars = daily([100, 100])
    lots = Bars(Instrument("SPY", lot=100), DAILY, *(getattr(bars, n) for n in COLUMNS))
    assert fills(run(Wanted(1, 1), lots, size="percent:95")) == [(100, 900)]


COLUMNS = ("start", "end", "open", "high", "low", "close", "volume")


def test_an_exposure_that_does_not_change_is_asked_for_once_though_prices_move() -> None:
    log = run(Wanted(*[0.5] * 6), daily([100, 120, 80, 150, 60, 100]), size="percent:100")
    assert fills(log) == [(120, 500)]


def test_a_pressed_switch_refuses_what_the_strategy_wants_and_lets_cancels_pass() -> None:
    bars = daily([100, 101, 102], volume=[1e6, 0, 1e6])
    rig = start(Wanted(1, 0.5, 0.5), {"SPY": bars})
    log: list[Entry] = []
    for row, moment in enumerate(moments({"SPY": bars}, {})):
        if row == 1:
            pressed = Restraint(Cause.KILL, TradingState.HALTED, "by hand", moment.time, "me")
            rig.guard.restraints = rig.guard.restraints.after(pressed)
        log += rig.pipeline.step(moment, NoJournal())
    assert [each.refused.rule for each in of(OrderRefused, log)] == ["R1"]
    assert [each.order_id for each in of(OrderCanceled, log)] == ["O1"]
    assert fills(log) == []


def test_a_stop_that_is_ten_times_the_price_is_nonsense() -> None:
    with pytest.raises(StrategyError, match="a positive distance away"):
        run(WantedWithStop(1_000, 1), daily([100]))
