"""Exposures against the fills that two other engines made of the same rule on the same prices.

The simulator is a loop of this file, so that a fault of our engine could not hide one here.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from papertape.domain.market import Bars, FloatArray
from papertape.strategies.moving_average_crossover import MovingAverageCrossoverStrategy

END = date(2024, 11, 29)


def window(bars: Bars, first: date, last: date) -> Bars:
    days = np.asarray(bars.days(), "datetime64[D]")
    since, until = np.searchsorted(days, [np.datetime64(first), np.datetime64(last)])
    return bars[since : until + 1]


def published(shared_data: Path, name: str) -> dict[str, Any]:
    cases = json.loads((shared_data / "published_cases.json").read_text(encoding="utf-8"))
    return next(case["expected"] for case in cases if case["id"] == name)


def fills(bars: Bars, exposure: FloatArray, quantity: int) -> list[tuple[str, int, float]]:
    """Whatever is wanted after a row is traded at the open of the next."""
    days, made, position = bars.days(), [], 0
    for row in range(1, len(bars)):
        wanted = int(exposure[row - 1]) * quantity
        if wanted != position:
            made.append((str(days[row]), wanted - position, float(bars.open[row])))
        position = wanted
    return made


def cash_after(made: list[tuple[str, int, float]], cash: float, fee: float) -> float:
    return cash - sum(n * price + fee * abs(n) * price for _, n, price in made)


@pytest.mark.parametrize(
    ("name", "first", "fee"),
    [
        ("ENGINES-1", date(2022, 3, 15), 0.0),
        ("ENGINES-2", date(2015, 1, 2), 0.0),
        ("ENGINES-3", date(2015, 1, 2), 0.001),
        ("ENGINES-4", date(2023, 1, 3), 0.0),
    ],
)
def test_the_fills_of_two_engines_come_out(
    spy: Bars, shared_data: Path, name: str, first: date, fee: float
) -> None:
    expected, bars = published(shared_data, name), window(spy, first, END)
    exposure = MovingAverageCrossoverStrategy(entry="cross").exposure(bars)
    made = fills(bars, exposure, 100)
    assert [(day, n, pytest.approx(price, abs=0.005)) for day, n, price in made] == [
        tuple(fill) for fill in expected["fills"]
    ]
    held = sum(n for _, n, _ in made)
    equity = cash_after(made, 100_000.0, fee) + held * bars.close[-1]
    assert equity == pytest.approx(expected["final_equity"], abs=0.0002)


def test_the_published_stock_case_of_backtrader_comes_out(
    european_index: Bars, shared_data: Path
) -> None:
    expected = published(shared_data, "BACKTRADER-sma15-stock")
    strategy = MovingAverageCrossoverStrategy(fast=1, slow=15, entry="cross")
    made = fills(european_index, strategy.exposure(european_index), 1)
    assert [price for _, n, price in made if n > 0] == pytest.approx(expected["buy_fills"])
    assert [price for _, n, price in made if n < 0] == pytest.approx(expected["sell_fills"])
    cash = cash_after(made, 10_000.0, 0.0)
    assert cash == pytest.approx(expected["final_cash"], abs=0.005)
    assert cash + european_index.close[-1] == pytest.approx(expected["final_value"], abs=0.005)
