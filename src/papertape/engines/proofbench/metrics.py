"""Metrics: what a run's equity marks and trades amount to, each figure by one stated formula.

A figure that is not defined is a `Reason`, never zero, NaN or infinity. Returns are simple,
deviations have ddof 1, and whatever is "a year" has been scaled by the periods per year.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, sqrt
from typing import NamedTuple, TypeAlias

import numpy as np

from papertape.domain.clock import DAY
from papertape.domain.errors import require
from papertape.domain.market import FloatArray, IntArray
from papertape.domain.money import MICROS_PER_DOLLAR, dollars
from papertape.engines.proofbench.shape import Falls, Shape, falls_of, losses_below, shape_of
from papertape.engines.proofbench.trades import Trade
from papertape.engines.proofbench.trips import Trips

FLAT = 1e-12
"""A deviation below this is rounding noise, and no ratio is taken of it."""
SHORTEST_CAGR = 90
"""Calendar days below which a yearly growth rate says more about luck than about a year."""
TAIL = 0.05
FEWEST_FOR_A_TAIL = 20
"""Returns below which the 5 % tail holds less than one of them."""
SQN_CAP = 100
LONG, SAMPLE = 20_000, 2_000
"""Rows from which it is worth looking at a sample of so many first."""


class Reason(StrEnum):
    """Why a figure is not defined, or (low_confidence) should be read with care."""

    SHORT_SAMPLE = "short_sample"
    TOO_FEW_RETURNS = "too_few_returns"
    FLAT = "flat"
    RUINED = "ruined"
    NO_NEGATIVE_RETURNS = "no_negative_returns"
    NO_DRAWDOWN = "no_drawdown"
    NO_GROWTH = "no_growth"
    NO_TRADES = "no_trades"
    TOO_FEW_TRADES = "too_few_trades"
    NO_WINS = "no_wins"
    NO_LOSSES = "no_losses"
    NO_STOP = "no_stop"
    NO_FAVOURABLE_MOVE = "no_favourable_move"
    NO_BENCHMARK = "no_benchmark"
    BENCHMARK_FLAT = "benchmark_flat"
    NOT_RECORDED = "not_recorded"
    LOW_CONFIDENCE = "low_confidence"


Figure: TypeAlias = float | Reason
"""A number, or why there is none."""


class Holdings(NamedTuple):
    """What an account held at its closes, and traded between them.

    Attributes:
        busy: Closes with anything held.
        gross, net: Sums of the value of all positions as fractions of equity: sizes added, and
            signed.
        traded: Dollars bought and sold, sizes added.
    """

    busy: int
    gross: float
    net: float
    traded: float


@dataclass(frozen=True, eq=False)
class Marks:
    """An account seen at the start and then at each close, as columns of equal length.

    Attributes:
        time: int64 nanoseconds, ascending; the first is the instant the run starts.
        equity: Dollars; the first is the starting cash.
        flows: Dollars paid in (positive) or out since the mark before.
        holdings: What was held and traded meanwhile, if that was recorded.
    """

    time: IntArray
    equity: FloatArray
    flows: FloatArray | None = None
    holdings: Holdings | None = None

    def __post_init__(self) -> None:
        require(len(self.equity) > 0 and self.equity[0] > 0, "a run starts with money")
        require(bool(np.all(self.time[1:] > self.time[:-1])), "marks ascend in time")
        for name in ("time", "equity", "flows"):
            column = getattr(self, name)
            if column is not None:
                require(len(column) == len(self.equity), f"{name} has one entry for each mark")
                require(bool(np.all(np.isfinite(column))), f"{name} holds finite numbers only")


class Metrics(dict[str, float | int | None]):
    """The table of figures by name; one that is not defined is None.

    Attributes:
        units: Name -> what the number counts, such as ``fraction a year`` or ``dollars``.
        reasons: Name -> `Reason` code of each None, and of figures to be read with care.
    """

    def __init__(self, rows: Iterable[Row] = ()):
        super().__init__()
        self.units: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.units[row.name] = row.unit
        if isinstance(row.figure, Reason):
            self[row.name] = None
            self.reasons[row.name] = row.figure.value
            return
        require(isfinite(row.figure), f"{row.name} came out as {row.figure}")
        self[row.name] = row.figure if isinstance(row.figure, int) else float(row.figure)
        if row.flag:
            self.reasons[row.name] = row.flag.value


class Row(NamedTuple):
    """One line of the table; ``flag`` warns of a figure that is defined."""

    name: str
    unit: str
    figure: Figure
    flag: Reason | None = None


def measure(
    marks: Marks,
    trades: Sequence[Trade] | Trips = (),
    *,
    ppy: float,
    rf: float = 0.0,
    benchmark: FloatArray | None = None,
) -> Metrics:
    """The whole table of a run.

    Args:
        marks: The account, mark by mark.
        trades: Its round trips; open ones are counted apart and enter no average.
        ppy: Periods a year: 252 for daily marks of US shares, times bars a session within a day.
        rf: Risk-free rate a year.
        benchmark: Equity of the benchmark at the same marks; NaN where it has none.
    """
    require(ppy > 0 and rf > -1, f"no year has {ppy} periods at a rate of {rf}")
    trips = trades if isinstance(trades, Trips) else Trips.of(trades)
    return Metrics(
        [
            *_return_rows(marks, ppy, rf),
            *_trade_rows(trips.closed()),
            *_holding_rows(marks, ppy),
            *_benchmark_rows(marks, benchmark, ppy, rf),
            *_total_rows(marks, trips),
            Row("periods_per_year", "count a year", float(ppy)),
            Row("risk_free", "fraction a year", float(rf)),
        ]
    )


# Returns and equity


def returns(equity: FloatArray, flows: FloatArray | None = None) -> FloatArray:
    """Simple returns from mark to mark, money paid in or out taken off first."""
    after = equity[1:] if flows is None else equity[1:] - flows[1:]
    return after / equity[:-1] - 1


def per_period(rf: float, ppy: float) -> float:
    """A yearly rate brought down to one period geometrically."""
    rate: float = (1 + rf) ** (1 / ppy) - 1
    return rate


def excess(r: FloatArray, rf: float, ppy: float) -> FloatArray:
    """Returns above a yearly risk-free rate."""
    return r - per_period(rf, ppy)


def total_return(equity: FloatArray) -> Figure:
    """Last mark over the first, less 1."""
    return float(equity[-1] / equity[0]) - 1 if len(equity) > 1 else Reason.TOO_FEW_RETURNS


def cagr(equity: FloatArray, time: IntArray) -> Figure:
    """Growth a year of 365.25 calendar days, from the first mark's date (UTC) to the last's."""
    days = int(time[-1] // DAY - time[0] // DAY)
    if days < SHORTEST_CAGR:
        return Reason.SHORT_SAMPLE
    return _growth(equity, 365.25 / days)


def cagr_over_periods(equity: FloatArray, ppy: float) -> Figure:
    """Growth a year as other tools print it: marks counted, not days, however few."""
    if len(equity) < 2:
        return Reason.TOO_FEW_RETURNS
    return _growth(equity, ppy / (len(equity) - 1))


def _growth(equity: FloatArray, periods: float) -> Figure:
    if equity[-1] <= 0:
        return -1.0
    with np.errstate(over="ignore"):
        growth = float(np.float64(equity[-1] / equity[0]) ** periods) - 1
    return growth if isfinite(growth) else Reason.SHORT_SAMPLE


def deviation(shape: Shape) -> float:
    """Sample standard deviation of two rows or more."""
    return sqrt(shape.second * len(shape.column) / (len(shape.column) - 1))


def volatility(r: Shape, ppy: float) -> Figure:
    """Standard deviation of returns, a year."""
    return deviation(r) * sqrt(ppy) if len(r.column) > 1 else Reason.TOO_FEW_RETURNS


def sharpe(r: Shape, rf: float, ppy: float) -> Figure:
    """Mean excess return over its deviation, a year."""
    return _over_deviation(r.mean - per_period(rf, ppy), r, ppy)


def _over_deviation(mean: float, r: Shape, ppy: float) -> Figure:
    if len(r.column) < 2:
        return Reason.TOO_FEW_RETURNS
    spread = deviation(r)
    return mean / spread * sqrt(ppy) if spread >= FLAT else Reason.FLAT


def downside_deviation(r: FloatArray, level: float) -> float:
    """Root mean square of what returns lie below a level, those above it counted as zero."""
    return sqrt(losses_below(r, level) / len(r))


def sortino(r: Shape, rf: float, ppy: float) -> Figure:
    """Mean excess return over the downside deviation, a year; none where nothing ever moved."""
    if len(r.column) < 2:
        return Reason.TOO_FEW_RETURNS
    if deviation(r) < FLAT:
        return Reason.FLAT
    free = per_period(rf, ppy)
    if np.min(r.column) >= free:
        return Reason.NO_NEGATIVE_RETURNS
    downside = downside_deviation(r.column, free)
    return (r.mean - free) / downside * sqrt(ppy) if downside >= FLAT else Reason.FLAT


class Tail(NamedTuple):
    """The worst returns: the one that a period in twenty falls below, and the mean beyond it."""

    edge: Figure
    mean: Figure


def tail(r: FloatArray) -> Tail:
    """Value at risk and expected shortfall at 95 % (a loss is negative), the edge interpolated."""
    if not len(r):
        return Tail(Reason.TOO_FEW_RETURNS, Reason.TOO_FEW_RETURNS)
    place = TAIL * (len(r) - 1)
    below = int(place)
    above = min(below + 1, len(r) - 1)
    least = np.partition(_least(r, above + 1), (0, below, above))
    low, high = float(least[below]), float(least[above])
    edge = low + (high - low) * (place - below)
    beyond = least[least <= max(edge, least[0])]  # interpolation may round below the least
    return Tail(edge, float(np.mean(beyond)))


def _least(r: FloatArray, count: int) -> FloatArray:
    """At least the ``count`` smallest, and of a long column not many more."""
    if len(r) < LONG:
        return r
    sample = np.sort(r[:: len(r) // SAMPLE])
    least = r[r <= sample[len(sample) * count * 3 // (2 * len(r))]]
    return least if len(least) >= count else r


def skew(r: Shape) -> Figure:
    """Third population moment, standardised; 0 for a normal distribution."""
    return _standardised(r, r.third, 3)


def kurtosis(r: Shape) -> Figure:
    """Fourth population moment, standardised; 3 for a normal distribution."""
    return _standardised(r, r.fourth, 4)


def _standardised(r: Shape, moment: float, order: int) -> Figure:
    if len(r.column) < 2:
        return Reason.TOO_FEW_RETURNS
    spread = sqrt(r.second)
    return moment / spread**order if spread >= FLAT else Reason.FLAT


# Drawdowns


def max_drawdown(falls: Falls) -> float:
    """The deepest fall from a peak, as a negative fraction."""
    return falls.deepest.depth if falls.deepest else 0.0


def ulcer(falls: Falls, marks: int) -> Figure:
    """Root mean square of the drawdowns at all marks but the first."""
    return sqrt(falls.squares / (marks - 1)) if marks > 1 else Reason.TOO_FEW_RETURNS


def calmar(growth: Figure, drawdown: float) -> Figure:
    """Growth a year over the deepest drawdown of the same window."""
    if isinstance(growth, Reason):
        return growth
    if drawdown == 0:
        return Reason.NO_DRAWDOWN
    return growth / abs(drawdown) if growth else Reason.NO_GROWTH


# Trades, as one net result each


def win_rate(results: FloatArray) -> Figure:
    """Share of results above zero; those of exactly zero count among the rest."""
    return float(np.mean(results > 0)) if len(results) else Reason.NO_TRADES


def profit_factor(results: FloatArray) -> Figure:
    """What was won over what was lost."""
    if not len(results):
        return Reason.NO_TRADES
    lost = float(np.sum(results[results < 0]))
    return float(np.sum(results[results > 0])) / -lost if lost else Reason.NO_LOSSES


def expectancy(results: FloatArray) -> Figure:
    """Mean result of a trade."""
    return float(np.mean(results)) if len(results) else Reason.NO_TRADES


def payoff(results: FloatArray) -> Figure:
    """Mean win over mean loss."""
    if not len(results):
        return Reason.NO_TRADES
    wins, losses = results[results > 0], results[results < 0]
    if not len(wins):
        return Reason.NO_WINS
    return float(np.mean(wins) / -np.mean(losses)) if len(losses) else Reason.NO_LOSSES


def sqn(results: FloatArray, cap: int | None = None) -> Figure:
    """System quality number: mean over deviation times the root of the count (at most ``cap``)."""
    count = len(results)
    if count < 2:
        return Reason.TOO_FEW_TRADES if count else Reason.NO_TRADES
    shape = shape_of(results)
    return _over_deviation(shape.mean, shape, min(count, cap or count))


# Holdings


def turnover(traded: float, equity: FloatArray, ppy: float) -> Figure:
    """One-way turnover a year: half of what was bought and sold, over mean equity."""
    years = (len(equity) - 1) / ppy
    mean = float(np.mean(equity))
    if years <= 0:
        return Reason.TOO_FEW_RETURNS
    return traded / 2 / mean / years if mean > 0 else Reason.RUINED


# Against a benchmark


def beta(x: FloatArray, xb: FloatArray) -> Figure:
    """Slope of excess returns on the benchmark's."""
    if len(x) < 2:
        return Reason.TOO_FEW_RETURNS
    if float(np.std(xb, ddof=1)) < FLAT:
        return Reason.BENCHMARK_FLAT
    centred = xb - np.mean(xb)
    return float(centred @ x / (centred @ centred))


def alpha(x: FloatArray, xb: FloatArray, ppy: float) -> Figure:
    """Jensen's alpha, arithmetic, a year: the mean excess return that beta does not explain."""
    slope = beta(x, xb)
    if isinstance(slope, Reason):
        return slope
    return float(np.mean(x) - slope * np.mean(xb)) * ppy


def tracking_error(r: FloatArray, b: FloatArray, ppy: float) -> Figure:
    """Deviation of the returns' difference from the benchmark, a year."""
    return volatility(shape_of(r - b), ppy)


def information_ratio(r: FloatArray, b: FloatArray, ppy: float) -> Figure:
    """Mean difference from the benchmark over its deviation, a year."""
    difference = shape_of(r - b)
    return _over_deviation(difference.mean, difference, ppy)


# The table


def _return_rows(marks: Marks, ppy: float, rf: float) -> Iterator[Row]:
    ruined = bool(np.any(marks.equity[:-1] <= 0))
    equity = marks.equity if ruined else _without_flows(marks)
    growth, falls = cagr(equity, marks.time), falls_of(equity)
    deepest = max_drawdown(falls)
    yield Row("total_return", "fraction", total_return(equity))
    yield Row("cagr", "fraction a year", growth)
    yield Row("cagr_over_periods", "fraction a year", cagr_over_periods(equity, ppy))
    # Assumption: after a mark at or below zero a return means nothing, so none is shown.
    rows = _risk_rows(np.empty(0) if ruined else returns(equity), ppy, rf)
    yield from (row._replace(figure=Reason.RUINED) for row in rows) if ruined else rows
    yield Row("max_drawdown", "fraction", deepest)
    yield from _drawdown_rows(falls, marks.time)
    yield Row("calmar", "ratio", calmar(growth, deepest))
    yield Row("ulcer", "fraction", ulcer(falls, len(equity)))


def _risk_rows(r: FloatArray, ppy: float, rf: float) -> Iterator[Row]:
    few = Reason.LOW_CONFIDENCE if len(r) < FEWEST_FOR_A_TAIL else None
    shape, worst = shape_of(r), tail(r)
    yield Row("volatility", "fraction a year", volatility(shape, ppy))
    yield Row("sharpe", "ratio", sharpe(shape, rf, ppy))
    yield Row("sortino", "ratio", sortino(shape, rf, ppy))
    yield Row("var_95", "fraction", worst.edge, few)
    yield Row("cvar_95", "fraction", worst.mean, few)
    yield Row("skew", "ratio", skew(shape))
    yield Row("kurtosis", "ratio", kurtosis(shape))


def _without_flows(marks: Marks) -> FloatArray:
    """Equity as it would have grown had no money been paid in or out."""
    if marks.flows is None:
        return marks.equity
    growth = np.cumprod(1 + returns(marks.equity, marks.flows))
    return np.concatenate(([1.0], growth)) * float(marks.equity[0])


def _drawdown_rows(falls: Falls, time: IntArray) -> Iterator[Row]:
    for name, each in (("max_drawdown", falls.deepest), ("longest_drawdown", falls.longest)):
        span: tuple[Figure, ...] = (Reason.NO_DRAWDOWN,) * 3
        if each:
            days = int(time[each.end] // DAY - time[each.peak] // DAY)
            span = (each.marks, days, int(each.recovered))
        yield Row(f"{name}_marks", "marks", span[0])
        yield Row(f"{name}_days", "days", span[1])
        yield Row(f"{name}_recovered", "1 or 0", span[2])


def _trade_rows(closed: Trips) -> Iterator[Row]:
    results = closed.pnl / MICROS_PER_DOLLAR
    in_r = closed.r_multiple[~np.isnan(closed.r_multiple)]
    no_stop = Reason.NO_STOP if len(closed) else Reason.NO_TRADES
    quality, basis = (in_r, "R") if 0 < len(closed) == len(in_r) else (results, "profit")
    yield Row("win_rate", "fraction", win_rate(results))
    yield Row("wins", "count", int(np.sum(results > 0)))
    yield Row("losses", "count", int(np.sum(results < 0)))
    yield Row("scratches", "count", int(np.sum(results == 0)))
    yield Row("profit_factor", "ratio", profit_factor(results))
    yield Row("expectancy", "dollars", expectancy(results))
    yield Row("expectancy_on_entry", "fraction", expectancy(closed.return_on_entry))
    yield Row("expectancy_r", "R", expectancy(in_r) if len(in_r) else no_stop)
    yield Row("payoff", "ratio", payoff(results))
    yield Row("sqn", f"ratio of {basis}", sqn(quality))
    yield Row("sqn_capped", f"ratio of {basis}", sqn(quality, SQN_CAP))
    yield Row("sqn_trades", "count", len(quality))
    yield from _excursion_rows(closed)


def _excursion_rows(closed: Trips) -> Iterator[Row]:
    seen = closed.only(~np.isnan(closed.mae))
    missing = Reason.NOT_RECORDED if len(closed) else Reason.NO_TRADES
    yield Row("mae", "fraction", float(np.mean(seen.mae)) if len(seen) else missing)
    yield Row("mfe", "fraction", float(np.mean(seen.mfe)) if len(seen) else missing)
    yield Row("mfe_kept", "fraction", mfe_kept(seen) if len(seen) else missing)


def mfe_kept(closed: Trips) -> Figure:
    """Share of the best marks that the exits kept, before costs: sum over sum of all trades.

    A mean of each trade's share would be ruled by trades that hardly moved.
    """
    best = float(np.sum(closed.mfe))
    kept = float(np.sum(closed.side * (closed.exit_price / closed.entry_price - 1)))
    return kept / best if best > FLAT else Reason.NO_FAVOURABLE_MOVE


def _holding_rows(marks: Marks, ppy: float) -> Iterator[Row]:
    held, closes = marks.holdings, len(marks.equity) - 1  # at the start nothing can be held
    lacking = Reason.NOT_RECORDED if held is None else Reason.TOO_FEW_RETURNS
    busy, gross, net, traded = held or Holdings(0, 0.0, 0.0, 0.0)
    is_known = held is not None and closes > 0
    yield Row("exposure_time", "fraction", busy / closes if is_known else lacking)
    yield Row("mean_gross_exposure", "fraction", gross / closes if is_known else lacking)
    yield Row("mean_net_exposure", "fraction", net / closes if is_known else lacking)
    figure = lacking if held is None else turnover(traded, marks.equity, ppy)
    yield Row("turnover", "fraction a year", figure)


def _benchmark_rows(
    marks: Marks, benchmark: FloatArray | None, ppy: float, rf: float
) -> Iterator[Row]:
    pair = _aligned_returns(marks, benchmark)
    lacking = pair if isinstance(pair, Reason) else None
    r, b = (np.empty(0), np.empty(0)) if isinstance(pair, Reason) else pair
    x, xb = excess(r, rf, ppy), excess(b, rf, ppy)
    yield Row("beta", "ratio", lacking or beta(x, xb))
    yield Row("alpha", "fraction a year", lacking or alpha(x, xb, ppy))
    yield Row("tracking_error", "fraction a year", lacking or tracking_error(r, b, ppy))
    yield Row("information_ratio", "ratio", lacking or information_ratio(r, b, ppy))


def _aligned_returns(
    marks: Marks, benchmark: FloatArray | None
) -> tuple[FloatArray, FloatArray] | Reason:
    """Returns of both over the periods at whose two ends both have a mark."""
    if benchmark is None:
        return Reason.NO_BENCHMARK
    require(len(benchmark) == len(marks.equity), "the benchmark has one entry for each mark")
    if np.any(marks.equity[:-1] <= 0):
        return Reason.RUINED
    r, b = returns(marks.equity, marks.flows), returns(benchmark)
    both = np.isfinite(b)
    return r[both], b[both]


def _total_rows(marks: Marks, trips: Trips) -> Iterator[Row]:
    still_open = int(np.sum(trips.is_open))
    yield Row("final_equity", "dollars", float(marks.equity[-1]))
    yield Row("trades_closed", "count", len(trips) - still_open)
    yield Row("trades_open", "count", still_open)
    yield Row("fees", "dollars", dollars(int(np.sum(trips.fees))))
    yield Row("costs", "dollars", dollars(int(np.sum(trips.costs))))
