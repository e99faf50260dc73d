"""The same work over many instruments: equal to each alone, and never more than one in memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from papertape import across, backtest, backtest_each, sweep, sweep_each
from papertape.data.store import Origin, Store, StoredPrices
from papertape.domain.calendar import calendar_of
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars, PriceHistory, session_times
from papertape.strategies import MovingAverageCrossoverStrategy

SYMBOLS = ("AAA", "BBB", "CCC")
SETTINGS = {"cost": "percent:0.05", "size": "shares:10", "benchmark": "none"}
VALUES = {"fast": [3, 5], "slow": [8, 13]}


def prices(symbol: str) -> PriceHistory:
    days = calendar_of("XNYS").sessions(date(2020, 1, 2), date(2020, 12, 31))
    chance = np.random.default_rng(SYMBOLS.index(symbol))
    close = 100 + chance.integers(-8, 9, len(days)).cumsum() / 8
    start, end = session_times(days, calendar_of("XNYS"))
    volume = np.full(len(days), 1e6)
    bars = Bars(Instrument(symbol), DAILY, start, end, close, close + 1, close - 1, close, volume)
    return PriceHistory(bars)


class Reading(Mapping[str, PriceHistory]):
    """Makes the prices when they are asked for, and counts how many are alive at once."""

    def __init__(self) -> None:
        self.alive: weakref.WeakSet[Bars] = weakref.WeakSet()
        self.most = 0

    def __getitem__(self, symbol: str) -> PriceHistory:
        gc.collect()
        history = prices(symbol)
        self.alive.add(history.bars)
        self.most = max(self.most, len(self.alive))
        return history

    def __iter__(self) -> Iterator[str]:
        return iter(SYMBOLS)

    def __len__(self) -> int:
        return len(SYMBOLS)


def test_a_backtest_of_each_is_the_backtest_of_it_alone() -> None:
    found = dict(backtest_each(MovingAverageCrossoverStrategy, Reading(), **SETTINGS))
    assert list(found) == list(SYMBOLS)
    for symbol, results in found.items():
        alone = backtest(MovingAverageCrossoverStrategy, {symbol: prices(symbol)}, **SETTINGS)
        assert results.record.fills == alone.record.fills
        assert results.metrics == alone.metrics


class CountsItsBars:
    """An order strategy with a memory: one that saw two symbols would tell."""

    warmup, seen = 0, 0

    def on_bar(self, context: object, bar: object) -> None:
        self.seen += 1
        assert self.seen <= len(prices("AAA").bars)


def test_each_symbol_meets_a_new_strategy() -> None:
    assert len(list(backtest_each(CountsItsBars, Reading(), **SETTINGS))) == len(SYMBOLS)


def test_a_sweep_of_each_is_the_sweep_of_it_alone_and_across_sums_them() -> None:
    alone = {
        symbol: sweep(
            MovingAverageCrossoverStrategy, {symbol: prices(symbol)}, VALUES, **SETTINGS
        ).sweep.trials
        for symbol in SYMBOLS
    }
    each = dict(sweep_each(MovingAverageCrossoverStrategy, Reading(), VALUES, **SETTINGS))
    assert {symbol: swept.trials for symbol, swept in each.items()} == alone
    for place, found in enumerate(across(each.items())):
        figures = [trials[place].figures for trials in alone.values()]
        assert found.parameters == alone["AAA"][place].parameters
        assert found.symbols == len(SYMBOLS)
        assert found.mean_return == pytest.approx(np.mean([f.total_return for f in figures]))
        assert found.mean_sharpe == pytest.approx(np.mean([f.sharpe for f in figures]))
        assert found.drawdown == min(f.max_drawdown for f in figures)
        assert found.gained == sum(f.total_return > 0 for f in figures)
        assert found.trades == sum(f.trades_closed for f in figures)


def test_no_more_than_two_symbols_are_ever_in_memory() -> None:
    read = Reading()
    found = across(sweep_each(MovingAverageCrossoverStrategy, read, VALUES, **SETTINGS))
    assert [each.symbols for each in found] == [len(SYMBOLS)] * 4
    assert read.most <= 2
    read = Reading()
    for _, results in backtest_each(MovingAverageCrossoverStrategy, read, **SETTINGS):
        assert results.metrics["final_equity"]
    assert read.most <= 2


def test_stored_prices_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    origin = Origin(provider="madeup", feed="sip", source="a generator", terms="any")
    for symbol in SYMBOLS:
        store.add(prices(symbol), origin, 1_780_000_000_000_000_000)
    stored = StoredPrices(store, "1d")
    assert list(stored) == sorted(SYMBOLS)
    held = weakref.ref(stored["BBB"].bars)
    gc.collect()
    assert held() is None
    of_store = across(sweep_each(MovingAverageCrossoverStrategy, stored, VALUES, **SETTINGS))
    of_memory = across(sweep_each(MovingAverageCrossoverStrategy, Reading(), VALUES, **SETTINGS))
    assert of_store == of_memory
    some = StoredPrices(store, "1d", ["CCC"], first=date(2020, 6, 1), last=date(2020, 6, 30))
    assert list(some) == ["CCC"]
    assert len(some["CCC"].bars) == 22  # the sessions of June 2020
    with pytest.raises(KeyError):
        some["AAA"]
