"""Faults that a day itself brings, through whole sessions: F22, F42, F45, F59, nights and gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from tests.faults import invariants
from tests.faults.brokers import FaultyBroker
from tests.sessions import Day, MemoryJournal

from papertape import SimulationConfig
from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Commanded, MomentDecided, Verb
from papertape.domain.event import (
    CancelRejected,
    DividendAccrued,
    DividendPaid,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRefused,
    SplitApplied,
    SymbolChanged,
    VariationPaid,
)
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import (
    Bar,
    Bars,
    CorporateAction,
    Dividend,
    Frequency,
    PriceHistory,
    Renaming,
    Split,
    Tick,
    Trade,
    TradingStatus,
)
from papertape.domain.restraint import TradingState
from papertape.session.session import PaperSession
from papertape.strategies.strategy import Context

XNYS = calendar_of("XNYS")
SPY = Instrument("SPY")
Wish = Callable[[Context, str], object]


@dataclass
class AsWished:
    """Wishes at the n-th bar of a symbol what stands under n."""

    wishes: Mapping[int, Wish]
    symbol: str = "SPY"
    warmup: int = 1
    count: int = 0

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Wish it."""
        if bar.symbol == self.symbol:
            self.count += 1
            if self.count in self.wishes:
                self.wishes[self.count](context, bar.symbol)


def buy(quantity: int, **terms: Any) -> Wish:
    return lambda context, symbol: context.submit(symbol, quantity, reason="as wished", **terms)


def minutes(
    days: Mapping[date, Sequence[float]], instrument: Instrument = SPY, volume: float = 1e6
) -> Bars:
    """Minutes that stand still at a price each, from the open of each day on."""
    start = [XNYS.session(day).open + n * MINUTE for day in days for n in range(len(days[day]))]
    price = np.array([each for day in days for each in days[day]])
    begin = np.array(start, np.int64)
    columns = (price, price + 0.02, price - 0.02, price, np.full(len(price), volume))
    return Bars(instrument, Frequency.parse("1m"), begin, begin + MINUTE, *columns)


def a_day(
    name: str,
    day: date,
    strategy: Any,
    histories: Mapping[str, PriceHistory],
    log: MemoryJournal | None = None,
    actions: tuple[CorporateAction, ...] = (),
    **settings: Any,
) -> tuple[Day, PaperSession]:
    """One day of an account, from its open to its close; ``actions`` come with its first bar."""
    config = SimulationConfig(
        benchmark="none",
        bar_frequency="1m",
        start=day,
        end=day,
        allow=("D7", "D9", "D10", "D11", "D13", "D14"),
        **settings,
    )
    lived = Day(strategy, histories, config, name=name)
    lived.log = log or lived.log
    lived.instruments |= {each.symbol: Instrument(each.symbol) for each in actions}
    lived.moments = [
        replace(each, actions=(*each.actions, *actions)) if each is lived.traded[0] else each
        for each in lived.moments
    ]
    session = lived.session(strategy=strategy)
    session.open(lived.window.start - 1)
    lived.play(session)
    now = lived.moments[-1].time + SECOND
    session.close(now)
    session.close(now + MINUTE)
    assert session.is_closed
    account = lived.account()
    invariants.check(session, account, lived.journal.kept)
    invariants.the_broker_agrees(session, account)
    return lived, session


def said(day: Day, *kinds: type) -> list[Any]:
    return [line for line in day.journal.kept if isinstance(line, kinds)]


# F59: what happens to shares over night ----------------------------------------------------------

MONDAY, TUESDAY, WEDNESDAY = date(2024, 6, 3), date(2024, 6, 4), date(2024, 6, 5)


def held_through(
    action: CorporateAction, quantity: int, before: float, after: float, days: Sequence[date]
) -> tuple[PaperSession, list[tuple[Day, PaperSession]]]:
    """Buy on the first day, hold through an action, in an account of one session a day."""
    prices = {MONDAY: [before] * 5, TUESDAY: [after] * 5, WEDNESDAY: [after] * 5}
    histories = {"SPY": PriceHistory(minutes(prices), (action,))}
    wishes = {2: buy(quantity)}
    first, bought = a_day("mon", days[0], AsWished(wishes), histories, warmup="inside")
    lived = [
        a_day(f"day{n}", day, AsWished({}), histories, first.log) for n, day in enumerate(days[1:])
    ]
    return bought, lived


@pytest.mark.parametrize("days", [(MONDAY, TUESDAY), (MONDAY, WEDNESDAY)])
@pytest.mark.parametrize(
    ("ratio", "before", "after", "left", "fraction"),
    [
        (Fraction(2), 100.0, 50.0, 14, 0),
        (Fraction(3, 2), 90.0, 60.0, 10, Fraction(1, 2)),
        (Fraction(1, 5), 20.0, 100.0, 1, Fraction(2, 5)),
    ],
)
def test_f59_a_split_over_night_is_booked_and_value_is_conserved(
    days: Sequence[date], ratio: Fraction, before: float, after: float, left: int, fraction: float
) -> None:
    action = Split("SPY", TUESDAY, ratio)
    bought, lived = held_through(action, 7, before, after, days)
    day, session = lived[-1]
    (booked,) = said(day, SplitApplied)
    position = session.state.account.positions["SPY"]
    assert position.quantity == left
    gained = session.state.account.cash - bought.state.account.cash
    assert gained == fraction * after * 1_000_000
    assert left * after * 1e6 + gained == 7 * before * 1e6
    assert booked.symbol == "SPY"


@pytest.mark.parametrize("days", [(MONDAY, TUESDAY, WEDNESDAY), (MONDAY, WEDNESDAY)])
def test_f59_a_dividend_over_night_is_owed_and_then_paid(days: Sequence[date]) -> None:
    action = Dividend("SPY", TUESDAY, 1_500_000, WEDNESDAY)
    bought, lived = held_through(action, 10, 100.0, 98.5, days)
    accrued = [each for day, _ in lived for each in said(day, DividendAccrued)]
    paid = [each for day, _ in lived for each in said(day, DividendPaid)]
    assert (len(accrued), len(paid)) == (1, 1)
    _, session = lived[-1]
    assert session.state.account.cash - bought.state.account.cash == 15_000_000
    assert session.state.account.owed == 0


def test_f59_a_new_symbol_over_night_keeps_shares_and_cost() -> None:
    old = PriceHistory(minutes({MONDAY: [100.0] * 5}))
    new = PriceHistory(minutes({TUESDAY: [100.0] * 5}, Instrument("NEW")))
    action = (Renaming("SPY", TUESDAY, "NEW"),)
    first, bought = a_day("mon", MONDAY, AsWished({2: buy(10)}), {"SPY": old}, warmup="inside")
    sell = AsWished({2: buy(-4)}, "NEW")
    second, session = a_day("tue", TUESDAY, sell, {"NEW": new}, first.log, action, warmup="inside")
    assert len(said(second, SymbolChanged)) == 1
    cost = bought.state.account.positions["SPY"].cost
    assert session.state.account.positions["NEW"].quantity == 6
    assert session.state.account.positions["NEW"].cost == cost * 6 // 10


# Nights of futures -------------------------------------------------------------------------------


def test_futures_held_over_night_are_marked_and_the_gain_is_cash() -> None:
    """Two contracts of 50 dollars a point, bought at 100: 3 points over night are 300 dollars."""
    contract = Instrument("ES", multiplier=50, margin=1_000_000_000)
    prices = {MONDAY: [100.0] * 390, TUESDAY: [103.0] * 390}
    histories = {"ES": PriceHistory(minutes(prices, contract))}
    wishes = AsWished({2: buy(2)}, "ES")
    first, bought = a_day("mon", MONDAY, wishes, histories, warmup="inside")
    second, session = a_day("tue", TUESDAY, AsWished({}, "ES"), histories, first.log)
    assert session.state.account.positions["ES"].quantity == 2
    assert sum(each.total for each in said(second, VariationPaid)) == 300_000_000
    assert session.state.account.cash - bought.state.account.cash == 300_000_000


# F42: the clocks change --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("friday", "monday", "earlier"),
    [
        (date(2024, 3, 8), date(2024, 3, 11), 60 * MINUTE),
        (date(2024, 11, 1), date(2024, 11, 4), -60 * MINUTE),
    ],
)
def test_f42_a_weekend_on_which_the_clocks_change_moves_the_hours_and_nothing_else(
    friday: date, monday: date, earlier: Nanos
) -> None:
    prices = {day: [100.0] * 390 for day in (friday, monday)}
    histories = {"SPY": PriceHistory(minutes(prices))}
    resting = buy(1, kind="limit", limit=50.0, time_in_force="day")
    first, bought = a_day(
        "fri", friday, AsWished({2: buy(10), 3: resting}), histories, warmup="inside"
    )
    second, session = a_day("mon", monday, AsWished({3: resting}), histories, first.log)
    ends = []
    for lived, day in ((first, friday), (second, monday)):
        opens = XNYS.session(day).open
        decided = [each.moment for each in said(lived, MomentDecided) if each.moment > opens]
        assert len(decided) == 390
        assert decided[-1] == XNYS.session(day).close
        (expired,) = said(lived, OrderExpired)
        assert expired.time == decided[-1]
        ends.append(decided[-1])
    assert ends[1] - ends[0] == 3 * 24 * 60 * MINUTE - earlier
    assert session.state.account.positions == bought.state.account.positions


# F45: a halt -------------------------------------------------------------------------------------


PAPER = {"warmup": "inside", "risk_profile": "paper"}


def test_f45_nothing_is_filled_while_trading_is_halted() -> None:
    """Trades are printed all the while, as late and odd reports are: none of them fills us."""
    opens = XNYS.session(MONDAY).open
    halt, resumes = opens + 20 * MINUTE + 30 * SECOND, opens + 25 * MINUTE
    prints: list[Tick] = [
        Trade("SPY", opens + n * 10 * SECOND + SECOND, 100.0, 500) for n in range(30 * 6)
    ]
    statuses = [TradingStatus("SPY", halt, True), TradingStatus("SPY", resumes, False)]
    tape = sorted([*prints, *statuses], key=lambda tick: tick.time)
    histories = {"SPY": PriceHistory(minutes({MONDAY: [100.0] * 30}), ticks=tape)}
    wishes = {
        15: buy(10, kind="limit", limit=99.0),  # rests, and is not reached
        20: buy(20, kind="limit", limit=100.5),  # works when the halt begins, or is filled before
        22: buy(30),
        27: buy(40),
    }
    day, _ = a_day("mon", MONDAY, AsWished(wishes), histories, **PAPER)
    filled = [each.fill.time for each in said(day, OrderFilled)]
    assert filled
    assert not [each for each in filled if halt < each < resumes]
    (refused,) = said(day, OrderRefused)
    assert refused.refused.order.quantity == 30
    assert refused.refused.rule == "R25"
    assert any(each >= resumes for each in filled)


# F22: a cancel races with fills ------------------------------------------------------------------


@dataclass
class Racer:
    """Buys more than trades, and takes back what is still open some bars later."""

    random: Random
    warmup: int = 1
    open_for: dict[str, int] = field(default_factory=dict)

    def on_bar(self, context: Context, bar: Bar) -> None:
        """Race."""
        working = {each.order.id: each for each in context.working(bar.symbol)}
        for order_id in list(self.open_for):
            self.open_for[order_id] -= 1
            if order_id not in working:
                del self.open_for[order_id]
            elif self.open_for[order_id] <= 0:
                context.cancel(order_id)
        if not working and self.random.random() < 0.7:
            quantity = self.random.choice((60, 150, 400)) * self.random.choice((1, -1))
            if context.position(bar.symbol) + quantity < 0:
                quantity = -quantity
            limit = round(bar.close + self.random.choice((-0.02, 0.01)) * np.sign(quantity), 2)
            context.submit(bar.symbol, quantity, kind="limit", limit=limit, reason="race")
        for order_id in working:
            self.open_for.setdefault(order_id, self.random.randint(0, 2))


def race(seed: int) -> tuple[Day, PaperSession, FaultyBroker]:
    random = Random(seed)
    prices = 100 + np.cumsum([random.choice((-0.02, -0.01, 0, 0.01, 0.02)) for _ in range(80)])
    volume = 1_000.0  # a part of it may be ours: an order of hundreds takes its time
    bars = minutes({MONDAY: [round(each, 2) for each in prices.tolist()]}, volume=volume)
    config = SimulationConfig(
        benchmark="none",
        bar_frequency="1m",
        warmup="inside",
        latency=(0.0, 20_000.0)[seed % 2],
        allow=("D7", "D9", "D14"),
    )
    day = Day(Racer(random), {"SPY": PriceHistory(bars)}, config)
    broker = FaultyBroker(day.account())
    session = day.session(broker)
    session.open(day.window.start - 1)
    for moment in day.moments:
        broker.shuffles = random.random() < 0.3
        broker.lost_replies = random.random() < 0.1
        broker.lost_requests = random.random() < 0.1
        session.see(moment, moment.time)
        for second in (1, 3, 7):
            session.tick(moment.time + second * SECOND)
    broker.shuffles, broker.lost_replies, broker.lost_requests = False, 0, 0
    for minute in range(2, 12):
        session.close(day.moments[-1].time + minute * MINUTE)
    return day, session, broker


def test_f22_what_was_filled_and_what_was_cancelled_is_what_was_ordered() -> None:
    met: Counter[str] = Counter()
    for seed in range(20):
        day, session, broker = race(seed)
        invariants.check(session, broker.account, day.journal.kept)
        invariants.the_broker_agrees(session, broker.account)
        invariants.each_intent_ended_once(session)
        fills = {each.fill.id: each.fill for each in said(day, OrderFilled)}
        filled: Counter[str] = Counter()
        for fill in fills.values():
            filled[fill.order_id] += fill.quantity
        ended = {each.order_id for each in said(day, OrderCanceled)}
        for state in session.state.orders.values():
            order = state.order
            cancelled = order.quantity - filled[order.id] if order.id in ended else 0
            is_rejected = state.status in {OrderStatus.REJECTED, OrderStatus.EXPIRED}
            assert filled[order.id] + cancelled == order.quantity or is_rejected, (seed, state)
            assert state.filled == filled[order.id]
            met["in part"] += 0 < filled[order.id] / order.quantity < 1
            met["whole"] += filled[order.id] == order.quantity
        assert sum(filled.values()) == session.state.account.quantity("SPY")
        met["too late"] += len(said(day, CancelRejected))
    assert min(met["in part"], met["whole"], met["too late"]) > 5, met


# A flattening order that the market leaves behind ------------------------------------------------


def test_flattening_asks_anew_until_the_market_takes_it_and_never_for_more_than_is_held() -> None:
    """The market falls by a sixth a minute, for a while: each limit is left behind at once."""
    prices = [100.0] * 5 + [83.0, 69.0, 57.0, 57.0, 57.0]
    histories = {"SPY": PriceHistory(minutes({MONDAY: prices}))}
    config = SimulationConfig(
        benchmark="none", bar_frequency="1m", warmup="inside", allow=("D7", "D9", "D10", "D14")
    )
    day = Day(AsWished({2: buy(10)}), histories, config)
    session = day.session()
    session.open(day.window.start - 1)
    for number, moment in enumerate(day.moments):
        if number == 4:
            killed = Commanded(moment.time - 1, "k", Verb.FLATTEN, "ann", "falls")
            session.command(killed, moment.time - 1)
        session.see(moment, moment.time)
        session.tick(moment.time + SECOND)
        assert session.state.restraints.state is (
            TradingState.HALTED if number >= 4 else TradingState.ACTIVE
        )
        working = sum(each.open for each in session.state.working)
        assert -session.state.account.quantity("SPY") <= working <= 0 or number < 4
    assert not session.state.account.positions
    sales = [each for each in session.state.orders.values() if each.order.quantity < 0]
    assert [each.status for each in sales][-1] is OrderStatus.FILLED
    left = said(day, OrderCanceled)
    assert all(each.reason == "the market left it behind" for each in left)
    assert len(sales) == len(left) + 1 >= 2
    assert sum(each.filled for each in sales) == -10
    invariants.check(session, day.account(), day.journal.kept)
