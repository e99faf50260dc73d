"""Whatever is ordered and however prices move: the Book keeps money, shares and its own rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exchange import Exchange, costs
from tests.generators import random_bars

from papertape.domain.account import Account
from papertape.domain.calendar import calendar_of
from papertape.domain.event import OrderAccepted, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderState, book_report
from papertape.domain.market import Bar, Bars, FloatArray
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.matching.costs import CostModel
from papertape.matching.fees import ProportionalFee

CENT = 10_000
AXIS = 100_000_000
HELD = 100_000


class Wish(NamedTuple):
    """An order to be sent before a bar; a price is so many cents from 100 dollars.

    One for the close is a market order.
    """

    row: int
    quantity: int
    kind: OrderKind
    cents: int
    stop_cents: int
    is_day: bool
    reduce_only: bool
    is_for_close: bool = False

    @property
    def duration(self) -> TimeInForce:
        if self.is_for_close:
            return TimeInForce.CLS
        return TimeInForce.DAY if self.is_day else TimeInForce.GTC


class Charges(NamedTuple):
    """Cents of half spread and slippage, whole percents of volume, tenths of a percent of value."""

    spread: int
    slip: int
    cap: int
    fee: int

    @property
    def model(self) -> CostModel:
        fees = ProportionalFee(Fraction(self.fee, 1000))
        return costs(self.spread / 100, self.slip / 100, self.cap / 100, fees)


ROWS = 12
kinds = st.sampled_from([OrderKind.MARKET, OrderKind.LIMIT, OrderKind.STOP, None])
sides = st.sampled_from([1, -1])
charges = st.builds(
    Charges, st.integers(0, 5), st.integers(0, 5), st.sampled_from([0, 2, 10]), st.integers(0, 20)
)
wishes = st.builds(
    Wish,
    row=st.integers(0, ROWS - 1),
    quantity=st.integers(1, 30_000).flatmap(lambda size: st.sampled_from([size, -size])),
    kind=kinds,
    cents=st.integers(-600, 600),
    stop_cents=st.sampled_from([0, 0, 1, 40, 200]),
    is_day=st.booleans(),
    reduce_only=st.booleans(),
    is_for_close=st.just(False),
).map(lambda wish: wish if wish.kind else wish._replace(kind=OrderKind.MARKET, is_for_close=True))


@st.composite
def markets(draw: st.DrawFn) -> Bars:
    """Lively bars about 100 dollars, thin and thick volumes, and some in which nothing trades."""
    bars = random_bars(
        draw(st.integers(0, 2**32 - 1)),
        ROWS,
        draw(st.sampled_from(["1d", "1m"])),
        volatility=draw(st.sampled_from([0.01, 0.03])),
        tick=draw(st.sampled_from([0.01, 1.0])),
    )
    volume = np.array(
        draw(st.lists(st.sampled_from([0, 90, 5e3, 1e6]), min_size=ROWS, max_size=ROWS))
    )
    return with_columns(bars, volume=volume)


def with_columns(bars: Bars, **columns: FloatArray) -> Bars:
    names = ("start", "end", "open", "high", "low", "close", "volume")
    given = (columns.get(name, getattr(bars, name)) for name in names)
    return Bars(bars.instrument, bars.frequency, *given)


def order_of(number: int, wish: Wish, time: int) -> Order:
    price = AXIS + wish.cents * CENT
    return Order(
        id=f"o{number}",
        symbol="SPY",
        quantity=wish.quantity,
        kind=wish.kind,
        time=time,
        reason="",
        limit=price if wish.kind is OrderKind.LIMIT else None,
        stop=price if wish.kind is OrderKind.STOP else None,
        stop_distance=0 if wish.reduce_only else wish.stop_cents * CENT,
        time_in_force=wish.duration,
        not_before=time + 1 if wish.is_for_close else 0,
        reduce_only=wish.reduce_only,
    )


class Run:
    """A market in which some orders were sent: what became of them."""

    def __init__(
        self,
        bars: Bars,
        sent: Sequence[Wish],
        model: CostModel,
        cash: float = 1e8,
        held: int = HELD,
    ):
        self.bars = bars
        self.exchange = Exchange(model, cash=cash, held=held, frequency=bars.frequency)
        self.states: dict[str, OrderState] = {}
        self.accounts: list[Account] = []
        for row, bar in enumerate(bars):
            time = bar.start if row == 0 else int(bars.end[row - 1])
            for number, wish in enumerate(sent):
                if wish.row == row:
                    self._send(order_of(number, wish, time))
            before = len(self.exchange.log)
            self.exchange.feed(bar)
            for event in self.exchange.log[before:]:
                book_report(self.states, event)
            self.accounts.append(self.exchange.account)

    def _send(self, order: Order) -> None:
        answer = self.exchange.book.accept(order, order.time)
        self.states[order.id] = OrderState(order)
        book_report(self.states, answer)

    @property
    def fills(self) -> list[Fill]:
        return self.exchange.fills

    def bar_of(self, fill: Fill) -> Bar:
        return next(bar for bar in self.bars if bar.start == fill.bar_start)

    def filled(self, until: int) -> int:
        """Shares traded, in absolute terms, by the bars before a row."""
        starts = set(self.bars.start[:until].tolist())
        return sum(abs(fill.quantity) for fill in self.fills if fill.bar_start in starts)


anything = given(bars=markets(), sent=st.lists(wishes, max_size=8), charged=charges)


@anything
def test_cash_and_shares_add_up_by_hand_and_every_pocket_balances(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    run = Run(bars, sent, charged.model)
    opened = Exchange(cash=1e8, held=HELD).account
    cash = opened.cash - sum(fill.quantity * fill.price + fill.fee for fill in run.fills)
    shares = HELD + sum(fill.quantity for fill in run.fills)
    account = run.exchange.account
    assert (account.cash, account.quantity("SPY")) == (cash, shares)
    trial: Counter[str] = Counter()
    for (_, asset), amount in account.balances.items():
        trial[asset] += amount
    assert not any(trial.values())


@given(
    bars=markets(),
    sent=st.lists(wishes, max_size=8),
    charged=charges,
    cash=st.sampled_from([150.0, 10_000.0, 1e6]),
    held=st.sampled_from([0, 7, 20_000]),
)
def test_a_cash_account_never_owes_money_or_shares(
    bars: Bars, sent: list[Wish], charged: Charges, cash: float, held: int
) -> None:
    run = Run(bars, sent, charged.model, cash, held)
    account = Exchange(cash=cash, held=held).account
    for fill in run.fills:
        account = account.after(OrderFilled(fill.time, fill))
        assert account.cash >= 0
        assert account.quantity("SPY") >= 0
    assert account == run.exchange.account


@anything
def test_no_fill_is_kinder_than_its_rule(bars: Bars, sent: list[Wish], charged: Charges) -> None:
    run = Run(bars, sent, charged.model)
    for fill in run.fills:
        order, bar, side = run.states[fill.order_id].order, run.bar_of(fill), np.sign(fill.quantity)
        low, high = micros(bar.low), micros(bar.high)
        assert fill.reference >= low if side > 0 else fill.reference <= high
        assert side * (fill.price - fill.reference) >= 0
        assert fill.cost >= 0
        assert bar.volume != 0
        # An attached stop may trade in the bar that gave birth to it, all others in later ones.
        assert order.time <= (fill.time if order.parent else fill.bar_start)
        assert fill.time in {bar.start, bar.end}
        assert fill.outside == (not low <= fill.price <= high)
        match order.kind:
            case OrderKind.MARKET if order.time_in_force is TimeInForce.CLS:
                assert (fill.reference, fill.time) == (micros(bar.close), bar.end)
            case OrderKind.MARKET:
                assert (fill.reference, fill.time) == (micros(bar.open), bar.start)
            case OrderKind.LIMIT:
                assert order.limit is not None
                assert side * fill.price <= side * order.limit
                resting = replace(fill, price=order.limit, half_spread=0, slippage=0)
                assert fill.rule != "fill-L2" or fill == resting
            case OrderKind.STOP:
                assert order.stop is not None
                assert side * fill.reference >= side * order.stop


@anything
def test_the_cap_holds_for_all_orders_of_a_bar_together(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    if not charged.cap:
        return
    run = Run(bars, sent, charged.model)
    for bar in bars:
        here = [fill for fill in run.fills if fill.bar_start == bar.start]
        at_open = sum(abs(fill.quantity) for fill in here if fill.time == bar.start)
        assert sum(abs(fill.quantity) for fill in here) * 100 <= bar.volume * charged.cap
        assert at_open * 200 <= bar.volume * charged.cap


@anything
def test_what_was_ordered_is_filled_or_open_or_over(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    run = Run(bars, sent, charged.model)
    traded: Counter[str] = Counter()
    for fill in run.fills:
        traded[fill.order_id] += fill.quantity
    assert len({fill.id for fill in run.fills}) == len(run.fills)
    for order_id, state in run.states.items():
        assert state.filled == traded[order_id]
        assert abs(state.filled) <= abs(state.order.quantity)
        assert state.filled * state.order.quantity >= 0
    resting = {each.order.id: each.state.open for each in run.exchange.book._resting["SPY"]}
    working = {name: each.open for name, each in run.states.items() if each.is_working}
    assert resting == working
    assert 0 not in resting.values()


@anything
def test_an_order_trades_in_its_own_session_where_it_is_for_one(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    run = Run(bars, sent, charged.model)
    calendar = calendar_of("XNYS")
    for fill in run.fills:
        order = run.states[fill.order_id].order
        if order.time_in_force is TimeInForce.CLS:
            assert fill.time == calendar.session(calendar.local_day(fill.time)).close
    for name, state in run.states.items():
        if state.order.time_in_force is TimeInForce.DAY:
            days = {calendar.local_day(fill.time) for fill in run.fills if fill.order_id == name}
            assert len(days) <= 1


@anything
def test_an_attached_stop_guards_what_was_bought_and_no_more(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    run = Run(bars, sent, charged.model)
    children = [
        event.order
        for event in run.exchange.log
        if isinstance(event, OrderAccepted) and event.order.parent
    ]
    for child in children:
        parent = run.states[child.parent or ""].order
        fill = next(f for f in run.fills if f.id == child.id.replace(".stop", "#"))
        assert child.quantity == -fill.quantity
        assert child.reduce_only
        assert child.stop is not None
        beyond = np.sign(fill.quantity) * (fill.price - child.stop)
        assert parent.stop_distance <= beyond < parent.stop_distance + CENT
        out = [each.reference for each in run.fills if each.order_id == child.id]
        assert all(np.sign(child.quantity) * (price - child.stop) >= 0 for price in out)


# The metamorphic checks of the fill contract, for one order


def single(wish: Wish) -> list[Wish]:
    return [wish._replace(stop_cents=0, reduce_only=False)]


@given(bars=markets(), wish=wishes, charged=charges)
def test_m1_mirrored_prices_mirror_the_fills_of_the_mirrored_order(
    bars: Bars, wish: Wish, charged: Charges
) -> None:
    free = charged._replace(fee=0)
    run = Run(bars, single(wish), free.model)
    mirror = with_columns(
        bars, open=200 - bars.open, high=200 - bars.low, low=200 - bars.high, close=200 - bars.close
    )
    turned = single(wish._replace(quantity=-wish.quantity, cents=-wish.cents))
    twin = Run(mirror, turned, free.model)
    assert [(f.time, -f.quantity, 2 * AXIS - f.price, f.rule) for f in run.fills] == [
        (f.time, f.quantity, f.price, f.rule) for f in twin.fills
    ]


@given(bars=markets(), sent=st.lists(wishes, max_size=6), charged=charges, row=st.integers(0, ROWS))
def test_m3_another_future_never_changes_a_fill(
    bars: Bars, sent: list[Wish], charged: Charges, row: int
) -> None:
    later = np.arange(ROWS) >= row
    changed = {
        name: np.where(later, getattr(bars, name) * 1.5, getattr(bars, name))
        for name in ("open", "high", "low", "close", "volume")
    }
    other = Run(with_columns(bars, **changed), sent, charged.model)
    past = set(bars.start[:row].tolist())
    assert [fill for fill in Run(bars, sent, charged.model).fills if fill.bar_start in past] == [
        fill for fill in other.fills if fill.bar_start in past
    ]


@given(bars=markets(), sent=st.lists(wishes, max_size=6), charged=charges)
def test_m3_the_rest_of_a_bar_never_changes_a_fill_at_its_open(
    bars: Bars, sent: list[Wish], charged: Charges
) -> None:
    uncapped = charged._replace(cap=0)
    row = ROWS - 1
    last = np.arange(ROWS) == row
    opens = bars.open
    dead = {name: np.where(last, opens, getattr(bars, name)) for name in ("high", "low", "close")}
    start = int(bars.start[row])

    def at_open(run: Run) -> list[Fill]:
        here = [fill for fill in run.fills if fill.time == start]
        return [replace(fill, outside=False, path="", ambiguous=False) for fill in here]

    with_range = Run(bars, sent, uncapped.model)
    assert at_open(with_range) == at_open(Run(with_columns(bars, **dead), sent, uncapped.model))


@given(bars=markets(), wish=wishes, charged=charges)
def test_m4_twice_the_volume_never_fills_less_of_an_order(
    bars: Bars, wish: Wish, charged: Charges
) -> None:
    run = Run(bars, single(wish), charged.model)
    more = Run(with_columns(bars, volume=2 * bars.volume), single(wish), charged.model)
    assert all(run.filled(row) <= more.filled(row) for row in range(ROWS + 1))


market_and_stop = wishes.map(
    lambda wish: wish._replace(
        kind=OrderKind.STOP if wish.kind in {OrderKind.STOP, OrderKind.LIMIT} else OrderKind.MARKET,
        is_for_close=False,
        quantity=wish.quantity // 30 or 1,
        stop_cents=0,
        reduce_only=False,
    )
)


@settings(max_examples=60)
@given(
    bars=markets(),
    sent=st.lists(market_and_stop, max_size=6),
    charged=charges,
    more=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_m5_dearer_trading_never_ends_with_more(
    bars: Bars, sent: list[Wish], charged: Charges, more: tuple[int, int]
) -> None:
    dearer = charged._replace(spread=charged.spread + more[0], slip=charged.slip + more[1])
    mark = {"SPY": micros(float(bars.close[-1]))}
    cheap, dear = (Run(bars, sent, each.model).exchange.account for each in (charged, dearer))
    assert dear.equity(mark) <= cheap.equity(mark)


def test_the_orders_drawn_here_meet_every_rule() -> None:
    """A property that holds of nothing proves nothing."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(bars=markets(), sent=st.lists(wishes, min_size=3, max_size=8), charged=charges)
    def count(bars: Bars, sent: list[Wish], charged: Charges) -> None:
        run = Run(bars, sent, charged.model)
        seen.update(fill.rule for fill in run.fills)
        seen.update("capped" for fill in run.fills if fill.cap.startswith("volume"))
        seen.update(state.status.value for state in run.states.values())
        seen.update("child" for state in run.states.values() if state.order.parent)

    count()
    wanted = {"fill-M1", "fill-L1", "fill-L2", "fill-L3 auction", "fill-S2", "fill-S2 gap"}
    wanted |= {"fill-M2 closing auction", "capped", "child", "filled", "partially_filled"}
    wanted |= {"canceled", "expired", "new", "rejected"}
    assert wanted <= seen.keys(), seen
