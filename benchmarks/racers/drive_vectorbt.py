"""vectorbt with its numba or its Rust engine: averages and signals as columns, then a portfolio."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from track import (
    CASH,
    FAST,
    INVESTED,
    PORTFOLIO_CASH,
    PORTFOLIO_RATE,
    RATE,
    SHARES,
    SLOW,
    Fill,
    Run,
    chosen,
    main,
    month_ends,
    pairs,
)

warnings.filterwarnings("ignore")
import vectorbt as vbt

AT_A_TIME = 10
"""Settings a call; more are slower and take more memory."""


def series(tape, rows=None):
    index = pd.to_datetime(tape.start[:rows])
    kind = pd.Series if tape.close.ndim == 1 else pd.DataFrame
    return kind(tape.open[:rows], index), kind(tape.close[:rows], index)


def next_bar(signals):
    moved = np.zeros_like(signals)
    moved[1:] = signals[:-1]
    return moved


def statistics(portfolio):
    total, ratio, fall = (
        portfolio.total_return(),
        portfolio.sharpe_ratio(),
        portfolio.max_drawdown(),
    )
    return portfolio.final_value(), total, ratio, fall, portfolio.trades.count()


def traded(opens, closes, fast, slow, engine):
    known = ~np.isnan(slow)
    return vbt.Portfolio.from_signals(
        closes,
        next_bar((fast > slow) & known),
        next_bar(~(fast > slow) & known),
        size=SHARES,
        price=opens,
        fees=RATE,
        init_cash=CASH,
        freq="1min",
        engine=engine,
    )


def told(came):
    portfolio, figures = came
    records = portfolio.orders.records
    sides = np.where(records["side"] == 0, 1, -1) * records["size"]
    fills = map(Fill, records["idx"].tolist(), sides.tolist(), records["price"].tolist())
    return float(figures[0]), sorted(fills)


def signal(tape, engine):
    opens, closes = series(tape)

    def work():
        fast = vbt.MA.run(closes, FAST, engine=engine).ma.values
        slow = vbt.MA.run(closes, SLOW, engine=engine).ma.values
        portfolio = traded(opens, closes, fast, slow, engine)
        return portfolio, statistics(portfolio)

    return Run(work, told)


def sweep(tape, variant):
    engine, count = variant.split(",")
    settings = pairs(int(count))

    def work(opens, closes, settings):
        periods = sorted({period for pair in settings for period in pair})
        averages = vbt.MA.run(closes, periods, engine=engine).ma.values
        column = {period: place for place, period in enumerate(periods)}
        found = []
        for first in range(0, len(settings), AT_A_TIME):
            fast, slow = zip(*settings[first : first + AT_A_TIME])
            sides = [averages[:, [column[each] for each in some]] for some in (fast, slow)]
            figures = statistics(traded(opens, closes, *sides, engine))
            found += figures[0].tolist()
        return found

    work(
        *series(tape, 2_000), settings[:AT_A_TIME]
    )  # its functions are compiled, or read from disk
    return Run(lambda: work(*series(tape), settings), lambda found: (found, []))


def portfolio(tape, engine):
    opens, closes = series(tape)

    def work():
        wanted = np.full(tape.close.shape, np.nan)
        for row in month_ends(tape.start):
            best = chosen(tape.close, row)
            wanted[row + 1] = 0.0
            wanted[row + 1, best] = INVESTED / len(best)
        made = vbt.Portfolio.from_orders(
            closes,
            size=wanted,
            size_type="targetpercent",
            price=opens,
            fees=PORTFOLIO_RATE,
            init_cash=PORTFOLIO_CASH,
            cash_sharing=True,
            group_by=True,
            call_seq="auto",
            size_granularity=1.0,
            freq="1D",
            engine=engine,
        )
        return made, (made.final_value(), made.total_return())

    return Run(work, told)


main({"signal": signal, "sweep": sweep, "portfolio": portfolio})
