"""Window: which bars are traded, and which are only history before them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from papertape.data.actions import adjusted_backward
from papertape.data.moments import closing_times
from papertape.data.quality.finding import Finding
from papertape.data.quality.gate import refuse_errors
from papertape.data.ticks import merged
from papertape.domain.clock import Nanos
from papertape.domain.compatibility import NONE, Compatibility
from papertape.domain.errors import DataError
from papertape.domain.market import (
    Bars,
    CorporateAction,
    PriceHistory,
    Renaming,
    Tick,
    ends_symbol,
)
from papertape.domain.panel import Panel
from papertape.matching.liquidity import WINDOW as LIQUIDITY_BARS


@dataclass(frozen=True, eq=False)
class Window:
    """The bars of a run, cut to what it may see.

    Attributes:
        bars: Symbol -> history bars, then the bars traded.
        actions: Symbol -> corporate actions among them.
        ticks: The tape of all symbols that have one, merged in time order.
        taped: Those symbols.
        history: Symbol -> how many of its bars are history only.
        start: Opening of the first bar traded.
        decides_from: Close of the last moment before it, when the first decision may fall; with no
            history the first close there is.
        first, last: First and last day traded.
        findings: What the data rules say about the bars, short of a refusal.
    """

    bars: Mapping[str, Bars]
    actions: Mapping[str, tuple[CorporateAction, ...]]
    history: Mapping[str, int]
    start: Nanos
    decides_from: Nanos
    first: date
    last: date
    ticks: Sequence[Tick] = ()
    taped: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

    @property
    def untaped(self) -> dict[str, Bars]:
        """Symbol -> bars, of those whose orders meet their bars."""
        return {symbol: each for symbol, each in self.bars.items() if symbol not in self.taped}

    @property
    def is_plain(self) -> bool:
        """Whether there is one instrument, with bars alone, that trades to the end."""
        actions = (action for each in self.actions.values() for action in each)
        return len(self.bars) == 1 and not self.ticks and not any(map(ends_symbol, actions))

    @property
    def traded(self) -> dict[str, Bars]:
        """Symbol -> the bars traded, without the history before them."""
        return {symbol: bars[self.history[symbol] :] for symbol, bars in self.bars.items()}

    def first_row(self, panel: Panel) -> int:
        """The row of a panel of these bars after which the first decision may fall."""
        return int(np.searchsorted(panel.time, self.decides_from))


def cut(
    histories: Mapping[str, PriceHistory],
    start: date | None,
    end: date | None,
    warmup: int | None,
    compat: frozenset[Compatibility] = NONE,
    allow: Collection[str] = (),
) -> Window:
    """Cut histories to the days from ``start`` to ``end`` and the bars needed ahead of them.

    Args:
        histories: What was loaded.
        start: First day traded; None for the data's own.
        end: Last day traded, included; None for the data's own.
        warmup: Bars of history a strategy wants, or None to start cold. The market's own measures
            (liquidity, volatility) want 21, so a warm start has at least these.
        compat: Conventions of other engines; two of them change what is traded, and from when.
        allow: Data rules whose errors are accepted.

    Raises:
        DataError: If no bar lies within the days, or a data rule finds an error among them.
    """
    if Compatibility.TRADE_ADJUSTED in compat:
        histories = {symbol: adjusted_backward(each) for symbol, each in histories.items()}
    room = 0 if warmup is None else max(warmup, LIQUIDITY_BARS + 1)
    bars: dict[str, Bars] = {}
    history: dict[str, int] = {}
    findings: list[Finding] = []
    for symbol in sorted(histories):
        whole = histories[symbol].bars
        low, high = _rows(whole, start, end)
        if low >= high:
            raise _nothing(symbol, whole.days(), start, end)
        history[symbol] = min(room, low)
        first = low - history[symbol]
        # All of them are the bars themselves, about which much may be known already.
        bars[symbol] = whole if first == 0 and high == len(whole) else whole[first:high]
        findings += refuse_errors(replace(histories[symbol], bars=bars[symbol]), allow)
    actions = {symbol: _until(histories[symbol].actions, end) for symbol in bars}
    _refuse_false_ends(bars, actions)
    traded = {symbol: each[history[symbol] :] for symbol, each in bars.items()}
    opening = min(int(each.start[0]) for each in traded.values())
    closes = closing_times(bars)
    before = int(np.searchsorted(closes, opening, side="right")) - 1
    if Compatibility.FILL_AT_DECISION_CLOSE in compat:
        before += 1  # a close before the first open would be filled outside the window
    return Window(
        bars=bars,
        actions=actions,
        history=history,
        start=opening,
        decides_from=int(closes[max(0, before)]),
        first=min(each[:1].days()[0].item() for each in traded.values()),
        last=max(each[-1:].days()[0].item() for each in traded.values()),
        ticks=merged([histories[symbol].ticks for symbol in bars], start=opening),
        taped=frozenset(symbol for symbol in bars if histories[symbol].ticks),
        findings=tuple(findings),
    )


def _rows(bars: Bars, start: date | None, end: date | None) -> tuple[int, int]:
    """The first row of the days asked for, and the row after the last."""
    low, high = 0, len(bars)
    if start is not None:
        low = int(np.searchsorted(bars.days(), np.datetime64(start, "D")))
    if end is not None:
        high = int(np.searchsorted(bars.days(), np.datetime64(end, "D"), side="right"))
    return low, high


def _until(actions: Sequence[CorporateAction], end: date | None) -> tuple[CorporateAction, ...]:
    """The actions up to the last day; what comes later did not happen to this run."""
    return tuple(action for action in actions if end is None or action.ex_date <= end)


def _refuse_false_ends(
    bars: Mapping[str, Bars], actions: Mapping[str, Sequence[CorporateAction]]
) -> None:
    """Stop where a symbol trades on after its end, or ends in one whose prices are missing.

    Raises:
        DataError: Naming the symbol and the day.
    """
    for symbol, each in bars.items():
        last = each[-1:].days()[0].item()
        for action in filter(ends_symbol, actions[symbol]):
            if action.ex_date <= last:
                raise DataError(
                    f"{symbol}: it ends on {action.ex_date}, and there are bars until {last}",
                    hint="an end is on the first day without a bar",
                )
            if isinstance(action, Renaming) and action.new_symbol not in bars:
                raise DataError(
                    f"{symbol}: it trades as {action.new_symbol} from {action.ex_date} on, and "
                    f"there are no prices of {action.new_symbol}",
                    hint="load them, too: the holding is carried over to them",
                )


def _nothing(
    symbol: str, days: NDArray[np.datetime64], start: date | None, end: date | None
) -> DataError:
    there = f"from {days[0]} to {days[-1]}" if len(days) else "nowhere: there are no bars at all"
    return DataError(
        f"{symbol}: no bar between {start or 'the beginning'} and {end or 'the end'}; "
        f"the data reach {there}",
        hint="choose --from and --to within the data, on days the exchange trades",
    )
