"""Account terms: Regulation T, settlement and buying power, worked by hand."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.errors import UsageError
from papertape.domain.event import OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.money import micros
from papertape.domain.terms import (
    ACCOUNTS,
    CASH_ACCOUNT,
    MARGIN_ACCOUNT,
    SETTLED_CASH_ACCOUNT,
    AccountTerms,
    account_terms,
    settlement_day,
)

SPY = Instrument("SPY")
FUTURE = Instrument("ES", tick=250_000, multiplier=50, margin=micros(12_000))


def holding(quantity: int, price: float, cash: float = 100_000) -> Account:
    """An account that has traded once."""
    fill = Fill("f", "o", "SPY", 0, quantity, micros(price), 0, "by hand", 0, micros(price))
    return Account.opened(micros(cash)).after(OrderFilled(0, fill))


@pytest.mark.parametrize(
    ("quantity", "price", "available"),
    [
        (1_000, 100, 50_000),  # all cash spent; half of 100,000 is lent
        (2_000, 100, 0),  # 100,000 of the broker's: the most that Regulation T lends
        (-1_000, 50, 75_000),  # 150,000 of cash, of which one and a half times 50,000 is bound
        (-2_000, 100, 0),  # 300,000 of cash, all of it bound
    ],
)
def test_regulation_t_lends_half_and_binds_one_and_a_half_of_a_short(
    quantity: int, price: float, available: float
) -> None:
    account = holding(quantity, price)
    assert MARGIN_ACCOUNT.available(account, {"SPY": micros(price)}) == micros(available)


def test_what_a_trade_commits_is_what_available_funds_lose() -> None:
    for quantity in (700, -700):
        before, after = holding(1, 100), holding(1 + quantity, 100)
        spent = MARGIN_ACCOUNT.available(before, {"SPY": micros(100)})
        spent -= MARGIN_ACCOUNT.available(after, {"SPY": micros(100)})
        assert MARGIN_ACCOUNT.commits(SPY, 1, quantity, micros(100)) == spent


@pytest.mark.parametrize(
    ("quantity", "required"), [(1_000, 25_000), (-1_000, 30_000)], ids=["long 25 %", "short 30 %"]
)
def test_maintenance(quantity: int, required: float) -> None:
    account = holding(quantity, 100)
    assert MARGIN_ACCOUNT.maintenance(account, {"SPY": micros(100)}) == micros(required)


def test_a_cash_account_pays_in_full_and_may_use_what_has_not_settled() -> None:
    account = holding(-1, 100)  # a sale, of what does not matter here
    assert CASH_ACCOUNT.available(account, {}) == micros(100_100)
    assert SETTLED_CASH_ACCOUNT.available(account, {}) == micros(100_000)
    assert CASH_ACCOUNT.commits(SPY, 0, 10, micros(100)) == micros(1_000)


def test_a_future_commits_its_bond_and_a_turn_of_it_nothing() -> None:
    for terms in (CASH_ACCOUNT, MARGIN_ACCOUNT):
        assert terms.commits(FUTURE, 0, -2, micros(5_000)) == micros(24_000)
        assert terms.commits(FUTURE, 1, -2, micros(5_000)) == 0
        assert terms.commits(FUTURE, 2, -1, micros(5_000)) == -micros(12_000)


@pytest.mark.parametrize(
    ("held", "wanted", "available", "within"),
    [
        (0, 3_000, 100_000, 2_000),  # Regulation T: twice the money
        (0, -3_000, 100_000, -2_000),
        (1_000, -3_000, 50_000, -2_000),  # the sale frees 50,000, and 100,000 short 2,000
        (1_000, 400, -5_000, 400),  # a reduction needs nothing
        (0, 10, 0, 0),
    ],
)
def test_the_nearest_holding_that_can_be_paid_for(
    held: int, wanted: int, available: float, within: int
) -> None:
    found = MARGIN_ACCOUNT.within(SPY, held, wanted, micros(100), micros(available))
    assert found == within


@given(
    some.sampled_from([CASH_ACCOUNT, MARGIN_ACCOUNT]),
    some.integers(0, 5_000),
    some.integers(-5_000, 5_000),
    some.integers(1, 10**9),
    some.integers(-(10**9), 10**12),
)
def test_within_never_commits_more_and_one_share_more_would(
    terms: AccountTerms, held: int, wanted: int, price: int, available: int
) -> None:
    if wanted < 0 and not terms.lends_shares:
        wanted = 0
    found = terms.within(SPY, held, wanted, price, available)
    if found == wanted:
        return
    step = 1 if wanted > held else -1
    further = terms.commits(SPY, held, found + step - held, price)
    assert further > available
    assert terms.commits(SPY, held, found - held, price) <= max(available, 0)


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        (date(2017, 9, 1), date(2017, 9, 7)),  # T+3 over Labor Day
        (date(2017, 9, 5), date(2017, 9, 7)),  # the first day of T+2: both settle together
        (date(2024, 5, 24), date(2024, 5, 29)),  # T+2 over Memorial Day
        (date(2024, 5, 28), date(2024, 5, 29)),  # the first day of T+1
        (date(2024, 7, 3), date(2024, 7, 5)),  # a half day is a day
        (date(1995, 6, 6), date(1995, 6, 13)),  # T+5
    ],
)
def test_settlement_follows_the_rule_of_the_trade_date(traded: date, settled: date) -> None:
    assert settlement_day(traded, calendar_of("XNYS")) == settled


def test_an_unknown_account_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="cash, cash-settled, margin"):
        account_terms("offshore")
    assert [account_terms(name).name for name in ACCOUNTS] == list(ACCOUNTS)


def test_terms_that_lend_everything_are_refused() -> None:
    with pytest.raises(UsageError, match="cannot be covered"):
        AccountTerms("dream", initial=type(MARGIN_ACCOUNT.initial)(0))
