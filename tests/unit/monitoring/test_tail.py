"""The tail: published, never relied on, and readable while it is written."""

import stat
from datetime import date
from pathlib import Path

import pytest

from papertape.domain.clock import SECOND
from papertape.domain.day import DayOpened, FeedLost, Restrained
from papertape.domain.restraint import Cause, Restraint, TradingState
from papertape.monitoring.tail import Level, Tail, TailLine, follow, read_tail
from papertape.monitoring.telling import tail_lines

LOST = FeedLost(5 * SECOND, "no message for 31 s")
HALTED = Restrained(
    9 * SECOND, Restraint(Cause.KILL, TradingState.HALTED, "odd fills", 9 * SECOND, "ann")
)


def texts(lines: list[TailLine]) -> list[str]:
    return [line.text for line in lines]


def test_what_is_published_is_read_back_in_order_and_by_its_owner_alone(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "events.jsonl")
    tail.publish(tail_lines([LOST], "sma-0628a"))
    tail.publish(tail_lines([HALTED], "sma-0628a"))
    assert texts(list(read_tail(tmp_path / "events.jsonl"))) == [
        "market data lost: no message for 31 s",
        "HALTED (kill) by ann: odd fills",
    ]
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_lines_are_chosen_by_time_and_by_level(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "events.jsonl")
    tail.publish(tail_lines([LOST, HALTED], "sma-0628a"))
    path = tmp_path / "events.jsonl"
    assert texts(list(read_tail(path, since=9 * SECOND))) == ["HALTED (kill) by ann: odd fills"]
    assert texts(list(read_tail(path, least=Level.CRITICAL))) == ["HALTED (kill) by ann: odd fills"]


def test_a_torn_line_is_left_out_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    Tail(path).publish(tail_lines([LOST, HALTED], "s"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert len(list(read_tail(path))) == 1

    def rest_arrives() -> bool:
        if len(path.read_bytes()) == len(whole):
            return False
        path.write_bytes(whole)
        return True

    assert len(list(follow(path, rest_arrives))) == 2


def test_a_follower_goes_on_when_the_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    tail.publish(tail_lines([LOST, LOST], "s"))
    looks = iter([True, False])

    def rotated() -> bool:
        path.unlink(missing_ok=True)
        tail.publish(tail_lines([HALTED], "s"))
        return next(looks)

    assert texts(list(follow(path, rotated)))[-1] == "HALTED (kill) by ann: odd fills"


def test_a_tail_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "missing" / "events.jsonl")
    tail.publish(tail_lines([LOST, HALTED], "s"))
    assert tail.lost == 2


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\x00"])
def test_no_text_can_break_the_line_it_stands_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "events.jsonl"
    Tail(path).publish(tail_lines([FeedLost(1, text)], "s"))
    assert path.read_bytes().count(b"\n") == 1
    assert b"\x1b" not in path.read_bytes()
    assert text in texts(list(read_tail(path)))[0]


def test_the_day_begins_with_who_trades_what() -> None:
    opened = DayOpened(0, "sma-0628a", date(2024, 6, 28), "sma fast=50", "{}", "41ab", 10**11)
    (line,) = tail_lines([opened], "sma-0628a")
    assert line.text == "sma-0628a opened its day 2024-06-28: sma fast=50, cash 100,000.00"
