"""Regression results that LEAN publishes, to the cent, under its conventions by their names.

Each case is run twice: on the bench and as a session that replays the same bars.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.published import (
    LEAN_FEES,
    LEAN_SIZE,
    Always,
    MACDTrend,
    Ribbon,
    cases,
    lean_daily,
    lean_hours,
    lean_minutes,
)

from papertape import PriceHistory, SimulationConfig, backtest
from papertape.domain.market import Split
from papertape.session.paper import replay


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, dict[str, Any]]:
    return cases(shared_data)


@pytest.fixture(scope="module")
def daily(shared_data: Path) -> PriceHistory:
    return lean_daily(shared_data, "SPY")


@pytest.fixture(scope="module")
def hours(shared_data: Path) -> PriceHistory:
    return lean_hours(shared_data)


def run(history: PriceHistory, strategy: Any, first: str, last: str, **settings: Any) -> Any:
    """The bench's result, once a session has come to the same."""
    bars = history.bars
    settings = {
        "start": date.fromisoformat(first),
        "end": date.fromisoformat(last),
        "bar_frequency": str(bars.frequency),
        "size": LEAN_SIZE,
        "cost": LEAN_FEES,
        "warmup": "inside",
        "compat": "trade_adjusted",
        "benchmark": "none",
        "allow": ("D10",),  # some false highs and lows of the vendor's, which nobody trades
        **settings,
    }
    results = backtest(strategy, {bars.symbol: history}, **settings)
    session = replay(strategy, {bars.symbol: history}, SimulationConfig(**settings))
    assert session.record.fills == results.record.fills
    assert session.record.bookings == results.record.bookings
    assert session.record.equity == results.record.equity
    return results


def agree(results: Any, case: dict[str, Any]) -> None:
    """Everything of a case that we define the same way, to the digits that were printed."""
    expected, metrics = case["expected"], results.metrics
    assert f"{metrics['final_equity']:.2f}" == expected["End Equity"]
    assert f"{100 * metrics['total_return']:.3f}%" == expected["Net Profit"]
    fees = Decimal(str(metrics["fees"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert f"${fees}" == expected["Total Fees"]
    if "Win Rate" in expected:
        assert f"{100 * metrics['win_rate']:.0f}%" == expected["Win Rate"]


def test_a_market_order_of_daily_bars_fills_at_the_next_open(
    daily: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    results = run(daily, Always(), "2013-10-08", "2013-10-17")
    case = published["LEAN-BasicTemplateDailyAlgorithm"]
    agree(results, case)
    [fill] = results.record.fills
    assert fill.quantity == 697
    assert fill.time[:10] == "2013-10-09"
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == case["expected"]["Drawdown"]


def test_a_market_order_of_hourly_bars_fills_at_the_close_it_was_decided_on(
    hours: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    compat = "trade_adjusted,fill_at_decision_close"
    results = run(hours, Always(), "2013-10-07", "2013-10-11", compat=compat)
    case = published["LEAN-BasicTemplateHourlyAlgorithm"]
    agree(results, case)
    [fill] = results.record.fills
    assert (fill.quantity, fill.rule) == (687, "fill_at_decision_close")
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == case["expected"]["Drawdown"]


def test_a_market_order_of_minutes_with_quotes_is_filled_at_the_ask_of_its_close(
    shared_data: Path, published: dict[str, dict[str, Any]]
) -> None:
    # The factor file's of these days; there are no later bars from which it would follow.
    minutes = lean_minutes(shared_data, "SPY", 0.8646266)
    compat = "trade_adjusted,fill_at_decision_close"
    results = run(minutes, Always(), "2013-10-07", "2013-10-11", compat=compat)
    case = published["LEAN-BasicTemplateAlgorithm"]
    agree(results, case)
    [fill] = results.record.fills
    assert fill.quantity == 688
    assert fill.price == pytest.approx(167.45 * 0.8646266, abs=1e-6)
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == case["expected"]["Drawdown"]


def test_dividends_of_raw_prices_are_paid_on_their_ex_dates(
    shared_data: Path, published: dict[str, dict[str, Any]]
) -> None:
    spy = lean_daily(shared_data, "SPY", cents=True)
    compat = "dividends_on_ex_date"
    results = run(spy, Always(0.5), "1998-01-01", "2005-12-31", compat=compat)
    case = published["LEAN-DividendRegressionAlgorithm"]
    agree(results, case)
    assert [fill.quantity for fill in results.record.fills] == [512]
    paid = [row for row in results.record.bookings if row.what == "dividend"]
    assert len(paid) == 33
    assert sum(row.cash for row in paid) == pytest.approx(512 * 13.26)
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == case["expected"]["Drawdown"]


def test_a_trend_of_eleven_years_with_every_fee_inside_the_order(
    daily: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    results = run(daily, MACDTrend(), "2004-01-01", "2014-12-31", account="margin")
    agree(results, published["LEAN-MACDTrendAlgorithm"])
    # LEAN counts 85 orders; the one more neither traded nor cost anything, or the cent would tell.
    assert len(results.record.fills) == 84
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == "34.900%"


def test_the_ribbon_is_one_of_delayed_closes(
    daily: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    results = run(daily, Ribbon(), "2009-01-01", "2014-12-31", account="margin")
    case = published["LEAN-DisplacedMovingAverageRibbon"]
    agree(results, case)
    assert len(results.record.orders) == int(case["expected"]["Total Orders"])
    assert f"{-100 * results.metrics['max_drawdown']:.1f}00%" == case["expected"]["Drawdown"]


@pytest.mark.parametrize(
    ("ratio", "equity", "held"),
    [
        # As stated: seven new shares for one.
        (Fraction(7), 98917.92, 1078),
        # As in the factor file, .0357143 / .25: 1077.9996 shares, the fraction paid in cash.
        (Fraction("0.25") / Fraction("0.0357143"), 98919.60, 1077),
    ],
)
def test_a_short_through_a_split_and_what_a_ratio_of_seven_digits_does_to_it(
    shared_data: Path,
    published: dict[str, dict[str, Any]],
    ratio: Fraction,
    equity: float,
    held: int,
) -> None:
    apple = lean_daily(shared_data, "AAPL")
    split = Split("AAPL", date(2014, 6, 9), ratio)
    results = run(
        replace(apple, actions=(split,)),
        Always(-1.0),
        "2014-06-05",
        "2014-06-11",
        account="margin",
        compat="",
    )
    assert results.metrics["final_equity"] == pytest.approx(equity, abs=0.005)
    [trade] = results.record.trades
    assert trade.quantity == -held
    assert results.equity.gross.iloc[-1] * results.metrics["final_equity"] == pytest.approx(
        held * 93.86, abs=0.01
    )
    case = published["LEAN-EquitySplitHoldingsDailyRegressionAlgorithm"]
    if held == 1077:
        agree(results, case)


class AtNoon:
    """One order at 12:00 New York time of one day."""

    warmup = 1

    def __init__(self, day: str, **terms: Any):
        self.moment = pd.Timestamp(f"{day}T12:00", tz="America/New_York").value
        self.terms = terms

    def on_bar(self, context: Any, bar: Any) -> None:
        if bar.end == self.moment:
            terms = dict(self.terms)
            if "below" in terms:
                terms["stop"] = round(bar.close - terms.pop("below"), 2)
            context.submit(bar.symbol, 1, reason="the case asks for it", **terms)


def test_a_buy_stop_below_the_market_triggers_at_the_next_open(
    hours: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    strategy = AtNoon("2021-03-01", kind="stop", below=2.0, triggers_at_once=True)
    results = run(hours, strategy, "2021-03-01", "2021-03-03")
    agree(results, published["LEAN-StopMarketOrderRegressionAlgorithm"])
    assert [fill.rule for fill in results.record.fills] == ["fill-S2 gap"]


def test_a_market_on_close_order_fills_at_the_close_of_its_day(
    hours: PriceHistory, published: dict[str, dict[str, Any]]
) -> None:
    strategy = AtNoon("2021-03-02", time_in_force="cls")
    results = run(hours, strategy, "2021-03-01", "2021-03-03")
    agree(results, published["LEAN-MarketOnCloseOrderRegressionAlgorithm"])
    assert [fill.rule for fill in results.record.fills] == ["fill-M2 closing auction"]
