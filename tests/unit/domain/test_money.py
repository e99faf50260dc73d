"""Integers of money: the two doors between dollars and micro-dollars, and the roundings."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.errors import AmountTooLarge, UsageError
from papertape.domain.money import (
    against_trader,
    counted,
    dollars,
    half_even,
    micros,
    micros_from_text,
    tick_down,
    tick_up,
)

AMOUNTS = st.integers(-(2**53) + 1, 2**53 - 1)


# Two roundings of a float64 stay below half a micro-dollar up to 2**51, two billion dollars.
@given(st.integers(-(2**51), 2**51))
def test_micro_dollars_survive_the_way_through_dollars_and_back(amount: int) -> None:
    assert micros(dollars(amount)) == amount


@given(AMOUNTS)
def test_decimal_text_is_read_exactly(amount: int) -> None:
    assert micros_from_text(f"{Decimal(amount).scaleb(-6):f}") == amount


def test_half_a_micro_goes_to_the_even_side() -> None:
    assert [micros_from_text(text) for text in ("0.0000005", "0.0000015")] == [0, 2]


@pytest.mark.parametrize(
    "text", ["", "abc", "1e3", "1,000", "0x10", "NaN", "inf", "1.2.3", "--1", "1_000", "\u0663"]
)
def test_text_that_is_no_plain_amount_is_refused_as_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not an amount in dollars"):
        micros_from_text(text)


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 2**53 / 10**6, -(2**53) / 10**6])
def test_a_float_that_cannot_be_counted_stops_the_run(amount: float) -> None:
    with pytest.raises(AmountTooLarge, match="cannot be counted exactly"):
        micros(amount)


@pytest.mark.parametrize("amount", [2**53, -(2**53)], ids=["input-B47-up", "input-B47-down"])
def test_an_amount_beyond_what_a_float_holds_stops_the_run(amount: int) -> None:
    assert counted(amount - (1 if amount > 0 else -1)) != amount
    with pytest.raises(AmountTooLarge, match="cannot be counted exactly"):
        counted(amount)


def test_input_b47_text_beyond_what_a_float_holds_is_refused_as_usage() -> None:
    assert micros_from_text("9007199254.740991") == 2**53 - 1
    with pytest.raises(UsageError, match="more than can be counted"):
        micros_from_text("9007199254.740992")


@given(st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**6).filter(bool))
def test_half_even_rounds_like_an_exact_fraction(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(1, 10**12), st.integers(1, 10**6))
def test_ticks_bracket_a_price_and_lie_on_the_grid(price: int, tick: int) -> None:
    low, high = tick_down(price, tick), tick_up(price, tick)
    assert low % tick == high % tick == 0
    assert low <= price <= high
    assert high - low == (0 if price % tick == 0 else tick)


def test_a_computed_price_is_rounded_so_that_the_trader_never_gains() -> None:
    assert against_trader(100_250_001, 10_000, side=1) == 100_260_000
    assert against_trader(100_259_999, 10_000, side=-1) == 100_250_000
    assert against_trader(100_250_000, 10_000, side=1) == 100_250_000
