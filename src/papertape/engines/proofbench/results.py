"""SimulationResults: what a run hands out, all of it read off one record."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from papertape.domain.clock import SECOND, rfc3339
from papertape.domain.compatibility import banner
from papertape.domain.event import (
    CancelRejected,
    Entry,
    GoodFaithViolated,
    GroupOverfilled,
    MarginCalled,
)
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import FloatArray, IntArray, PriceHistory
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.domain.order import OrderId
from papertape.domain.terms import account_terms
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.cost_notices import cost_notices
from papertape.engines.proofbench.evidence.luck import in_words, return_difference
from papertape.engines.proofbench.explain import summary, why
from papertape.engines.proofbench.fill_report import cost_split, fill_report
from papertape.engines.proofbench.marks import Logged, Valuation
from papertape.engines.proofbench.metrics import Metrics, measure, returns
from papertape.engines.proofbench.record import (
    EquityColumns,
    Ground,
    LookaheadVerdict,
    Row,
    RunRecord,
    booking_rows,
    decision_rows,
    fill_rows,
    order_rows,
    path_band,
    refusal_rows,
    trade_rows,
)
from papertape.engines.proofbench.trades import Trade, round_trips
from papertape.engines.proofbench.window import Window
from papertape.strategies.strategy import Strategy, declared_parameters

if TYPE_CHECKING:
    from pandas import DataFrame

CODE_VERSION = 1
"""Raised when a change of ours may change results, so that old and new runs are told apart."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished drive, not yet measured."""

    strategy: Strategy
    window: Window
    logged: Logged
    orders: Mapping[OrderId, OrderState]
    valuation: Valuation
    lookahead: LookaheadVerdict


class SimulationResults:
    """A finished run: figures, tables as frames, and the reasons behind each.

    Attributes:
        metrics: Name -> figure, with ``units`` and ``reasons``.
    """

    def __init__(self, metrics: Metrics, draw_up: Callable[[], RunRecord]):
        self.metrics = metrics
        self._draw_up = draw_up

    @cached_property
    def record(self) -> RunRecord:
        """Everything, as plain data; put together when somebody asks for it."""
        return self._draw_up()

    def why(self, identifier: str) -> str:
        """Explain a trade (``T1``), an order (``O1``) or a fill (``O1#1``) from the record alone.

        Raises:
            UsageError: If the run has nothing of that name.
        """
        return why(self.record, identifier)

    @cached_property
    def equity(self) -> DataFrame:
        """Equity, cash and exposure at the start and at each close; UTC index ``time``."""
        columns = msgspec.structs.asdict(self.record.equity)
        return frame_of({name: column for name, column in columns.items() if column is not None})

    @cached_property
    def trades(self) -> DataFrame:
        """Round trips, one row each."""
        return frame_of(self.record.trades, "entry_time", "exit_time")

    @cached_property
    def orders(self) -> DataFrame:
        """Orders sent and what became of them."""
        return frame_of(self.record.orders)

    @cached_property
    def fills(self) -> DataFrame:
        """Executions with everything that made their price."""
        return frame_of(self.record.fills)

    @cached_property
    def decisions(self) -> DataFrame:
        """Changes of the strategy's wish, with reason and outcome."""
        return frame_of(self.record.decisions)

    def __repr__(self) -> str:
        return "\n".join(self.record.words)


def frame_of(rows: Mapping[str, Any] | Sequence[Row], *times: str) -> DataFrame:
    """Rows as a frame: times parsed; ``time`` becomes the index where there is one."""
    import pandas as pd  # noqa: PLC0415 - half a second that only users of frames pay

    if isinstance(rows, Mapping):
        frame = pd.DataFrame(rows)
    else:
        frame = pd.DataFrame([msgspec.structs.asdict(row) for row in rows])
    for name in ("time", *times):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame.set_index("time") if "time" in frame else frame


def report(
    outcome: Outcome,
    held: Outcome | None,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
) -> SimulationResults:
    """Measure a drive; its record is drawn up when somebody asks for it."""
    window, log = outcome.window, outcome.logged.entries
    marks = outcome.valuation.marks()
    orders = {order_id: state.order for order_id, state in outcome.orders.items()}
    trades = round_trips(log, orders, window.bars)
    ppy, rf = config.frequency.per_year, config.risk_free_rate
    benchmark = None if held is None else held.valuation.equity / MICROS_PER_DOLLAR
    metrics = measure(marks, trades, ppy=ppy, rf=rf, benchmark=benchmark)
    against, of_held = "", Metrics()
    if held is not None and benchmark is not None:
        of_held = measure(held.valuation.marks(), (), ppy=ppy, rf=rf)
        found = return_difference(returns(marks.equity), returns(benchmark), ppy, seed=config.seed)
        against = in_words(found)
    measured = _Measured(trades, metrics, benchmark, of_held, against)
    return SimulationResults(metrics, lambda: _drawn_up(outcome, histories, config, measured))


class _Measured(NamedTuple):
    """What was worked out of a drive, and of buying and holding beside it."""

    trades: Sequence[Trade]
    metrics: Metrics
    benchmark: FloatArray | None
    benchmark_metrics: Metrics
    against: str


def _drawn_up(
    outcome: Outcome,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    measured: _Measured,
) -> RunRecord:
    """The record of a drive that was measured."""
    window, log = outcome.window, outcome.logged.entries
    metrics, trades = measured.metrics, measured.trades
    record = RunRecord(
        ground=_ground(outcome, histories, config),
        metrics=dict(metrics),
        units=metrics.units,
        reasons=metrics.reasons,
        lookahead=outcome.lookahead,
        path_band=path_band(log),
        costs=cost_split(log),
        fill_report=fill_report(log, trades, window.untaped),
        words=[],
        notices=_notices(outcome, histories, config),
        orders=order_rows(outcome.orders, log),
        fills=fill_rows(log, outcome.orders),
        trades=trade_rows(trades),
        decisions=decision_rows(log),
        refusals=refusal_rows(log),
        bookings=booking_rows(log),
        equity=_equity(outcome.valuation, measured.benchmark),
        benchmark_metrics=dict(measured.benchmark_metrics),
        against_benchmark=measured.against,
    )
    return msgspec.structs.replace(record, words=summary(record))


def _equity(valuation: Valuation, benchmark: FloatArray | None) -> EquityColumns:
    marks = valuation.marks()
    gross = marks.gross if marks.gross is not None else np.zeros(0)
    return EquityColumns(
        time=_texts(valuation.time),
        equity=marks.equity.tolist(),
        cash=(valuation.cash / MICROS_PER_DOLLAR).tolist(),
        gross=gross.tolist(),
        benchmark=None if benchmark is None else benchmark.tolist(),
    )


def _texts(moments: IntArray) -> list[str]:
    """Moments as `rfc3339` writes them, all at once where none has a fraction of a second."""
    if np.any(moments % SECOND):
        return [rfc3339(moment) for moment in moments.tolist()]
    texts = np.datetime_as_string((moments // SECOND).astype("datetime64[s]"))
    written: list[str] = np.char.add(texts, "Z").tolist()
    return written


def _ground(
    outcome: Outcome, histories: Mapping[str, PriceHistory], config: SimulationConfig
) -> Ground:
    window, strategy = outcome.window, outcome.strategy
    costs = config.costs
    return Ground(
        strategy=type(strategy).__name__,
        parameters=parameters_of(strategy),
        symbols=list(window.bars),
        source={symbol: histories[symbol].source for symbol in window.bars},
        first=window.first.isoformat(),
        last=window.last.isoformat(),
        bars=sum(len(bars) for bars in window.traded.values()),
        frequency=str(config.frequency),
        data_hash=_data_hash(window),
        code_hash=_code_hash(strategy, config),
        cost=costs.name,
        cost_words=costs.describe(financed=account_terms(config.account).lends_money),
        account=config.account,
        size=config.size,
        capital=config.initial_capital,
        risk_free=config.risk_free_rate,
        warmup=config.warmup,
        warmup_bars=min(window.history.values()),
        profile=config.risk_profile,
        benchmark=config.benchmark,
        seed=config.seed,
        compat=sorted(config.compatibility),
    )


def parameters_of(strategy: Strategy) -> dict[str, Any]:
    """The declared parameters of a strategy, by name; empty if it declares none."""
    return {item.name: getattr(strategy, item.name) for item in declared_parameters(type(strategy))}


def _data_hash(window: Window) -> str:
    """Of the bars traded; history before them differs with the strategy's warm-up."""
    digest = hashlib.sha256()
    for symbol, bars in window.traded.items():
        digest.update(symbol.encode())
        for column in (bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume):
            digest.update(column.tobytes())
        digest.update(repr(window.actions[symbol]).encode())
    return digest.hexdigest()[:16]


def _code_hash(strategy: Strategy, config: SimulationConfig) -> str:
    try:
        source = inspect.getsource(type(strategy))
    except (OSError, TypeError):  # typed into a prompt: there is no file to read
        source = type(strategy).__qualname__
    text = repr((CODE_VERSION, source, parameters_of(strategy), config))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _notices(
    outcome: Outcome, histories: Mapping[str, PriceHistory], config: SimulationConfig
) -> list[str]:
    """Sentences to be read once: what was assumed of the data, the costs and the warm-up."""
    window = outcome.window
    notices = [text] if (text := banner(config.compatibility)) else []
    notices += [text for symbol in window.bars for text in histories[symbol].notices]
    wanted = outcome.strategy.warmup
    for symbol, history in window.history.items():
        bars = window.bars[symbol]
        if config.warmup == "before" and history < wanted:
            row = min(wanted, len(bars)) - 1
            until = bars[row : row + 1].days()[0]
            reached = f"it waits until {until}" if wanted <= len(bars) else "it never speaks"
            notices.append(
                f"{symbol}: {history} of {wanted} warm-up bars lie before {window.first}: {reached}"
            )
    for finding in window.findings:
        allowed = "ALLOWED, though an error: " if finding.severity == "error" else ""
        notices.append(f"{allowed}{finding.sentence}")
    notices += _broker_notices(outcome.logged.entries)
    notices += _races(outcome.logged.entries)
    notices += cost_notices(outcome.logged.entries, window, config.costs)
    if config.costs.is_free:
        notices.append("ZERO COST: nothing was charged for trading; no real account is like this")
    return notices


def _races(log: Sequence[Entry]) -> list[str]:
    """What came of cancels being under way for a while (fill-B2)."""
    words = []
    if late := sum(isinstance(entry, CancelRejected) for entry in log):
        words.append(f"{late} cancel{'' if late == 1 else 's'} came too late")
    words += [
        f"{entry.symbol}: {entry.order_id} got {entry.quantity:+d} shares more than its group was "
        f"to get, at {rfc3339(entry.time)}: its cancel was under way"
        for entry in log
        if isinstance(entry, GroupOverfilled)
    ]
    return words


def _broker_notices(log: Sequence[Entry]) -> list[str]:
    """What a broker would have written letters about."""
    notices: list[str] = []
    calls = [entry for entry in log if isinstance(entry, MarginCalled)]
    if calls:
        notices.append(
            f"MARGIN CALL: {len(calls)} time{'' if len(calls) == 1 else 's'} equity fell below "
            f"maintenance, first at {rfc3339(calls[0].time)}; the broker closed holdings"
        )
    violations = [entry for entry in log if isinstance(entry, GoodFaithViolated)]
    if violations:
        notices.append(
            f"{len(violations)} sale{'' if len(violations) == 1 else 's'} of what unsettled money "
            f"had bought, first {violations[0].symbol} at {rfc3339(violations[0].time)}: a broker "
            "restricts a cash account after a few (good-faith violations); --account cash-settled "
            "keeps to settled money"
        )
    return notices
