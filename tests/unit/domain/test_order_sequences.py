"""The order suite: every sequence of the FIX state change matrices, in its own notation.

The cases are a contract: quantities and states stand here as an outside reader worked them out.
Each line says ``event -> OrdStatus OrderQty CumQty LeavesQty [avg]``; ``=`` is "unchanged".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from papertape.domain.lifecycle import (
    UNKNOWN,
    Effect,
    Figures,
    OrderState,
    OrderStatus,
    Request,
    RequestKind,
    book_report,
    disputed,
    figures_of,
)
from papertape.domain.order import Order, OrderKind, TimeInForce
from papertape.domain.report import Execution, Inbox, Report, ReportKind

SUITE = """
CASE S01 | A.1.a plain fill | qty 900
new X -> PendingNew 900 0 900
ack X -> New 900 0 900
trade 300@10 #a -> PartiallyFilled 900 300 600 avg 10
trade 600@13 #b -> Filled 900 900 0 avg 12

CASE S02 | A.1.a reject by broker | qty 900
new X -> PendingNew 900 0 900
reject X -> Rejected 900 0 0

CASE S03 | A.1.b day order, part filled, end of day | qty 900
new X -> PendingNew 900 0 900
ack X -> New 900 0 900
trade 250@10 #a -> PartiallyFilled 900 250 650
trade 50@10 #b -> PartiallyFilled 900 300 600
done_for_day X -> DoneForDay 900 300 0

CASE S04 | B.1.a cancel of an unfilled order | qty 500
new X -> PendingNew 500 0 500
ack X -> New 500 0 500
cancel_req Y of X -> =
pending_cancel Y -> PendingCancel 500 0 500
canceled Y -> Canceled 500 0 0

CASE S05 | B.1.a cancel refused by the market | qty 500
new X -> PendingNew 500 0 500
ack X -> New 500 0 500
cancel_req Y of X -> =
pending_cancel Y -> PendingCancel 500 0 500
cancel_reject Y -> New 500 0 500

CASE S06 | B.1.b fills while the cancel is pending, then canceled | qty 800
new X -> PendingNew 800 0 800
ack X -> New 800 0 800
trade 200@20 #a -> PartiallyFilled 800 200 600
cancel_req Y of X -> =
trade 100@20 #b -> PartiallyFilled 800 300 500
pending_cancel Y -> PendingCancel 800 300 500
trade 50@21 #c -> PendingCancel 800 350 450
canceled Y -> Canceled 800 350 0

CASE S07 | B.1.c filled before the cancel can act | qty 800
new X -> PendingNew 800 0 800
ack X -> New 800 0 800
trade 200@20 #a -> PartiallyFilled 800 200 600
cancel_req Y of X -> =
pending_cancel Y -> PendingCancel 800 200 600
trade 600@20 #b -> PendingCancel 800 800 0
cancel_reject Y (too late) -> Filled 800 800 0

CASE S08 | B.1.d cancel before the order is acknowledged | qty 500
new X -> PendingNew 500 0 500
cancel_req Y of X -> =
pending_cancel Y -> PendingCancel 500 0 500
canceled Y -> Canceled 500 0 0

CASE S09 | B.1.e acknowledgement and cancel request cross | qty 500
new X -> PendingNew 500 0 500
cancel_req Y of X -> =
ack X -> New 500 0 500
pending_cancel Y -> PendingCancel 500 0 500
canceled Y -> Canceled 500 0 0

CASE S10 | B.1.f cancel of an unknown order | qty 0
cancel_req Y of Q -> =
cancel_reject Y (unknown order) -> Rejected 0 0 0

CASE S11 | C.1.a increase an unfilled order | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
replace_req Y of X qty 1300 -> =
pending_replace Y -> PendingReplace 1000 0 1000
replaced Y -> New 1300 0 1300
trade 400@5 #a -> PartiallyFilled 1300 400 900
trade 900@5 #b -> Filled 1300 1300 0

CASE S12 | C.1.b increase a part-filled order, fill while pending | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 1200 -> =
pending_replace Y -> PendingReplace 1000 100 900
trade 40@5 #b -> PendingReplace 1000 140 860
replaced Y -> PartiallyFilled 1200 140 1060
trade 1060@5 #c -> Filled 1200 1200 0

CASE S13 | C.1.b same, refused after being pending | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 1200 -> =
pending_replace Y -> PendingReplace 1000 100 900
trade 40@5 #b -> PendingReplace 1000 140 860
cancel_reject Y -> PartiallyFilled 1000 140 860

CASE S14 | C.1.c increase a filled order | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 1000@5 #a -> Filled 1000 1000 0
replace_req Y of X qty 1200 -> =
pending_replace Y -> PendingReplace 1000 1000 0
replaced Y -> PartiallyFilled 1200 1000 200
trade 200@8 #b -> Filled 1200 1200 0 avg 5.5

CASE S15 | C.2.a price change, order fills first | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 1000 -> =
trade 900@5 #b -> Filled 1000 1000 0
cancel_reject Y (too late) -> Filled 1000 1000 0

CASE S16 | C.3.a decrease, new quantity above CumQty | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 800 -> =
trade 50@5 #b -> PartiallyFilled 1000 150 850
pending_replace Y -> PendingReplace 1000 150 850
replaced Y -> PartiallyFilled 800 150 650
trade 650@5 #c -> Filled 800 800 0

CASE S17 | C.3.b decrease to exactly CumQty | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
replace_req Y of X qty 700 -> =
trade 700@5 #a -> PartiallyFilled 1000 700 300
replaced Y -> Filled 700 700 0

CASE S18 | C.3.c decrease below CumQty | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
replace_req Y of X qty 600 -> =
trade 750@5 #a -> PartiallyFilled 1000 750 250
replaced Y -> Filled 750 750 0

CASE S19 | D.1.a two replaces one after the other | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 800 -> =
pending_replace Y -> PendingReplace 1000 100 900
replaced Y -> PartiallyFilled 800 100 700
replace_req Z of Y qty 600 -> =
pending_replace Z -> PendingReplace 800 100 700
trade 200@5 #b -> PendingReplace 800 300 500
replaced Z -> PartiallyFilled 600 300 300
trade 300@5 #c -> Filled 600 600 0

CASE S20 | D.1.b first refused outright, second accepted | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 800 -> =
cancel_reject Y -> PartiallyFilled 1000 100 900
trade 200@5 #b -> PartiallyFilled 1000 300 700
replace_req Z of X qty 600 -> =
pending_replace Z -> PendingReplace 1000 300 700
replaced Z -> PartiallyFilled 600 300 300

CASE S21 | D.2.a two replaces in flight, served in turn | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 800 -> =
replace_req Z of Y qty 700 -> =
pending_replace Y -> PendingReplace 1000 100 900
replaced Y -> PartiallyFilled 800 100 700
pending_replace Z -> PendingReplace 800 100 700
replaced Z -> PartiallyFilled 700 100 600
trade 600@5 #b -> Filled 700 700 0

CASE S22 | D.2 second refused because one is pending | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
replace_req Y of X qty 800 -> =
replace_req Z of Y qty 700 -> =
pending_replace Y -> PendingReplace 1000 100 900
cancel_reject Z (already pending) -> PendingReplace 1000 100 900
replaced Y -> PartiallyFilled 800 100 700
trade 200@5 #b -> PartiallyFilled 800 300 500

CASE S23 | E.1 unsolicited cancel of a part-filled order | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@5 #a -> PartiallyFilled 1000 100 900
canceled X -> Canceled 1000 100 0

CASE S24 | E.1 unsolicited reduction by the venue | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
restated X qty 900 -> New 900 0 900
trade 300@5 #a -> PartiallyFilled 900 300 600

CASE S25 | F.1.a duplicate ClOrdID | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 300@5 #a -> PartiallyFilled 1000 300 700
new X again qty 1500 -> duplicate rejected (Rejected 1500 0 0); first order PartiallyFilled 1000 300 700
trade 700@5 #b -> Filled 1000 1000 0

CASE S26 | H.1.a GTC over two days | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 200@5 #a -> PartiallyFilled 1000 200 800
done_for_day X -> DoneForDay 1000 200 800
restated X -> PartiallyFilled 1000 200 800   (day quantity 800, day filled 0)
trade 100@5 #b -> PartiallyFilled 1000 300 700   (day filled 100)

CASE S27 | H.1.b GTC with a 2:1 split overnight | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 200@50 #a -> PartiallyFilled 1000 200 800 avg 50
done_for_day X -> DoneForDay 1000 200 800
restated X split 2:1 -> PartiallyFilled 2000 400 1600 avg 25   (day quantity 1600, day filled 0)
trade 600@20 #b -> PartiallyFilled 2000 1000 1000 avg 22
trade 1000@22 #c -> Filled 2000 2000 0 avg 22

CASE S28 | I.1.a FOK that cannot be filled | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
canceled X -> Canceled 1000 0 0

CASE S29 | I.1.b IOC, part filled, rest killed | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 400@5 #a -> PartiallyFilled 1000 400 600
canceled X -> Canceled 1000 400 0

CASE S30 | J.1.a filled, bust, correct, refill, reopen, correct | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 100@10 #a -> PartiallyFilled 1000 100 900 avg 10
trade 900@20 #b -> Filled 1000 1000 0 avg 19
bust #a -> PartiallyFilled 1000 900 100 avg 20
correct #b to 900@10 #b2 -> PartiallyFilled 1000 900 100 avg 10
trade 100@30 #c -> Filled 1000 1000 0 avg 12
replace_req Y of X qty 1200 -> =
pending_replace Y -> PendingReplace 1000 1000 0 avg 12
replaced Y -> PartiallyFilled 1200 1000 200 avg 12
correct #b2 to 950@10 #b3 -> PartiallyFilled 1200 1050 150 avg 11.904762

CASE S31 | J.1.b canceled, then the execution is busted and a new one booked | qty 1000
new X -> PendingNew 1000 0 1000
ack X -> New 1000 0 1000
trade 500@50 #a -> PartiallyFilled 1000 500 500
cancel_req Y of X -> =
pending_cancel Y -> PendingCancel 1000 500 500
canceled Y -> Canceled 1000 500 0
bust #a -> Canceled 1000 0 0 avg 0
trade 400@51 #b -> Canceled 1000 400 0 avg 51

CASE S32 | OURS the same execution delivered twice | qty 300
new X -> PendingNew 300 0 300
ack X -> New 300 0 300
trade 100@7 #a -> PartiallyFilled 300 100 200
trade 100@7 #a -> PartiallyFilled 300 100 200   (ignored)
trade 200@7 #b -> Filled 300 300 0

CASE S33 | OURS fill reported before the acknowledgement | qty 300
new X -> PendingNew 300 0 300
trade 100@7 #a -> PartiallyFilled 300 100 200
ack X (late) -> PartiallyFilled 300 100 200
trade 200@7 #b -> Filled 300 300 0

CASE S34 | OURS overfill | qty 300
new X -> PendingNew 300 0 300
ack X -> New 300 0 300
trade 250@7 #a -> PartiallyFilled 300 250 50
trade 80@7 #b -> refused; order flagged; PartiallyFilled 300 250 50
"""  # noqa: E501 - the lines are the suite's own

DOLLAR = 1_000_000
KINDS = {
    "new": ReportKind.PENDING_NEW,
    "ack": ReportKind.NEW,
    "reject": ReportKind.REJECTED,
    **{kind.value: kind for kind in ReportKind if kind is not ReportKind.NEW},
}


@dataclass(frozen=True)
class Line:
    """One line of a case: what was asked or reported, and what it must lead to.

    Attributes:
        text: The line as it stands in the suite.
        said: The report, or the request.
        names: The id that a request names as the one it wants to change.
        shows: Status and quantities afterwards; None for "unchanged".
        average: Average price in dollars where the suite gives it.
    """

    text: str
    said: Report | Request
    names: str
    shows: tuple[str, int, int, int] | None
    average: float | None


class Case:
    """A block of the suite, read for a buyer (side 1) or for a seller (side -1)."""

    def __init__(self, block: str, side: int = 1):
        head, *lines = block.strip().splitlines()
        self.name, self.title, quantity = (part.strip() for part in head[5:].split("|"))
        self.side = side
        lasts = TimeInForce.GTC if "GTC" in self.title else TimeInForce.DAY
        kind = OrderKind.MARKET
        ordered = side * int(quantity.removeprefix("qty ")) or 1  # S10 sends no order
        self.order = Order("X", "SPY", ordered, kind, 0, "", time_in_force=lasts)
        self._asked: dict[str, Order] = {}
        self.lines = list(self._read(lines))

    @property
    def reports(self) -> list[Report]:
        return [line.said for line in self.lines if isinstance(line.said, Report)]

    @property
    def requests(self) -> list[Request]:
        return [line.said for line in self.lines if isinstance(line.said, Request)]

    def _read(self, lines: list[str]) -> Iterator[Line]:
        number = 0
        for text in lines:
            event, _, result = text.partition("->")
            shown = re.search(r"([A-Z]\w+) (\d+) (\d+) (\d+)(?: avg ([\d.]+))?$", _bare(result))
            words = event.split("(")[0].split()
            is_request = words[0].endswith("_req")
            number += not is_request
            said = self._request(words) if is_request else self._report(words, number)
            shows = average = None
            if shown:
                quantities = (self.side * int(shown[at]) for at in (2, 3, 4))
                shows = (shown[1], *quantities)
                average = float(shown[5]) if shown[5] else None
                self.order = replace(self.order, quantity=shows[1] or self.order.quantity)
            names = words[words.index("of") + 1] if "of" in words else ""
            yield Line(text, said, names, shows, average)

    def _request(self, words: list[str]) -> Request:
        if words[0] == "cancel_req":
            return Request(words[1], RequestKind.CANCEL)
        self._asked[words[1]] = replace(self.order, quantity=self.side * int(words[5]))
        return Request(words[1], RequestKind.REPLACE)

    def _report(self, words: list[str], number: int) -> Report:
        match words:
            case ["new", id_, "again", "qty", _]:
                return Report(number, ReportKind.DUPLICATE, id_)
            case ["trade", execution, id_]:
                return self._traded(number, execution, id_)
            case ["bust", id_]:
                return Report(number, ReportKind.BUST, "X", refers_to=id_)
            case ["correct", old, "to", execution, id_]:
                traded = self._traded(number, execution, id_)
                return replace(traded, kind=ReportKind.CORRECT, refers_to=old)
            case ["restated", "X", "split", ratio]:
                new = Fraction(ratio.replace(":", "/"))
                terms = replace(self.order, quantity=int(self.order.quantity * new))
                return Report(number, ReportKind.RESTATED, "X", order=terms, ratio=new)
            case ["restated", "X", "qty", quantity]:
                terms = replace(self.order, quantity=self.side * int(quantity))
                return Report(number, ReportKind.RESTATED, "X", order=terms)
            case [kind, "X"]:
                terms = self.order if kind in {"new", "ack"} else None
                return Report(number, KINDS[kind], "X", order=terms)
            case [kind, request_id]:
                terms = self._asked.get(request_id) if kind == "replaced" else None
                return Report(number, KINDS[kind], "X", request_id, terms)
        raise AssertionError(words)

    def _traded(self, number: int, execution: str, id_: str) -> Report:
        quantity, price = (int(part) for part in execution.split("@"))
        made = Execution(id_, self.side * quantity, self.side * quantity * price * DOLLAR)
        return Report(number, ReportKind.TRADE, "X", execution=made)


def _bare(result: str) -> str:
    """A line's result without remarks; the last state in it is that of the first order."""
    return re.sub(r"\s+\((?!Rejected).*\)$", "", result).strip()


BLOCKS = {block.split()[1]: block for block in SUITE.strip().split("\n\n")}
each_case = pytest.mark.parametrize("name", BLOCKS, ids=lambda name: f"seq-{name}")
each_side = pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])

States = dict[str, OrderState]


def take(states: States, said: Report | Request) -> Effect | None:
    """Let one line happen; a request is asked of the order, if anybody knows it."""
    if isinstance(said, Report):
        return book_report(states, said)
    if "X" in states:
        states["X"] = states["X"].asked(said)
    return None


def folded(case: Case) -> States:
    states: States = {}
    for line in case.lines:
        take(states, line.said)
    return states


def shown(figures: Figures) -> tuple[str, int, int, int]:
    status = figures.status.replace("_", " ").title().replace(" ", "")
    return status, figures.ordered, figures.filled, figures.open


def check(line: Line, before: Figures, after: Figures) -> None:
    """The state after a line is the one that the suite gives."""
    expected = shown(before) if line.shows is None else line.shows
    assert shown(after) == expected, line.text
    if line.average is not None:
        assert round(after.average_price / DOLLAR, 6) == line.average, line.text


def test_the_suite_is_read_whole() -> None:
    assert list(BLOCKS) == [f"S{number:02}" for number in range(1, 35)]
    lines = [line for block in BLOCKS.values() for line in Case(block).lines]
    assert len(lines) == sum("->" in line for line in SUITE.splitlines())
    assert all(line.shows or line.text.endswith("-> =") for line in lines)


@each_side
@each_case
def test_every_line_leads_where_the_suite_says(name: str, side: int) -> None:
    states: States = {}
    for line in Case(BLOCKS[name], side).lines:
        before = figures_of(states, "X")
        take(states, line.said)
        check(line, before, figures_of(states, "X"))


@each_side
@each_case
def test_a_report_delivered_twice_changes_nothing(name: str, side: int) -> None:
    states: States = {}
    inbox: Inbox[Report] = Inbox()
    for line in Case(BLOCKS[name], side).lines:
        before = figures_of(states, "X")
        for _ in range(2):
            ready: tuple[Report | Request, ...] = (line.said,)
            if isinstance(line.said, Report):
                inbox, ready = inbox.receive(line.said)
            elif line.said in (states["X"].requests if "X" in states else ()):
                continue  # what we ask, we ask once
            for said in ready:
                take(states, said)
        check(line, before, figures_of(states, "X"))


@each_case
def test_an_execution_told_again_under_a_new_number_is_ignored(name: str) -> None:
    states: States = {}
    for line in Case(BLOCKS[name]).lines:
        before = figures_of(states, "X")
        take(states, line.said)
        if isinstance(line.said, Report) and (line.said.execution or line.said.refers_to):
            if line.said.kind is not ReportKind.TRADE:
                assert book_report(states, replace(line.said, number=99)) is Effect.NOTHING
            known = states["X"]
            for told in [each for each in Case(BLOCKS[name]).reports if each.execution]:
                if told.number <= line.said.number:
                    assert book_report(states, replace(told, number=99)) is Effect.NOTHING
            assert states["X"] is known
        check(line, before, figures_of(states, "X"))


@each_case
@settings(max_examples=30)
@given(chance=st.randoms(use_true_random=False), repeated=st.lists(st.integers(0, 30), max_size=8))
def test_reports_in_any_order_and_repeated_end_in_the_same_state(
    name: str, chance: object, repeated: list[int]
) -> None:
    case = Case(BLOCKS[name])
    arriving = case.reports + [case.reports[at % len(case.reports)] for at in repeated]
    chance.shuffle(arriving)
    states: States = {"X": OrderState(Case(BLOCKS[name].splitlines()[0]).order)}
    if name == "S10":
        states = {}
    for request in case.requests:  # what we asked we know, however late the answers come
        take(states, request)
    inbox: Inbox[Report] = Inbox()
    for report in arriving:
        inbox, ready = inbox.receive(report)
        for each in ready:
            take(states, each)
    assert inbox == Inbox(awaited=len(case.reports) + 1)
    assert inbox.missing == ()
    assert states == folded(case)


@each_case
def test_a_restart_between_any_two_lines_changes_nothing(name: str) -> None:
    states: States = {}
    for line in Case(BLOCKS[name]).lines:
        take(states, line.said)
        restored = msgspec.json.decode(
            msgspec.json.encode(states, enc_hook=str),
            type=States,
            dec_hook=lambda type_, text: type_(text),
        )
        assert restored == states, line.text
        states = restored


@each_case
def test_a_request_names_the_last_id_that_was_not_rejected(name: str) -> None:
    states: States = {}
    for line in Case(BLOCKS[name]).lines:
        if line.names and name != "S10":
            assert states["X"].newest_id == line.names, line.text
        in_force = states["X"].id_in_force if "X" in states else ""
        take(states, line.said)
        if isinstance(line.said, Report) and line.said.kind is ReportKind.TRADE:
            assert states["X"].id_in_force == in_force, "R3: a fill carries the old id"
        if isinstance(line.said, Report) and line.said.kind is ReportKind.REPLACED:
            assert states["X"].id_in_force == line.said.request_id


def test_seq_s10_an_order_that_nobody_knows_is_shown_as_rejected() -> None:
    states: States = {}
    [refused] = Case(BLOCKS["S10"]).reports
    assert book_report(states, refused) is Effect.NOTHING
    assert (states, shown(UNKNOWN)) == ({}, ("Rejected", 0, 0, 0))


def test_seq_s25_the_duplicate_itself_is_rejected() -> None:
    order = Order("X", "SPY", 1500, OrderKind.MARKET, 0, "again")
    told = OrderState(order).after(Report(1, ReportKind.REJECTED, "X", order=order))
    assert shown(told.figures) == ("Rejected", 1500, 0, 0)


@pytest.mark.parametrize("name", ["S26", "S27"], ids=lambda name: f"seq-{name}")
def test_a_new_day_counts_its_own_executions(name: str) -> None:
    states: States = {}
    noted = 0
    for line in Case(BLOCKS[name]).lines:
        take(states, line.said)
        for word in ("quantity", "filled"):
            found = re.search(rf"day {word} (\d+)", line.text)
            noted += bool(found)
            if found:
                assert getattr(states["X"], f"day_{word}") == int(found[1]), line.text
    assert noted == {"S26": 3, "S27": 2}[name]


def test_seq_s34_an_overfill_waits_in_suspense_and_its_instrument_takes_no_new_order() -> None:
    states = folded(Case(BLOCKS["S34"]))
    state = states["X"]
    assert state.needs_reconciliation
    assert [report.note for report in state.suspense] == ["it would make 330 filled of 300"]
    assert disputed(states.values()) == {"SPY"}
    assert disputed([state.reconciled()]) == frozenset()
    assert state.status is OrderStatus.PARTIALLY_FILLED
