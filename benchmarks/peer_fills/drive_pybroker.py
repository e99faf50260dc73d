"""PyBroker: shares asked for in an execution function; its stops belong to the entry."""

from __future__ import annotations

import warnings

import pandas as pd
import pybroker
from market import answer, cases, frame

warnings.filterwarnings("ignore")
pybroker.disable_progress_bar()
pybroker.disable_logging()


def played(case):
    table = frame(case).reset_index()
    table["symbol"] = "AAA"

    def decide(context):
        for kind, shares, price in case.does.get(context.bars - 1, ()):
            context.buy_shares = shares
            if kind == "limit":
                context.buy_limit_price, context.buy_timeout_bars = price, 10
            elif kind == "hold":  # distances from the entry, which is at 100
                stop, target = price
                context.stop_loss = 100 - stop
                if target:
                    context.stop_profit = target - 100

    config = pybroker.StrategyConfig(initial_cash=10_000_000)
    strategy = pybroker.Strategy(table, table["date"].iloc[0], table["date"].iloc[-1], config)
    strategy.add_execution(decide, "AAA")
    orders = strategy.backtest(calc_bootstrap=False, timeframe="1m").orders
    rows = table["date"].searchsorted(pd.DatetimeIndex(orders["date"]))
    sides = [1 if "buy" in str(kind).lower() else -1 for kind in orders["type"]]
    columns = (rows, sides, orders["shares"].astype(float), orders["fill_price"].astype(float))
    return [(int(row), side * size, price) for row, side, size, price in zip(*columns)]


answer({case.name: played(case) for case in cases()})
