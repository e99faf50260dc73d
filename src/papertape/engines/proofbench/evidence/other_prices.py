"""Other prices at the same times: futures that did not happen, and another price level."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from papertape.domain.market import Bars, FloatArray

Generator: TypeAlias = np.random.Generator
Future: TypeAlias = Callable[[Bars, int, Generator], Bars]
"""Bars whose rows up to a cut are untouched and whose later rows are another story."""

LEVELS = (64.0, 4.0, 1 / 4, 1 / 64)
"""Powers of two: a computation that does not care for the level gives the very same bits."""

_COARSE = 64e-6
_LOWEST, _HIGHEST = 1e-3, 1e8


def mirrored(bars: Bars, cut: int, generator: Generator) -> Bars:
    """What rose falls by as much, seen from the close at the cut."""
    del generator
    pivot = bars.close[cut] ** 2
    open_, high, low, close, volume = _after(bars, cut)
    return _joined(bars, cut, (pivot / open_, pivot / low, pivot / high, pivot / close), volume)


def resampled(bars: Bars, cut: int, generator: Generator) -> Bars:
    """The later bars' own shapes, drawn anew in any order (with replacement)."""
    open_, high, low, close, volume = _after(bars, cut)
    before = np.concatenate([[_last(bars, cut)], close[:-1]])
    drawn = generator.integers(0, len(close), len(close)) if len(close) else np.zeros(0, np.int64)
    path = _last(bars, cut) * np.cumprod((close / before)[drawn])
    base = np.concatenate([[_last(bars, cut)], path[:-1]])
    prices = tuple(base * (column / before)[drawn] for column in (open_, high, low, close))
    return _joined(bars, cut, prices, volume[drawn])


def doubled(bars: Bars, cut: int, generator: Generator) -> Bars:
    """The level jumps up overnight and stays."""
    del generator
    *prices, volume = _after(bars, cut)
    return _joined(bars, cut, tuple(2.0 * column for column in prices), volume)


def halved(bars: Bars, cut: int, generator: Generator) -> Bars:
    """The level jumps down overnight and stays."""
    del generator
    *prices, volume = _after(bars, cut)
    return _joined(bars, cut, tuple(0.5 * column for column in prices), volume)


FUTURES: tuple[Future, ...] = (mirrored, resampled, doubled, halved)


def replaced(bars: Bars, generator: Generator) -> Bars:
    """Another story from the first bar on, at the same times."""
    return resampled(bars, -1, generator)


def on_coarse_grid(bars: Bars) -> Bars:
    """Nearly the same bars, on a grid so coarse that every one of `LEVELS` scales it exactly."""
    columns = (getattr(bars, name) for name in ("open", "high", "low", "close"))
    open_, high, low, close = (
        np.maximum(np.rint(column / _COARSE), 64) * _COARSE for column in columns
    )
    times = bars.start, bars.end
    return Bars(bars.instrument, bars.frequency, *times, open_, high, low, close, bars.volume)


def at_level(bars: Bars, factor: float) -> Bars:
    """All prices times a constant."""
    return bars.scaled(np.full(len(bars), factor))


def _last(bars: Bars, cut: int) -> float:
    return float(bars.close[cut] if cut >= 0 else bars.open[0])


def _after(bars: Bars, cut: int) -> tuple[FloatArray, ...]:
    rows = slice(cut + 1, None)
    return tuple(getattr(bars, name)[rows] for name in ("open", "high", "low", "close", "volume"))


def _joined(bars: Bars, cut: int, prices: tuple[FloatArray, ...], volume: FloatArray) -> Bars:
    # Clipping every price of a bar alike keeps it a bar.
    after = (*(np.clip(column, _LOWEST, _HIGHEST) for column in prices), volume)
    names = ("open", "high", "low", "close", "volume")
    open_, high, low, close, volume = (
        np.concatenate([getattr(bars, name)[: cut + 1], column])
        for name, column in zip(names, after, strict=True)
    )
    times = bars.start, bars.end
    return Bars(bars.instrument, bars.frequency, *times, open_, high, low, close, volume)
