"""Every line a session can record comes back as it was, from bytes without a float."""

from __future__ import annotations

import json
import math
import typing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lines import made

from papertape.domain.day import FeedRestored, Line, MomentSeen
from papertape.domain.errors import DataError, InvariantBroken
from papertape.domain.event import Decided, Moment, OrderExpired, SplitApplied
from papertape.domain.market import Bar, Delisting, Quote, Split, Trade, TradingStatus, Unquoted
from papertape.domain.signal import Signal
from papertape.monitoring.journal import LINES, Codec

TAGS = """
accepted OrderAccepted / approved OrderApproved / bar-amended BarAmended / busted FillBusted
cancel-asked CancelRequest / cancel-pending CancelPending / cancel-rejected CancelRejected
canceled OrderCanceled / cash-settled CashSettled / commanded Commanded / corrected FillCorrected
day-closed DayClosed / day-opened DayOpened / decided Decided / delisted HoldingDelisted
dividend-accrued DividendAccrued / dividend-paid DividendPaid / expired OrderExpired
feed-lost FeedLost / feed-restored FeedRestored / filled OrderFilled / financing FinancingCharged
feed-troubled FeedTroubled
good-faith-violated GoodFaithViolated / group-overfilled GroupOverfilled
limit-touched LimitTouched / margin-called MarginCalled / moment MomentSeen
outcome-unknown OutcomeUnknown / path-uncertain PathUncertain / pending OrderPending
reconciled Reconciled / refused OrderRefused / rejected OrderRejected / released Released
replace-approved ReplaceApproved
replace-pending ReplacePending
replace-rejected ReplaceRejected / replaced OrderReplaced / restated OrderRestated
restored JournalRestored / restrained Restrained / resumed SessionResumed / split SplitApplied
strategy-failed StrategyFailed / symbol-changed SymbolChanged / variation-paid VariationPaid
delisting Delisting / dividend Dividend / quote Quote / renaming Renaming / split-action Split
status TradingStatus / trade Trade / unquoted Unquoted
replace-asked ReplaceRequest / moment-decided MomentDecided / moment-ignored MomentIgnored
heard Heard
"""
"""Journals on people's disks say these words: a line of this table may come, none may change."""


def members(union: Any) -> set[type]:
    return set(typing.get_args(union))


def read(tag: str, body: str) -> Line:
    return LINES.read(tag, body.encode(), 1)


def written(line: Line) -> str:
    return LINES.write(line)[1].decode()


def test_every_line_has_a_tag_and_no_tag_ever_changes() -> None:
    assert members(Line) == set(LINES.kinds.values())
    pinned = dict(pair.split() for row in TAGS.strip().splitlines() for pair in row.split(" / "))
    assert {tag: type_.__name__ for type_, tag in LINES.tags.items()} == pinned


@settings(max_examples=30)
@given(st.data())
@pytest.mark.parametrize("kind", LINES.kinds.values(), ids=lambda kind: kind.__name__)
def test_what_is_written_is_read_again_to_the_last_bit(kind: type[Line], data: Any) -> None:
    line = data.draw(made(kind))
    tag, body = LINES.write(line)
    found = LINES.read(tag, body, 1)
    assert repr(found) == repr(line)  # all fields, and a NaN for a NaN
    assert type(found) is kind
    assert LINES.write(found) == (tag, body)
    json.loads(body, parse_float=pytest.fail)


def test_prices_are_micro_dollars_and_what_is_no_whole_number_of_them_is_exact_text() -> None:
    bar = Bar("SPY", 1, 2, 0.1 + 0.2, 101.25, 0.000001, 100.0, math.nan)
    assert written(MomentSeen(2, Moment(2, (bar,)))) == (
        '{"time":2,"moment":{"time":2,"bars":[{"symbol":"SPY","start":1,"end":2,'
        '"open":"0.30000000000000004","high":101250000,"low":1,"close":100000000,'
        '"volume":"nan"}],"actions":[],"ticks":[]},"is_history":false}'
    )
    signal = Signal("SPY", 1, 1 / 3, 543.21, "fast above slow")
    assert written(Decided(1, signal, 7)) == (
        '{"time":1,"signal":{"symbol":"SPY","time":1,"exposure":"0.3333333333333333",'
        '"price":543210000,"reason":"fast above slow","stop_distance":0},"quantity":7,"note":""}'
    )


def test_a_fraction_stays_one() -> None:
    line = SplitApplied(1, "SPY", Fraction(1, 3), 9, 3, 0)
    assert '"ratio":"1/3"' in written(line)
    assert read("split", written(line)) == line


def test_ticks_and_actions_say_what_they_are() -> None:
    ticks = (
        Quote("SPY", 1, 1.5, 2.0, 1, 1),
        Trade("SPY", 1, 2.0, 5),
        Unquoted("SPY", 2),
        TradingStatus("SPY", 3, is_halted=True),
    )
    day = Split("SPY", __import__("datetime").date(2024, 1, 2), Fraction(2))
    actions = (day, Delisting("SPY", day.ex_date, haircut=Fraction(1, 2)))
    line = MomentSeen(3, Moment(3, (), actions, ticks))
    assert read("moment", written(line)) == line
    assert '"is":"status"' in written(line)


@pytest.mark.parametrize("value", [np.int64(3), "3", 2.5, None, Fraction(3)])
def test_a_value_that_is_not_what_its_type_says_is_refused_before_it_is_written(
    value: Any,
) -> None:
    with pytest.raises(InvariantBroken, match="cannot be kept"):
        LINES.write(FeedRestored(1, value))


def test_a_line_that_is_none_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="Moment is no line"):
        LINES.write(Moment(1, ()))  # type: ignore[arg-type]


def test_control_characters_stay_within_their_line_security_s19() -> None:
    line = OrderExpired(1, 'x\n"}\x1b[2J\x00\u2028')
    assert written(line).isprintable() or "\n" not in written(line)
    assert read("expired", written(line)) == line
    assert len(LINES.as_json(line).splitlines()[0]) > 20
    assert json.loads(LINES.as_json(line)) == {
        "line": "expired",
        "time": 1,
        "order_id": line.order_id,
        "number": 0,
    }


def test_a_body_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(DataError, match="'expired' cannot be read"):
        read("expired", '{"time":"now"}')
    with pytest.raises(DataError, match="no line is known as 'gone'"):
        read("gone", "{}")


@dataclass(frozen=True)
class Old:
    time: int
    price: float


@dataclass(frozen=True)
class Newer:
    time: int
    price: float
    note: str = "none"


def test_a_field_that_came_later_is_read_with_its_default_in_mirrors_and_without() -> None:
    body = Codec({"line": Old}).write(Old(1, 0.5))[1]
    assert Codec({"line": Newer}).read("line", body, 1) == Newer(1, 0.5)


@dataclass(frozen=True)
class Untagged:
    time: int
    what: Old | Newer


@dataclass(frozen=True)
class Shapeless:
    time: int
    what: dict[str, int]


def test_a_table_that_could_not_be_read_is_refused_when_it_is_made() -> None:
    with pytest.raises(InvariantBroken, match="has no tag"):
        Codec({"line": Untagged})
    with pytest.raises(InvariantBroken, match="has no shape"):
        Codec({"line": Shapeless})
    with pytest.raises(InvariantBroken, match="one tag"):
        Codec({"line": Old, "other": Old})
