"""backtrader: orders from ``next``; a stop and its target cancel each other."""

from __future__ import annotations

import backtrader as bt
from market import answer, cases, frame


class Script(bt.Strategy):
    params = {"does": None}

    def __init__(self):
        self.fills, self.guards = [], {}

    def next(self):
        for kind, shares, price in self.p.does.get(len(self) - 1, ()):
            if kind == "limit":
                self.buy(size=shares, exectype=bt.Order.Limit, price=price)
            else:
                order = self.buy(size=shares)
                self.guards[order.ref] = price

    def notify_order(self, order):
        if order.status != order.Completed:
            return
        self.fills.append((len(self) - 1, order.executed.size, order.executed.price))
        if self.guards.get(order.ref):
            stop, target = self.guards.pop(order.ref)
            size = order.executed.size
            guard = self.sell(size=size, exectype=bt.Order.Stop, price=stop)
            if target:
                self.sell(size=size, exectype=bt.Order.Limit, price=target, oco=guard)


def played(case):
    engine = bt.Cerebro(stdstats=False)
    engine.broker.setcash(1e7)
    engine.adddata(bt.feeds.PandasData(dataname=frame(case), timeframe=bt.TimeFrame.Minutes))
    engine.addstrategy(Script, does=case.does)
    return engine.run()[0].fills


answer({case.name: played(case) for case in cases()})
