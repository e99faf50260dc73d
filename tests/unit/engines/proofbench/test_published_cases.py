"""Results that others published or computed, to the cent: fills with their dates and prices."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import talib
from tests.published import TurningCrossover

from papertape import SimulationConfig, SimulationEngine
from papertape.data.frames import from_frame
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY
from papertape.domain.money import micros
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy
from papertape.strategies.rsi_mean_reversion import RSIMeanReversionStrategy

NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def spy(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "daily" / "spy_yahoo_raw_1999_2026.csv.gz"
    return pd.read_csv(path, index_col="Date", parse_dates=True)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Any]:
    cases = json.loads((shared_data / "published_cases.json").read_text())
    return {case["id"]: case for case in cases}


@pytest.fixture(scope="module")
def goog(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "reference" / "backtestingpy_goog_2004_2013.csv"
    return pd.read_csv(path, index_col=0, parse_dates=True)


@pytest.fixture(scope="module")
def index_2006(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "reference" / "backtrader_2006_daily_index.csv"
    index = pd.read_csv(path, index_col="Date", parse_dates=True).drop(columns="OpenInterest")
    return index.assign(Volume=np.nan)  # the file says 0 on every day: nobody counted


def run(symbol: str, prices: pd.DataFrame, strategy: Any, **settings: Any) -> Any:
    engine = SimulationEngine(SimulationConfig(**settings))
    engine.load_data(symbol, prices)
    engine.set_strategy(strategy)
    return engine.run()


def days_of(fills: pd.DataFrame) -> list[str]:
    return list(fills.index.tz_convert(NEW_YORK).strftime("%Y-%m-%d"))


@pytest.mark.parametrize(
    ("case", "first", "cost"),
    [
        ("ENGINES-1", "2022-03-15", "none"),
        ("ENGINES-2", "2015-01-02", "none"),
        ("ENGINES-3", "2015-01-02", "percent:0.1"),
        ("ENGINES-4", "2023-01-03", "none"),
    ],
)
def test_two_other_engines_agree_on_every_fill_and_the_final_equity(
    spy: pd.DataFrame, published: dict[str, Any], case: str, first: str, cost: str
) -> None:
    results = run(
        "SPY",
        spy,
        MovingAverageCrossoverStrategy(entry="cross"),
        start=pd.Timestamp(first).date(),
        end=pd.Timestamp("2024-11-29").date(),
        size="shares:100",
        cost=cost,
        warmup="inside",
    )
    expected = published[case]["expected"]
    assert results.metrics["final_equity"] == pytest.approx(expected["final_equity"], abs=1e-4)
    assert len(results.fills) == expected["n_fills"]
    if expected["n_fills"]:
        dates, quantities, prices = zip(*expected["fills"], strict=True)
        assert days_of(results.fills) == list(dates)
        assert results.fills.quantity.tolist() == list(quantities)
        # The cases are printed to the cent, the file's prices have more digits.
        assert results.fills.price.tolist() == pytest.approx(prices, abs=0.005 + 1e-4)
        assert results.fills.price.tolist() == pytest.approx(
            spy.Open[list(dates)].tolist(), abs=1e-6
        )
    else:
        assert results.record.words[0].startswith("0 trades")


def test_backtraders_own_regression_case_comes_out_exactly(
    index_2006: pd.DataFrame, published: dict[str, Any]
) -> None:
    results = run(
        "SX5E",
        index_2006,
        MovingAverageCrossoverStrategy(fast=1, slow=15, entry="cross"),
        initial_capital=10_000.0,
        size="shares:1",
        cost="none",
        warmup="inside",
    )
    expected = published["BACKTRADER-sma15-stock"]["expected"]
    fills = results.fills
    assert fills.price[fills.quantity > 0].tolist() == expected["buy_fills"]
    assert fills.price[fills.quantity < 0].tolist() == expected["sell_fills"]
    assert results.metrics["final_equity"] == pytest.approx(expected["final_value"], abs=1e-6)
    assert results.equity.cash.iloc[-1] == pytest.approx(expected["final_cash"], abs=1e-6)


def test_backtraders_futures_tie_up_their_margin_and_pay_for_each_contract(
    index_2006: pd.DataFrame, published: dict[str, Any]
) -> None:
    bars, margin = from_frame(index_2006, "SX5E", DAILY).bars, 1000
    future = Instrument("SX5E", multiplier=10, margin=micros(margin))
    results = run(
        "SX5E",
        replace(bars, instrument=future),
        MovingAverageCrossoverStrategy(fast=1, slow=15, entry="cross"),
        initial_capital=10_000.0,
        size="shares:1",
        cost="per-contract:2",
        warmup="inside",
    )
    expected = published["BACKTRADER-sma15-futures"]["expected"]
    assert results.metrics["final_equity"] == pytest.approx(expected["final_value"], abs=1e-6)
    # Ours counts what is tied up as cash, theirs does not; one contract is held at the end.
    assert results.fills.quantity.sum() == 1
    cash = results.equity.cash.iloc[-1] - margin
    assert cash == pytest.approx(expected["final_cash"], abs=1e-6)
    assert results.metrics["fees"] == 2 * len(results.fills)


def test_backtesting_pys_statistics_of_a_strategy_that_turns_round(
    goog: pd.DataFrame, published: dict[str, Any]
) -> None:
    results = run(
        "GOOG",
        goog,
        # It closes what is open at the last open, so nothing may be wanted from the eve on.
        TurningCrossover(10, 30, flat_from="2013-02-28"),
        initial_capital=10_000.0,
        size="percent:99.99",
        cost="none",
        account="margin",
        warmup="inside",
        compat="size_at_fill",
        risk_free_rate=0.0,
    )
    expected = published["BTPY-test_compute_stats"]["expected"]
    metrics, trades = results.metrics, results.trades
    # Ours is theirs:
    assert len(trades) == metrics["trades_closed"] == expected["# Trades"]
    for ours, theirs in (
        (metrics["final_equity"], "Equity Final [$]"),
        (100 * metrics["total_return"], "Return [%]"),
        (100 * metrics["max_drawdown"], "Max. Drawdown [%]"),
        (100 * metrics["win_rate"], "Win Rate [%]"),
        (100 * trades.return_on_entry.max(), "Best Trade [%]"),
        (100 * trades.return_on_entry.min(), "Worst Trade [%]"),
        (100 * metrics["cagr"], "CAGR [%]"),
        (metrics["sqn"], "SQN"),
    ):
        assert ours == pytest.approx(expected[theirs], rel=1e-9), theirs
    days = f"{metrics['max_drawdown_days']} days"
    assert days == expected["Max. Drawdown Duration"]
    # Theirs by another definition, each made from what the run hands out:
    gains = trades.return_on_entry
    equity = results.equity.equity.to_numpy()[1:]  # a mark a bar; ours has the opening one, too
    daily = equity[1:] / equity[:-1] - 1
    growth = (equity[-1] / equity[0]) ** (1 / len(daily))
    yearly = growth**252 - 1
    volatility = np.sqrt((daily.var(ddof=1) + growth**2) ** 252 - growth ** (2 * 252))
    downside = np.sqrt(np.mean(np.minimum(daily, 0) ** 2) * 252)
    held = (results.equity.gross.to_numpy()[1:] > 0) | np.isin(np.arange(len(goog)), len(goog) - 1)
    for theirs, named in (
        ("Profit Factor", gains[gains > 0].sum() / -gains[gains < 0].sum()),  # of percentages
        ("Buy & Hold Return [%]", 100 * (goog.Close.iloc[-1] / goog.Close.iloc[30 - 1] - 1)),
        ("Exposure Time [%]", 100 * held.mean()),  # the bar of the last exit counts, too
        ("Return (Ann.) [%]", 100 * yearly),  # geometric, of sessions
        ("Volatility (Ann.) [%]", 100 * volatility),  # of compounded years
        ("Sharpe Ratio", yearly / volatility),
        ("Sortino Ratio", yearly / downside),
        ("Calmar Ratio", yearly / -metrics["max_drawdown"]),
    ):
        assert named == pytest.approx(expected[theirs], rel=1e-9), theirs


def test_backtesting_pys_readme_as_release_0_6_6_computes_it(
    goog: pd.DataFrame, published: dict[str, Any]
) -> None:
    results = run(
        "GOOG",
        goog,
        TurningCrossover(10, 20),
        initial_capital=10_000.0,
        size="percent:100",
        cost="percent:0.2",
        account="margin",
        warmup="inside",
        compat="size_at_fill",
    )
    expected = published["BTPY-README-SmaCross"]["value_from_release_0_6_6"]
    metrics = results.metrics
    assert metrics["trades_closed"] == expected["# Trades"]
    for ours, theirs in (
        (metrics["final_equity"], "Equity Final [$]"),
        (100 * metrics["max_drawdown"], "Max. Drawdown [%]"),
        (100 * metrics["win_rate"], "Win Rate [%]"),
        (100 * (goog.Close.iloc[-1] / goog.Close.iloc[20 - 1] - 1), "Buy & Hold Return [%]"),
    ):
        assert ours == pytest.approx(expected[theirs], abs=6e-5), theirs


@pytest.mark.parametrize("cost", ["us-retail", "none"])
def test_fifty_over_two_hundred_holds_spy_through_2024_from_its_first_open(
    spy: pd.DataFrame, cost: str
) -> None:
    results = run(
        "SPY",
        spy,
        MovingAverageCrossoverStrategy(),
        start=pd.Timestamp("2024-01-01").date(),
        end=pd.Timestamp("2024-11-30").date(),
        cost=cost,
    )
    [fill] = results.record.fills
    assert days_of(results.fills) == ["2024-01-02"]
    assert fill.quantity == 199  # 95 % of 100,000 at the close of 2023-12-29, 475.31
    assert fill.reference == pytest.approx(spy.Open["2024-01-02"], abs=1e-6)
    [trade] = results.record.trades
    assert trade.exit_time is None
    last = spy.Close["2024-11-29"]
    by_hand = 100_000 - 199 * fill.price - fill.fee + 199 * last
    assert results.metrics["final_equity"] == pytest.approx(by_hand, abs=1e-3)
    assert fill.price == fill.reference if cost == "none" else fill.price > fill.reference
    assert "One position" in results.record.words[0]
    assert "held to the end" in results.record.words[0]


def test_the_stops_of_the_rsi_strategy_lie_two_atr_below_the_fill_and_fill_there_or_lower(
    spy: pd.DataFrame,
) -> None:
    results = run(
        "SPY",
        spy[:"2024"],
        RSIMeanReversionStrategy(),
        size="shares:100",
        cost="none",
        warmup="inside",
    )
    atr = pd.Series(talib.ATR(spy.High, spy.Low, spy.Close, timeperiod=14), index=spy.index)
    record = results.record
    orders = {order.id: order for order in record.orders}
    stopped = [fill for fill in record.fills if orders[fill.order_id].kind == "stop"]
    rules = {fill.rule for fill in stopped}
    assert rules == {"fill-S2", "fill-S2 gap"}
    entries = {fill.order_id: fill for fill in record.fills if fill.quantity > 0}
    checked = 0
    for order in record.orders:
        if order.kind != "stop" or order.parent is None:
            continue
        entry = entries[order.parent]
        decided = pd.Timestamp(orders[order.parent].time).tz_convert(NEW_YORK).strftime("%Y-%m-%d")
        level = entry.price - 2 * atr[decided]
        assert order.stop is not None
        assert level - 0.0101 < order.stop <= level + 1e-4
        checked += 1
    assert checked > 30
    for fill in stopped:
        day = pd.Timestamp(fill.bar).tz_convert(NEW_YORK).strftime("%Y-%m-%d")
        level = orders[fill.order_id].stop
        assert level is not None
        gap = spy.Open[day] <= level
        assert fill.rule == ("fill-S2 gap" if gap else "fill-S2")
        assert fill.price == pytest.approx(spy.Open[day] if gap else level, abs=1e-6)
        assert spy.Low[day] <= fill.price + 1e-6
