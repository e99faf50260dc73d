"""What the published cases share: their prices, and corporate actions read off factor files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from papertape.data.sessions import regular_hours
from papertape.domain.market import (
    Bars,
    CorporateAction,
    Dividend,
    FloatArray,
    PriceHistory,
    Quote,
    Split,
    quantised,
)
from papertape.domain.money import micros
from papertape.plugins.market_data.csv import read_prices
from papertape.strategies import ema, held, sma_order

LEAN_FEES = "per-share:0.005,min=1,max=0.5%"
LEAN_SIZE = "percent:99.75,net"


def cases(shared_data: Path) -> dict[str, dict[str, Any]]:
    """The published cases by their ids."""
    found = json.loads((shared_data / "published_cases.json").read_text())
    return {case["id"]: case for case in found}


def lean_daily(shared_data: Path, symbol: str, *, cents: bool = False) -> PriceHistory:
    """Daily bars as traded, with the actions of the factor file; ``cents`` rounds dividends."""
    path = shared_data / "daily" / "lean_daily_raw.parquet"
    history = read_prices(path, symbol=symbol, adjusted="raw")
    return replace(history, actions=lean_actions(shared_data, history.bars, cents=cents))


def lean_hours(shared_data: Path) -> PriceHistory:
    """Hourly SPY bars, labelled by their starts; 09:00 holds what was traded from 09:30 on."""
    path = shared_data / "intraday" / "lean_hour_spy.parquet"
    history = read_prices(
        path,
        symbol="SPY",
        adjusted="raw",
        zone="America/New_York",
        columns={"time": "bar_start_et"},
    )
    return replace(history, actions=lean_actions(shared_data, history.bars))


def lean_minutes(shared_data: Path, symbol: str, factor: float) -> PriceHistory:
    """Minutes of the regular session times a factor, with the quotes in force at their closes."""
    folder = shared_data / "intraday"
    columns = {"time": "bar_start_et"}
    trades, bid, ask = (
        read_prices(
            folder / file,
            symbol=symbol,
            adjusted="all",
            zone="America/New_York",
            columns=columns | names,
        )
        for file, names in (
            ("lean_minute_trades.parquet", {}),
            ("lean_minute_quotes.parquet", _side("bid")),
            ("lean_minute_quotes.parquet", _side("ask")),
        )
    )
    quotes = tuple(
        Quote(symbol, int(end), float(low), float(high), int(below), int(above))
        for end, low, high, below, above in zip(
            bid.bars.end,
            quantised(bid.bars.close * factor),
            quantised(ask.bars.close * factor),
            bid.bars.volume,
            ask.bars.volume,
            strict=True,
        )
        if low <= high
    )
    regular = regular_hours(trades)
    scaled = regular.bars.scaled(np.full(len(regular.bars), factor))
    return replace(regular, bars=scaled, ticks=quotes)


def _side(name: str) -> dict[str, str]:
    """The columns of one side of a quote, by what they are called for a trade."""
    prices = {part: f"{name}_{part}" for part in ("open", "high", "low", "close")}
    return prices | {"volume": f"{name}_size"}


def lean_actions(
    shared_data: Path, bars: Bars, *, cents: bool = False
) -> tuple[CorporateAction, ...]:
    """Splits and dividends that a factor file amounts to.

    A row holds up to its date; where the next one has another factor, something took effect on the
    session after. A dividend is the close before it times the fall of the factor.
    """
    with (shared_data / "daily" / "lean_factor_files.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == bars.symbol]
    days = bars.days()
    found: list[CorporateAction] = []
    for row, later in pairwise(rows):
        date = row["date"]
        last = np.datetime64(f"{date[:4]}-{date[4:6]}-{date[6:]}")
        at = int(np.searchsorted(days, last, side="right"))
        if not 0 < at < len(days):
            continue
        split = Fraction(later["split_factor"]) / Fraction(row["split_factor"])
        kept = float(row["price_factor"]) / float(later["price_factor"])
        if split != 1:
            found.append(Split(bars.symbol, days[at].item(), split))
        elif kept != 1:
            before = float(row["reference_price"]) if cents else float(bars.close[at - 1])
            amount = before * (1 - kept)
            paid = micros(round(amount, 2) if cents else amount)
            found.append(Dividend(bars.symbol, days[at].item(), paid, days[at].item()))
    return tuple(found)


class Always:
    """The same exposure from the first bar on."""

    warmup = 1

    def __init__(self, wanted: float = 1.0):
        self.wanted = wanted

    def exposure(self, bars: Bars) -> FloatArray:
        return np.full(len(bars), self.wanted)

    def reason(self, bars: Bars) -> str:
        return "from the first bar on"


class MACDTrend:
    """Long once MACD stands clear above its signal, out once it stands clear below."""

    warmup = 34

    def exposure(self, bars: Bars) -> FloatArray:
        fast = ema(bars.close, 12)
        line = fast - ema(bars.close, 26)
        signal = np.concatenate([np.full(25, np.nan), ema(line[25:], 9)])[: len(bars)]
        with np.errstate(invalid="ignore"):
            apart = (line - signal) / fast
            return held(apart > 0.0025, apart < -0.0025, self.warmup)

    def reason(self, bars: Bars) -> str:
        return "MACD against its signal"


class Ribbon:
    """Long when six delayed columns of closes stand in order, the newest highest; out reversed."""

    warmup = 31

    def exposure(self, bars: Bars) -> FloatArray:
        delays = range(5, 31, 5)
        late = np.full((len(delays), len(bars)), np.nan)
        for row, delay in enumerate(delays):
            late[row, delay:] = bars.close[:-delay]
        steps = np.diff(late, axis=0)
        return held((steps <= 0).all(axis=0), (steps >= 0).all(axis=0), self.warmup)

    def reason(self, bars: Bars) -> str:
        return "the order of the ribbon"


class TurningCrossover:
    """Long after the fast average crossed above the slow one, short after it crossed below.

    Args:
        fast, slow: Bars of the averages.
        flat_from: First day (of the close) after which nothing is held any more.
    """

    def __init__(self, fast: int, slow: int, flat_from: str = ""):
        self.fast, self.slow, self.flat_from = fast, slow, flat_from
        self.warmup = slow + 1

    def exposure(self, bars: Bars) -> FloatArray:
        order = sma_order(bars.close, self.fast, self.slow)
        before = np.concatenate([[np.nan], order[:-1]])
        crosses = np.where((before < 0) & (order > 0), 1.0, 0.0)
        crosses[(before > 0) & (order < 0)] = -1.0
        last = np.maximum.accumulate(np.where(crosses != 0, np.arange(len(bars)), 0))
        wanted = crosses[last]
        if self.flat_from:
            wanted[bars.days() >= np.datetime64(self.flat_from)] = 0.0
        return wanted

    def reason(self, bars: Bars) -> str:
        return "the last cross of the averages"
