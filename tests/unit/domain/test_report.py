"""Reports say what they must; an inbox brings them back into their broker's order."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from papertape.domain.errors import InvariantBroken
from papertape.domain.event import DividendPaid, OrderFilled
from papertape.domain.fill import Fill
from papertape.domain.order import Order, OrderKind
from papertape.domain.report import Execution, Inbox, Report, ReportKind, report_of


@dataclass(frozen=True)
class Said:
    number: int


def received(*numbers: int) -> tuple[Inbox[Said], list[int]]:
    """The inbox after these arrived, and what it let through."""
    inbox: Inbox[Said] = Inbox()
    through: list[int] = []
    for number in numbers:
        inbox, ready = inbox.receive(Said(number))
        through += [said.number for said in ready]
    return inbox, through


def test_what_arrives_in_order_goes_through_at_once() -> None:
    assert received(1, 2, 3) == (Inbox(awaited=4), [1, 2, 3])


def test_what_overtook_another_is_parked_until_the_other_arrives() -> None:
    inbox, through = received(1, 3, 5)
    assert (through, inbox.missing) == ([1], (2, 4))
    assert received(1, 3, 5, 2) == (Inbox(4, (Said(5),)), [1, 2, 3])


def test_a_repetition_is_dropped_whether_it_was_let_through_or_is_parked() -> None:
    assert received(1, 1, 3, 3, 2, 3) == (Inbox(awaited=4), [1, 2, 3])


@given(st.permutations(list(range(1, 12))), st.lists(st.integers(1, 11)))
def test_any_arrival_comes_out_sorted_and_once(arrival: list[int], repeated: list[int]) -> None:
    inbox, through = received(*repeated, *arrival)
    assert (inbox, through) == (Inbox(awaited=12), list(range(1, 12)))


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (ReportKind.TRADE, {}, "without execution"),
        (ReportKind.TRADE, {"execution": Execution("a", 0, 0)}, "no shares"),
        (ReportKind.BUST, {}, "without refers_to"),
        (ReportKind.CORRECT, {"refers_to": "a"}, "without execution"),
        (ReportKind.REPLACED, {"request_id": "Y"}, "without order"),
        (ReportKind.CANCEL_REJECT, {}, "without request_id"),
        (ReportKind.NEW, {"order": Order("Q", "SPY", 1, OrderKind.MARKET, 0, "")}, "terms of Q"),
    ],
)
def test_a_report_that_leaves_out_what_its_kind_needs_cannot_be_made(
    kind: ReportKind, given: dict[str, object], words: str
) -> None:
    with pytest.raises(InvariantBroken, match=words):
        Report(1, kind, "X", **given)


def test_a_fill_is_reported_as_a_trade_with_its_number() -> None:
    fill = Fill("X#1", "X", "SPY", 0, -3, 2_000_000, 0, "fill-M1", 0, 2_000_000)
    made = Execution("X#1", -3, -6_000_000)
    assert report_of(OrderFilled(0, fill, number=7)) == Report(
        7, ReportKind.TRADE, "X", execution=made
    )


def test_what_only_moves_cash_is_no_report() -> None:
    assert report_of(DividendPaid(0, "SPY", 5)) is None
