"""Every published number of the metrics contract, and what is said when there is no number."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from papertape.domain.clock import DAY, Nanos
from papertape.domain.errors import InvariantBroken
from papertape.domain.event import OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.money import MICROS_PER_DOLLAR, micros
from papertape.engines.proofbench import metrics
from papertape.engines.proofbench.marks import Exposure, Valuation
from papertape.engines.proofbench.metrics import Marks, Metrics, Reason, measure
from papertape.engines.proofbench.shape import falls_of, shape_of
from papertape.engines.proofbench.trades import Trade, round_trips

SERIES_A = np.array(
    [0.010, -0.005, 0.007, 0, -0.012, 0.015, 0.003, -0.020, 0.011, 0.004, -0.006, 0.009]
)
BENCHMARK = np.array(
    [0.006, -0.004, 0.005, 0.001, -0.009, 0.010, 0.002, -0.013, 0.008, 0.002, -0.003, 0.005]
)
TRADES_T1 = np.array([100.0, -50.0, 30.0, -20.0, 0.0, 80.0])
HOUR = DAY // 24


def equity_of(returns: np.ndarray, start: float = 100_000.0) -> np.ndarray:
    return start * np.concatenate(([1.0], np.cumprod(1 + returns)))


def daily_marks(equity: np.ndarray, **more: Any) -> Marks:
    """The start at 14:30 UTC of Tuesday 2024-01-02, then the closes of business days at 21:00."""
    days = np.busday_offset("2024-01-02", np.arange(len(equity) - 1)).astype("datetime64[ns]")
    start = np.datetime64("2024-01-02T14:30", "ns").astype(np.int64)
    closes = days.astype(np.int64) + 21 * HOUR
    return Marks(np.concatenate(([start], closes)), equity, **more)


def a_trade(pnl: float, **changed: object) -> Trade:
    trade = Trade(
        id="T1",
        symbol="SPY",
        quantity=10,
        entry_time=0,
        exit_time=DAY,
        entry_price=100e6,
        exit_price=100e6 + pnl * 1e5,
        fees=0,
        costs=0,
        financing=0,
        dividends=0,
        pnl=micros(pnl),
        return_on_entry=pnl / 1000,
        r_multiple=None,
        stop_distance=None,
        bars_held=1,
        held=DAY,
        mae=None,
        mfe=None,
        entry_reason="",
        exit_reason="",
        order_ids=("1",),
    )
    return replace(trade, **changed)


@pytest.fixture(scope="module")
def series_a() -> Metrics:
    return measure(daily_marks(equity_of(SERIES_A)), ppy=252, benchmark=equity_of(BENCHMARK, 1.0))


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("total_return", 0.015514993),
        ("volatility", 0.164741119),
        ("sharpe", 2.039563660),
        ("sortino", 2.980931132),
        ("max_drawdown", -0.02),
        ("longest_drawdown_marks", 5),
        ("max_drawdown_recovered", 0),
        ("var_95", -0.0156),
        ("cvar_95", -0.02),
        ("skew", -0.676857497),
        ("kurtosis", 2.539815798),
        ("beta", 1.492707673),
        ("alpha", 0.022531389),
        ("tracking_error", 0.056834689),
        ("information_ratio", 2.216955935),
        ("cagr_over_periods", 0.381698013),
    ],
)
def test_series_a_gives_the_published_figures(
    series_a: Metrics, name: str, published: float
) -> None:
    assert series_a[name] == pytest.approx(published, rel=1e-6, abs=5e-10)


def test_series_a_is_too_short_for_a_growth_rate_a_year(series_a: Metrics) -> None:
    assert series_a["cagr"] is None
    assert series_a.reasons["cagr"] == series_a.reasons["calmar"] == "short_sample"


def test_series_a_is_too_short_to_trust_its_tail(series_a: Metrics) -> None:
    assert series_a["var_95"] is not None
    assert series_a.reasons["var_95"] == "low_confidence"


@pytest.mark.parametrize(
    ("rate", "sharpe", "sortino"), [(0.04, 1.801470307, 2.604037028), (0.05, 1.743372351, None)]
)
def test_a_risk_free_rate_is_brought_down_to_days_geometrically(
    rate: float, sharpe: float, sortino: float | None
) -> None:
    assert metrics.sharpe(shape_of(SERIES_A), rate, 252) == pytest.approx(sharpe, rel=1e-6)
    if sortino:
        assert metrics.sortino(shape_of(SERIES_A), rate, 252) == pytest.approx(sortino, rel=1e-6)


def test_the_published_figures_of_single_days() -> None:
    assert metrics.downside_deviation(SERIES_A, 0.0) * sqrt(252) == pytest.approx(
        0.112716458, rel=1e-6
    )
    assert metrics.win_rate(SERIES_A) == pytest.approx(7 / 12)
    assert metrics.profit_factor(SERIES_A) == pytest.approx(1.372093023, rel=1e-6)


def test_the_deepest_drawdown_of_series_a_runs_from_mark_7_to_mark_8() -> None:
    deepest = falls_of(equity_of(SERIES_A)).deepest
    assert deepest is not None
    assert (deepest.peak, deepest.bottom, deepest.end, deepest.recovered) == (7, 8, 12, False)


def test_other_tools_print_what_the_contract_says_they_print() -> None:
    # vectorbt: a year of 365; LEAN: the mean compounded, losses' own deviation; backtesting.py:
    # compounded mean over the deviation of a compounded year.
    growth = float(np.prod(1 + SERIES_A)) ** (1 / 12)
    compounded = (1 + SERIES_A.mean()) ** 252 - 1
    spread = sqrt((SERIES_A.var(ddof=1) + growth**2) ** 252 - growth ** (2 * 252))
    assert metrics.sharpe(shape_of(SERIES_A), 0, 365) == pytest.approx(2.454615, abs=5e-7)
    assert compounded / metrics.volatility(shape_of(SERIES_A), 252) == pytest.approx(
        2.422139, abs=5e-7
    )
    losses = metrics.volatility(shape_of(SERIES_A[SERIES_A < 0]), 252)
    assert compounded / losses == pytest.approx(3.643958, abs=5e-7)
    assert (growth**252 - 1) / spread == pytest.approx(1.667739, abs=5e-7)


def test_a_loss_on_the_first_day_is_a_drawdown_from_the_starting_cash() -> None:
    equity = equity_of(np.array([-0.03, 0.01, 0.01, -0.005, 0.02]))
    assert metrics.max_drawdown(falls_of(equity)) == pytest.approx(-0.03)


def test_a_drawdown_ends_at_the_first_mark_back_at_the_old_peak() -> None:
    equity = np.array([100.0, 110, 110, 99, 105, 110, 120, 119])
    first = falls_of(equity).deepest
    assert first is not None
    assert first == falls_of(equity).longest == (first.depth, 2, 3, 5, True)
    assert first.depth == pytest.approx(-0.1)
    assert first.marks == 3
    assert falls_of(equity[5:]).deepest == (pytest.approx(-1 / 120), 1, 2, 2, False)


def test_the_longest_and_the_deepest_drawdown_are_told_apart() -> None:
    table = measure(daily_marks(np.array([100.0, 80, 100, 99, 98, 99, 100, 101])), ppy=252)
    assert (table["max_drawdown_marks"], table["max_drawdown_recovered"]) == (2, 1)
    assert (table["longest_drawdown_marks"], table["longest_drawdown_recovered"]) == (4, 1)
    assert table["longest_drawdown_days"] == 6  # Wednesday the 3rd to Tuesday the 9th


def test_the_ulcer_index_leaves_the_start_out() -> None:
    assert metrics.ulcer(falls_of(np.array([100.0, 90, 100])), 3) == pytest.approx(sqrt(0.01 / 2))


def test_growth_a_year_counts_calendar_days() -> None:
    time = np.array([0, 365 * DAY]) + 14 * HOUR
    assert metrics.cagr(np.array([100.0, 110.0]), time) == pytest.approx(
        1.1 ** (365.25 / 365) - 1, rel=1e-12
    )
    assert metrics.cagr(np.array([100.0, -1.0]), time) == -1.0
    assert metrics.cagr(np.array([100.0, 110.0]), np.array([0, 89 * DAY])) is Reason.SHORT_SAMPLE
    assert metrics.calmar(0.2, -0.1) == pytest.approx(2.0)


def test_trades_t1_give_the_published_figures() -> None:
    table = measure(daily_marks(equity_of(SERIES_A)), [a_trade(pnl) for pnl in TRADES_T1], ppy=252)
    assert table["win_rate"] == 0.5
    assert (table["wins"], table["losses"], table["scratches"]) == (3, 2, 1)
    assert table["profit_factor"] == pytest.approx(3)
    assert table["expectancy"] == pytest.approx(23.333333, abs=5e-7)
    assert table["expectancy_on_entry"] == pytest.approx(0.023333333, abs=5e-10)
    assert table["payoff"] == pytest.approx(2)
    assert table["sqn"] == pytest.approx(0.982123683, rel=1e-6)
    assert table.units["sqn"] == "ratio of profit"
    assert table.reasons["expectancy_r"] == "no_stop"


def test_the_system_quality_number_uses_risk_where_every_trade_had_a_stop() -> None:
    trades = [a_trade(pnl, r_multiple=pnl / 50) for pnl in TRADES_T1]
    table = measure(daily_marks(equity_of(SERIES_A)), trades, ppy=252)
    assert table.units["sqn"] == "ratio of R"
    assert table["sqn"] == pytest.approx(0.982123683, rel=1e-6)
    assert table["expectancy_r"] == pytest.approx(0.466667, abs=5e-7)


def test_the_system_quality_number_may_be_capped_at_a_hundred_trades() -> None:
    results = np.tile([1.0, -0.5], 200)
    ratio = metrics.sqn(results, 100) / metrics.sqn(results)
    assert ratio == pytest.approx(sqrt(100 / 400))


def test_an_open_trade_counts_neither_as_won_nor_as_lost() -> None:
    trades = [a_trade(100.0), a_trade(500.0, exit_time=None, exit_price=None, fees=2_000_000)]
    table = measure(daily_marks(equity_of(SERIES_A)), trades, ppy=252)
    assert (table["trades_closed"], table["trades_open"], table["wins"]) == (1, 1, 1)
    assert table["expectancy"] == 100.0
    assert table["fees"] == 2.0
    assert table.reasons["profit_factor"] == table.reasons["payoff"] == "no_losses"


def test_the_share_of_the_best_mark_that_was_kept() -> None:
    kept = [a_trade(30.0, mae=-0.03, mfe=0.04)]
    table = measure(daily_marks(equity_of(SERIES_A)), kept, ppy=252)
    assert (table["mae"], table["mfe"]) == (-0.03, 0.04)
    assert table["mfe_kept"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("before", "after", "one_way"),
    [((0.5, 0.5), (0.6, 0.4), 0.1), ((0.6, 0.4), (0.2, 0.8), 0.4), ((0.2, 0.8), (0.0, 0.0), 0.5)],
)
def test_turnover_is_one_way(
    before: tuple[float, float], after: tuple[float, float], one_way: float
) -> None:
    traded = 100.0 * float(np.abs(np.subtract(after, before)).sum())
    assert metrics.turnover(traded, np.array([100.0, 100.0]), 1) == pytest.approx(one_way)


def test_turnover_is_a_rate_a_year_over_mean_equity() -> None:
    equity = np.array([100.0, 200, 300, 200])
    assert metrics.turnover(160.0, equity, 252) == pytest.approx(80 / 200 / (3 / 252))


def test_exposure_is_averaged_over_the_closes() -> None:
    equity = np.array([100, 100, 200, 100]) * MICROS_PER_DOLLAR
    held = Exposure(np.array([0, 50, 300, 0]), np.array([0, 50, -100, 0]))
    of_two = Exposure(*(column * MICROS_PER_DOLLAR for column in held))
    marks = Valuation(np.arange(4), equity, equity, 240_000_000, of_two).marks()
    table = measure(marks, ppy=252)
    assert table["exposure_time"] == pytest.approx(2 / 3)
    assert table["mean_gross_exposure"] == pytest.approx(2 / 3)
    assert table["mean_net_exposure"] == 0.0
    assert table["turnover"] == pytest.approx(120 / 125 / (3 / 252))
    assert measure(daily_marks(np.array([1.0, 2])), ppy=252).reasons["turnover"] == "not_recorded"


def test_money_paid_in_is_no_profit_and_money_paid_out_no_drawdown() -> None:
    plain = measure(daily_marks(np.array([100.0, 110, 121, 114.95])), ppy=252)
    flows = np.array([0.0, 0.0, 100.0, -50.0])
    paid = measure(daily_marks(np.array([100.0, 110, 221, 159.95]), flows=flows), ppy=252)
    for name in ("total_return", "volatility", "sharpe", "max_drawdown", "ulcer"):
        assert paid[name] == pytest.approx(plain[name], rel=1e-9)
    assert paid["final_equity"] == 159.95


def test_moments_and_quantiles_agree_with_scipy_and_numpy() -> None:
    r = np.random.default_rng(7).standard_t(4, 500) / 100
    b = np.random.default_rng(8).normal(0, 0.01, 500) + r / 2
    assert metrics.skew(shape_of(r)) == pytest.approx(stats.skew(r), rel=1e-12)
    assert metrics.kurtosis(shape_of(r)) == pytest.approx(
        stats.kurtosis(r, fisher=False), rel=1e-12
    )
    assert metrics.tail(r).edge == pytest.approx(np.percentile(r, 5), rel=1e-12)
    fitted = stats.linregress(b, r)
    assert metrics.beta(r, b) == pytest.approx(fitted.slope, rel=1e-12)
    assert metrics.alpha(r, b, 252) == pytest.approx(fitted.intercept * 252, rel=1e-9)


def test_only_periods_that_both_know_are_held_against_the_benchmark(series_a: Metrics) -> None:
    equity, benchmark = equity_of(SERIES_A), equity_of(BENCHMARK)
    equity = np.append(equity, equity[-1] * 1.5)
    table = measure(daily_marks(equity), ppy=252, benchmark=np.append(benchmark, np.nan))
    for name in ("beta", "alpha", "tracking_error", "information_ratio"):
        assert table[name] == pytest.approx(series_a[name], rel=1e-9)


def test_an_account_that_never_moves_has_reasons_instead_of_ratios() -> None:
    still = np.full(100, 1000.0)
    table = measure(daily_marks(still), ppy=252, benchmark=still)
    assert (table["total_return"], table["volatility"], table["max_drawdown"]) == (0.0, 0.0, 0.0)
    expected = {
        "sharpe": "flat",
        "sortino": "flat",
        "max_drawdown_days": "no_drawdown",
        "skew": "flat",
        "kurtosis": "flat",
        "win_rate": "no_trades",
        "sqn": "no_trades",
        "mae": "no_trades",
        "calmar": "no_drawdown",
        "beta": "benchmark_flat",
        "alpha": "benchmark_flat",
        "information_ratio": "flat",
    }
    assert {name: table.reasons[name] for name in expected} == expected
    assert all(table[name] is None for name in expected)


def test_a_run_that_never_closed_a_bar_has_reasons_only() -> None:
    table = measure(Marks(np.array([0]), np.array([100.0])), ppy=252)
    for name in ("total_return", "volatility", "sharpe", "sortino", "ulcer", "var_95", "skew"):
        assert (table[name], table.reasons[name]) == (None, "too_few_returns")
    assert table.reasons["beta"] == "no_benchmark"


def test_after_ruin_no_return_is_shown() -> None:
    table = measure(daily_marks(np.array([100.0, -5.0, 20.0])), ppy=252)
    assert table.reasons["sharpe"] == "ruined"
    assert table["max_drawdown"] == pytest.approx(-1.05)


def test_every_figure_has_a_unit_and_every_missing_one_a_reason(series_a: Metrics) -> None:
    assert set(series_a.units) == set(series_a)
    assert all(name in series_a.reasons for name in series_a if series_a[name] is None)
    assert (series_a["periods_per_year"], series_a["risk_free"]) == (252, 0)


def test_marks_that_are_no_numbers_stop_the_run() -> None:
    with pytest.raises(InvariantBroken, match="equity holds finite numbers"):
        daily_marks(np.array([100.0, np.nan]))
    with pytest.raises(InvariantBroken, match="ascend"):
        Marks(np.array([1, 1]), np.array([100.0, 101.0]))


# A published run: SMA(10/30) on GOOG, always long or short, as backtesting.py's own test has it


def goog_run(folder: Path) -> tuple[Marks, list[Trade]]:
    rows = np.genfromtxt(
        folder / "reference" / "backtestingpy_goog_2004_2013.csv",
        delimiter=",",
        skip_header=1,
        dtype=[
            ("day", "M8[D]"),
            *((name, "f8") for name in ("open", "high", "low", "close", "volume")),
        ],
    )
    time = rows["day"].astype("M8[ns]").astype(np.int64)
    fast, slow = (moving_average(rows["close"], length) for length in (10, 30))
    cash, held, equity, events = 10_000.0, 0, [], []

    def trade(quantity: int, row: int) -> float:
        price = micros(float(rows["open"][row]))
        name = str(len(events))
        moment: Nanos = int(time[row])
        fill = Fill(name, name, "GOOG", moment, quantity, price, 0, "fill-M1", moment, price)
        events.append(OrderFilled(moment, fill))
        return -quantity * price / MICROS_PER_DOLLAR

    for row in range(len(rows)):
        if row > 30 and (fast[row - 1] > slow[row - 1]) != (fast[row - 2] > slow[row - 2]):
            side = 1 if fast[row - 1] > slow[row - 1] else -1
            if held:
                cash += trade(-held, row)
            held = side * int(cash * 0.9999 / rows["open"][row])
            cash += trade(held, row)
        equity.append(cash + held * float(rows["close"][row]))
    cash += trade(-held, len(rows) - 1)  # they close what is left at the last bar's open
    equity[-1] = cash
    return Marks(time, np.array(equity)), round_trips(events, {}, {})


def moving_average(prices: np.ndarray, length: int) -> np.ndarray:
    sums = np.cumsum(np.insert(prices, 0, 0.0))
    mean = (sums[length:] - sums[:-length]) / length
    return np.concatenate((np.full(length - 1, np.nan), mean))


def test_a_published_run_gives_its_published_figures(shared_data: Path) -> None:
    marks, trades = goog_run(shared_data)
    table = measure(marks, trades, ppy=252)
    on_entry = np.array([trade.return_on_entry for trade in trades])
    assert table["trades_closed"] == 66
    assert table["final_equity"] == pytest.approx(51422.99, abs=0.005)
    assert table["total_return"] == pytest.approx(4.142299, abs=5e-7)
    assert table["max_drawdown"] == pytest.approx(-0.4798012705007589, rel=1e-9)
    assert table["longest_drawdown_days"] == 584
    assert table["cagr"] == pytest.approx(0.21160245705962623, rel=1e-9)
    assert table["win_rate"] == pytest.approx(0.4696969696969697)
    assert on_entry.max() == pytest.approx(0.5359595229490424, rel=1e-9)
    assert on_entry.min() == pytest.approx(-0.1839887353835481, rel=1e-9)
    assert metrics.profit_factor(on_entry) == pytest.approx(2.167945974262033, rel=1e-9)
    assert table["sqn"] == pytest.approx(1.0766187356697705, rel=1e-9)
