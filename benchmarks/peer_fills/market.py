"""The cases as every driver reads them: bars, and what to do at the close of which."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

STILL = (100.0, 101.0, 99.0, 100.0)
FIRST = "2024-01-02 15:00"
"""New York is in the midst of a session."""


class Case(NamedTuple):
    """A tape and its orders.

    Attributes:
        name: Its key.
        words: What it is about.
        does: Row -> orders: ("market", shares, None), ("limit", shares, price), or
            ("hold", shares, (stop, target or None)): buy at the market and guard what was bought.
        bars: Rows of open, high, low, close.
        volume: Shares of every bar.
        costs: Whether an engine's own default costs are the question.
    """

    name: str
    words: str
    does: dict[int, list[Any]]
    bars: list[tuple[float, float, float, float]]
    volume: int
    costs: bool


def cases() -> list[Case]:
    """All cases; each tape ends with two bars that stand still at its last close."""
    read = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="utf-8"))
    found = []
    for name, case in read.items():
        if name == "about":
            continue
        close = case["bars"][-1][3]
        bars = [STILL, STILL, *map(tuple, case["bars"]), *[(close,) * 4] * 2]
        does = {int(row): orders for row, orders in case["does"].items()}
        volume, costs = case.get("volume", 1_000_000), case.get("costs", False)
        found.append(Case(name, case["words"], does, bars, volume, costs))
    return found


def frame(case: Case, names: str = "open high low close volume", lead: int = 0) -> Any:
    """A case's bars as a pandas frame of minutes, with so many still ones ahead of them."""
    import pandas as pd  # noqa: PLC0415 - the runner reads the cases, too, and needs no frames

    bars = [STILL] * lead + case.bars
    rows = [(*map(float, bar), float(case.volume)) for bar in bars]
    index = pd.date_range(FIRST, periods=len(rows), freq="1min", name="date")
    return pd.DataFrame(rows, columns=names.split(), index=index)


def answer(fills: dict[str, list[tuple[int, float, float]]]) -> None:
    """Print what was filled, case by case: row of the bar, shares, price."""
    json.dump(fills, sys.stdout)
