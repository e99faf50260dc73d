"""backtesting.py: averages by pandas in ``init``, orders from ``next``."""

from __future__ import annotations

import warnings

import backtesting
import pandas as pd
from backtesting import Backtest, Strategy
from track import CASH, FAST, RATE, SHARES, SLOW, Fill, Run, main

warnings.filterwarnings("ignore")
backtesting.backtesting._tqdm = lambda rows, **_: rows  # no progress bar


def average(prices, count):
    return pd.Series(prices).rolling(count).mean()


class Crossover(Strategy):
    def init(self):
        self.fast = self.I(average, self.data.Close, FAST)
        self.slow = self.I(average, self.data.Close, SLOW)

    def next(self):
        if self.fast[-1] > self.slow[-1]:
            if not self.position:
                self.buy(size=SHARES)
        elif self.position:
            self.position.close()


def prepared(tape, _):
    names = ("Open", "High", "Low", "Close", "Volume")
    columns = {name: getattr(tape, name.lower()) for name in names}
    frame = pd.DataFrame(columns, pd.to_datetime(tape.start))
    bench = Backtest(frame, Crossover, cash=CASH, commission=RATE, finalize_trades=False)
    return Run(bench.run, told)


def told(statistics):
    legs = []
    for trade in statistics["_trades"].itertuples():
        legs.append(Fill(trade.EntryBar, trade.Size, trade.EntryPrice))
        legs.append(Fill(trade.ExitBar, -trade.Size, trade.ExitPrice))
    still_open = statistics["_strategy"].trades
    legs += [Fill(each.entry_bar, each.size, each.entry_price) for each in still_open]
    return float(statistics["Equity Final [$]"]), sorted(legs)


main({"order": prepared})
