"""Portfolios by hand: who is sold first, what drifts, what is refused, and who serves it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from tests.generators import random_bars

from papertape import PortfolioEngine, SimulationEngine, portfolio, read_sample
from papertape.domain.errors import StrategyError, UsageError
from papertape.domain.market import Bars, Delisting, Dividend, FloatArray, IntArray, PriceHistory
from papertape.domain.panel import Panel
from papertape.engines.proofbench.config import SimulationConfig
from papertape.session.paper import replay
from papertape.strategies import BoolArray, TopMomentumStrategy, WeightMatrix, best, equally

NAN = np.nan
FREE = {"cost": "none", "benchmark": "none", "size": "percent:100"}


def priced(symbol: str, prices: list[float], *, opens: list[float] | None = None) -> Bars:
    """Daily bars that open and close where it is said."""
    bars, close = random_bars(1, len(prices), symbol=symbol), np.array(prices)
    open_ = close if opens is None else np.array(opens)
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    columns = (bars.start, bars.end, open_, high, low, close, np.full(len(close), 1e6))
    return Bars(bars.instrument, bars.frequency, *columns)


def matrix(rows: int, **at: tuple[float, ...]) -> FloatArray:
    weights = np.full((rows, len(next(iter(at.values())))), NAN)
    for row, values in at.items():
        weights[int(row.removeprefix("row"))] = values
    return weights


def filled(results: object) -> list[tuple[int, str, int, float]]:
    fills = results.fills
    return [
        (int(day), symbol, quantity if side == "buy" else -abs(quantity), price)
        for day, symbol, side, quantity, price in zip(
            fills.index.day, fills.symbol, fills.side, fills.quantity, fills.price, strict=True
        )
    ]


A = priced("A", [10.0, 10.0, 20.0, 20.0, 20.0, 20.0])
B = priced("B", [50.0, 50.0, 50.0, 50.0, 50.0, 50.0])


def test_weights_drift_until_the_next_day_that_is_due() -> None:
    results = portfolio(
        matrix(6, row0=(0.5, 0.5), row3=(0.5, 0.5)),
        {"A": A, "B": B},
        initial_capital=1_000.0,
        account="margin",
        **FREE,
    )
    # 50 A and 10 B; A doubles, so 1,500 are 750 each: 37.5 A and 15 B, and no trade is larger.
    assert filled(results) == [
        (5, "A", 50, 10.0),
        (5, "B", 10, 50.0),
        (8, "A", -12, 20.0),
        (8, "B", 5, 50.0),
    ]
    assert results.equity.net.iloc[-1] == 38 * 20.0 + 15 * 50.0
    assert results.final_equity == 1_500.0


def test_a_cash_account_buys_with_what_it_sold_a_day_later() -> None:
    results = portfolio(
        matrix(6, row0=(0.5, 0.5), row3=(0.5, 0.5)),
        {"A": A, "B": B},
        initial_capital=1_000.0,
        **FREE,
    )
    # 12 A bring 240, which pay for 4 B at the open after the next close, not for the 5 wanted.
    assert filled(results)[2:] == [(8, "A", -12, 20.0), (9, "B", 4, 50.0)]
    assert results.orders.quantity.tolist() == [50, 10, -12, 4]


def test_a_gap_up_cuts_a_purchase_rather_than_overdraw() -> None:
    gap = priced("A", [10.0, 10.0, 10.0], opens=[10.0, 11.0, 10.0])
    results = portfolio(matrix(3, row0=(1.0,)), {"A": gap}, initial_capital=1_000.0, **FREE)
    assert filled(results) == [(5, "A", 90, 11.0)]
    assert results.orders.status.tolist() == ["canceled"]
    assert results.orders.note.tolist() == ["buying power"]


def test_weights_of_more_than_there_is_are_cut_in_the_order_of_symbols() -> None:
    results = portfolio(
        matrix(6, row0=(0.8, 0.8)), {"A": A, "B": B}, initial_capital=1_000.0, **FREE
    )
    assert filled(results) == [(5, "A", 80, 10.0), (5, "B", 4, 50.0)]


def test_a_symbol_without_a_bar_keeps_its_last_mark_and_is_not_traded() -> None:
    short = A[:4]
    results = portfolio(
        matrix(6, row0=(0.5, 0.5), row4=(0.0, 0.0)),
        {"A": short, "B": B},
        initial_capital=1_000.0,
        **FREE,
    )
    assert [symbol for _, symbol, _, _ in filled(results)] == ["A", "B", "B"]
    assert results.final_equity == 50 * 20.0 + 500.0


def test_a_weight_that_is_none_leaves_its_holding_alone() -> None:
    results = portfolio(
        matrix(6, row0=(0.5, 0.5), row3=(NAN, 0.0)),
        {"A": A, "B": B},
        initial_capital=1_000.0,
        **FREE,
    )
    assert filled(results)[2:] == [(8, "B", -10, 50.0)]


def test_a_cash_account_holds_nothing_short_and_a_margin_account_does() -> None:
    weights, prices = matrix(6, row0=(-0.5, 0.5)), {"A": A, "B": B}
    with pytest.raises(UsageError, match=r"a weight of -50.0000% is wanted in A, and a cash"):
        portfolio(weights, prices, initial_capital=1_000.0, **FREE)
    with pytest.raises(UsageError, match="a cash account sells nothing short"):
        portfolio(weights, prices | {"A": with_dividend(A)}, initial_capital=1_000.0, **FREE)
    results = portfolio(weights, prices, initial_capital=1_000.0, account="margin", **FREE)
    assert filled(results)[0] == (5, "A", -50, 10.0)


def with_dividend(bars: Bars) -> PriceHistory:
    day = bars.days()[2].item()
    return PriceHistory(bars, (Dividend(bars.symbol, day, 1_000_000, day),))


def test_what_columns_do_not_know_is_run_by_the_pipeline_and_says_so() -> None:
    results = portfolio(
        matrix(6, row0=(0.5, 0.5)),
        {"A": with_dividend(A), "B": B},
        initial_capital=1_000.0,
        **FREE,
    )
    assert results.notice == "run by the pipeline: splits, dividends or an end of A"
    assert results.columns is None
    # Fifty dollars are paid on what was bought the day before.
    assert results.valuation.cash[-1] == 50_000_000
    assert [each[1:3] for each in filled(results)] == [("A", 50), ("B", 10)]


def test_a_delisted_symbol_is_paid_out_by_the_pipeline() -> None:
    end = Delisting("A", date(2015, 1, 8), 15_000_000)
    results = portfolio(
        matrix(6, row0=(0.5, 0.5)),
        {"A": PriceHistory(A[:4], (end,)), "B": B},
        initial_capital=1_000.0,
        **FREE,
    )
    assert results.final_equity == 50 * 15.0 + 500.0


def test_a_margin_call_is_run_by_the_pipeline_and_says_so() -> None:
    rising = priced("A", [10.0, 10.0, 14.0, 20.0, 24.0, 30.0])
    results = portfolio(
        matrix(6, row0=(-1.0,)), {"A": rising}, initial_capital=1_000.0, account="margin", **FREE
    )
    assert results.notice.startswith("run by the pipeline: a margin call")
    assert any(fill > 0 for _, _, fill, _ in filled(results))


@pytest.mark.parametrize("size", ["shares:10", "risk:1", "percent:95,net"])
def test_a_size_that_is_no_share_of_equity_is_refused(size: str) -> None:
    with pytest.raises(UsageError, match="spreads a share of equity"):
        PortfolioEngine({"A": A}, size=size)


def test_other_strategies_and_no_prices_are_refused() -> None:
    with pytest.raises(UsageError, match="does not weigh symbols"):
        portfolio(object(), {"A": A})
    with pytest.raises(UsageError, match="no prices are loaded"):
        PortfolioEngine({})


def test_a_frame_of_weights_names_days_and_symbols() -> None:
    prices = {"A": A, "B": B, "C": priced("C", [5.0] * 6)}
    frame = pd.DataFrame(
        {"b": [0.25, 0.0], "A": [0.5, 0.5]}, index=pd.to_datetime(["2015-01-05", "2015-01-07"])
    )
    on = WeightMatrix(frame).on(Panel(prices))
    assert on[1].tolist()[:2] == [0.5, 0.25]
    assert on[3].tolist()[:2] == [0.5, 0.0]
    assert np.isnan(on[:, 2]).all()
    assert np.isnan(on[[0, 2, 4, 5]]).all()
    closes = frame.set_index(pd.to_datetime(A.end[[1, 3]], utc=True))
    assert np.array_equal(WeightMatrix(closes).on(Panel(prices)), on, equal_nan=True)


def test_weights_that_fit_no_prices_are_refused() -> None:
    panel = Panel({"A": A, "B": B})
    sunday = pd.DataFrame({"A": [1.0]}, index=pd.to_datetime(["2015-01-04"]))
    for weights, why in (
        (np.zeros((5, 2)), "for 6 moments and 2 symbols"),
        (sunday, "no bar closes then"),
        (
            sunday.rename(columns={"A": "X"}).set_index(pd.to_datetime(["2015-01-05"])),
            "weights of X",
        ),
    ):
        with pytest.raises(UsageError, match=why):
            WeightMatrix(weights).on(panel)
    for wrong in (np.zeros(3), np.array([[1.5, 0.0]])):
        with pytest.raises(UsageError, match="are no matrix of numbers"):
            WeightMatrix(wrong)


@dataclass(frozen=True)
class Ranker:
    """Ranks by the close before, or with a leak by the close of the days to come."""

    ahead: int = 0
    score: float = 1.0
    rebalance: str = "every:5"
    warmup: int = 2
    weights: dict[str, float] = field(default_factory=dict)

    def rank(self, panel: Panel, rows: IntArray) -> FloatArray:
        last = np.minimum(rows + self.ahead, len(panel) - 1)
        return self.score * panel.close[last] / panel.close[rows - 1]

    def select(self, scores: FloatArray) -> BoolArray:
        return best(scores, 2)

    def weight(self, scores: FloatArray, chosen: BoolArray) -> FloatArray:
        return equally(chosen)


PRICES = {name: random_bars(seed, 120, symbol=name) for seed, name in enumerate("ABCDE")}


def test_each_day_by_itself_is_the_same_as_all_days_at_once() -> None:
    engine = PortfolioEngine(PRICES, size="percent:98")
    once, each = engine.run(Ranker()), engine.run(Ranker(), ask="each")
    assert len(once.columns.fills) > 20
    assert once.valuation.equity.tolist() == each.valuation.equity.tolist()
    assert once.columns.fills.tolist() == each.columns.fills.tolist()


def test_a_run_finds_out_who_looks_ahead() -> None:
    def verdict(strategy: Ranker) -> str:
        engine = SimulationEngine(SimulationConfig(benchmark="none"))
        for name, bars in PRICES.items():
            engine.load_data(name, bars)
        engine.set_strategy(strategy)
        found = engine.run().record.lookahead
        return f"{found.status}: {found.detail}"

    assert verdict(Ranker()) == "passed: 20 days, the past never moved"
    assert verdict(Ranker(ahead=1)).startswith("failed: Ranker gives ")


def test_a_portfolio_says_what_the_pipeline_says_of_every_order_and_fill() -> None:
    results = portfolio(Ranker(), PRICES, size="percent:98", account="margin")
    told, record = results, results.explained().record
    left_out = {"checks", "cap", "outside", "path"}
    for table in ("orders", "fills", "trades"):
        columns = getattr(told, table).reset_index()
        whole = getattr(results.explained(), table).reset_index()
        kept = [name for name in columns if name not in left_out]
        pd.testing.assert_frame_equal(columns[kept], whole[kept])
    assert told.metrics == {name: record.metrics[name] for name in told.metrics}


def test_the_bench_and_a_session_put_the_same_portfolio_right_the_same() -> None:
    histories = {name: read_sample(name) for name in ("AAPL", "GOOG", "IBM", "MSFT")}
    config = SimulationConfig(
        start=date(2004, 1, 5), end=date(2006, 6, 30), size="percent:98", benchmark="none"
    )
    strategy = TopMomentumStrategy(sessions=60, top=2)
    engine = SimulationEngine(config)
    for name, history in histories.items():
        engine.load_data(name, history)
    engine.set_strategy(strategy)
    bench, session = engine.run().record, replay(strategy, histories, config).record
    assert len(bench.fills) > 30
    for table in ("decisions", "orders", "fills", "bookings", "trades"):
        assert getattr(bench, table) == getattr(session, table), table
    assert bench.equity.cash == session.equity.cash


@pytest.mark.parametrize(
    ("method", "answer", "why"),
    [
        ("rank", lambda panel, rows: np.zeros(3), r"rank answered float64 in the shape \(3,\)"),
        ("select", lambda scores: scores, "select answered float64"),
        ("weight", lambda scores, chosen: chosen * 2.0, "a weight of 2.0 at 2015"),
    ],
)
def test_nonsense_is_the_strategys_own(method: str, answer: object, why: str) -> None:
    strategy = type("Odd", (Ranker,), {method: staticmethod(answer)})()
    with pytest.raises(StrategyError, match=f"Odd.*{why}"):
        portfolio(strategy, PRICES)


def test_a_cross_section_wants_sessions_and_its_own_protocol() -> None:
    minutes = {name: random_bars(1, 50, "5m", symbol=name) for name in "AB"}
    with pytest.raises(UsageError, match="are sessions, and these bars are 5m"):
        portfolio(Ranker(), minutes, bar_frequency="5m")
    lacking = type("Lacking", (), {"rank": Ranker.rank, "warmup": 1})()
    with pytest.raises(UsageError, match="Lacking has no rebalance"):
        portfolio(lacking, PRICES)
    both = type("Both", (Ranker,), {"on_bar": print})()
    with pytest.raises(UsageError, match="has both rank and on_bar"):
        portfolio(both, PRICES)


def test_shares_counted_at_their_fill_are_for_columns_alone() -> None:
    gap = priced("A", [10.0, 10.0, 10.0], opens=[10.0, 8.0, 10.0])
    settings = {"initial_capital": 1_000.0, "compat": "size_at_fill", **FREE}
    results = portfolio(matrix(3, row0=(1.0,)), {"A": gap}, **settings)
    assert filled(results) == [(5, "A", 125, 8.0)]
    with pytest.raises(UsageError, match="size_at_fill"):
        results.explained()


def test_lots_are_whole_and_the_pipeline_knows_them() -> None:
    lots = replace(A.instrument, lot=100)
    bars = Bars(lots, A.frequency, A.start, A.end, A.open, A.high, A.low, A.close, A.volume)
    results = portfolio(matrix(6, row0=(0.77,)), {"A": bars}, initial_capital=5_000.0, **FREE)
    assert results.notice == "run by the pipeline: lots or contracts"
    assert filled(results) == [(5, "A", 300, 10.0)]
    assert Fraction(300 * 10, 5_000) <= Fraction(77, 100)
