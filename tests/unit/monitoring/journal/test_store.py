"""The journal on a real disk: what was recorded is there, and nobody else gets in."""

from __future__ import annotations

import stat
from pathlib import Path

import apsw
import pytest

from papertape.domain.day import DayClosed, FeedLost, FeedRestored, Line
from papertape.domain.errors import InvariantBroken, JournalFailed, LockHeld, UsageError
from papertape.monitoring.journal import LINES, SQLITE, Journal, Place

LOST, BACK, CLOSED = FeedLost(1, "the provider is away"), FeedRestored(2, 3), DayClosed(3, "16:00")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "state", "sma-spy-20240628-a")


def opened(place: Place) -> Journal[Line]:
    return Journal.opened(place, LINES, now=1_719_581_400_000_000_000)


def test_what_was_recorded_is_read_again(place: Place) -> None:
    with opened(place) as journal:
        assert (list(journal.lines()), journal.count) == ([], 0)
        journal.record([LOST, BACK])
        journal.record([])
        journal.record([CLOSED])
        assert list(journal.lines()) == [LOST, BACK, CLOSED]
        head = journal.head
    with opened(place) as journal:
        assert list(journal.lines()) == [LOST, BACK, CLOSED]
        assert (journal.count, journal.head) == (3, head)


def test_lines_are_read_anew_however_often_they_are_asked_for(place: Place) -> None:
    with opened(place) as journal:
        journal.record([LOST])
        assert list(journal.lines()) == list(journal.lines()) == [LOST]
        journal.record([BACK])
        assert list(journal.lines()) == [LOST, BACK]


def test_a_line_of_another_kind_is_refused_and_nothing_of_its_call_is_kept(place: Place) -> None:
    with opened(place) as journal:
        with pytest.raises(InvariantBroken, match="cannot be kept"):
            journal.record([LOST, FeedRestored(2, "three")])  # type: ignore[arg-type]
        journal.record([CLOSED])
        assert list(journal.lines()) == [CLOSED]


def test_a_second_opener_is_told_who_has_it_fault_f11(place: Place) -> None:
    with opened(place), pytest.raises(LockHeld, match="is being written by process"):
        opened(place)
    with opened(place), pytest.raises(LockHeld):
        Journal.read(place, LINES, 0)
    opened(place).close()


def test_no_second_connection_gets_in_fault_f12(place: Place) -> None:
    with opened(place) as journal:
        journal.record([LOST])
        stranger = apsw.Connection(str(place.file))
        for question in ("SELECT * FROM line", "PRAGMA wal_checkpoint", "DELETE FROM line"):
            with pytest.raises(apsw.BusyError):
                stranger.execute(question).fetchall()
        stranger.close()
        journal.record([BACK])
        assert list(journal.lines()) == [LOST, BACK]


def test_a_stranger_who_is_there_first_is_a_held_lock_fault_f13(place: Place) -> None:
    opened(place).close()
    stranger = apsw.Connection(str(place.file))
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(LockHeld, match="open in another program"):
        opened(place)
    stranger.close()
    opened(place).close()


def test_its_settings_are_those_of_the_specification(place: Place) -> None:
    with opened(place) as journal:
        sql = journal._database._sql
        asked = ("journal_mode", "synchronous", "locking_mode", "user_version")
        assert [sql.pragma(name) for name in asked] == ["wal", 2, "exclusive", 1]
        assert sql.pragma("application_id") != 0


def test_its_sqlite_is_newer_than_the_flaw(place: Place) -> None:
    assert tuple(map(int, SQLITE.split("."))) >= (3, 51, 3)


def test_only_its_owner_can_read_it_security_s18(place: Place) -> None:
    with opened(place) as journal:
        journal.record([LOST])
        files = [file for file in place.folder.rglob("*") if file.is_file()]
        assert {place.file, place.head, Path(f"{place.file}-wal")} < set(files)
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert place.backup in set(place.folder.rglob("*"))
    for path in place.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".x", "", "a" * 101, "a\n", "a b", "\u0430b", "a\0"]
)
def test_a_name_that_could_leave_the_folder_is_refused_security_s14(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError):
        Place(tmp_path, name)


def test_a_closed_journal_records_nothing(place: Place) -> None:
    journal = opened(place)
    journal.close()
    journal.close()
    with pytest.raises(JournalFailed, match="was closed"):
        journal.record([LOST])
    with pytest.raises(JournalFailed, match="was closed"):
        journal.lines()
