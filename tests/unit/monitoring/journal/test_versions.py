"""Fault F16: a newer journal is refused, an older one is read on and never written anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from papertape.domain.errors import DataError
from papertape.monitoring.journal import Codec, Journal, Place


@dataclass(frozen=True)
class Dollars:
    """How version 0 wrote a payment."""

    time: int
    dollars: int


@dataclass(frozen=True)
class Paid:
    """How version 1 writes it."""

    time: int
    micros: int
    by: str


def upgraded(tag: str, body: bytes) -> tuple[str, bytes]:
    old = msgspec.json.decode(body, type=Dollars)
    return "paid", msgspec.json.encode(Paid(old.time, old.dollars * 1_000_000, "unknown"))


OLD: Codec[Dollars] = Codec({"dollars": Dollars}, version=0)
NEW: Codec[Paid] = Codec({"paid": Paid}, version=1, upgrades={0: upgraded})


@dataclass(frozen=True)
class Settled:
    """How version 2 writes it: by whom became a number."""

    time: int
    micros: int
    desk: int


def upgraded_again(tag: str, body: bytes) -> tuple[str, bytes]:
    old = msgspec.json.decode(body, type=Paid)
    return "settled", msgspec.json.encode(Settled(old.time, old.micros, len(old.by)))


NEWEST: Codec[Settled] = Codec(
    {"settled": Settled}, version=2, upgrades={0: upgraded, 1: upgraded_again}
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path, "old")
    with Journal.opened(place, OLD, 1) as journal:
        journal.record([Dollars(1, 5), Dollars(2, 7)])
    return place


def test_older_lines_are_read_as_those_of_today(place: Place) -> None:
    assert Journal.read(place, NEW, 2) == [
        Paid(1, 5_000_000, "unknown"),
        Paid(2, 7_000_000, "unknown"),
    ]


def test_an_older_journal_goes_on_in_the_new_version_and_its_seals_stay(place: Place) -> None:
    before = [Paid(1, 5_000_000, "unknown"), Paid(2, 7_000_000, "unknown")]
    for n in range(3):
        with Journal.opened(place, NEW, 2) as journal:
            assert list(journal.lines()) == before
            if n == 0:
                journal.record([Paid(3, 9, "us")])
                before.append(Paid(3, 9, "us"))


def test_lines_of_each_version_take_every_step_to_that_of_today(place: Place) -> None:
    with Journal.opened(place, NEW, 2) as journal:
        journal.record([Paid(3, 9, "us")])
    with Journal.opened(place, NEWEST, 3) as journal:
        journal.record([Settled(4, 8, 1)])
    assert Journal.read(place, NEWEST, 4) == [
        Settled(1, 5_000_000, len("unknown")),
        Settled(2, 7_000_000, len("unknown")),
        Settled(3, 9, len("us")),
        Settled(4, 8, 1),
    ]


def test_a_migration_without_a_new_line_is_one(place: Place) -> None:
    with Journal.opened(place, NEW, 2) as journal:
        seal = journal.head.seal
    with Journal.opened(place, NEW, 3) as journal:
        journal.record([Paid(3, 9, "us")])
        assert journal.head.seal != seal
        assert [line.micros for line in journal.lines()] == [5_000_000, 7_000_000, 9]


def test_a_newer_journal_is_refused_and_stays_as_it_is(place: Place) -> None:
    Journal.opened(place, NEW, 2).close()
    before = place.file.read_bytes()
    for opening in (Journal.opened, Journal.read):
        with pytest.raises(DataError, match=r"version 1, .* up to 0") as refused:
            opening(place, OLD, 3)
        assert "a newer one" in refused.value.hint
    assert place.file.read_bytes() == before
    assert len(Journal.read(place, NEW, 4)) == 2
