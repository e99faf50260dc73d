"""Window: which bars are traded, and which are only history before them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from papertape.data.moments import closing_times
from papertape.data.quality.finding import Finding
from papertape.data.quality.gate import refuse_errors
from papertape.domain.clock import Nanos
from papertape.domain.errors import DataError
from papertape.domain.market import Bars, CorporateAction, PriceHistory
from papertape.matching.liquidity import WINDOW as LIQUIDITY_BARS


@dataclass(frozen=True, eq=False)
class Window:
    """The bars of a run, cut to what it may see.

    Attributes:
        bars: Symbol -> history bars, then the bars traded.
        actions: Symbol -> corporate actions among them.
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
    findings: tuple[Finding, ...] = ()

    @property
    def traded(self) -> dict[str, Bars]:
        """Symbol -> the bars traded, without the history before them."""
        return {symbol: bars[self.history[symbol] :] for symbol, bars in self.bars.items()}


def cut(
    histories: Mapping[str, PriceHistory],
    start: date | None,
    end: date | None,
    warmup: int | None,
    allow: Collection[str] = (),
) -> Window:
    """Cut histories to the days from ``start`` to ``end`` and the bars needed ahead of them.

    Args:
        histories: What was loaded.
        start: First day traded; None for the data's own.
        end: Last day traded, included; None for the data's own.
        warmup: Bars of history a strategy wants, or None to start cold. The market's own measures
            (liquidity, volatility) want 21, so a warm start has at least these.
        allow: Data rules whose errors are accepted.

    Raises:
        DataError: If no bar lies within the days, or a data rule finds an error among them.
    """
    room = 0 if warmup is None else max(warmup, LIQUIDITY_BARS + 1)
    bars: dict[str, Bars] = {}
    history: dict[str, int] = {}
    findings: list[Finding] = []
    for symbol in sorted(histories):
        whole = histories[symbol].bars
        days = whole.days()
        low = 0 if start is None else int(np.searchsorted(days, np.datetime64(start, "D")))
        high = len(days)
        if end is not None:
            high = int(np.searchsorted(days, np.datetime64(end, "D"), side="right"))
        if low >= high:
            raise _nothing(symbol, days, start, end)
        history[symbol] = min(room, low)
        bars[symbol] = whole[low - history[symbol] : high]
        findings += refuse_errors(replace(histories[symbol], bars=bars[symbol]), allow)
    traded = {symbol: each[history[symbol] :] for symbol, each in bars.items()}
    opening = min(int(each.start[0]) for each in traded.values())
    closes = closing_times(bars)
    before = int(np.searchsorted(closes, opening, side="right")) - 1
    return Window(
        bars=bars,
        actions={symbol: histories[symbol].actions for symbol in bars},
        history=history,
        start=opening,
        decides_from=int(closes[max(0, before)]),
        first=min(each[:1].days()[0].item() for each in traded.values()),
        last=max(each[-1:].days()[0].item() for each in traded.values()),
        findings=tuple(findings),
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
