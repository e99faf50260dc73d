"""backtesting.py: orders from ``next``; exits are the trade's own ``sl`` and ``tp``."""

from __future__ import annotations

import warnings

import backtesting
from backtesting import Backtest, Strategy
from market import answer, cases, frame

warnings.filterwarnings("ignore")
backtesting.backtesting._tqdm = lambda rows, **_: rows  # no progress bar

LEAD = 1
"""It never asks a strategy about the first bar."""


def played(case):
    found = {}

    class Script(Strategy):
        def init(self):
            pass

        def next(self):
            self.see()
            for kind, shares, price in case.does.get(len(self.data) - 1 - LEAD, ()):
                if kind == "limit":
                    self.buy(size=shares, limit=price)
                elif kind == "hold":
                    self.buy(size=shares, sl=price[0], tp=price[1])
                else:
                    self.buy(size=shares)

        def see(self):
            for trade in (*self.trades, *self.closed_trades):
                found[trade.entry_bar, "in"] = (trade.entry_bar, trade.size, trade.entry_price)
                if trade.exit_bar is not None:
                    leg = (int(trade.exit_bar), -trade.size, trade.exit_price)
                    found[trade.entry_bar, "out"] = leg

    table = frame(case, "Open High Low Close Volume", LEAD)
    Backtest(table, Script, cash=1e7, finalize_trades=False).run()
    return [(row - LEAD, float(size), float(price)) for row, size, price in found.values()]


answer({case.name: played(case) for case in cases()})
