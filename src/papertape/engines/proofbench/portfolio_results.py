"""PortfolioResults: what a portfolio's run hands out, most of it made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from papertape.domain.event import Entry, FinancingCharged, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.market import IntArray
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.panel import Panel
from papertape.domain.record import rarely_collecting
from papertape.engines.proofbench.config import SimulationConfig
from papertape.engines.proofbench.kernel import PortfolioRun
from papertape.engines.proofbench.marks import Valuation
from papertape.engines.proofbench.metrics import Metrics, measure
from papertape.engines.proofbench.record import fill_rows, order_rows, trade_rows
from papertape.engines.proofbench.results import SimulationResults, frame_of
from papertape.engines.proofbench.trades import Trade, round_trips
from papertape.engines.proofbench.window import Window
from papertape.engines.signalcore.portfolio_desk import PUT_RIGHT_ANEW, rebalanced_to

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Chronicle:
    """Where each order of a run stands at its end, and what happened, told when asked for."""

    orders: Mapping[OrderId, OrderState]
    tell: Callable[[], Sequence[Entry]]

    @cached_property
    def entries(self) -> Sequence[Entry]:
        """Everything that happened, in order."""
        return self.tell()


class PortfolioResults:
    """A portfolio's run: the account and its figures; tables and records when asked for.

    Attributes:
        valuation: The account at the start and after each moment, micro-dollars.
        columns: Orders, fills and charges as lines of whole numbers; None where the pipeline had
            to run it.
        notice: Why it had to; else empty.
        symbols: What could be traded, in the order of the columns of weights.
    """

    def __init__(
        self,
        valuation: Valuation,
        window: Window,
        config: SimulationConfig,
        tell: Callable[[], Chronicle],
        explain: Callable[[], SimulationResults],
        columns: PortfolioRun | None = None,
        notice: str = "",
    ):
        self.valuation, self.columns, self.notice = valuation, columns, notice
        self.symbols = tuple(window.bars)
        self._bars, self._config = window.bars, config
        self._tell, self._explain = tell, explain

    @property
    def final_equity(self) -> float:
        """Dollars at the end."""
        return float(self.valuation.equity[-1]) / MICROS_PER_DOLLAR

    @cached_property
    def metrics(self) -> Metrics:
        """Name -> figure, with ``units`` and ``reasons``, as of any run."""
        ppy, rf = self._config.frequency.per_year, self._config.risk_free_rate
        return measure(self.valuation.marks(), self.round_trips, ppy=ppy, rf=rf)

    @cached_property
    def chronicle(self) -> Chronicle:
        """Fills and charges as records, and the orders."""
        return self._tell()

    @cached_property
    def round_trips(self) -> list[Trade]:
        """Closed and open trades, in the order of their entries."""
        entries, states = self.chronicle.entries, self.chronicle.orders
        orders = {order_id: state.order for order_id, state in states.items()}
        return round_trips(entries, orders, self._bars)

    @cached_property
    def equity(self) -> DataFrame:
        """Equity, cash and exposures in dollars at the start and after each moment."""
        import pandas as pd  # noqa: PLC0415 - half a second that only users of frames pay

        held = self.valuation.exposure(slice(None))
        amounts = (self.valuation.equity, self.valuation.cash, held.gross, held.net)
        names = ("equity", "cash", "gross", "net")
        columns = {
            name: each / MICROS_PER_DOLLAR for name, each in zip(names, amounts, strict=True)
        }
        time = pd.to_datetime(self.valuation.time, utc=True).rename("time")
        return pd.DataFrame(columns, index=time)

    @cached_property
    def orders(self) -> DataFrame:
        """Orders sent and what became of them."""
        entries, states = self.chronicle.entries, self.chronicle.orders
        return frame_of(order_rows(states, entries))

    @cached_property
    def fills(self) -> DataFrame:
        """Executions with what made their price."""
        entries, states = self.chronicle.entries, self.chronicle.orders
        return frame_of(fill_rows(entries, states))

    @cached_property
    def trades(self) -> DataFrame:
        """Round trips, one row each."""
        return frame_of(trade_rows(self.round_trips), "entry_time", "exit_time")

    def explained(self) -> SimulationResults:
        """The same run by the pipeline: reasons, decisions, verdicts, notices, and their record.

        Raises:
            UsageError: If shares were counted at their fill, which only columns do.
        """
        return self._explain()

    def __repr__(self) -> str:
        served = f"; {self.notice}" if self.notice else ""
        return f"portfolio of {len(self.symbols)} symbols: {self.final_equity:,.2f}{served}"


def chronicle(run: PortfolioRun, panel: Panel) -> Chronicle:
    """The records that a run's columns stand for.

    Left out: what limited a fill, and whether costs carried it outside its bar.
    """
    time, lines = panel.time.tolist(), run.orders.tolist()
    with rarely_collecting():
        states = [_state(number, line, panel, time) for number, line in enumerate(lines)]
    return Chronicle({each.order.id: each for each in states}, partial(_entries, run, panel))


def _entries(run: PortfolioRun, panel: Panel) -> list[Entry]:
    time = panel.time.tolist()
    charged = (_charge(line, panel, time) for line in run.charges.tolist())
    with rarely_collecting():
        entries: list[Entry] = [*charged, *_executed(run, panel)]
    # Nights are charged before the bars of a row, and sorting leaves equal rows in their order.
    rows = [*run.charges[:, 0].tolist(), *run.fills[:, 0].tolist()]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return [entries[each] for each in order]


_STAGES = (
    (OrderStatus.NEW, ""),
    (OrderStatus.NEW, ""),
    (OrderStatus.CANCELED, PUT_RIGHT_ANEW),
    (OrderStatus.CANCELED, "buying power"),
)
"""Stage and note of orders that are working, complete, taken back and cut, as the kernel counts."""


def _state(number: int, line: list[int], panel: Panel, time: list[int]) -> OrderState:
    row, symbol, share, quantity, filled, paid, status = line
    order = Order(
        id=f"O{number + 1}",
        symbol=panel.symbols[symbol],
        quantity=quantity,
        kind=OrderKind.MARKET,
        time=time[row],
        reason=rebalanced_to(share),
    )
    stage, note = _STAGES[status]
    return OrderState(order, stage, filled, paid, note)


def _starts(fills: IntArray, panel: Panel) -> list[int]:
    """When the bar of each fill began."""
    row, symbol, starts = fills[:, 0], fills[:, 1], np.empty(len(fills), np.int64)
    for each in np.unique(symbol).tolist():
        bars, its = panel.bars[each], np.flatnonzero(symbol == each)
        starts[its] = bars.start[np.searchsorted(bars.end, panel.time[row[its]])]
    found: list[int] = starts.tolist()
    return found


def _executed(run: PortfolioRun, panel: Panel) -> Iterator[OrderFilled]:
    made = [0] * len(run.orders)
    for line, start in zip(run.fills.tolist(), _starts(run.fills, panel), strict=True):
        symbol, quantity, price, fee, reference, half_spread, slippage, order = line[1:]
        made[order] += 1
        fill = Fill(
            id=f"O{order + 1}#{made[order]}",
            order_id=f"O{order + 1}",
            symbol=panel.symbols[symbol],
            time=start,
            quantity=quantity,
            price=price,
            fee=fee,
            rule="fill-M1",
            bar_start=start,
            reference=reference,
            half_spread=half_spread,
            slippage=slippage,
        )
        yield OrderFilled(start, fill)


def _charge(line: list[int], panel: Panel, time: list[int]) -> FinancingCharged:
    row, symbol, value, total = line
    what = "borrow" if value < 0 else "interest"
    days = panel.days[row] - panel.days[row - 1]
    return FinancingCharged(
        time[row], panel.symbols[symbol], what, abs(value), int(days.astype(int)), total
    )
