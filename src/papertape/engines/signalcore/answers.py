"""Answers: what a signal strategy wants after each bar, asked once for all or anew each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from papertape.data.actions import rows_of, signal_factors
from papertape.domain.clock import rfc3339
from papertape.domain.errors import StrategyError, require
from papertape.domain.instrument import Instrument
from papertape.domain.market import (
    Bar,
    Bars,
    BoolArray,
    CorporateAction,
    FloatArray,
    Frequency,
    IntArray,
)
from papertape.engines.signalcore.tape import Tape
from papertape.strategies.strategy import SignalStrategy

LARGEST_FLOAT = float(np.finfo(np.float64).max)


class Wish(NamedTuple):
    """Wanted exposure, and dollars (as traded) to a protective stop, 0 for none."""

    exposure: float
    stop_distance: float


class Answers(Protocol):
    """A signal strategy that follows the market."""

    def see(self, bar: Bar, actions: Sequence[CorporateAction]) -> None:
        """Take note of a bar that has just closed."""
        ...

    def wish(self, symbol: str) -> Wish | None:
        """What it wants after the last bar seen; None before its warm-up is over."""
        ...

    def reason(self, symbol: str) -> str:
        """Why, in the strategy's words."""
        ...

    def turns(self, symbol: str) -> IntArray | None:
        """Rows after which the wish may differ from the one before; None if nobody knows yet."""
        ...

    def skip(self, symbol: str, rows: int) -> None:
        """Take note of so many bars at once, as a source that knows its turns can."""
        ...


class AskedOnce:
    """Asks for whole columns before the first bar; then every answer is a look-up.

    Right because of the strategy's promise that row t uses rows up to t only; the look-ahead check
    of a run holds it to that promise.
    """

    def __init__(
        self,
        strategy: SignalStrategy,
        bars: Mapping[str, Bars],
        actions: Mapping[str, Sequence[CorporateAction]],
    ):
        self._strategy = strategy
        self.signal_bars: dict[str, Bars] = {}
        self.exposure: dict[str, FloatArray | BoolArray] = {}
        self.stops: dict[str, FloatArray] = {}
        self._turns: dict[str, IntArray] = {}
        self._seen = dict.fromkeys(bars, 0)
        for symbol, raw in bars.items():
            acting = actions.get(symbol, ())
            factors = signal_factors(raw, acting) if rows_of(raw, acting) else None
            seen = raw if factors is None else raw.scaled(factors)
            exposure, stops = ask(strategy, seen)
            self.signal_bars[symbol], self.exposure[symbol] = seen, exposure
            self.stops[symbol] = stops if factors is None else stops / factors

    def see(self, bar: Bar, actions: Sequence[CorporateAction]) -> None:
        """Move on by one row."""
        self._seen[bar.symbol] += 1

    def wish(self, symbol: str) -> Wish | None:
        """The row seen last."""
        seen = self._seen[symbol]
        if seen < self._strategy.warmup:
            return None
        return Wish(float(self.exposure[symbol][seen - 1]), float(self.stops[symbol][seen - 1]))

    def reason(self, symbol: str) -> str:
        """The strategy's words on the rows seen so far."""
        return self._strategy.reason(self.signal_bars[symbol][: self._seen[symbol]])

    def turns(self, symbol: str) -> IntArray:
        """The first row that counts, and those at which the exposure changes."""
        if symbol not in self._turns:  # found once: a run asks for it after every order
            self._turns[symbol] = turns_of(self.exposure[symbol], self._strategy.warmup)
        return self._turns[symbol]

    def skip(self, symbol: str, rows: int) -> None:
        """Move on by so many rows."""
        self._seen[symbol] += rows


class AskedEachBar:
    """Keeps a tape and asks anew after each bar, as a session must that has no future."""

    def __init__(
        self,
        strategy: SignalStrategy,
        instruments: Mapping[str, Instrument],
        frequency: Frequency,
    ):
        self._strategy = strategy
        self._tapes = {name: Tape(each, frequency) for name, each in instruments.items()}

    def see(self, bar: Bar, actions: Sequence[CorporateAction]) -> None:
        """Add the bar to its tape."""
        self._tapes[bar.symbol].append(bar, actions)

    def wish(self, symbol: str) -> Wish | None:
        """The last row of the columns over everything seen."""
        tape = self._tapes[symbol]
        if len(tape) < self._strategy.warmup:
            return None
        exposure, stops = ask(self._strategy, tape.bars())
        return Wish(float(exposure[-1]), float(stops[-1] / tape.factor))

    def reason(self, symbol: str) -> str:
        """The strategy's words on everything seen."""
        return self._strategy.reason(self._tapes[symbol].bars())

    def turns(self, symbol: str) -> None:
        """It is known only when it is asked."""

    def skip(self, symbol: str, rows: int) -> None:
        """Never: each bar is asked about.

        Raises:
            InvariantBroken: Always.
        """
        require(rows == 0, f"{symbol}: {rows} bars would be skipped unseen")


def turns_of(exposure: FloatArray | BoolArray, warmup: int) -> IntArray:
    """The first row that counts, and those after it at which the exposure changes."""
    first = max(0, warmup - 1)
    changed = np.flatnonzero(exposure[1:] != exposure[:-1]) + 1
    turns = np.concatenate([[first], changed[changed > first]])
    return turns[turns < len(exposure)]


def ask(strategy: SignalStrategy, bars: Bars) -> tuple[FloatArray | BoolArray, FloatArray]:
    """A strategy's exposure and stop distance, one value a row each, checked.

    Raises:
        StrategyError: If a column has another length, or a value that is no answer; the first such
            bar is named.
    """
    name = type(strategy).__name__
    exposure = exposure_of(strategy, bars)
    attached = getattr(strategy, "stop_distance", None)
    stops = np.broadcast_to(0.0, len(bars))
    if attached is not None:
        stops = _numbers(attached(bars), f"{name}.stop_distance")
    for what, column in (("exposure", exposure), ("stop_distance", stops)):
        if column.shape != (len(bars),):
            raise StrategyError(
                f"{name}.{what} answered {column.shape} values for {len(bars)} bars",
                hint="one value a bar, the oldest first",
            )
    first = max(0, strategy.warmup - 1)
    fits = attached is None or _lie(stops[first:], 0.0, LARGEST_FLOAT)
    if not (fits and _lie(exposure[first:], -1.0, 1.0)):
        unfit = ~((exposure >= -1) & (exposure <= 1) & (stops >= 0) & np.isfinite(stops))
        row = first + int(np.argmax(unfit[first:]))
        raise StrategyError(
            f"{name} answered exposure {exposure[row]} and stop distance {stops[row]} for "
            f"{bars.symbol} at {rfc3339(int(bars.start[row]))}",
            hint="an exposure lies between -1 and 1, a stop distance is 0 or more, neither is NaN",
        )
    return exposure, stops


def _lie(column: FloatArray | BoolArray, low: float, high: float) -> bool:
    """Whether all of a column lies between two numbers; a NaN lies nowhere."""
    return not len(column) or bool(column.min() >= low and column.max() <= high)


def exposure_of(strategy: SignalStrategy, bars: Bars) -> FloatArray | BoolArray:
    """A strategy's exposure as a column, not checked further.

    Raises:
        StrategyError: If it is none.
    """
    answer: object = strategy.exposure(bars)
    if isinstance(answer, np.ndarray) and answer.dtype == np.bool_:
        return answer
    return _numbers(answer, f"{type(strategy).__name__}.exposure")


def _numbers(answer: object, what: str) -> FloatArray:
    try:
        return np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        raise StrategyError(
            f"{what} answered {type(answer).__name__}, not numbers",
            hint="one number a bar, the oldest first",
        ) from None
