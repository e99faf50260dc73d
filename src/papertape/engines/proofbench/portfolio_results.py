"""PortfolioResults: what a portfolio's run hands out, most of it made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from papertape.domain.event import Entry, FinancingCharged, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState, OrderStatus
from papertape.domain.money import MICROS_PER_DOLLAR
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.panel import Panel
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


class Chronicle(NamedTuple):
    """What happened in a run, in order, and where each order stands at its end."""

    entries: Sequence[Entry]
    orders: Mapping[OrderId, OrderState]


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
        entries, states = self.chronicle
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
        entries, states = self.chronicle
        return frame_of(order_rows(states, entries))

    @cached_property
    def fills(self) -> DataFrame:
        """Executions with what made their price."""
        entries, states = self.chronicle
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
    time = panel.time.tolist()
    states = [_state(number, line, panel, time) for number, line in enumerate(run.orders.tolist())]
    charged = (_charge(line, panel, time) for line in run.charges.tolist())
    entries: list[Entry] = [*charged, *_executed(run, panel, time)]
    # Nights are charged before the bars of a row, and sorting leaves equal rows in their order.
    rows = [*run.charges[:, 0].tolist(), *run.fills[:, 0].tolist()]
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return Chronicle([entries[each] for each in order], {each.order.id: each for each in states})


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


def _executed(run: PortfolioRun, panel: Panel, time: list[int]) -> Iterator[OrderFilled]:
    made, bars = [0] * len(run.orders), panel.bars
    for line in run.fills.tolist():
        row, symbol, quantity, price, fee, reference, half_spread, slippage, order = line
        made[order] += 1
        start = bars[symbol].start.item(np.searchsorted(bars[symbol].end, time[row]))
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
