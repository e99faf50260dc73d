"""Sizes by hand: whole shares, cut towards zero."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.errors import UsageError
from papertape.domain.money import micros, payable
from papertape.engines.signalcore.sizing import size_policy


def shares(
    spec: str,
    price: float,
    equity: float = 100_000,
    *,
    exposure: float = 1.0,
    stop: float = 0.0,
    symbols: int = 1,
) -> int:
    policy = size_policy(spec)
    return policy.target(exposure, micros(price), micros(equity), micros(stop), symbols)


def test_95_percent_of_100_000_buys_199_shares_at_475_31() -> None:
    assert shares("percent:95", 475.31) == 199  # 95,000 / 475.31 = 199.87


@pytest.mark.parametrize(
    ("spec", "price", "expected"),
    [
        ("percent:100", 100, 1_000),
        ("percent:100", 100.000001, 999),
        ("percent:95", 95, 1_000),
        ("percent:0.1", 100, 1),
        ("percent:33.3", 33.3, 1_000),
        ("percent:95", 95_001, 0),
        ("percent:99.75", 99.75, 1_000),
        ("percent:99.75", 99.750001, 999),
        ("percent:99.99", 0.01, 9_999_000),
    ],
)
def test_a_percentage_is_exact_to_the_share(spec: str, price: float, expected: int) -> None:
    assert shares(spec, price) == expected


@pytest.mark.parametrize(
    ("exposure", "expected"), [(0.3, 300), (0.7, 700), (-0.1, -100), (0.57, 570)]
)
def test_an_exposure_is_taken_as_it_is_written(exposure: float, expected: int) -> None:
    assert shares("percent:100", 100, exposure=exposure) == expected


@given(
    st.integers(1, 10_000), st.integers(1, 10**9), st.integers(1, 10**12), st.integers(1, 10_000)
)
def test_a_buffer_is_cut_out_to_the_share(
    percent: int, price: int, equity: int, exposure: int
) -> None:
    wanted = size_policy(f"percent:{percent / 100:.2f}")
    target = wanted.target(exposure / 10_000, price, equity, 0, 1)
    assert target == percent * exposure * equity // (10_000 * 10_000 * price)


@given(st.integers(1, 10**12), st.integers(1, 10**9), st.integers(1, 500), st.integers(0, 50_000))
def test_what_is_payable_with_its_fee_is_paid_and_a_lot_more_is_not(
    amount: int, price: int, lot: int, per_share: int
) -> None:
    def fee(shares: int) -> int:
        return max(1_000_000, shares * per_share) if shares else 0

    shares = payable(Fraction(amount), price, lot, fee)
    assert shares % lot == 0
    assert shares * price + fee(shares) <= amount or shares == 0
    assert (shares + lot) * price + fee(shares + lot) > amount


def test_the_instruments_of_a_run_share_the_money_equally() -> None:
    assert shares("percent:95", 100, symbols=2) == 475
    assert shares("percent:95", 100, symbols=3) == 316  # 31,666.67


def test_half_an_exposure_is_half_the_money_and_a_short_has_its_sign() -> None:
    assert shares("percent:95", 100, exposure=0.5) == 475
    assert shares("percent:95", 100, exposure=-0.5) == -475
    assert shares("percent:95", 99, exposure=-0.5) == -479  # -479.8 towards zero
    assert shares("shares:100", 5, exposure=0.255) == 25


def test_one_percent_at_risk_over_the_distance_to_the_stop() -> None:
    assert shares("risk:1", 475.31, stop=7.5) == 133  # 1,000 / 7.50
    assert shares("risk:1", 475.31, stop=7.5, symbols=2) == 66
    assert shares("risk:1", 475.31, stop=7.5, exposure=0.5) == 66


def test_without_a_stop_nothing_can_be_risked() -> None:
    assert shares("risk:1", 100, stop=0) == 0
    assert size_policy("risk:1").needs_stop


@pytest.mark.parametrize("spec", ["percent:95", "risk:1"])
def test_where_equity_is_gone_nothing_is_bought(spec: str) -> None:
    assert shares(spec, 100, equity=-5, stop=1) == 0


def test_a_number_of_shares_asks_for_neither_price_nor_equity() -> None:
    assert shares("shares:100", 1_000_000, equity=1) == 100


@pytest.mark.parametrize("spec", ["shares:100", "percent:95", "percent:99.75,net", "risk:1"])
def test_a_size_reads_back_as_it_was_written(spec: str) -> None:
    assert str(size_policy(spec)) == spec


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "100",
        "shares",
        "shares:",
        "shares:0",
        "shares:-1",
        "shares:1.5",
        "shares:1e3",
        "shares:1000000000",
        "percent:0",
        "percent:101",
        "percent:nan",
        "percent:1,5",
        "percent:95,gross",
        "percent:95,net,net",
        "shares:5,net",
        "risk:1,net",
        "percent:٣",
        "risk:0",
        "risk:inf",
        "risk:1:2",
        "lots:5",
    ],
)
def test_input_b15_what_is_no_size_is_refused_with_the_sizes_there_are(spec: str) -> None:
    with pytest.raises(UsageError, match="is no order size") as raised:
        size_policy(spec)
    assert "percent:95" in raised.value.hint
