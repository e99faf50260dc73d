"""What RiskGuard counts: each count on both sides of its limit, and each as a fold over lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from tests.unit.engines.riskguard.test_limits import NOW, order, view

from papertape.domain.account import Account
from papertape.domain.clock import DAY, MINUTE, SECOND, Nanos
from papertape.domain.day import Commanded, Line, MomentSeen, Verb
from papertape.domain.event import (
    FillBusted,
    Moment,
    OrderApproved,
    OrderFilled,
    OrderRefused,
    ReplaceApproved,
    ReplaceRequest,
)
from papertape.domain.fill import Fill
from papertape.domain.instrument import Instrument
from papertape.domain.lifecycle import OrderState
from papertape.domain.market import Bar, TradingStatus
from papertape.domain.money import micros
from papertape.domain.order import Order, OrderKind
from papertape.domain.report import Execution, Report, ReportKind
from papertape.domain.terms import MARGIN_ACCOUNT
from papertape.domain.verdict import Approved, Check, Refused
from papertape.engines.riskguard import PROFILES, RiskGuard, RiskLimits, RiskTally, RiskView

EQUITY = view()


def bar(volume: float = 1e6, close: float = 100, symbol: str = "SPY", at: Nanos = NOW) -> Bar:
    return Bar(symbol, at - MINUTE, at, close, close, close, close, volume)


def moment(*bars: Bar, at: Nanos = NOW) -> MomentSeen:
    return MomentSeen(at, Moment(at, bars))


def sent(asked: Order, at: Nanos = NOW) -> OrderApproved:
    return OrderApproved(at, Approved(asked))


def filled(quantity: int, price: float = 100, name: str = "f", at: Nanos = NOW) -> OrderFilled:
    paid = micros(price)
    return OrderFilled(at, Fill(name, "o", "SPY", at, quantity, paid, 0, "r", at, paid))


def counted(lines: Sequence[Line], **limits: Any) -> RiskTally:
    tally = RiskTally(RiskLimits(**limits), Account.opened(micros(100_000)))
    for line in lines:
        tally = tally.after(line)
    return tally


def answer(asked: Order, lines: Sequence[Line], seen: RiskView = EQUITY, **limits: Any) -> str:
    """The id of the rule that vetoed after these lines, or an empty string."""
    guard = RiskGuard(RiskLimits(**limits))
    guard.tally = counted(lines, **limits)
    verdict = guard.check(asked, seen)
    return verdict.rule if isinstance(verdict, Refused) else ""


def at(seen: RiskView, now: Nanos) -> RiskView:
    """The same view at another time; prices are as fresh as they were."""
    later = {
        name: last._replace(time=last.time + now - seen.now) for name, last in seen.prices.items()
    }
    return replace(seen, now=now, prices=later)


def others(*orders: Order) -> Mapping[str, OrderState]:
    return {each.id: OrderState(each) for each in orders}


RATE = {"order_rate": 5, "order_burst": 20}


@pytest.mark.parametrize(
    ("before", "wait", "objects"),
    [
        (19, 0, ""),
        (20, 0, "R13"),
        (20, SECOND // 5 - 1, "R13"),  # five a second: a fifth of a second brings one token back
        (20, SECOND // 5, ""),
        (21, SECOND // 5, "R13"),
        (20, -SECOND, "R13"),  # a clock that goes back brings none
        (60, 8 * SECOND + SECOND // 5, ""),  # 60 - 41 = 19 are left of them
        (60, 8 * SECOND, "R13"),  # 60 - 40 = 20
    ],
)
def test_risk_r13_a_burst_and_then_so_many_a_second(before: int, wait: int, objects: str) -> None:
    lines = [sent(order(1))] * before
    assert answer(order(1), lines, at(EQUITY, NOW + wait), **RATE) == objects


def test_risk_r13_a_rest_of_any_length_saves_up_no_more_than_the_burst() -> None:
    lines = [sent(order(1)), *[sent(order(1), NOW + DAY)] * 20]
    assert answer(order(1), lines, at(EQUITY, NOW + DAY), **RATE) == "R13"


def test_risk_r13_what_only_reduces_passes_and_takes_its_token() -> None:
    sale, held = order(-1), view(held={"SPY": 10})
    assert answer(sale, [sent(sale)] * 30, held, **RATE) == ""
    assert answer(order(1), [sent(sale)] * 20, held, **RATE) == "R13"


def test_risk_r13_a_change_takes_a_token_like_an_order() -> None:
    change = ReplaceApproved(NOW, ReplaceRequest(NOW, "o1", 2), Approved(order(2)))
    assert answer(order(1), [change] * 20, **RATE) == "R13"


@pytest.mark.parametrize(("before", "objects"), [(2, ""), (3, "R14")])
def test_risk_r14_orders_a_day(before: int, objects: str) -> None:
    assert answer(order(1), [sent(order(1))] * before, max_orders=3) == objects


def test_risk_r14_a_new_day_begins_at_nought() -> None:
    opened, tomorrow = moment(bar()), NOW + DAY
    lines = [opened, *[sent(order(1))] * 3]
    assert answer(order(1), lines, max_orders=3) == "R14"
    lines.append(moment(bar(at=tomorrow), at=tomorrow))
    assert answer(order(1), lines, max_orders=3) == ""


@pytest.mark.parametrize(
    ("quantity", "lines", "objects"),
    [
        (1_000, [], ""),
        (1_001, [], "R15"),
        (400, [filled(600)], ""),
        (401, [filled(600)], "R15"),
        (1_000, [filled(-600)], ""),  # sales are counted apart
        (-401, [filled(-600)], "R15"),
        (-400, [filled(-600)], ""),
        (1_000, [filled(600), FillBusted(NOW, filled(600).fill, "taken back")], ""),
        (1_000, [moment(bar()), filled(600), moment(bar(at=NOW + DAY), at=NOW + DAY)], ""),
    ],
)
def test_risk_r15_what_was_executed_counts(
    quantity: int, lines: Sequence[Line], objects: str
) -> None:
    rich = view(terms=MARGIN_ACCOUNT)
    assert answer(order(quantity), lines, rich, max_daily_notional=Fraction(1)) == objects


def test_risk_r15_what_is_open_on_the_same_side_counts() -> None:
    waiting = replace(order(600, limit=100), id="o2")
    rich = replace(view(terms=MARGIN_ACCOUNT), open=others(waiting))
    assert answer(order(400), [], rich, max_daily_notional=Fraction(1)) == ""
    assert answer(order(401), [], rich, max_daily_notional=Fraction(1)) == "R15"
    assert answer(order(-1_000), [], rich, max_daily_notional=Fraction(1)) == ""


@pytest.mark.parametrize(
    ("asked", "wait", "objects"),
    [
        (order(5), 0, "R16"),
        (order(5), 10 * SECOND - 1, "R16"),
        (order(5), 10 * SECOND, ""),
        (order(6), 0, ""),
        (order(5, limit=100), 0, ""),
    ],
)
def test_risk_r16_the_same_content_once_in_a_window(
    asked: Order, wait: Nanos, objects: str
) -> None:
    seen = at(EQUITY, NOW + wait)
    assert answer(asked, [sent(order(5))], seen, duplicate_window=10 * SECOND) == objects


def test_risk_r16_the_same_exit_again_passes_because_it_only_reduces() -> None:
    held = view(held={"SPY": 10})
    assert answer(order(-5), [sent(order(-5))], held, duplicate_window=10 * SECOND) == ""


def test_risk_r17_input_b40_b41_an_id_is_good_for_one_order() -> None:
    known = replace(EQUITY, known=others(order(5)))
    guard = RiskGuard(RiskLimits(unique_ids=True))
    same, other = guard.check(order(5), known), guard.check(order(6), known)
    assert isinstance(same, Refused)
    assert (same.rule, same.reason) == (
        "R17",
        "order o1 was sent before; it stands, and is not sent again",
    )
    assert isinstance(other, Refused)
    assert (other.rule, other.reason) == ("R17", "id o1 belongs to another order")
    assert isinstance(guard.check(replace(order(5), id="o2"), known), Approved)


def test_risk_r17_a_change_keeps_its_id() -> None:
    known = replace(EQUITY, known=others(order(5)))
    guard = RiskGuard(RiskLimits(unique_ids=True, duplicate_window=10 * SECOND))
    guard.tally = guard.tally.after(sent(order(5)))
    assert isinstance(guard.check_change(order(5), known), Approved)


def child(number: int, quantity: int, group: str = "") -> Order:
    return replace(order(quantity), id=f"c{number}", parent="p", group=group)


@pytest.mark.parametrize(
    ("children", "asked", "objects"),
    [
        ([], child(1, 100), ""),
        ([], child(1, 101), "R18"),
        ([child(1, 60)], child(2, 40), ""),
        ([child(1, 60)], child(2, 41), "R18"),
        ([child(1, 100, "exits")], child(2, 100, "exits"), ""),  # one cancels the other
        ([child(1, 60, "exits")], child(2, 41), "R18"),
    ],
)
def test_risk_r18_children_stay_within_their_parent(
    children: list[Order], asked: Order, objects: str
) -> None:
    parent = replace(order(100), id="p")
    known = replace(EQUITY, known=others(parent, *children))
    assert answer(asked, [], known, balanced_children=True) == objects


def test_risk_r18_a_child_of_nobody_is_refused() -> None:
    assert answer(child(1, 1), [], balanced_children=True) == "R18"


IN_AND_OUT = [filled(1, name="a"), filled(-1, name="b")]
ASKED = Commanded(NOW, "c", Verb.RESUME, "me", "looked")


@pytest.mark.parametrize(
    ("lines", "objects"),
    [
        (IN_AND_OUT * 2, ""),
        (IN_AND_OUT * 3, "R19"),
        ([*IN_AND_OUT * 2, filled(1), filled(1)], ""),
        ([filled(1), filled(-2), filled(2), filled(-1)], "R19"),  # twice through zero, once to it
        ([*IN_AND_OUT * 3, moment(bar())], ""),
        ([moment(bar()), *IN_AND_OUT * 3, moment(bar(symbol="IBM"))], "R19"),
        ([*IN_AND_OUT * 3, ASKED], ""),
    ],
)
def test_risk_r19_in_and_out_on_one_bar(lines: Sequence[Line], objects: str) -> None:
    assert answer(order(1), lines, max_cycles=3) == objects


def test_risk_r19_the_way_out_is_never_closed() -> None:
    held = view(held={"SPY": 1})
    assert answer(order(-1), IN_AND_OUT * 3, held, max_cycles=3) == ""


SALE = replace(order(-5, limit=101), id="o2")


@pytest.mark.parametrize(
    ("ours", "asked", "collar", "objects"),
    [
        (SALE, order(5, limit=100.99), None, ""),
        (SALE, order(5, limit=101), None, "R20"),
        (SALE, order(5), None, ""),  # the last price is 100
        (SALE, order(5), Fraction("0.01"), "R20"),  # at the collar's edge it pays 101
        (SALE, order(-5, limit=101), None, ""),  # on the same side
        (SALE, order(5, stop=102), None, ""),  # waits for its trigger
        (replace(SALE, kind=OrderKind.STOP, limit=None, stop=micros(99)), order(5), None, ""),
        (replace(SALE, symbol="IBM"), order(5, limit=101), None, ""),
        (replace(order(5, limit=99), id="o2"), order(-5, limit=99), None, "R20"),
        (replace(order(5, limit=99), id="o2"), order(-5, limit=99.01), None, ""),
    ],
)
def test_risk_r20_nobody_trades_with_himself(
    ours: Order, asked: Order, collar: Fraction | None, objects: str
) -> None:
    seen = replace(view(terms=MARGIN_ACCOUNT), open=others(ours))
    assert answer(asked, [], seen, no_self_cross=True, price_collar=collar) == objects


def test_risk_r20_the_way_out_is_never_closed() -> None:
    bid = replace(order(5, limit=100), id="o2")
    seen = replace(view(held={"SPY": 5}), open=others(bid))
    assert answer(order(-5, limit=99), [], seen, no_self_cross=True) == ""


def new_york(text: str) -> Nanos:
    """A moment in New York's winter or summer; the offset is written."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * SECOND


HOURS = {"regular_hours": True, "quiet_before_close": 10 * MINUTE}


@pytest.mark.parametrize(
    ("now", "terms", "objects"),
    [
        ("2024-01-02T09:30:00-05:00", {}, ""),
        ("2024-01-02T15:49:59-05:00", {}, ""),
        ("2024-01-02T15:50:00-05:00", {}, "R24"),
        ("2024-01-02T15:59:59-05:00", {}, "R24"),
        ("2024-01-02T16:00:00-05:00", {}, ""),  # it may trade at the next open
        ("2024-01-06T12:00:00-05:00", {}, ""),  # Saturday: on Monday
        ("2024-07-03T12:49:59-04:00", {}, ""),  # a half day ends at 13:00
        ("2024-07-03T12:50:00-04:00", {}, "R24"),
        ("2024-07-03T15:00:00-04:00", {}, ""),  # after it: on the 5th
        ("2024-03-11T15:49:59-04:00", {}, ""),  # the first day of summer time
        ("2024-03-11T15:50:00-04:00", {}, "R24"),
        ("2024-01-02T12:00:00-05:00", {"not_before": "2024-01-02T15:55:00-05:00"}, "R24"),
        ("2024-01-02T15:55:00-05:00", {"not_before": "2024-01-03T09:30:00-05:00"}, ""),
        ("2024-01-02T17:00:00-05:00", {"expires": "2024-01-03T09:30:00-05:00"}, "R24"),
        ("2024-01-02T17:00:00-05:00", {"expires": "2024-01-03T09:31:00-05:00"}, ""),
        ("1950-01-03T12:00:00-05:00", {}, "R24"),  # before the table
        ("2100-01-04T12:00:00-05:00", {}, "R24"),
    ],
)
def test_risk_r24_an_order_trades_in_the_regular_session(
    now: str, terms: dict[str, str], objects: str
) -> None:
    times = {name: new_york(text) for name, text in terms.items()}
    if "expires" in times:
        times["time_in_force"] = "gtd"  # type: ignore[assignment]
    asked = order(1, **times)
    assert answer(asked, [], at(EQUITY, new_york(now)), **HOURS) == objects


def test_risk_r24_it_binds_even_what_only_reduces() -> None:
    held = at(view(held={"SPY": 1}), new_york("2024-01-02T15:55:00-05:00"))
    assert answer(order(-1), [], held, **HOURS) == "R24"


RUN = replace(
    view(held={"IBM": 1}, prices={"SPY": 100, "IBM": 100, "QQQ": 100}),
    instruments={name: Instrument(name) for name in ("SPY", "IBM", "QQQ")},
)
LISTS: dict[str, Any] = {"tradable": "unlimited", "restricted": frozenset()}


@pytest.mark.parametrize(
    ("symbol", "lists", "objects"),
    [
        ("SPY", {}, ""),
        ("SPY", {"tradable": frozenset({"SPY"})}, ""),
        ("SPY", {"tradable": frozenset({"QQQ"})}, "R25"),
        ("SPY", {"restricted": frozenset({"SPY"})}, "R25"),
        ("SPY", {"max_symbols": 2}, ""),
        ("SPY", {"max_symbols": 1}, "R25"),
        ("IBM", {"max_symbols": 1}, ""),
    ],
)
def test_risk_r25_only_what_may_be_traded(symbol: str, lists: dict[str, Any], objects: str) -> None:
    assert answer(order(1, symbol=symbol), [], RUN, **{**LISTS, **lists}) == objects


def test_risk_r25_only_what_the_run_is_about() -> None:
    seen = replace(RUN, instruments={"IBM": Instrument("IBM")})
    assert answer(order(1), [], seen, **LISTS) == "R25"


def test_risk_r25_a_restricted_holding_can_be_sold() -> None:
    lists = {**LISTS, "restricted": frozenset({"IBM"})}
    assert answer(order(-1, symbol="IBM"), [], RUN, **lists) == ""


def test_risk_r25_fault_f45_nothing_passes_in_a_halted_symbol() -> None:
    def halted(is_halted: bool) -> MomentSeen:
        return MomentSeen(NOW, Moment(NOW, (), (), (TradingStatus("IBM", NOW, is_halted),)))

    sale, buy = order(-1, symbol="IBM"), order(1)
    assert answer(sale, [halted(True)], RUN, **LISTS) == "R25"
    assert answer(buy, [halted(True)], RUN, **LISTS) == ""
    assert answer(sale, [halted(True), halted(False)], RUN, **LISTS) == ""


def test_risk_r25_a_disputed_symbol_takes_no_new_order() -> None:
    over = Report(2, ReportKind.TRADE, "o9", execution=Execution("e", 9, 9))
    state = OrderState(replace(order(1), id="o9")).after(over)
    assert answer(order(1), [], replace(RUN, known={"o9": state}), **LISTS) == "R25"


@pytest.mark.parametrize(
    ("volumes", "quantity", "objects"),
    [
        ([100, 300, 200], 10, ""),  # 5 % of 200
        ([100, 300, 200], 11, "R26"),
        ([100, 300], 10, ""),  # an even number: halfway between
        ([100, 300], 11, "R26"),
        ([9_000, 100, 300, 200], 10, ""),  # of the last three
        ([9_000, 100, 300, 200], 11, "R26"),
        ([100, float("nan"), 300, 200], 10, ""),
        ([float("nan")], 1, "R26"),
        ([0, 0, 0], 1, "R26"),
        ([], 1, "R26"),
    ],
)
def test_risk_r26_a_part_of_the_median_bar(
    volumes: list[float], quantity: int, objects: str
) -> None:
    limits = {"max_participation": Fraction("0.05"), "participation_bars": 3}
    lines = [moment(bar(volume)) for volume in volumes]
    assert answer(order(quantity), lines, **limits) == objects
    held = view(held={"SPY": 1_000})
    assert answer(order(-1_000), lines, held, **limits) == ""


@pytest.mark.parametrize(
    ("before", "quantity", "objects"), [(0, 1, ""), (2, 1, ""), (2, 2, "R29"), (3, 100, "")]
)
def test_risk_r29_the_first_orders_are_small(before: int, quantity: int, objects: str) -> None:
    lines = [sent(order(1))] * before
    assert answer(order(quantity), lines, canary_orders=3, canary_quantity=1) == objects


def test_risk_r30_the_most_that_was_used_of_each_limit_is_kept() -> None:
    checks = (Check("R8", "10 %", "20 %", 5_000), Check("R1", "armed", "armed"))
    less = (Check("R8", "5 %", "20 %", 2_500),)
    lines = [OrderApproved(NOW, Approved(order(1), each)) for each in (checks, less)]
    used = counted(lines, max_orders=4, **RATE).used
    assert used == {"R8": 5_000, "R14": 5_000, "R13": 1_000}


def test_risk_r30_refusals_are_counted_by_control() -> None:
    refusals = [OrderRefused(NOW, Refused(order(1), rule, "why")) for rule in ("R5", "R5", "R7")]
    assert counted(refusals).vetoes == {"R5": 2, "R7": 1}


PAPER = PROFILES["paper"].written()


def test_an_approval_lists_every_limit_the_order_was_held_against() -> None:
    guard = RiskGuard(PROFILES["paper"])
    guard.note(moment(bar(1e6)))
    verdict = guard.check(
        order(10, limit=99), replace(EQUITY, instruments={"SPY": Instrument("SPY")})
    )
    assert isinstance(verdict, Approved)
    assert " ".join(check.rule for check in verdict.checks) == (
        "R1 R17 R25 R24 R4 R7 R6 R5 R8 R9 R10 R11 R13 R14 R15 R16 R19 R20 R26"
    )
    assert ("R11", "990.00", "100,000.00", 99) in [
        (check.rule, check.found, check.limit, check.used) for check in verdict.checks
    ]
