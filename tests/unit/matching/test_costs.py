"""What trading costs: numbers from the published tariffs, and that no cost ever flatters."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from papertape.domain.clock import MINUTE
from papertape.domain.errors import DataError, InvariantBroken, UsageError
from papertape.domain.market import Quote
from papertape.matching.costs import (
    UNLIMITED,
    AlmgrenImpact,
    FixedSlippage,
    NoCap,
    SquareRootImpact,
    VolumeCap,
    average_impact,
    impact,
    participation,
    permanent_impact,
    taker_price,
)
from papertape.matching.fees import (
    Fees,
    NoFee,
    PerShareFee,
    ProportionalFee,
    RegulatoryFees,
    Rounding,
    SumOfFees,
    TieredFee,
    us_fee_tables,
)
from papertape.matching.liquidity import UNKNOWN, Liquidity
from papertape.matching.spreads import FixedHalfSpread, SpreadByLiquidity, half_of, half_spread_at
from papertape.matching.tariffs import cost_model

DOLLAR = 1_000_000
CENT = 10_000
ANY_DAY = date(2024, 6, 3)
LIQUID = Liquidity(10_000_000, 0.02, 2_000_000_000, 20)


def once(fees: Fees, quantity: int, dollars: float, day: date = ANY_DAY, month: int = 0) -> float:
    """The fee in dollars of an order that trades at once."""
    paid = quantity * round(dollars * DOLLAR)
    return fees.fee(quantity, paid, day, shares_this_month=month) / DOLLAR


# Prices


def test_v42_a_market_buy_pays_half_spread_and_slippage() -> None:
    assert taker_price(100 * DOLLAR, 1, 2 * CENT, 3 * CENT, CENT) == 100_050_000


def test_v43_a_triggered_sell_stop_slips_twice() -> None:
    assert taker_price(95 * DOLLAR, -1, 2 * CENT, 3 * CENT, CENT, triggered=True) == 94_920_000


@pytest.mark.parametrize(("side", "expected"), [(1, 100_020_000), (-1, 100_010_000)])
def test_c5_a_computed_price_is_rounded_against_the_trader(side: int, expected: int) -> None:
    assert taker_price(100_012_300, side, 100, 0, CENT) == expected


@pytest.mark.parametrize("side", [1, -1])
def test_a_traded_price_keeps_its_digits_when_nothing_is_added(side: int) -> None:
    assert taker_price(100_012_345, side, 0, 0, CENT) == 100_012_345
    assert taker_price(100_012_345, side, 0, 0, CENT, triggered=True) == 100_012_345


def test_a_sale_never_falls_below_one_tick() -> None:
    assert taker_price(20_000, -1, 50_000, 0, CENT) == CENT


PRICES = some.integers(1, 10**12)
OFFSETS = some.integers(0, 10**9)
SIDES = some.sampled_from([1, -1])
TICKS = some.sampled_from([1, 100, CENT, 5 * CENT])


@given(PRICES, SIDES, OFFSETS, OFFSETS, OFFSETS, TICKS, some.booleans())
def test_raising_a_cost_never_betters_a_price(
    reference: int, side: int, spread: int, slip: int, more: int, tick: int, triggered: bool
) -> None:
    price = taker_price(reference, side, spread, slip, tick, triggered)
    wider = taker_price(reference, side, spread + more, slip, tick, triggered)
    slower = taker_price(reference, side, spread, slip + more, tick, triggered)
    assert side * wider >= side * price
    assert side * slower >= side * price


@given(some.integers(10**10, 10**12), SIDES, OFFSETS, OFFSETS, TICKS)
def test_c5_a_price_lies_on_the_tick_and_the_trader_never_gains(
    reference: int, side: int, spread: int, slip: int, tick: int
) -> None:
    price = taker_price(reference, side, spread, slip, tick)
    exact = reference + side * (spread + slip)
    assert 0 <= side * (price - exact) < tick
    assert price == reference or price % tick == 0


# Spread


@pytest.mark.parametrize(
    ("daily_value", "basis_points"),
    [
        (20e9, 1),  # SPY today
        (47e6, 1),  # AAPL in its quietest month, 2003
        (15e6, 2),
        (5e6, 5),
        (1e6, 15),
        (1e5, 50),
        (0.0, 50),
    ],
)
def test_the_half_spread_goes_by_dollars_traded_a_day(
    daily_value: float, basis_points: int
) -> None:
    liquidity = Liquidity(1e6, 0.02, daily_value, 20)
    assert SpreadByLiquidity().basis_points(liquidity) == basis_points
    expected = 200 * DOLLAR * basis_points // 10_000
    assert SpreadByLiquidity().half_spread(200 * DOLLAR, liquidity, CENT) == expected


def test_a_half_spread_is_never_below_half_a_tick() -> None:
    assert half_spread_at(14 * DOLLAR, 1, CENT) == 5_000


def test_a_half_spread_is_rounded_up() -> None:
    assert half_spread_at(123_456_789, 1, 1) == 12_346


def test_a_quote_goes_before_the_estimate() -> None:
    quote = Quote("SPY", MINUTE, 99.99, 100.02, 100, 100)
    assert SpreadByLiquidity().half_spread(100 * DOLLAR, LIQUID, CENT, quote) == 15_000
    assert half_of(99_990_000, 100_020_001) == 15_001


def test_an_unknown_liquidity_is_taken_as_the_middle_class() -> None:
    assert SpreadByLiquidity().basis_points(UNKNOWN) == 5


def test_fixed_costs_are_what_they_say_and_never_negative() -> None:
    assert FixedHalfSpread(20_000).half_spread(DOLLAR, UNKNOWN, CENT) == 20_000
    assert FixedSlippage(30_000).slippage(DOLLAR, 1, UNKNOWN) == 30_000
    for policy in (FixedHalfSpread, FixedSlippage):
        with pytest.raises(InvariantBroken, match="never flatters"):
            policy(-1)


# Slippage


def test_the_published_impact_at_two_percent_and_a_hundredth_of_the_volume() -> None:
    # 20 bp at the end of the order, 13.3 bp on average; a price of 1 dollar shows 100 a bp.
    assert impact(1.0, 0.02, 0.01, DOLLAR) == pytest.approx(2_000, abs=1)
    assert impact(2 / 3, 0.02, 0.01, DOLLAR) == pytest.approx(1_333.3, abs=1)
    assert SquareRootImpact().slippage(DOLLAR, 100_000, LIQUID) == 1_334


@pytest.mark.parametrize(("days", "basis_points"), [(0.1, 32.2), (0.2, 24.6), (0.5, 18.4)])
def test_almgrens_published_costs_of_a_tenth_of_a_day_of_ibm(
    days: float, basis_points: float
) -> None:
    assert permanent_impact(0.0157, 0.1, 263) == pytest.approx(19.85e-4, abs=0.005e-4)
    assert average_impact(0.0157, 0.1, 263, days) == pytest.approx(basis_points / 1e4, abs=5e-6)
    ibm = Liquidity(1_000_000, 0.0157, 1e8, 20)
    charged = AlmgrenImpact(263_000_000, days).slippage(100 * DOLLAR, 100_000, ibm)
    assert charged / DOLLAR == pytest.approx(basis_points / 100, abs=5e-4)


def test_almgrens_law_needs_what_it_is_about() -> None:
    with pytest.raises(UsageError, match="shares outstanding"):
        AlmgrenImpact(0)
    unknown = AlmgrenImpact(1e6).slippage(DOLLAR, 100, UNKNOWN)
    assert unknown == SquareRootImpact().slippage(DOLLAR, 100, UNKNOWN)


def test_participation_is_the_share_of_a_days_volume() -> None:
    assert participation(-1_500_000, LIQUID) == pytest.approx(0.15)


def test_what_is_unknown_slips_as_assumed_and_never_by_nothing() -> None:
    assert SquareRootImpact().slippage(DOLLAR, 100, UNKNOWN) == 1_334


def test_an_instrument_that_has_not_traded_slips_a_lot() -> None:
    dead = Liquidity(0.0, 0.02, 0.0, 20)
    assert SquareRootImpact().slippage(DOLLAR, 100, dead) == pytest.approx(133_334, abs=1)


@given(some.integers(1, 10**7), some.integers(1, 10**7), PRICES)
def test_a_larger_order_never_slips_less(shares: int, more: int, price: int) -> None:
    policy = SquareRootImpact()
    assert policy.slippage(price, shares + more, LIQUID) >= policy.slippage(price, shares, LIQUID)


# Volume


def test_q1_a_tenth_of_a_bar_and_a_twentieth_at_its_open() -> None:
    assert VolumeCap().shares(1_000.0, at_open=False) == 100
    assert VolumeCap().shares(1_000.0, at_open=True) == 50
    assert VolumeCap().shares(1_019.0, at_open=True) == 50


def test_a_cap_is_exact_where_floats_are_not() -> None:
    assert int(0.29 * 100) == 28
    assert VolumeCap(per_bar=0.29).shares(100.0, at_open=False) == 29


def test_e5_an_unknown_volume_is_an_error_unless_no_cap_is_wanted() -> None:
    with pytest.raises(DataError, match="no volume"):
        VolumeCap().shares(float("nan"), at_open=False)
    assert NoCap().shares(float("nan"), at_open=False) == UNLIMITED


def test_a_cap_beyond_the_whole_bar_is_refused() -> None:
    with pytest.raises(UsageError, match="volume cap"):
        VolumeCap(per_bar=1.5)


# Fees


@pytest.mark.parametrize(
    ("day", "dollars"),
    [(date(2024, 6, 3), 2.78 + 0.083), (date(2025, 8, 1), 0.083), (date(2026, 10, 15), 2.06)],
)
def test_selling_500_at_200_pays_the_published_fees(day: date, dollars: float) -> None:
    assert once(RegulatoryFees(), -500, 200, day) == pytest.approx(dollars, abs=1e-9)


def test_a_broker_rounds_each_regulatory_fee_up_to_a_cent() -> None:
    assert once(RegulatoryFees(Rounding.BROKER), -500, 200) == pytest.approx(2.78 + 0.09)


@pytest.mark.parametrize(
    ("day", "per_share", "cap"),
    [
        (date(2023, 6, 1), 0.000145, 7.27),
        (date(2024, 6, 3), 0.000166, 8.30),
        (date(2025, 12, 31), 0.000166, 8.30),
        (date(2026, 1, 2), 0.000195, 9.79),
        (date(2026, 9, 30), 0.000195, 9.79),
        (date(2026, 10, 1), 0.0, 0.0),
        (date(2026, 12, 31), 0.0, 0.0),
        (date(2027, 1, 4), 0.000232, 11.61),
        (date(2031, 1, 2), 0.000232, 11.61),
    ],
)
def test_the_trading_activity_fee_by_the_published_table(
    day: date, per_share: float, cap: float
) -> None:
    rate = us_fee_tables().taf.row(day).rate
    assert rate.charge(1_000, 0) / DOLLAR == pytest.approx(1_000 * per_share)
    assert rate.charge(10**7, 0) / DOLLAR == pytest.approx(cap)


def test_the_audit_trail_fee_is_off_unless_asked_for_and_then_paid_on_both_sides() -> None:
    day = date(2026, 6, 1)
    assert once(cost_model("us-retail").fees, 1_000, 20, day) == 0
    fees = cost_model("us-retail+cat").fees
    assert once(fees, 1_000, 20, day) == pytest.approx(0.003)
    sold = 20_000 * 20.60 / 1e6 + 1_000 * 0.000195
    assert once(fees, -1_000, 20, day) == pytest.approx(sold + 0.003)


def test_fees_in_cents_are_each_rounded_up_whatever_the_broker_takes() -> None:
    fees = cost_model("ibkr-fixed+cat+cents").fees
    day = date(2026, 6, 1)
    assert once(fees, -1_000, 20, day) == pytest.approx(5.00 + 0.42 + 0.20 + 0.01)
    assert once(fees, 1_000, 20, day) == pytest.approx(5.00 + 0.01)


@pytest.mark.parametrize("name", ["us-retail", "ibkr-fixed", "ibkr-tiered"])
def test_rates_beyond_the_tables_are_told_by_the_tariff_that_charges_them(name: str) -> None:
    fees = cost_model(name).fees
    assert fees.notices(date(2024, 1, 2), date(2026, 9, 30)) == ()
    told = fees.notices(date(2026, 1, 2), date(2027, 2, 1))
    assert [text.partition(":")[0] for text in told] == [
        "SEC Section 31 fee",
        "FINRA Trading Activity Fee",
    ]
    assert cost_model("percent:0.1").fees.notices(date(1999, 1, 4), date(2030, 1, 2)) == ()
    assert any("audit" in each for each in cost_model(f"{name}+cat").fees.notices(*[ANY_DAY] * 2))


def test_a_purchase_pays_no_regulatory_fee() -> None:
    assert once(RegulatoryFees(), 500, 200) == 0


def test_the_trading_activity_fee_is_capped() -> None:
    fee = once(RegulatoryFees(), -100_000, 1)
    assert fee == pytest.approx(2.78 + 8.30)


@pytest.mark.parametrize(
    ("day", "per_million"),
    [
        (date(2001, 12, 27), 33.30),
        (date(2003, 3, 21), 30.10),
        (date(2003, 3, 22), 25.20),
        (date(2003, 4, 1), 46.80),
        (date(2008, 4, 1), 5.60),
        (date(2014, 3, 17), 17.40),
        (date(2014, 3, 18), 22.10),
        (date(2019, 4, 15), 13.00),
        (date(2019, 4, 16), 20.70),
        (date(2021, 2, 24), 22.10),
        (date(2021, 2, 25), 5.10),
        (date(2025, 5, 14), 0.0),
        (date(2026, 4, 3), 0.0),
    ],
)
def test_the_sec_rate_changes_on_the_announced_day(day: date, per_million: float) -> None:
    rate = us_fee_tables().sec.row(day).rate
    assert rate.charge(1, 10**12) / DOLLAR == pytest.approx(per_million, abs=1e-9)


def test_a_table_says_whether_it_knows_a_day() -> None:
    tables = us_fee_tables()
    assert tables.sec.standing(date(1999, 12, 31)) == "before"
    assert tables.sec.standing(date(2010, 1, 4)) == "known"
    assert tables.sec.standing(date(2030, 1, 4)) == "after"
    assert tables.taf.standing(date(2002, 11, 1)) == "estimated"
    assert tables.taf.standing(date(2027, 1, 4)) == "estimated"


def test_a_run_inside_the_tables_needs_no_notice() -> None:
    assert us_fee_tables().notices(date(2004, 1, 2), date(2026, 9, 30)) == ()


def test_a_run_beyond_the_tables_gets_one_notice_a_reason() -> None:
    early = us_fee_tables().notices(date(1998, 1, 2), date(2001, 1, 2))
    late = us_fee_tables().notices(date(2026, 1, 2), date(2027, 2, 1))
    assert [text.split(":")[0] for text in early] == [
        "SEC Section 31 fee",
        "FINRA Trading Activity Fee",
    ]
    assert "known until 2026-09-30" in late[0]
    assert "from 2027-01-01 on is not certain" in late[1]


@pytest.mark.parametrize(
    ("quantity", "price", "dollars"), [(100, 25, 1.00), (1000, 25, 5.00), (1000, 0.25, 2.50)]
)
def test_the_published_fixed_commissions(quantity: int, price: float, dollars: float) -> None:
    assert once(PerShareFee(), quantity, price) == dollars
    assert once(PerShareFee(), -quantity, price) == dollars


@pytest.mark.parametrize(
    ("quantity", "month", "dollars"),
    [
        (50, 0, 0.35),  # 0.175, below the minimum
        (1_000, 0, 3.50),
        (1_000, 299_500, 500 * 0.0035 + 500 * 0.0020),
        (1_000, 5_000_000, 1.50),
        (1_000, 200_000_000, 0.50),
    ],
)
def test_a_tiered_commission_falls_with_the_month(
    quantity: int, month: int, dollars: float
) -> None:
    assert once(TieredFee(), quantity, 50, month=month) == pytest.approx(dollars, abs=1e-9)


def test_the_tiered_maximum_beats_its_minimum() -> None:
    assert once(TieredFee(), 10, 1) == pytest.approx(0.10)


def test_a_commission_by_value_is_half_even_to_the_micro() -> None:
    fee = ProportionalFee(Fraction(1, 1000))
    assert fee.fee(1, 100_500, ANY_DAY) == 100
    assert fee.fee(1, 101_500, ANY_DAY) == 102
    assert fee.fee(100, 100 * 25 * DOLLAR, ANY_DAY) == 2_500_000


@given(some.integers(0, 2**53 - 1), some.fractions(0, 1, max_denominator=10**9))
def test_a_commission_by_value_is_exact(value: int, rate: Fraction) -> None:
    assert ProportionalFee(rate).fee(1, value, ANY_DAY) == round(value * rate)


def test_a_commission_beyond_the_value_is_refused() -> None:
    with pytest.raises(UsageError, match="not between 0 and 1"):
        ProportionalFee(Fraction(3, 2))


TARIFFS: list[Fees] = [
    NoFee(),
    ProportionalFee(Fraction(1, 1000)),
    PerShareFee(),
    TieredFee(),
    RegulatoryFees(),
    RegulatoryFees(Rounding.BROKER),
    SumOfFees((TieredFee(), RegulatoryFees(Rounding.BROKER))),
]


@given(
    some.sampled_from(TARIFFS),
    some.lists(some.tuples(some.integers(1, 200_000), some.integers(1, 10**9)), min_size=1),
    SIDES,
    some.integers(0, 10**8),
)
def test_the_fees_of_the_parts_sum_to_the_fee_of_the_whole(
    fees: Fees, parts: list[tuple[int, int]], side: int, month: int
) -> None:
    filled = paid = owed = 0
    for shares, price in parts:
        quantity = side * shares
        added = fees.next_fee(filled, paid, quantity, price, ANY_DAY, shares_this_month=month)
        assert added >= 0
        filled, paid, owed = filled + quantity, paid + quantity * price, owed + added
    assert owed == fees.fee(filled, paid, ANY_DAY, shares_this_month=month)


def test_a_minimum_is_paid_once_by_an_order_that_fills_in_parts() -> None:
    fees = PerShareFee()
    assert fees.next_fee(0, 0, 100, 25 * DOLLAR, ANY_DAY) == DOLLAR
    assert fees.next_fee(100, 2_500 * DOLLAR, 100, 25 * DOLLAR, ANY_DAY) == 0
    assert fees.next_fee(200, 5_000 * DOLLAR, 100, 25 * DOLLAR, ANY_DAY) == DOLLAR // 2
