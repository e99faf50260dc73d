"""Faults F10 and F15: files that are missing, exchanged or older than what is known of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.lines import line

from papertape.domain.day import JournalRestored
from papertape.domain.errors import DataError, JournalBehind
from papertape.monitoring.journal import LINES, Journal, Place

ACCEPTED = JournalRestored(99, 3, 8, "the owner")


def log_of(place: Place) -> Path:
    return Path(f"{place.file}-wal")


def killed(place: Place, to: Path, *, after: int = 8, again: int = 0) -> Place:
    """What a killed process leaves: its files, as they are while it still has them open."""
    with Journal.opened(place, LINES, 1) as journal:
        for number in range(1, after + 1):
            journal.record([line(number)])
            if number == again:
                shutil.copy(log_of(place), place.folder / "older-log")
        shutil.copytree(place.folder, to)
    return Place(to, place.name)


@pytest.fixture
def dead(quick_folder: Path) -> Place:
    return killed(Place(quick_folder / "alive", "spy"), quick_folder / "dead", again=3)


def content(place: Place) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in place.file.parent.iterdir()}


def test_what_was_acknowledged_is_there_after_a_kill(dead: Place) -> None:
    assert Journal.read(dead, LINES, 2) == [line(n) for n in range(1, 9)]
    with Journal.opened(dead, LINES, 2) as journal:
        assert journal.count == 8


def test_a_missing_log_is_seen_and_can_be_put_back_fault_f10(dead: Place) -> None:
    log = log_of(dead)
    moved = log.rename(dead.folder / "elsewhere")
    with pytest.raises(JournalBehind, match="ends at line 0, and line 8 is known") as refused:
        Journal.opened(dead, LINES, 2)
    assert (refused.value.lines, refused.value.known) == (0, 8)
    assert "spy.sqlite3-wal" in refused.value.hint
    moved.rename(log)
    assert Journal.read(dead, LINES, 2) == [line(n) for n in range(1, 9)]


def test_an_older_log_is_seen_fault_f10(dead: Place) -> None:
    newest = log_of(dead).read_bytes()
    shutil.copy(dead.folder / "older-log", log_of(dead))
    with pytest.raises(JournalBehind, match="ends at line 3, and line 8 is known"):
        Journal.opened(dead, LINES, 2)
    log_of(dead).write_bytes(newest)
    assert len(Journal.read(dead, LINES, 2)) == 8


@pytest.mark.parametrize("lines", [1, 8, 30])
def test_the_log_of_another_journal_is_seen_and_brought_nowhere_fault_f10(
    dead: Place, quick_folder: Path, lines: int
) -> None:
    other = killed(Place(quick_folder / "other", "qqq"), quick_folder / "other-dead", after=lines)
    before, own = content(dead), log_of(dead).read_bytes()
    shutil.copy(log_of(other), log_of(dead))
    with pytest.raises(DataError):
        Journal.opened(dead, LINES, 2)
    log_of(dead).write_bytes(own)
    assert content(dead).items() >= {k: v for k, v in before.items() if "lock" not in k}.items()
    assert len(Journal.read(dead, LINES, 2)) == 8


def test_the_log_of_a_file_that_is_gone_is_not_thrown_away_fault_f10(dead: Place) -> None:
    moved = dead.file.rename(dead.folder / "elsewhere")
    with pytest.raises(DataError, match="is gone, and its log"):
        Journal.opened(dead, LINES, 2)
    moved.rename(dead.file)
    assert len(Journal.read(dead, LINES, 2)) == 8


def test_a_journal_that_is_gone_is_no_new_one_fault_f10(dead: Place) -> None:
    dead.file.unlink()
    log_of(dead).unlink()
    with pytest.raises(JournalBehind, match="ends at line 0, and line 8 is known"):
        Journal.opened(dead, LINES, 2)


def test_a_head_that_is_gone_is_no_young_journal_fault_f10(dead: Place) -> None:
    dead.head.unlink()
    with pytest.raises(JournalBehind, match=r"holds 8 lines, and its head file .* is gone"):
        Journal.opened(dead, LINES, 2)


def test_the_journal_of_another_run_is_seen_fault_f15(dead: Place, quick_folder: Path) -> None:
    other = Place(quick_folder / "other", "qqq")
    with Journal.opened(other, LINES, 1) as journal:
        journal.record([line(n) for n in range(1, 20)])
    log_of(dead).unlink()
    shutil.copy(other.file, dead.file)
    with pytest.raises(JournalBehind, match=r"is qqq@1, and the head file .* that of spy@1"):
        Journal.opened(dead, LINES, 2)


@pytest.fixture
def restored(quick_folder: Path) -> Place:
    """A backup of three lines, put in the place of a journal of eight."""
    place = Place(quick_folder / "state", "spy")
    with Journal.opened(place, LINES, 1) as journal:
        journal.record([line(n) for n in range(1, 4)])
    old = place.backup.read_bytes()
    with Journal.opened(place, LINES, 2) as journal:
        journal.record([line(n) for n in range(4, 9)])
    place.file.rename(place.folder / "newest")
    place.file.write_bytes(old)
    return place


def test_an_older_copy_is_refused_until_somebody_accepts_it_fault_f15(restored: Place) -> None:
    with pytest.raises(JournalBehind, match="ends at line 3, and line 8 is known"):
        Journal.opened(restored, LINES, 3)
    with Journal.opened(restored, LINES, 3, accepting=ACCEPTED) as journal:
        assert list(journal.lines()) == [*(line(n) for n in range(1, 4)), ACCEPTED]
    with Journal.opened(restored, LINES, 4) as journal:
        assert journal.count == 4
        journal.record([line(5)])


def test_after_an_older_copy_was_accepted_the_newer_one_is_another_history_fault_f15(
    restored: Place,
) -> None:
    Journal.opened(restored, LINES, 3, accepting=ACCEPTED).close()
    (restored.folder / "newest").replace(restored.file)
    with pytest.raises(JournalBehind, match="has another line 4"):
        Journal.opened(restored, LINES, 4)


def test_a_sound_journal_takes_the_acceptance_as_a_line(quick_folder: Path) -> None:
    place = Place(quick_folder, "spy")
    with Journal.opened(place, LINES, 1) as journal:
        journal.record([line(1)])
    with Journal.opened(place, LINES, 2, accepting=ACCEPTED) as journal:
        assert list(journal.lines()) == [line(1), ACCEPTED]
