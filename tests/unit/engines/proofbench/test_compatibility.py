"""Compatibility policies: what each changes, what the run says of it, and that sessions agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from tests.generators import random_bars
from tests.published import Always, TurningCrossover

from papertape import PriceHistory, SimulationConfig, backtest
from papertape.data.actions import adjusted_backward, with_actions
from papertape.domain.compatibility import Compatibility, banner, compatibilities
from papertape.domain.errors import DataError, UsageError
from papertape.domain.market import Bars, Delisting, Dividend, FloatArray, Quote, Split
from papertape.domain.money import micros
from papertape.session.paper import replay


def run(strategy: Any, history: PriceHistory, **settings: Any) -> Any:
    settings = {"cost": "none", "warmup": "inside", "benchmark": "none", **settings}
    prices = {history.bars.symbol: history}
    results = backtest(strategy, prices, **settings)
    session = replay(strategy, prices, SimulationConfig(**settings))
    for part in ("fills", "bookings", "equity", "orders"):
        assert getattr(session.record, part) == getattr(results.record, part), part
    return results


def test_names_are_read_and_misspelt_ones_are_answered_with_the_nearest() -> None:
    assert compatibilities("") == frozenset()
    assert compatibilities("trade_adjusted, size_at_fill") == {
        Compatibility.TRADE_ADJUSTED,
        Compatibility.SIZE_AT_FILL,
    }
    with pytest.raises(UsageError, match="'fill_at_close' is no compatibility policy") as caught:
        SimulationConfig(compat="fill_at_close")
    assert "did you mean fill_at_decision_close?" in caught.value.hint


def test_a_run_without_a_policy_carries_no_banner() -> None:
    results = run(Always(), PriceHistory(random_bars(1, 30)))
    assert not any("COMPATIBILITY" in notice for notice in results.record.notices)
    assert results.record.ground.compat == []
    assert banner([]) == ""


@pytest.mark.parametrize("policy", list(Compatibility))
def test_a_run_that_follows_one_says_so(policy: Compatibility) -> None:
    results = run(Always(), PriceHistory(random_bars(1, 30)), compat=policy.value)
    assert results.record.notices[0] == f"COMPATIBILITY: {policy}: {policy.words}"
    assert results.record.ground.compat == [policy.value]


def split_and_paid(seed: int = 7) -> PriceHistory:
    bars = random_bars(seed, 40)
    days = bars.days()
    actions = (
        Split("SPY", days[10].item(), Fraction(2)),
        Dividend("SPY", days[20].item(), micros(1.0), days[25].item()),
        Delisting("SPY", date(2020, 1, 2)),
    )
    return PriceHistory(bars, actions)


def test_prices_adjusted_backward_end_as_traded_and_know_what_came_later() -> None:
    history = split_and_paid()
    raw, adjusted = history.bars, adjusted_backward(history)
    before = float(raw.close[19])
    for row, factor in ((0, (before - 1) / before / 2), (15, (before - 1) / before), (30, 1.0)):
        assert adjusted.bars.close[row] == pytest.approx(raw.close[row] * factor, abs=1e-6)
    assert adjusted.bars.volume[5] == 2 * raw.volume[5]
    assert adjusted.bars.volume[15] == raw.volume[15]
    assert adjusted.actions == history.actions[-1:]  # only the end is still to come
    assert adjusted.adjusted == "all"
    assert adjusted_backward(PriceHistory(raw)).bars is raw


def test_a_tape_cannot_be_adjusted_backward() -> None:
    history = split_and_paid()
    quote = Quote("SPY", int(history.bars.end[0]), 99.0, 99.01, 100, 100)
    with pytest.raises(DataError, match="a tape cannot"):
        adjusted_backward(replace(history, ticks=(quote,)))


@pytest.mark.parametrize(("side", "price"), [(1.0, 101.5), (-1.0, 98.5)])
def test_with_quotes_it_is_the_ask_that_is_bought_at_and_the_bid_that_is_sold_at(
    side: float, price: float
) -> None:
    bars = random_bars(5, 20)
    told = tuple(Quote("SPY", int(end), 98.5, 101.5, 10, 10) for end in bars.end)
    results = run(
        Always(side),
        PriceHistory(bars, ticks=told),
        size="shares:100",
        account="margin",
        cost="half-spread:5",
        compat="fill_at_decision_close",
    )
    [fill] = results.record.fills
    assert (fill.price, fill.half_spread) == (price, 0.0)


def test_a_run_that_trades_adjusted_prices_books_no_split_and_no_dividend() -> None:
    history = split_and_paid()
    adjusted = adjusted_backward(history)
    plain = run(Always(), replace(adjusted, actions=()), allow=("D11",))
    results = run(
        Always(),
        replace(history, actions=history.actions[:2]),
        compat="trade_adjusted",
        allow=("D11",),
    )
    assert results.record.fills == plain.record.fills
    assert results.record.bookings == []


class Leaking(Always):
    """Knows the next close."""

    def exposure(self, bars: Bars) -> FloatArray:
        return (np.append(bars.close[1:], 0.0) > bars.close).astype(float)


def test_the_look_ahead_check_still_objects() -> None:
    for policy in Compatibility:
        history = PriceHistory(random_bars(3, 120))
        results = backtest(
            Leaking(), {"SPY": history}, compat=policy.value, cost="none", warmup="inside"
        )
        assert results.record.lookahead.status == "failed"


def test_a_market_order_is_filled_at_the_close_it_was_decided_on() -> None:
    bars = random_bars(5, 60)
    strategy = TurningCrossover(2, 5)
    settings = {"size": "shares:100", "account": "margin", "compat": "fill_at_decision_close"}
    results = run(strategy, PriceHistory(bars), **settings)
    wanted = strategy.exposure(bars)
    turns = np.flatnonzero(np.diff(wanted, prepend=0.0))
    fills = results.record.fills
    assert [fill.price for fill in fills] == bars.close[turns].tolist()
    assert {fill.rule for fill in fills} == {"fill_at_decision_close"}
    # Marked from that close on: what the next bars do is the profit.
    held = 100 * wanted[:-1]
    profit = np.concatenate([[0.0], np.cumsum(held * np.diff(bars.close))])
    assert results.equity.equity.to_numpy()[1:] == pytest.approx(100_000 + profit, abs=1e-4)


def test_within_a_window_no_close_before_its_first_open_is_traded() -> None:
    bars = random_bars(6, 60)
    first = bars.days()[30].item()
    settings = {"start": first, "warmup": "before", "compat": "fill_at_decision_close"}
    results = run(Always(), PriceHistory(bars), **settings)
    [fill] = results.record.fills
    assert fill.price == bars.close[30]


def test_an_order_strategy_hears_of_such_a_fill_at_the_next_bar() -> None:
    class Once:
        warmup = 1

        def __init__(self) -> None:
            self.heard: list[tuple[int, float]] = []
            self.bars = 0

        def on_bar(self, context: Any, bar: Any) -> None:
            self.bars += 1
            if self.bars == 3:
                context.submit("SPY", 10, reason="third", stop_distance=5.0)

        def on_fill(self, context: Any, event: Any) -> None:
            self.heard.append((self.bars, event.fill.price / 1e6))

    bars = random_bars(7, 8, volatility=0.001)
    strategy = Once()
    compat = "fill_at_decision_close"
    results = backtest(
        strategy, {"SPY": bars}, cost="none", warmup="inside", compat=compat, benchmark="none"
    )
    assert strategy.heard == [(3, float(bars.close[2]))]
    stop = results.record.orders[1]
    assert (stop.kind, stop.status) == ("stop", "new")
    assert stop.stop == pytest.approx(float(bars.close[2]) - 5, abs=0.01)


def test_a_volume_cap_and_costs_hold_at_the_decision_close_too() -> None:
    bars = replace(random_bars(8, 12), volume=np.full(12, 1000.0))
    results = run(
        Always(),
        PriceHistory(bars),
        size="shares:250",
        cost="percent:0.1+half-spread:0.02+cap:10%",
        compat="fill_at_decision_close",
    )
    first, *rest = results.record.fills
    assert (first.quantity, first.rule) == (100, "fill_at_decision_close")
    assert first.price == pytest.approx(float(bars.close[0]) + 0.02, abs=0.0101)
    assert [fill.quantity for fill in rest] == [100, 50]
    assert rest[0].reference == bars.open[1]  # what was left goes on at the next opens


@pytest.mark.parametrize("seed", range(5))
def test_shares_counted_at_the_fill_leave_exactly_what_was_not_wanted(seed: int) -> None:
    bars = random_bars(seed, 80, volatility=0.03)
    settings = {"size": "percent:99", "account": "margin", "compat": "size_at_fill"}
    results = run(TurningCrossover(2, 5), PriceHistory(bars), cost="percent:0.2", **settings)
    held = 0
    for fill in results.record.fills:
        # By hand: the account at this price, and the most shares whose value and fees fit.
        worth = fill_worth(results, fill)
        held += fill.quantity
        spent = abs(held) * fill.price + fill.fee
        more = (abs(held) + 1) * fill.price + 0.002 * (abs(fill.quantity) + 1) * fill.price
        assert spent <= 0.99 * worth + 1e-6 < more + 1e-3
    assert len(results.record.fills) > 3


def fill_worth(results: Any, fill: Any) -> float:
    """Cash and holding, at the fill's price, just before it."""
    cash, held = 100_000.0, 0
    for each in results.record.fills:
        if each.id == fill.id:
            break
        cash -= each.quantity * each.price + each.fee
        held += each.quantity
    return cash + held * float(fill.price)


def test_prices_with_costs_in_them_may_keep_their_digits() -> None:
    bars = random_bars(9, 10)
    cost = "half-spread:0.1%+slippage:1bp"
    for compat, price in (("", None), ("off_tick", float(bars.open[1]) * 1.0011)):
        results = run(Always(), PriceHistory(bars), size="shares:10", cost=cost, compat=compat)
        [fill] = results.record.fills
        on_grid = round(fill.price * 100) == pytest.approx(fill.price * 100, abs=1e-6)
        assert on_grid == (compat == "")
        if price is not None:
            assert fill.price == pytest.approx(price, abs=2e-6)


def test_actions_that_the_prices_contain_already_cannot_be_stated_again() -> None:
    bars = random_bars(1, 30)
    split = Split("SPY", bars.days()[5].item(), Fraction(2))
    paid = Dividend("SPY", bars.days()[5].item(), 10_000, bars.days()[5].item())
    assert with_actions(PriceHistory(bars), (split, paid)).actions == (split, paid)
    with pytest.raises(DataError, match="adjusted"):
        with_actions(PriceHistory(bars, adjusted="split"), (split,))
    with pytest.raises(DataError, match="adjusted"):
        with_actions(PriceHistory(bars, adjusted="all"), (paid,))
    assert with_actions(PriceHistory(bars, adjusted="split"), (paid,)).actions == (paid,)
