"""vectorbt: signals on closes as they stand; it has stops and targets, but no limit orders."""

from __future__ import annotations

import warnings

import numpy as np
from market import answer, cases, frame

warnings.filterwarnings("ignore")
import vectorbt as vbt


def played(case):
    table = frame(case)
    entries, terms = np.zeros(len(table), bool), {}
    for row, orders in case.does.items():
        for kind, shares, price in orders:
            if kind == "limit":
                return None
            entries[row], terms["size"] = True, shares
            if kind == "hold":  # shares of the entry's price, which is 100
                stop, target = price
                terms["sl_stop"] = (100 - stop) / 100
                terms |= {"tp_stop": (target - 100) / 100} if target else {}
    portfolio = vbt.Portfolio.from_signals(
        table["close"],
        entries,
        np.zeros(len(table), bool),
        open=table["open"],
        high=table["high"],
        low=table["low"],
        init_cash=1e7,
        freq="1min",
        **terms,
    )
    orders = portfolio.orders.records
    sides = np.where(orders["side"] == 0, 1, -1)
    columns = (orders["idx"], sides * orders["size"], orders["price"])
    return [(int(row), float(size), float(price)) for row, size, price in zip(*columns)]


answer({case.name: played(case) for case in cases()})
