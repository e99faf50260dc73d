"""papertape: an order strategy on the bench; no costs but where they are the question."""

from __future__ import annotations

from market import answer, cases, frame

from papertape import Bars, backtest
from papertape.domain.clock import MINUTE, rfc3339
from papertape.domain.instrument import Instrument
from papertape.domain.market import Frequency
from papertape.domain.order import OrderKind
from papertape.strategies.strategy import Exits


class Script:
    """Does what it is told at the close of a bar."""

    warmup = 0

    def __init__(self, does):
        self.does, self.row = does, -1

    def on_bar(self, context, bar):
        self.row += 1
        for kind, shares, price in self.does.get(self.row, ()):
            terms = {"reason": "as told"}
            if kind == "limit":
                terms |= {"kind": OrderKind.LIMIT, "limit": price}
            elif kind == "hold":
                terms["exits"] = Exits(stop=price[0], target=price[1])
            context.submit(bar.symbol, shares, **terms)


def played(case):
    table = frame(case)
    start = table.index.as_unit("ns").asi8
    columns = (table[name].to_numpy() for name in table.columns)
    bars = Bars(Instrument("AAA"), Frequency.parse("1m"), start, start + MINUTE, *columns)
    results = backtest(
        Script(case.does),
        {"AAA": bars},
        bar_frequency="1m",
        cost="us-retail" if case.costs else "none",
        benchmark="none",
        initial_capital=1e7,
    )
    rows = {rfc3339(moment): row for row, moment in enumerate(start.tolist())}
    return [(rows[fill.bar], fill.quantity, fill.price) for fill in results.record.fills]


answer({case.name: played(case) for case in cases()})
