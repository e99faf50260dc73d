"""Running indicators against TA-Lib, the columns and arithmetic by hand."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
import talib
from numpy.testing import assert_allclose, assert_array_equal
from tests.generators import random_bars

from papertape.domain.errors import AmountTooLarge, UsageError
from papertape.strategies import RunningAverage, sma


@pytest.mark.parametrize("period", [1, 2, 7, 50])
def test_a_running_average_is_talibs_and_to_the_bit_that_of_the_column(period: int) -> None:
    close = random_bars(period, 400).close
    average = RunningAverage(period)
    values = np.array([average.add(price) for price in close.tolist()])

    assert_allclose(values, talib.SMA(close, period) if period > 1 else close, rtol=1e-12)
    assert_array_equal(values, sma(close, period))
    assert average.value == values[-1]


def test_by_hand_the_oldest_price_leaves_as_the_newest_comes() -> None:
    average = RunningAverage(3)

    assert isnan(average.value)
    assert isnan(average.add(1.0))
    assert isnan(average.add(2.0))
    assert average.add(6.0) == 3.0
    assert average.add(0.1) == 2.7


def test_a_million_prices_leave_no_rounding_behind() -> None:
    average = RunningAverage(10)
    for price in [0.1, 0.7, 0.3] * 100_000:
        average.add(price)
    for _ in range(10):
        average.add(0.1)

    assert average.value == 0.1


def test_no_average_is_of_nothing_and_no_price_is_nan() -> None:
    with pytest.raises(UsageError, match="1 price or more"):
        RunningAverage(0)
    with pytest.raises(AmountTooLarge):
        RunningAverage(2).add(float("nan"))
