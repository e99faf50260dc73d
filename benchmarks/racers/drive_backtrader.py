"""backtrader: its own averages, orders from ``next``, everything else at its default."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
from track import CASH, FAST, RATE, SHARES, SLOW, Fill, Run, main


class Crossover(bt.Strategy):
    def __init__(self):
        self.fast = bt.ind.SMA(self.data.close, period=FAST)
        self.slow = bt.ind.SMA(self.data.close, period=SLOW)
        self.fills = []

    def next(self):
        if self.fast[0] > self.slow[0]:
            if not self.position:
                self.buy(size=SHARES)
        elif self.position:
            self.sell(size=SHARES)

    def notify_order(self, order):
        if order.status == order.Completed:
            done = order.executed
            self.fills.append(Fill(len(self) - 1, done.size, done.price))


def prepared(tape, _):
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: getattr(tape, name) for name in names}, pd.to_datetime(tape.start))
    engine = bt.Cerebro(stdstats=False)
    engine.adddata(bt.feeds.PandasData(dataname=frame))
    engine.addstrategy(Crossover)
    engine.broker.setcash(CASH)
    engine.broker.setcommission(commission=RATE)
    return Run(lambda: engine.run()[0], lambda script: (engine.broker.getvalue(), script.fills))


main({"order": prepared})
