"""TradingPipeline: one step of the market, and in which order things happen in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.exchange import SPY
from tests.fakes import RecordingBroker
from tests.generators import random_bars

from papertape.data.moments import moments
from papertape.domain.account import Account
from papertape.domain.event import (
    CancelRequest,
    Entry,
    Event,
    Moment,
    NoJournal,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    Proposal,
    Restrained,
)
from papertape.domain.fill import Fill
from papertape.domain.lifecycle import OrderStatus
from papertape.domain.market import Bar
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.restraint import Cause, TradingState
from papertape.domain.terms import CASH_ACCOUNT
from papertape.engines.flowroute.core import FlowRoute
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.riskguard import RiskGuard, RiskLimits
from papertape.engines.signalcore.engine import Standing

BARS = random_bars(31, 6)
MOMENTS = list(moments({"SPY": BARS}, {}))


class Proposing:
    """A desk that proposes what it is told, moment by moment."""

    def __init__(self, *proposals: list[Proposal]):
        self._proposals = list(proposals)
        self.seen: list[Moment] = []
        self.standings: list[Standing] = []

    def see(self, moment: Moment) -> None:
        self.seen.append(moment)

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        self.standings.append(standing)
        return [], self._proposals.pop(0) if self._proposals else []

    def finish(self) -> None:
        self.seen = []


class NotedJournal:
    """Notes what was recorded, and what the broker had been asked by then."""

    def __init__(self, broker: RecordingBroker):
        self._broker = broker
        self.notes: list[tuple[list[str], int]] = []

    def record(self, entries: Sequence[Entry]) -> None:
        sent = sum(call[0] != "collect" for call in self._broker.calls)
        self.notes.append(([type(entry).__name__ for entry in entries], sent))


def order(number: int, quantity: int = 10, **terms: Any) -> Order:
    kind = OrderKind.LIMIT if "limit" in terms else OrderKind.MARKET
    return Order(f"o{number}", "SPY", quantity, kind, MOMENTS[0].time, "why", **terms)


def pipeline(desk: Proposing, cash: float = 100_000) -> tuple[TradingPipeline, RecordingBroker]:
    broker = RecordingBroker()
    guard = RiskGuard(RiskLimits())
    account = Account.opened(micros(cash))
    return wired(desk, guard, broker, account), broker


def wired(
    desk: Proposing, guard: RiskGuard, broker: RecordingBroker, account: Account
) -> TradingPipeline:
    router, instruments = FlowRoute(broker), {SPY.symbol: SPY}
    return TradingPipeline(desk, guard, router, account, CASH_ACCOUNT, instruments)


def test_an_intent_is_recorded_before_it_is_sent_and_its_answer_after() -> None:
    flow, broker = pipeline(Proposing([order(1)]))
    journal = NotedJournal(broker)
    flow.step(MOMENTS[0], journal)
    assert journal.notes == [(["OrderApproved"], 0), (["OrderAccepted"], 1)]


def test_deciding_sends_nothing() -> None:
    flow, broker = pipeline(Proposing([order(1)]))
    _, intents = flow.decide(MOMENTS[0])
    assert len(intents) == 1
    assert broker.calls == [("collect", "")]


def test_a_refused_order_never_reaches_the_broker() -> None:
    flow, broker = pipeline(Proposing([order(1, 10_000)]))
    entries = flow.step(MOMENTS[0], NoJournal())
    assert [entry.refused.rule for entry in entries if isinstance(entry, OrderRefused)] == ["R11"]
    assert broker.calls == [("collect", "")]
    assert flow.orders == {}


def test_an_order_counts_for_the_one_behind_it_as_if_it_were_working() -> None:
    flow, _ = pipeline(Proposing([order(1, 600), order(2, 600), order(3, 300)]))
    entries = flow.step(MOMENTS[0], NoJournal())
    sent = [e.approved.order.id for e in entries if isinstance(e, OrderApproved)]
    assert sent == ["o1", "o3"]  # about 100 dollars a share: 600, then 400 is all there is


def test_a_cancel_frees_the_cash_for_the_order_behind_it() -> None:
    replace: list[Proposal] = [CancelRequest(MOMENTS[1].time, "o1", "other terms"), order(2, 900)]
    flow, broker = pipeline(Proposing([order(1, 900)], replace))
    for moment in MOMENTS[:2]:
        flow.step(moment, NoJournal())
    assert [call for call in broker.calls if call[0] != "collect"] == [
        ("submit", "o1"),
        ("cancel", "o1"),
        ("submit", "o2"),
    ]
    assert flow.orders["o1"].status is OrderStatus.CANCELED


def test_a_cancel_of_what_is_not_working_is_not_sent() -> None:
    flow, broker = pipeline(Proposing([CancelRequest(0, "o9", "never was")]))
    assert flow.step(MOMENTS[0], NoJournal()) == []
    assert broker.calls == [("collect", "")]


def test_a_working_limit_order_reserves_its_limit() -> None:
    desk = Proposing([order(1, 100, limit=micros(90.0))], [], [])
    flow, _ = pipeline(desk)
    for moment in MOMENTS[:2]:
        flow.step(moment, NoJournal())
    assert [standing.available for standing in desk.standings] == [
        micros(100_000),
        micros(100_000 - 9_000),
    ]


def test_the_warm_up_is_seen_and_not_decided_on() -> None:
    desk = Proposing([order(1)])
    flow, broker = pipeline(desk)
    flow.warm(MOMENTS[0])
    assert desk.seen == [MOMENTS[0]]
    assert desk.standings == []
    assert broker.calls == [("collect", "")]


def test_the_desk_sees_the_prices_of_the_moment_it_decides_on() -> None:
    desk = Proposing()
    flow, _ = pipeline(desk)
    flow.step(MOMENTS[0], NoJournal())
    assert desk.standings[0].prices == {SPY.symbol: micros(MOMENTS[0].bars[0].close)}
    assert desk.standings[0].now == MOMENTS[0].time


def test_seq_s34_an_overfill_reaches_no_account_and_halts_trading() -> None:
    broker = RecordingBroker()
    guard = RiskGuard(RiskLimits())
    flow = wired(Proposing([order(1, 300)]), guard, broker, Account.opened(micros(100_000)))
    flow.step(MOMENTS[0], NoJournal())
    broker.says(filled("a", 250), filled("a", 250), filled("b", 80))
    entries = flow.step(MOMENTS[1], NoJournal())
    assert flow.account.quantity("SPY") == flow.orders["o1"].filled == 250
    told = [each.restraint for each in entries if isinstance(each, Restrained)]
    assert [(each.cause, each.state) for each in told] == [(Cause.OVERFILL, TradingState.HALTED)]
    assert guard.restraints.in_force == tuple(told)


HOLDS_500 = Account.opened(micros(100_000)).after(
    OrderFilled(0, Fill("g", "gift", "SPY", 0, 500, micros(1.0), 0, "r", 0, micros(1.0)))
)


def at_close(row: int, close: float) -> Moment:
    bar = BARS.bar(row)
    return Moment(bar.end, (Bar("SPY", bar.start, bar.end, close, close, close, close, 1e6),))


def test_risk_r21_a_daily_loss_halts_cancels_what_works_and_refuses_what_is_new() -> None:
    guard = RiskGuard(RiskLimits(max_daily_loss=Fraction("0.03")))
    desk, broker = Proposing([order(1, limit=micros(50.0))], [order(2)]), RecordingBroker()
    flow = wired(desk, guard, broker, HOLDS_500)
    flow.warm(at_close(0, 100))
    flow.step(at_close(1, 100), NoJournal())
    # 99,500 in cash and 500 shares at 100: 149,500; 3 % are 4,485, or 8.97 a share.
    entries = flow.step(at_close(2, 91.03), NoJournal())
    assert [type(entry).__name__ for entry in entries] == [
        "Restrained",
        "OrderRefused",
        "CancelRequest",
        "OrderCanceled",
    ]
    assert [each.refused.rule for each in entries if isinstance(each, OrderRefused)] == ["R2"]
    assert guard.restraints.state is TradingState.HALTED


def test_risk_r21_a_cent_less_of_a_loss_changes_nothing() -> None:
    guard = RiskGuard(RiskLimits(max_daily_loss=Fraction("0.03")))
    flow = wired(Proposing([], [order(2)]), guard, RecordingBroker(), HOLDS_500)
    flow.warm(at_close(0, 100))
    flow.step(at_close(1, 100), NoJournal())
    entries = flow.step(at_close(2, 91.04), NoJournal())
    assert [type(entry).__name__ for entry in entries] == ["OrderApproved", "OrderAccepted"]


def test_fault_f60_a_flood_is_throttled_then_halted_and_withdrawn() -> None:
    guard = RiskGuard(RiskLimits(order_rate=5, order_burst=2, max_throttled=10))
    broker = RecordingBroker()
    flow = wired(
        Proposing([order(n, 1) for n in range(1_000)]), guard, broker, Account.opened(micros(1e5))
    )
    entries = flow.step(MOMENTS[0], NoJournal())
    refused = Counter(each.refused.rule for each in entries if isinstance(each, OrderRefused))
    assert refused == {"R13": 10, "R2": 988}
    halts = [each.restraint.cause for each in entries if isinstance(each, Restrained)]
    assert halts == [Cause.FLOOD]
    calls = [call for call in broker.calls if call[0] != "collect"]
    assert calls == [("submit", "o0"), ("submit", "o1"), ("cancel", "o0"), ("cancel", "o1")]


def test_risk_r29_the_first_orders_are_cut_to_a_share_and_say_so() -> None:
    guard = RiskGuard(RiskLimits(canary_orders=2, canary_quantity=1))
    desk, broker = Proposing([order(n) for n in (1, 2, 3)]), RecordingBroker()
    entries = wired(desk, guard, broker, HOLDS_500).step(MOMENTS[0], NoJournal())
    sent = [each.approved.order for each in entries if isinstance(each, OrderApproved)]
    assert [each.quantity for each in sent] == [1, 1, 10]
    assert [each.reason for each in sent] == [*["why (R29: 1 of 10 shares)"] * 2, "why"]


def test_a_guard_without_limits_counts_nothing() -> None:
    flow, _ = pipeline(Proposing([order(1)]))
    before = flow.guard.tally
    flow.step(MOMENTS[0], NoJournal())
    assert flow.guard.tally is before


def filled(fill_id: str, quantity: int) -> OrderFilled:
    price = micros(100.0)
    return OrderFilled(0, Fill(fill_id, "o1", "SPY", 0, quantity, price, 0, "fill-M1", 0, price))
