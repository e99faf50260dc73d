"""Laws that hold for any run: money adds up over trades, and figures keep their bounds."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import isfinite

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.account import Account, split_shares
from papertape.domain.clock import DAY
from papertape.domain.event import DividendAccrued, LedgerEvent, OrderFilled, SplitApplied
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.market import DAILY, Bars
from papertape.domain.money import Micros, dollars, micros
from papertape.engines.proofbench import metrics
from papertape.engines.proofbench.metrics import Marks, measure
from papertape.engines.proofbench.shape import falls_of
from papertape.engines.proofbench.trades import Trade, round_trips

SYMBOLS = ("AAA", "BBB")
CAPITAL = micros(1_000_000)
PAY_DATE = date(1971, 1, 1)
PRICES = st.integers(10_000, 500_000_000)  # micro-dollars: a cent to 500 dollars
RATIOS = st.sampled_from(
    [Fraction(2), Fraction(7), Fraction(3, 2), Fraction(1, 10), Fraction(1, 3)]
)
STEPS = st.tuples(
    st.sampled_from(["fill", "fill", "fill", "close", "split", "dividend"]),
    st.sampled_from(SYMBOLS),
    st.integers(-300, 300).filter(bool),
    PRICES,
    st.integers(0, 5_000_000),
    RATIOS,
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[LedgerEvent], Account, dict[str, Bars]]:
    """Any run of two instruments: its events, the account after them, and its bars."""
    account, events = Account.opened(CAPITAL), []
    for day, step in enumerate(draw(st.lists(STEPS, max_size=40)), start=1):
        event = _event(day, account, *step)
        if event:
            account = account.after(event)
            events.append(event)
    bars = {symbol: _bars(symbol, draw(PRICES)) for symbol in SYMBOLS}
    return events, account, bars


def _event(
    day: int,
    account: Account,
    what: str,
    symbol: str,
    quantity: int,
    price: Micros,
    fee: Micros,
    ratio: Fraction,
) -> LedgerEvent | None:
    held, time = account.quantity(symbol), day * DAY
    if what == "split" and held:
        after, cash = split_shares(held, ratio, price)
        return SplitApplied(time, symbol, ratio, held, after, cash)
    if what == "dividend" and held:
        return DividendAccrued(time, symbol, held, price // 100 + 1, PAY_DATE)
    if what in ("split", "dividend") or (what == "close" and not held):
        return None
    shares = -held if what == "close" else quantity
    name = f"o{day}"
    fill = Fill(name, name, symbol, time, shares, price, fee, "fill-M1", time, price)
    return OrderFilled(time, fill)


def _bars(symbol: str, last: Micros) -> Bars:
    start = np.arange(1, 42) * DAY
    price = np.full(41, dollars(last))
    return Bars(
        Instrument(symbol), DAILY, start, start + DAY // 4, price, price, price, price, price
    )


@given(runs())
def test_the_profits_of_all_trades_are_the_change_of_equity(
    run: tuple[list[LedgerEvent], Account, dict[str, Bars]],
) -> None:
    events, account, bars = run
    trades = round_trips(events, {}, bars)
    last = {symbol: micros(float(column.close[-1])) for symbol, column in bars.items()}
    assert sum(trade.pnl for trade in trades) == account.equity(last) - CAPITAL
    assert sum(trade.fees for trade in trades) == account.fees


@given(runs())
def test_what_is_open_is_what_is_held(
    run: tuple[list[LedgerEvent], Account, dict[str, Bars]],
) -> None:
    events, account, bars = run
    trades = round_trips(events, {}, bars)
    still_open = [trade for trade in trades if trade.is_open]
    assert {trade.symbol for trade in still_open} == set(account.positions)
    assert len(still_open) == len(account.positions)
    assert [trade.id for trade in trades] == [f"T{n}" for n in range(1, len(trades) + 1)]


@given(runs())
def test_a_trade_can_be_checked_from_its_own_record(
    run: tuple[list[LedgerEvent], Account, dict[str, Bars]],
) -> None:
    events, _, bars = run
    for trade in round_trips(events, {}, bars):
        assert trade.mae is not None
        assert trade.mfe is not None
        assert trade.mae <= 0 <= trade.mfe
        assert trade.held >= 0
        if trade.exit_price is not None and not any(_splits(events, trade)):
            earned = trade.quantity * (trade.exit_price - trade.entry_price)
            assert abs(earned - trade.fees + trade.dividends - trade.pnl) <= 1


def _splits(events: list[LedgerEvent], trade: Trade) -> list[bool]:
    return [
        isinstance(event, SplitApplied)
        and event.symbol == trade.symbol
        and trade.entry_time <= event.time <= (trade.exit_time or event.time)
        for event in events
    ]


DAYS = st.lists(st.floats(-0.5, 0.5), max_size=60).map(np.array)


def _marks(days: np.ndarray) -> Marks:
    equity = 1000.0 * np.concatenate(([1.0], np.cumprod(1 + days)))
    return Marks(np.arange(len(equity)) * DAY, equity)


@given(DAYS, st.sampled_from([0.0, 0.02, 0.05]))
def test_every_figure_is_a_number_with_a_unit_or_a_reason(days: np.ndarray, rf: float) -> None:
    marks = _marks(days)
    table = measure(marks, ppy=252, rf=rf, benchmark=marks.equity[::-1].copy())
    for name, figure in table.items():
        assert table.units[name]
        assert isfinite(figure) if figure is not None else table.reasons[name]


@given(DAYS)
def test_drawdowns_agree_with_their_definition_mark_by_mark(days: np.ndarray) -> None:
    equity = _marks(days).equity
    by_hand = min(equity[t] / equity[: t + 1].max() - 1 for t in range(len(equity)))
    falls = falls_of(equity)
    assert metrics.max_drawdown(falls) == by_hand
    depths = equity / np.maximum.accumulate(equity) - 1
    assert falls.squares == pytest.approx(float(np.sum(depths**2)), rel=1e-12)
    peaks = np.flatnonzero(depths == 0)
    stays = [*np.diff(peaks)[np.diff(peaks) > 1], len(equity) - 1 - peaks[-1]]
    assert max(stays) == (falls.longest.marks if falls.longest else 0)
    for each in filter(None, (falls.deepest, falls.longest)):
        assert each.peak < each.bottom <= each.end
        assert equity[each.peak] == equity[: each.bottom + 1].max()
        assert each.recovered == (equity[each.end] >= equity[each.peak])


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 0.97]))
def test_a_long_column_has_the_tail_of_a_sorted_one(seed: int, still: float) -> None:
    random = np.random.default_rng(seed)
    days = random.normal(0, 0.01, 40_001) * (random.random(40_001) >= still)
    ordered = np.sort(days)
    found = metrics.tail(days)
    assert found.edge == ordered[2_000]
    assert found.mean == pytest.approx(np.mean(days[days <= ordered[2_000]]), rel=1e-12)


@given(DAYS.filter(len))
def test_the_mean_of_the_tail_is_no_better_than_its_edge(days: np.ndarray) -> None:
    edge, tail = metrics.tail(days)
    assert min(days) - 1e-12 <= tail <= edge + 1e-12


@given(DAYS, st.floats(0.001, 1000))
def test_the_size_of_the_account_changes_no_ratio(days: np.ndarray, factor: float) -> None:
    marks = _marks(days)
    scaled = Marks(marks.time, marks.equity * 2.0 ** round(np.log2(factor)))
    small, large = measure(marks, ppy=252), measure(scaled, ppy=252)
    del small["final_equity"], large["final_equity"]
    assert small == large
