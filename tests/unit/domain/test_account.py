"""The account as a fold: worked by hand, to the micro-dollar."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from papertape.domain.account import Account, Position, postings, split_shares
from papertape.domain.errors import AmountTooLarge, InvariantBroken
from papertape.domain.event import (
    DividendAccrued,
    DividendPaid,
    FillBusted,
    FillCorrected,
    HoldingDelisted,
    OrderFilled,
    SplitApplied,
    SymbolChanged,
)
from papertape.domain.fill import Fill

DOLLAR = 1_000_000


def filled(quantity: int, price: int, fee: int = 0, symbol: str = "SPY") -> OrderFilled:
    return OrderFilled(0, Fill("f", "o", symbol, 0, quantity, price, fee, "fill-M1", 0, price))


@pytest.fixture
def opened() -> Account:
    return Account.opened(100_000 * DOLLAR)


def test_a_round_trip_leaves_the_gain_less_both_fees(opened: Account) -> None:
    # 100,000 - 100 x 472.16 - 1 = 52,783; + 100 x 480 - 1 = 100,782
    bought = opened.after(filled(100, 472_160_000, DOLLAR))
    assert bought.cash == 52_783 * DOLLAR
    assert bought.positions["SPY"] == Position(100, 47_216 * DOLLAR)
    assert bought.equity({"SPY": 480 * DOLLAR}) == 100_783 * DOLLAR
    sold = bought.after(filled(-100, 480 * DOLLAR, DOLLAR))
    assert (sold.cash, sold.fees, dict(sold.positions)) == (100_782 * DOLLAR, 2 * DOLLAR, {})
    assert sold.equity({}) == sold.cash


def test_a_bust_gives_back_the_fee_too_and_a_correction_takes_another(opened: Account) -> None:
    wrong, right = filled(100, 472_160_000, DOLLAR), filled(10, 480 * DOLLAR, 2 * DOLLAR)
    instead = replace(right.fill, id="g")
    bought = opened.after(wrong)
    busted = bought.after(FillBusted(0, wrong.fill, "clearly erroneous"))
    assert (busted.cash, busted.fees, dict(busted.positions)) == (100_000 * DOLLAR, 0, {})
    # 100,000 - 10 x 480 - 2 = 95,198: nothing is left of the 47,216 and of the first fee
    corrected = bought.after(FillCorrected(0, wrong.fill, instead, "another price"))
    assert (corrected.cash, corrected.fees) == (95_198 * DOLLAR, 2 * DOLLAR)
    assert corrected.positions["SPY"] == Position(10, 4_800 * DOLLAR)


def test_an_account_never_changes_it_is_followed_by_another(opened: Account) -> None:
    opened.after(filled(1, DOLLAR))
    assert (opened.cash, opened.quantity("SPY")) == (100_000 * DOLLAR, 0)
    with pytest.raises(TypeError):
        opened.balances["cash", "USD"] = 0  # type: ignore[index]


def test_a_short_sale_brings_cash_and_owes_shares(opened: Account) -> None:
    short = opened.after(filled(-10, 50 * DOLLAR))
    assert (short.cash, short.quantity("SPY")) == (100_500 * DOLLAR, -10)
    assert short.positions["SPY"].average_price == 50 * DOLLAR
    assert short.equity({"SPY": 60 * DOLLAR}) == 99_900 * DOLLAR


def test_a_dividend_is_owed_on_the_ex_date_and_cash_on_the_pay_date(opened: Account) -> None:
    held = opened.after(filled(100, 40 * DOLLAR))
    owed = held.after(DividendAccrued(1, "SPY", 100, 1_590_000, date(2024, 4, 30)))
    assert (owed.cash, owed.owed) == (held.cash, 159 * DOLLAR)
    assert owed.equity({"SPY": 40 * DOLLAR}) == 100_159 * DOLLAR
    paid = owed.after(DividendPaid(2, "SPY", 159 * DOLLAR))
    assert (paid.cash, paid.owed) == (held.cash + 159 * DOLLAR, 0)


def test_a_short_holder_owes_the_dividend(opened: Account) -> None:
    short = opened.after(filled(-10, 50 * DOLLAR))
    owed = short.after(DividendAccrued(1, "SPY", -10, DOLLAR, date(2024, 4, 30)))
    assert owed.owed == -10 * DOLLAR


def test_a_split_changes_the_shares_and_not_what_they_cost(opened: Account) -> None:
    held = opened.after(filled(10, 645_570_000, symbol="AAPL"))
    split = held.after(SplitApplied(1, "AAPL", Fraction(7), 10, 70, 0))
    assert split.positions["AAPL"] == Position(70, 6_455_700_000)
    assert split.cash == held.cash


def test_a_split_of_shares_that_are_not_held_stops_the_run(opened: Account) -> None:
    with pytest.raises(InvariantBroken, match="not held"):
        opened.after(SplitApplied(1, "AAPL", Fraction(7), 10, 70, 0))


def test_a_new_symbol_joins_what_is_held_under_it(opened: Account) -> None:
    held = opened.after(filled(100, 10 * DOLLAR, symbol="OLD")).after(
        filled(-30, 20 * DOLLAR, symbol="NEW")
    )
    event = SymbolChanged(1, "OLD", "NEW", 100)
    after = held.after(event)
    assert dict(after.positions) == {"NEW": Position(70, 400 * DOLLAR)}
    assert after.equity({"NEW": 20 * DOLLAR}) == held.equity(
        {"OLD": 20 * DOLLAR, "NEW": 20 * DOLLAR}
    )
    totals: dict[str, int] = {}
    for _, asset, amount in postings(event):
        totals[asset] = totals.get(asset, 0) + amount
    assert totals == {"OLD": 0, "NEW": 0}
    with pytest.raises(InvariantBroken, match="are not held"):
        held.after(SymbolChanged(1, "OLD", "NEW", 99))


@pytest.mark.parametrize(("quantity", "cash"), [(100, 1_250), (-100, -1_250)])
def test_a_delisting_turns_a_holding_into_what_was_paid(
    opened: Account, quantity: int, cash: int
) -> None:
    held = opened.after(filled(quantity, 10 * DOLLAR))
    after = held.after(HoldingDelisted(1, "SPY", quantity, 12_500_000))
    assert dict(after.positions) == {}
    assert after.cash == held.cash + cash * DOLLAR
    with pytest.raises(InvariantBroken, match="are not held"):
        after.after(HoldingDelisted(1, "SPY", quantity, 12_500_000))


def test_a_split_that_leaves_nothing_closes_the_position(opened: Account) -> None:
    held = opened.after(filled(3, 2 * DOLLAR))
    whole, cash = split_shares(3, Fraction(1, 10), 2 * DOLLAR)
    split = held.after(SplitApplied(1, "SPY", Fraction(1, 10), 3, whole, cash))
    assert (whole, cash) == (0, 6 * DOLLAR)
    assert (dict(split.positions), split.cash) == ({}, 100_000 * DOLLAR)


@pytest.mark.parametrize(
    ("quantity", "ratio", "price", "whole", "cash"),
    [
        (10, Fraction(7), 645_570_000, 70, 0),
        (105, Fraction(1, 10), 2 * DOLLAR, 10, 10 * DOLLAR),  # five old shares at 2 dollars
        (-105, Fraction(1, 10), 2 * DOLLAR, -10, -10 * DOLLAR),
        (5, Fraction(3, 2), 30 * DOLLAR, 7, 10 * DOLLAR),  # half a new share at 20 dollars
    ],
)
def test_a_split_pays_the_fraction_of_a_share_in_cash(
    quantity: int, ratio: Fraction, price: int, whole: int, cash: int
) -> None:
    assert split_shares(quantity, ratio, price) == (whole, cash)


@pytest.mark.parametrize(
    ("held", "quantity", "price", "after"),
    [
        (Position(), 10, 5, Position(10, 50)),
        (Position(10, 50), 10, 7, Position(20, 120)),
        (Position(20, 120), -5, 99, Position(15, 90)),
        (Position(3, 100), -1, 99, Position(2, 67)),  # 66 2/3
        (Position(10, 50), -10, 99, Position(0, 0)),
        (Position(10, 50), -15, 9, Position(-5, -45)),
        (Position(-10, -50), -10, 7, Position(-20, -120)),
        (Position(-20, -120), 5, 99, Position(-15, -90)),
        (Position(-3, -100), 1, 99, Position(-2, -67)),
        (Position(-10, -50), 15, 9, Position(5, 45)),
    ],
)
def test_a_reduction_releases_cost_at_the_average_price(
    held: Position, quantity: int, price: int, after: Position
) -> None:
    assert held.traded(quantity, price) == after


def test_a_large_cheap_holding_can_be_reduced() -> None:
    # cost x shares is 1.6e20 here, beyond int64: compiled arithmetic must not be asked for it
    held = Position(40_000_000, 4_000_000 * DOLLAR)
    assert held.traded(-10_000_000, 99) == Position(30_000_000, 3_000_000 * DOLLAR)


def test_postings_of_a_fill_sum_to_zero_for_money_and_for_shares() -> None:
    moved = postings(filled(100, 472_160_000, DOLLAR))
    for asset in ("USD", "SPY"):
        assert sum(amount for _, what, amount in moved if what == asset) == 0


@pytest.mark.parametrize("capital", [0, -1, 2**53], ids=["zero", "negative", "input-B47"])
def test_an_account_opens_with_money_that_can_be_counted(capital: int) -> None:
    with pytest.raises((AmountTooLarge, InvariantBroken)):
        Account.opened(capital)


def test_input_b47_a_fill_worth_more_than_can_be_counted_stops_the_run() -> None:
    with pytest.raises(AmountTooLarge, match="cannot be counted exactly"):
        filled(2**27, 2**27)
