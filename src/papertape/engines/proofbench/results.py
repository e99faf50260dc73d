"""SimulationResults: what a run hands out, all of it read off one record."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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
from papertape.domain.market import DAILY, FloatArray, IntArray, PriceHistory
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.domain.order import OrderId
from papertape.domain.terms import account_terms
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.cost_notices import cost_notices
from papertape.engines.proofbench.evidence.luck import in_words, return_difference
from papertape.engines.proofbench.explain import summary, why
from papertape.engines.proofbench.figures import Figures, figures_in, figures_of
from papertape.engines.proofbench.fill_report import cost_split, fill_report
from papertape.engines.proofbench.legs import trips_of_log
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
from papertape.engines.proofbench.trips import Trips
from papertape.engines.proofbench.window import Window
from papertape.strategies.strategy import Strategy, declared_parameters

if TYPE_CHECKING:
    from pandas import DataFrame

    from papertape.engines.proofbench.kernel.tally import Tally

CODE_VERSION = 1
"""Raised when a change of ours may change results, so that old and new runs are told apart."""


class Story(NamedTuple):
    """What happened in a run, entry by entry, and what became of its orders."""

    logged: Logged
    orders: Mapping[OrderId, OrderState]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished drive, not yet measured; what there is to know of it is told when asked for.

    Attributes:
        strategy: What was driven.
        window: Over which bars.
        value: Values the account after each moment.
        tell: Tells what happened.
        judge: Holds the strategy against its past.
        count: Counts its round trips, where that takes no story.
        tally: What a kernel counted while it drove.
    """

    strategy: Strategy
    window: Window
    value: Callable[[], Valuation]
    tell: Callable[[], Story]
    judge: Callable[[], LookaheadVerdict]
    count: Callable[[], Trips | None] = lambda: None
    tally: Tally | None = None

    @classmethod
    def known(
        cls,
        strategy: Strategy,
        window: Window,
        story: Story,
        valuation: Valuation,
        verdict: LookaheadVerdict,
    ) -> Outcome:
        """A drive of which nothing is left to be told."""
        return cls(strategy, window, lambda: valuation, lambda: story, lambda: verdict)

    @cached_property
    def valuation(self) -> Valuation:
        """The account after each moment."""
        return self.value()

    @cached_property
    def story(self) -> Story:
        """What happened, told once."""
        return self.tell()

    @property
    def log(self) -> Sequence[Entry]:
        """Every entry, in order."""
        return self.story.logged.entries

    @cached_property
    def lookahead(self) -> LookaheadVerdict:
        """Whether the strategy's past stands still when its future is cut off; looked at once."""
        return self.judge()

    @cached_property
    def trades(self) -> list[Trade]:
        """The round trips, one by one."""
        orders = {order_id: state.order for order_id, state in self.story.orders.items()}
        return round_trips(self.log, orders, self.window.bars)

    @cached_property
    def counted(self) -> Trips | None:
        """The same as columns; None where they have to be told one by one."""
        return self.count()

    @cached_property
    def trips(self) -> Trips:
        """The same as columns; where they can be counted so, without the trades."""
        if self.counted is not None:
            return self.counted
        trips = trips_of_log(self.log, self.story.orders, self.window.bars)
        return Trips.of(self.trades) if trips is None else trips

    def metrics(self, config: SimulationConfig, benchmark: FloatArray | None = None) -> Metrics:
        """The whole table."""
        marks, rf = self.valuation.marks(), config.risk_free_rate
        ppy = config.frequency.per_year
        return measure(marks, self.trips, ppy=ppy, rf=rf, benchmark=benchmark)

    def figures(self, config: SimulationConfig) -> Figures:
        """The short list."""
        if self.tally is not None:
            return figures_of(self.tally, config)
        return figures_in(self.metrics(config), len(self.valuation.time) - 1, config)


class SimulationResults:
    """A finished run: figures, tables as frames, and the reasons behind each.

    Everything is worked out when somebody asks for it.
    """

    def __init__(
        self,
        sum_up: Callable[[], Figures],
        measured: Callable[[], Metrics],
        account: Callable[[], EquityColumns],
        draw_up: Callable[[Metrics, EquityColumns], RunRecord],
    ):
        self._sum_up, self._measured = sum_up, measured
        self._account = cache(account)
        self._draw_up = draw_up

    @cached_property
    def figures(self) -> Figures:
        """The short list, as a sweep shows it; of a long run it is known long before `metrics`.

        Its ratios are summed while the run goes on, and equal those to some twelve digits.
        """
        return self._sum_up()

    @cached_property
    def metrics(self) -> Metrics:
        """Name -> figure, with ``units`` and ``reasons``."""
        return self._measured()

    @cached_property
    def record(self) -> RunRecord:
        """Everything, as plain data."""
        return self._draw_up(self.metrics, self._account())

    def why(self, identifier: str) -> str:
        """Explain a trade (``T1``), an order (``O1``) or a fill (``O1#1``) from the record alone.

        Raises:
            UsageError: If the run has nothing of that name.
        """
        return why(self.record, identifier)

    @cached_property
    def equity(self) -> DataFrame:
        """Equity, cash and exposure at the start and at each close; UTC index ``time``."""
        columns = msgspec.structs.asdict(self._account())
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
    """What a drive hands out, beside a benchmark if there is one."""

    def measured() -> Metrics:
        benchmark = None if held is None else held.valuation.equity / MICROS_PER_DOLLAR
        return outcome.metrics(config, benchmark)

    return SimulationResults(
        lambda: outcome.figures(config),
        measured,
        lambda: _equity(outcome.valuation, None if held is None else held.valuation),
        lambda metrics, equity: _drawn_up(outcome, held, histories, config, metrics, equity),
    )


def _against(outcome: Outcome, held: Outcome, config: SimulationConfig) -> str:
    """How far the run is from buying and holding, and whether luck explains it.

    Assumption: days are what luck deals out, however many bars they have; the bars of one day hang
    together, and a million of them would be drawn two thousand times.
    """
    bars = next(iter(outcome.window.bars.values()))
    days = bars.calendar.local_days(outcome.valuation.time)
    rows = np.append(0, np.flatnonzero(np.append(days[1:] != days[:-1], True)))
    one, other = (
        returns(each.valuation.equity[rows] / MICROS_PER_DOLLAR) for each in (outcome, held)
    )
    return in_words(return_difference(one, other, DAILY.per_year, seed=config.seed))


def _drawn_up(
    outcome: Outcome,
    held: Outcome | None,
    histories: Mapping[str, PriceHistory],
    config: SimulationConfig,
    metrics: Metrics,
    equity: EquityColumns,
) -> RunRecord:
    """The record of a drive that was measured."""
    window, log, trades = outcome.window, outcome.log, outcome.trades
    of_held = Metrics()
    if held is not None:
        ppy, rf = config.frequency.per_year, config.risk_free_rate
        of_held = measure(held.valuation.marks(), (), ppy=ppy, rf=rf)
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
        orders=order_rows(outcome.story.orders, log),
        fills=fill_rows(log, outcome.story.orders),
        trades=trade_rows(trades),
        decisions=decision_rows(log),
        refusals=refusal_rows(log),
        bookings=booking_rows(log),
        equity=equity,
        benchmark_metrics=dict(of_held),
        against_benchmark="" if held is None else _against(outcome, held, config),
    )
    return msgspec.structs.replace(record, words=summary(record))


def _equity(valuation: Valuation, held: Valuation | None) -> EquityColumns:
    return EquityColumns(
        time=_texts(valuation.time),
        equity=(valuation.equity / MICROS_PER_DOLLAR).tolist(),
        cash=(valuation.cash / MICROS_PER_DOLLAR).tolist(),
        gross=valuation.gross.tolist(),
        benchmark=None if held is None else (held.equity / MICROS_PER_DOLLAR).tolist(),
    )


def _texts(moments: IntArray) -> list[str]:
    """Moments as `rfc3339` writes them, all at once where none has a fraction of a second."""
    if np.any(moments % SECOND):
        return [rfc3339(moment) for moment in moments.tolist()]
    seconds = (moments // SECOND).astype("datetime64[s]")
    written: list[str] = np.datetime_as_string(seconds, timezone="UTC").tolist()
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
    notices += _broker_notices(outcome.log)
    notices += _races(outcome.log)
    notices += cost_notices(outcome.log, window, config.costs)
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
