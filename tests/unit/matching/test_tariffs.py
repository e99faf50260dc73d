"""Cost models by their spelling: names, composed terms, and what is said of those that are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from papertape.domain.errors import UsageError
from papertape.matching.costs import (
    CostModel,
    NoCap,
    NoSlippage,
    ProportionalSlippage,
    VolumeCap,
)
from papertape.matching.fees import Fees, ProportionalFee, SumOfFees
from papertape.matching.liquidity import UNKNOWN, Liquidity
from papertape.matching.spreads import FixedHalfSpread, NoSpread, SpreadByLiquidity
from papertape.matching.tariffs import cost_model

DOLLAR = 1_000_000
LIQUID = Liquidity(10_000_000, 0.02, 2_000_000_000, 20)


def owed(spec: str, quantity: int, price: float) -> float:
    """The fee in dollars of an order that trades at once."""
    fees: Fees = cost_model(spec).fees
    return fees.fee(quantity, quantity * round(price * DOLLAR), date(2024, 6, 3)) / DOLLAR


@pytest.mark.parametrize("name", ["us-retail", "ibkr-fixed", "ibkr-tiered", "none"])
def test_a_model_is_found_by_its_name(name: str) -> None:
    assert cost_model(name).name == name
    assert cost_model(name).is_free == (name == "none")


def test_percent_is_a_commission_and_nothing_else() -> None:
    model = cost_model("percent:0.1")
    fee = ProportionalFee(Fraction(1, 1000))
    assert model == CostModel("percent:0.1", fee, NoSpread(), NoSlippage(), NoCap())
    assert not model.is_free
    assert cost_model("percent:0").is_free


@pytest.mark.parametrize(
    ("spec", "quantity", "price", "fee"),
    [
        # Interactive Brokers as other engines have it: .005 a share, 1.00 at least, .5 % at most.
        ("per-share:0.005,min=1,max=0.5%", 697, 143.2, 3.485),
        ("per-share:0.005,min=1,max=0.5%", 1, 388.12, 1.00),
        ("per-share:0.005,min=1,max=0.5%", 10, 2.0, 0.10),
        ("per-share:0.005", -7, 2.0, 0.035),
        ("per-contract:2", -3, 3800.0, 6.00),
        ("per-order:4.95", 500, 20.0, 4.95),
        ("percent:0.2", -100, 50.0, 10.00),
        ("percent:0.1,min=5,max=20", 1, 50.0, 5.00),
        ("percent:0.1,min=5,max=20", 1000, 50.0, 20.00),
        ("percent:0.1+per-order:1", 100, 50.0, 6.00),
        ("per-share:0,min=1", 5, 50.0, 1.00),
    ],
)
def test_a_composed_commission_by_hand(spec: str, quantity: int, price: float, fee: float) -> None:
    assert owed(spec, quantity, price) == fee


def test_an_order_without_a_fill_owes_nothing() -> None:
    for spec in ("per-share:0.005,min=1", "per-order:3", "percent:1,min=2", "per-share:1"):
        assert owed(spec, 0, 10.0) == 0


def test_what_is_not_named_costs_nothing() -> None:
    model = cost_model("slippage:5bp+cap:2.5%")
    assert model.fees.words == "no fees"
    assert model.spread == NoSpread()
    assert model.slippage == ProportionalSlippage(Fraction(5, 10_000))
    assert model.cap == VolumeCap(0.025, 0.025)
    assert not model.is_free


def test_the_parts_of_a_composed_model() -> None:
    model = cost_model("percent:0.1+regulatory+half-spread:0.01+cap:10%")
    assert isinstance(model.fees, SumOfFees)
    assert model.spread == FixedHalfSpread(10_000)
    assert cost_model("half-spread:2bp").spread.half_spread(50 * DOLLAR, UNKNOWN, 10_000) == 10_000
    assert cost_model("slippage:0.1%").slippage.slippage(20 * DOLLAR, 1, UNKNOWN) == 20_000
    assert "at most 10 % of a bar's volume" in model.describe()


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("us-retial", "us-retail"),
        ("per-shares:0.005", "per-share:0.005,min=1,max=0.5%"),
        ("percent", "percent:0.1"),
        ("percent:", "percent:0.1"),
        ("percent:-1", "percent:0.1"),
        ("percent:1e3", "percent:0.1"),
        ("percent:101", "percent:0.1"),
        ("percent:0.1%", "percent:0.1"),
        ("per-share:0.005,min", "per-share:0.005,min=1,max=0.5%"),
        ("per-share:0.005,min=1,min=2", "per-share:0.005,min=1,max=0.5%"),
        ("per-share:0.005,max=x%", "per-share:0.005,min=1,max=0.5%"),
        ("per-order:1,min=2", "per-order:4.95"),
        ("regulatory:1", "regulatory"),
        ("slippage:5 bp", "slippage:5bp"),
        ("cap:10", "cap:10%"),
        ("cap:0%", "cap:10%"),
        ("half-spread:2bp,min=1", "half-spread:2bp"),
        ("none+percent:1", "none"),
    ],
)
def test_what_is_no_model_is_refused_with_the_nearest_form(spec: str, meant: str) -> None:
    with pytest.raises(UsageError, match="is no cost model") as caught:
        cost_model(spec)
    assert f"did you mean {meant}?" in caught.value.hint
    assert "ibkr-tiered" in caught.value.hint


def test_a_part_is_named_once() -> None:
    for spec in ("percent:1+percent:2", "per-share:1+per-contract:2", "cap:1%+cap:2%"):
        with pytest.raises(UsageError, match="twice"):
            cost_model(spec)


def test_a_model_says_what_it_charges() -> None:
    assert cost_model("us-retail").describe(LIQUID) == (
        "us-retail: 1.0 bp half spread, square-root impact (k 2/3), SEC and FINRA fees on sales, "
        "at most 10 % of a bar's volume (5 % at the open)"
    )
    assert "1 to 50 bp by liquidity" in cost_model("us-retail").describe()
    assert cost_model("none").describe() == "none: free of any cost"
    assert cost_model("per-share:0.005,min=1,max=0.5%").describe() == (
        "per-share:0.005,min=1,max=0.5%: commission 0.005 a share, at least 1.00, "
        "at most 0.5 % of value"
    )


@pytest.mark.parametrize("spec", ["us-retail+dog", "none+cat", "us-retail+", "us-retail:1"])
def test_an_addition_that_is_none_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="is no cost model"):
        cost_model(spec)


def test_the_spread_of_a_model_can_be_another_one() -> None:
    model = cost_model("us-retail", "bp:2")
    assert model.name == "us-retail, spread bp:2"
    assert replace(model, name="us-retail", spread=SpreadByLiquidity()) == cost_model("us-retail")
    assert "half spread 2 bp" in model.describe()
    assert not cost_model("none", "edge").is_free
