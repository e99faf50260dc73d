"""Conservation: whatever is filled, split or paid, money and shares add up to what they were."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.account import Account, split_shares
from papertape.domain.event import (
    DividendAccrued,
    DividendPaid,
    LedgerEvent,
    OrderFilled,
    SplitApplied,
)
from papertape.domain.fill import Fill

CAPITAL = 1_000_000_000_000
PAID = date(2024, 4, 30)

symbols = st.sampled_from(["AAPL", "BRK.B", "SPY"])
prices = st.integers(1, 10**9)
steps = st.one_of(
    st.tuples(
        st.just("fill"),
        symbols,
        st.integers(-10_000, 10_000).filter(bool),
        prices,
        st.integers(0, 10**7),
    ),
    st.tuples(st.just("dividend"), symbols, st.integers(1, 10**7)),
    st.tuples(st.just("pay"), symbols, st.integers(-(10**9), 10**9)),
    st.tuples(
        st.just("split"),
        symbols,
        st.sampled_from([Fraction(7), Fraction(3, 2), Fraction(1, 10), Fraction(2, 3)]),
        prices,
    ),
)


def event_of(step: tuple, account: Account) -> LedgerEvent:
    match step:
        case ("fill", symbol, quantity, price, fee):
            fill = Fill("f", "o", symbol, 0, quantity, price, fee, "fill-M1", 0, price)
            return OrderFilled(0, fill)
        case ("dividend", symbol, amount):
            return DividendAccrued(0, symbol, account.quantity(symbol), amount, PAID)
        case ("pay", symbol, total):
            return DividendPaid(0, symbol, total)
        case ("split", symbol, ratio, price):
            held = account.quantity(symbol)
            return SplitApplied(0, symbol, ratio, held, *split_shares(held, ratio, price))
    raise AssertionError(step)


def walk(drawn: list[tuple]) -> Iterator[tuple[LedgerEvent, Account]]:
    """Each event with the account after it."""
    account = Account.opened(CAPITAL)
    for step in drawn:
        event = event_of(step, account)
        account = account.after(event)
        yield event, account


@given(st.lists(steps, max_size=40))
def test_every_asset_sums_to_zero_over_all_pockets(drawn: list[tuple]) -> None:
    for _, account in walk(drawn):
        trial_balance: Counter[str] = Counter()
        for (_, asset), amount in account.balances.items():
            trial_balance[asset] += amount
        assert not any(trial_balance.values())


@given(st.lists(steps, max_size=40))
def test_cash_and_shares_are_what_a_hand_would_sum(drawn: list[tuple]) -> None:
    cash, fees, shares = CAPITAL, 0, Counter[str]()
    for event, account in walk(drawn):
        match event:
            case OrderFilled(fill=fill):
                cash -= fill.quantity * fill.price + fill.fee
                fees += fill.fee
                shares[fill.symbol] += fill.quantity
            case DividendPaid(total=total):
                cash += total
            case SplitApplied(symbol=symbol, after=after, cash_in_lieu=lieu):
                cash += lieu
                shares[symbol] = after
        assert (account.cash, account.fees) == (cash, fees)
        assert {name: held.quantity for name, held in account.positions.items()} == {
            name: count for name, count in shares.items() if count
        }


@given(st.lists(steps, max_size=40), st.integers(1, 10**6))
def test_a_trade_at_the_market_price_costs_its_fee_and_nothing_else(
    drawn: list[tuple], price: int
) -> None:
    account = Account.opened(CAPITAL)
    for _, account in walk(drawn):  # noqa: B007  the last one is wanted
        pass
    market = dict.fromkeys(("AAPL", "BRK.B", "SPY"), price)
    bought = account.after(event_of(("fill", "SPY", 7, price, 3), account))
    assert bought.equity(market) == account.equity(market) - 3


@given(st.lists(steps, max_size=40))
def test_the_cost_of_a_holding_has_its_sign(drawn: list[tuple]) -> None:
    for _, account in walk(drawn):
        for held in account.positions.values():
            assert held.quantity * held.cost >= 0
