"""Specimens of look-ahead, and the bars they are tried on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest
from tests.generators import random_bars

from papertape.domain.market import PriceHistory
from papertape.engines.proofbench.evidence.source import StrategySource
from papertape.engines.proofbench.evidence.strategy_check import StrategyReport, check_strategy

SPECIMENS = Path(__file__).parent / "specimens"

Specimen: TypeAlias = Callable[..., StrategySource]
Report: TypeAlias = Callable[[str, str], StrategyReport]


@pytest.fixture(scope="session")
def specimen() -> Specimen:
    """Where a specimen is written."""

    def find(file: str, name: str, /, **parameters: str) -> StrategySource:
        return StrategySource(str(SPECIMENS / f"{file}.py"), name, parameters)

    return find


@cache
def history_for(name: str) -> PriceHistory:
    """700 daily bars, or bars of minutes where the specimen is about these."""
    if name.startswith("L08"):
        return PriceHistory(random_bars(5, 700, "5m", volatility=0.002))
    if name.startswith("I06"):
        return PriceHistory(random_bars(5, 390 * 6, "1m", volatility=0.001))
    return PriceHistory(random_bars(5, 700))


@pytest.fixture(scope="session")
def report(specimen: Specimen) -> Report:
    """What the check says of a specimen; each is tried once."""

    @cache
    def check(file: str, name: str) -> StrategyReport:
        return check_strategy(specimen(file, name), history_for(name), seconds=2.0)

    return check
