"""No shipped strategy may know the future: cutting history after a row moves nothing before it."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import Field, is_dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.generators import bars, random_bars

import papertape.strategies
from papertape.domain.errors import UsageError
from papertape.domain.market import Bars, FloatArray
from papertape.strategies.strategy import SignalStrategy, declared_parameters


def shipped() -> list[type]:
    """Every class of the folder that is a strategy, found rather than listed."""
    names = [item.name for item in pkgutil.iter_modules(papertape.strategies.__path__)]
    modules = [importlib.import_module(f"papertape.strategies.{name}") for name in names]
    kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    return [
        kind
        for kind in kinds
        if is_dataclass(kind)
        and hasattr(kind, "exposure")
        and kind.__module__.startswith("papertape")
    ]


SHIPPED = shipped()


def values_of(parameter: Field[Any]) -> st.SearchStrategy[Any]:
    """Values a parameter may take; counts of bars stay small, so that few bars are enough."""
    bounds = parameter.metadata
    if bounds["choices"]:
        return st.sampled_from(bounds["choices"])
    if isinstance(parameter.default, int):
        return st.integers(bounds["low"], min(bounds["high"], 12))
    return st.floats(bounds["low"], bounds["high"], allow_subnormal=False)


@st.composite
def strategies_of(draw: st.DrawFn, kind: type) -> SignalStrategy:
    """The strategy with its own parameters, or with any that it accepts."""
    if draw(st.booleans()):
        return kind()
    values = {item.name: draw(values_of(item)) for item in declared_parameters(kind)}
    try:
        return kind(**values)
    except UsageError:
        assume(False)
        raise


def answers(strategy: Any, of: Bars) -> list[FloatArray]:
    """Every column that the strategy tells the engine."""
    stops = [strategy.stop_distance(of)] if hasattr(strategy, "stop_distance") else []
    shown = list(strategy.indicators(of).values()) if hasattr(strategy, "indicators") else []
    return [strategy.exposure(of), *stops, *shown]


def rows_that_moved(strategy: Any, whole: Bars, cut: int) -> set[int]:
    """Rows before ``cut`` whose answers are not the same bits without the rows after it."""
    return {
        row
        for full, part in zip(answers(strategy, whole), answers(strategy, whole[:cut]), strict=True)
        for row in range(cut)
        if full[row : row + 1].tobytes() != part[row : row + 1].tobytes()
    }


class Clairvoyant:
    """Long when the next close is higher: proof that the check below can fail."""

    def exposure(self, of: Bars) -> FloatArray:
        return np.append(of.close[1:] > of.close[:-1], False).astype(float)


class WholeFileMean:
    """Long below the mean of the whole file: only its old rows move, not its last."""

    def exposure(self, of: Bars) -> FloatArray:
        return (of.close < of.close.mean()).astype(float)


@pytest.mark.parametrize("leak", [Clairvoyant(), WholeFileMean()])
def test_a_strategy_that_knows_the_future_is_caught(leak: Any) -> None:
    whole = random_bars(5, 300)
    assert any(rows_that_moved(leak, whole, cut) for cut in range(20, 300, 20))


def test_every_shipped_strategy_is_found() -> None:
    assert [kind.__name__ for kind in SHIPPED] == [
        "BuyAndHoldStrategy",
        "MomentumBreakoutStrategy",
        "MovingAverageCrossoverStrategy",
        "RSIMeanReversionStrategy",
    ]


@pytest.mark.parametrize("kind", SHIPPED)
@given(data=st.data(), whole=bars())
def test_cutting_the_history_moves_nothing_before_the_cut(
    kind: type, data: st.DataObject, whole: Bars
) -> None:
    strategy = data.draw(strategies_of(kind))
    cut = data.draw(st.integers(0, len(whole)))
    assert rows_that_moved(strategy, whole, cut) == set()


@pytest.mark.parametrize("kind", SHIPPED)
@given(data=st.data(), past=bars(min_size=1, max_size=150), seed=st.integers(0, 2**32 - 1))
def test_another_future_moves_nothing_of_the_past(
    kind: type, data: st.DataObject, past: Bars, seed: int
) -> None:
    strategy, now = data.draw(strategies_of(kind)), len(past)
    other = random_bars(seed, now + 50, str(past.frequency), volatility=0.05)
    columns = (
        np.concatenate([getattr(past, name), getattr(other, name)[now:]])
        for name in ("start", "end", "open", "high", "low", "close", "volume")
    )
    followed = Bars(past.instrument, past.frequency, *columns)
    assert rows_that_moved(strategy, followed, now) == set()


@pytest.mark.parametrize("kind", SHIPPED)
@given(data=st.data(), whole=bars())
def test_twice_the_price_is_the_same_decision_and_twice_the_stop(
    kind: type, data: st.DataObject, whole: Bars
) -> None:
    strategy: Any = data.draw(strategies_of(kind))
    doubled = whole.scaled(np.full(len(whole), 2.0))
    assert strategy.exposure(doubled).tobytes() == strategy.exposure(whole).tobytes()
    if hasattr(strategy, "stop_distance"):
        stops = 2.0 * strategy.stop_distance(whole)
        # Not bit for bit: a multiple of the range near the smallest float loses digits.
        np.testing.assert_allclose(strategy.stop_distance(doubled), stops, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("kind", SHIPPED)
@given(data=st.data(), whole=bars(max_size=200))
def test_answers_are_such_as_an_engine_can_use(
    kind: type, data: st.DataObject, whole: Bars
) -> None:
    strategy: Any = data.draw(strategies_of(kind))
    exposure = strategy.exposure(whole)
    assert exposure.dtype in (np.float64, np.bool_)
    assert np.all(np.abs(exposure) <= 1)  # also false of NaN
    assert not exposure[: max(strategy.warmup - 1, 0)].any()
    for column in answers(strategy, whole):
        assert column.shape == (len(whole),)
    if hasattr(strategy, "stop_distance"):
        assert np.all(strategy.stop_distance(whole) >= 0.0)


@pytest.mark.parametrize("kind", SHIPPED)
@settings(max_examples=20)
@given(data=st.data(), whole=bars(min_size=1, max_size=250))
def test_every_row_has_a_reason(kind: type, data: st.DataObject, whole: Bars) -> None:
    strategy = data.draw(strategies_of(kind))
    for row in range(len(whole)):
        assert strategy.reason(whole[: row + 1]).strip()
