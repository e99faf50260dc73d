"""If all that was approved and is open fills at once, no limit is exceeded, whatever was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import RecordingBroker

from papertape.domain.account import Account
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.day import Line, MomentSeen
from papertape.domain.event import (
    CancelRequest,
    Event,
    Moment,
    NoJournal,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    OrderRejected,
    Proposal,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import Effect, OrderState, book_report
from papertape.domain.market import Bar
from papertape.domain.money import Micros, micros
from papertape.domain.order import Order, OrderId, OrderKind
from papertape.domain.report import report_of
from papertape.domain.terms import CASH_ACCOUNT, MARGIN_ACCOUNT, AccountTerms
from papertape.engines.flowroute.core import FlowRoute
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.riskguard import RiskGuard, RiskTally, limits_from
from papertape.engines.signalcore.engine import Standing

OPEN: Nanos = 1_704_205_800 * SECOND  # 2024-01-02, 09:30 in New York
PRICES = {"SPY": micros(100), "IBM": micros(50)}
CAPITAL = micros(100_000)
LIMITS = limits_from(
    "paper",
    {
        "max_order_notional": "8%",
        "max_position": "15%",
        "max_gross": "22%",
        "max_net": "18%",
        "shortable": "SPY IBM",
        "max_daily_notional": "2x",
        "max_orders": "30",
        "order_burst": "4",
        "order_rate": "1/s",
        "max_throttled": "40",
        "max_participation": "10%",
        "max_rejects": "5",
    },
)
BAR_VOLUME = 1_000

Wish = tuple[str, int, int | None, bool]
"""Symbol, shares, a limit so many percent from the last price, and whether it may only reduce."""


def a_wish(dice: Random) -> Wish:
    quantity = dice.choice([1, -1]) * dice.choice([dice.randint(1, 20), dice.randint(20, 100)])
    percent = dice.choice([None, None, -6, -3, 0, 2, 6])
    return dice.choice(sorted(PRICES)), quantity, percent, dice.random() < 0.1


class Desk:
    """Proposes what it is handed."""

    def __init__(self) -> None:
        self.proposals: list[Proposal] = []

    def see(self, moment: Moment) -> None:
        """Forget it."""

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        return [], self.proposals


class Day:
    """A pipeline under limits, all its lines, and what it approved beyond reducing orders."""

    def __init__(self, terms: AccountTerms) -> None:
        self.desk, self.broker, self.guard = Desk(), RecordingBroker(), RiskGuard(LIMITS)
        instruments = {symbol: Instrument(symbol) for symbol in PRICES}
        account = Account.opened(CAPITAL)
        self.pipeline = TradingPipeline(
            self.desk,  # type: ignore[arg-type]
            self.guard,
            FlowRoute(self.broker),  # type: ignore[arg-type]
            account,
            terms,
            instruments,
        )
        self.now, self.number = OPEN, 0
        self.lines: list[Line] = []
        self.opening: list[Nanos] = []  # when an order was approved that does not only reduce

    @property
    def working(self) -> list[OrderState]:
        return [state for state in self.pipeline.orders.values() if state.is_working]

    def fill(self, number: int, quantity: int) -> None:
        """Execute a part of a working order, at the last price or better."""
        state = self.working[number]
        order, last = state.order, PRICES[state.order.symbol]
        held = self.pipeline.account.quantity(order.symbol)
        shares = order.side * min(abs(state.open), quantity)
        if order.reduce_only and self.rivals(order):
            return  # of a stop and a plain exit for the same shares, one makes the other pointless
        if order.reduce_only:  # the exchange keeps that promise
            shares = order.side * min(abs(shares), max(0, -order.side * held))
        price = (
            last
            if order.limit is None
            else order.side * min(order.side * order.limit, order.side * last)
        )
        if shares:
            self.number += 1
            fill = Fill(
                f"f{self.number}", order.id, order.symbol, self.now, shares, price, 0, "r", 0, last
            )
            self.broker.says(OrderFilled(self.now, fill))

    def rivals(self, order: Order) -> bool:
        """Whether plain orders on its side want the same shares."""
        others = [state.order for state in self.working if not state.order.reduce_only]
        return any((each.symbol, each.side) == (order.symbol, order.side) for each in others)

    def reject(self, number: int) -> None:
        """Turn a working order away, unless it has traded."""
        state = self.working[number]
        if not state.filled:
            self.broker.says(OrderRejected(self.now, state.order, "no"))

    def wish(self, symbol: str, quantity: int, percent: int | None, reduce_only: bool) -> Order:
        self.number += 1
        kind = OrderKind.MARKET if percent is None else OrderKind.LIMIT
        limit = None if percent is None else PRICES[symbol] * (100 + percent) // 100
        order = Order(f"o{self.number}", symbol, quantity, kind, self.now, "a wish", limit=limit)
        return replace(order, reduce_only=reduce_only)

    def step(self, wishes: Sequence[Wish], cancels: Sequence[int], seconds: int) -> None:
        self.now += seconds * SECOND
        cancelled = [n for n in cancels if n < len(self.working)]
        requests = [CancelRequest(self.now, self.working[n].order.id, "away") for n in cancelled]
        self.desk.proposals = [*requests, *(self.wish(*wish) for wish in wishes)]
        bars = tuple(
            Bar(name, self.now - MINUTE, self.now, *[price / 1e6] * 4, BAR_VOLUME)
            for name, price in PRICES.items()
        )
        moment = Moment(self.now, bars)
        self.lines.append(MomentSeen(self.now, moment))
        entries = self.pipeline.step(moment, NoJournal())
        self.lines += entries
        for entry in entries:
            if isinstance(entry, OrderApproved) and _opens(entry):
                self.opening.append(entry.time)


def _opens(intent: OrderApproved) -> bool:
    """Whether its rate was looked at, which it is not where an order only reduces."""
    return any(check.rule == "R13" for check in intent.approved.checks)


def ends(day: Day) -> list[dict[str, int]]:
    """What may be held when, for each symbol, all open buys fill, all sales, or neither."""
    account = day.pipeline.account
    ranges = []
    for symbol in PRICES:
        held = account.quantity(symbol)
        mine = [s for s in day.working if s.order.symbol == symbol and not s.order.reduce_only]
        buys, sells = (sum(max(0, s.open) for s in mine), sum(min(0, s.open) for s in mine))
        ranges.append({held, held + buys, held + sells})
    return [dict(zip(PRICES, each, strict=True)) for each in product(*ranges)]


def keeps_limits(day: Day) -> None:
    equity = day.pipeline.account.equity(PRICES)

    def share(value: Micros) -> Fraction:
        return Fraction(value, equity)

    for held in ends(day):
        values = [quantity * PRICES[symbol] for symbol, quantity in held.items()]
        assert all(share(abs(value)) <= Fraction("0.15") for value in values), held
        assert share(sum(map(abs, values))) <= Fraction("0.22"), held
        assert share(abs(sum(values))) <= Fraction("0.18"), held
    for state in day.working:
        order, last = state.order, PRICES[state.order.symbol]
        if order.limit is not None:
            assert abs(order.limit - last) <= Fraction("0.05") * last


def keeps_cash(day: Day) -> None:
    """Nothing is lent: cash pays for all that is open, and nothing is sold that is not held."""
    opening = [state for state in day.working if not state.order.reduce_only]
    bought = sum(
        max(0, state.open) * (state.order.limit or PRICES[state.order.symbol]) for state in opening
    )
    assert bought <= day.pipeline.account.cash
    assert all(quantity >= 0 for held in ends(day) for quantity in held.values())


def keeps_rate(times: Sequence[Nanos]) -> None:
    for first, begin in enumerate(times):
        for many, end in enumerate(times[first:], start=1):
            assert many <= 4 + Fraction(end - begin, SECOND)


def read_again(lines: Sequence[Line]) -> RiskTally:
    """The counts as a restart finds them: of what a broker reports only what was booked counts."""
    tally = RiskTally(LIMITS, Account.opened(CAPITAL))
    orders: dict[OrderId, OrderState] = {}
    for line in lines:
        report = report_of(line)  # type: ignore[arg-type]
        if report is None or book_report(orders, report) is Effect.BOOKED:
            tally = tally.after(line)
    return tally


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([CASH_ACCOUNT, MARGIN_ACCOUNT]))
def test_no_limit_is_exceeded_even_if_everything_open_fills(seed: int, terms: AccountTerms) -> None:
    day, dice = Day(terms), Random(seed)
    for _ in range(dice.randint(1, 40)):
        working = len(day.working)
        if working and dice.random() < 0.4:
            day.fill(dice.randrange(working), dice.randint(1, 100))
        elif working and dice.random() < 0.05:
            day.reject(dice.randrange(working))
        wishes = [a_wish(dice) for _ in range(dice.choice([0, 1, 1, 2, 6]))]
        cancels = [dice.randrange(working)] if working and dice.random() < 0.2 else []
        day.step(wishes, cancels, dice.choice([0, 1, 3, 20]))
        keeps_limits(day)
        if not terms.lends_shares:
            keeps_cash(day)
    keeps_rate(day.opening)
    assert len(day.opening) <= 30
    assert read_again(day.lines) == day.guard.tally


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 100), st.integers(1, 100), st.sampled_from([1, -1]), st.booleans())
def test_what_only_reduces_is_never_kept_in(
    held: int, part: int, side: int, reduce_only: bool
) -> None:
    day = Day(MARGIN_ACCOUNT)
    day.step([], [], 0)
    gift = Fill("g", "gift", "SPY", OPEN, side * held, PRICES["SPY"], 0, "r", 0, PRICES["SPY"])
    day.pipeline.account = day.pipeline.account.after(OrderFilled(OPEN, gift))
    quantity = min(held, part)
    day.guard.tally = replace(
        day.guard.tally,
        orders=99,
        debt=99 * SECOND,
        cycles={"SPY": 99},
        bought=CAPITAL,
        sold=CAPITAL,
    )
    day.step([("SPY", -side * quantity, None, reduce_only)], [], 1)
    assert not [line for line in day.lines if isinstance(line, OrderRefused)]
