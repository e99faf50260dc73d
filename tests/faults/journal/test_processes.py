"""Faults F1, F2, F4, F6 to F9 and F11 in real processes, on real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from tests.disk import io_error, no_space
from tests.lines import line

from papertape.domain.errors import JournalFailed, LockHeld, PapertapeError, SettingsError
from papertape.monitoring.journal import LINES, Journal, Place

PROCESSES, SOAKED = 300, 20_000
DONE, FAILED = 0, 3
NOBODY = 65534


class Interposer(apsw.VFS):
    """Between SQLite and the real disk: does something else than the nth write or sync asks."""

    def __init__(self, what: str, at: int, deed: Callable[[], None]):
        self._count = 0
        self._what, self._at, self._deed = what, at, deed
        self.name = f"interposed-{os.getpid()}"
        super().__init__(self.name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        return _Interposed(self, name, flags)

    def comes(self, what: str) -> bool:
        """Whether this is the one."""
        self._count += what == self._what
        return what == self._what and self._count == self._at

    def act(self) -> None:
        self._deed()


class _Interposed(apsw.VFSFile):
    def __init__(self, interposer: Interposer, name: Any, flags: list[int]):
        self._interposer = interposer
        super().__init__("", name, flags)

    def xWrite(self, written: bytes, offset: int) -> None:  # noqa: N802
        if self._interposer.comes("torn"):
            super().xWrite(bytes(written)[:512], offset)
            self._interposer.act()
        if self._interposer.comes("write"):
            self._interposer.act()
        super().xWrite(written, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._interposer.comes("sync"):
            self._interposer.act()
        super().xSync(flags)


def end_here() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(error: Callable[[], Exception]) -> Callable[[], None]:
    def deed() -> None:
        raise error()

    return deed


FAULTS: list[tuple[str, Callable[[], None]]] = [
    ("none", end_here),  # the parent kills it
    ("write", end_here),
    ("sync", end_here),
    ("torn", end_here),
    ("sync", refuse(io_error)),
    ("write", refuse(no_space)),
]


def in_a_child(body: Callable[[], int]) -> int:
    """Run something in a process of its own, and give its process id back."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        code = body()
    finally:
        os._exit(code)


def session(folder: Path, seed: int, say: int) -> int:
    """Open the journal under a fault and record; ``say`` hears of each call before and after."""
    random = Random(seed)
    what, deed = FAULTS[seed % len(FAULTS)]
    vfs = Interposer(what, 1 + int(random.random() ** 2 * 60), deed)
    try:
        journal = Journal.opened(Place(folder, "spy", vfs.name), LINES, 1)
        os.write(say, b"%d %d\n" % (journal.count, journal.count))
        for _ in range(25):
            before, after = journal.count, journal.count + random.choice([1, 1, 3])
            os.write(say, b"%d %d\n" % (before, after))
            journal.record([line(n) for n in range(before + 1, after + 1)])
            os.write(say, b"%d %d\n" % (after, after))
        journal.close()
    except JournalFailed:
        return FAILED
    return DONE


def run(folder: Path, seed: int, heard: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """One process to its end: what it acknowledged and asked for last, and how it ended."""
    ear, mouth = os.pipe()
    child = in_a_child(lambda: session(folder, seed, mouth))
    os.close(mouth)
    kill_after = Random(seed).randrange(60) if seed % len(FAULTS) == 0 else None
    with os.fdopen(ear, "rb") as told:
        for number, words in enumerate(told):
            acknowledged, asked = map(int, words.split())
            heard = acknowledged, asked
            if number == kill_after:
                os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return heard, status


def generations_die(folder: Path, seeds: range) -> dict[int, int]:
    """Process after process in one journal, each under its own fault; how each of them ended."""
    ends: dict[int, int] = {}
    waiting = iter(seeds)
    for first in waiting:
        state, heard = folder / str(first), (0, 0)
        for seed in (first, *islice(waiting, first % 4)):  # each recovers, and may die of that (F2)
            heard, status = run(state, seed, heard)
            assert status in {signal.SIGKILL, FAILED << 8, DONE}, (seed, status)
            ends[status] = ends.get(status, 0) + 1
        place = Place(state, "spy")
        found = Journal.read(place, LINES, 2) if place.exists else []
        assert found == [line(number) for number in range(1, len(found) + 1)], first
        assert len(found) in set(heard), (first, heard)
        shutil.rmtree(state, ignore_errors=True)
    return ends


def test_processes_die_in_every_way_and_nothing_acknowledged_is_lost(quick_folder: Path) -> None:
    ends = generations_die(quick_folder, range(PROCESSES))
    assert sum(ends.values()) == PROCESSES
    assert ends[signal.SIGKILL] > 100
    assert ends[FAILED << 8] > 40


@pytest.mark.slow
@pytest.mark.soak
def test_processes_die_by_the_ten_thousands(quick_folder: Path) -> None:
    ends = generations_die(quick_folder, range(PROCESSES, SOAKED))
    assert ends[signal.SIGKILL] > SOAKED // 3


def asked(body: Callable[[], Any]) -> Any:
    """What something answers in a process of its own."""
    ear, mouth = os.pipe()

    def told() -> int:
        try:
            answer: Any = body()
        except PapertapeError as error:
            answer = (type(error).__name__, str(error))
        os.write(mouth, json.dumps(answer).encode())
        return DONE

    child = in_a_child(told)
    os.close(mouth)
    with os.fdopen(ear, "rb") as answers:
        answer = answers.read()
    os.waitpid(child, 0)
    return json.loads(answer)


def opened_and_closed(place: Place) -> str:
    Journal.opened(place, LINES, 2).close()
    return "opened"


def test_another_process_is_kept_out_until_the_first_one_is_dead_fault_f11(tmp_path: Path) -> None:
    place = Place(tmp_path, "spy")
    ear, mouth = os.pipe()

    def holds() -> int:
        with Journal.opened(place, LINES, 1) as journal:
            journal.record([line(1)])
            os.write(mouth, b"holds")
            signal.pause()
        return DONE

    child = in_a_child(holds)
    assert os.read(ear, 5) == b"holds"
    with pytest.raises(LockHeld, match=f"is being written by process {child} since"):
        Journal.opened(place, LINES, 2)
    assert asked(lambda: opened_and_closed(place))[0] == "LockHeld"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with Journal.opened(place, LINES, 3) as journal:
        assert list(journal.lines()) == [line(1)]
    for end in (ear, mouth):
        os.close(end)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that somebody who is nobody can reach, too."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o777)
        yield Path(made)


def as_nobody(body: Callable[[], Any]) -> Callable[[], Any]:
    def without_rights() -> Any:
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return body()

    return without_rights


@pytest.mark.parametrize("part", ["file", "head", "journals", "heads"])
def test_lost_rights_are_a_clear_refusal_and_no_half_start_fault_f9(
    open_folder: Path, part: str
) -> None:
    place = Place(open_folder / "state", "spy")
    open_it = as_nobody(lambda: opened_and_closed(place))
    assert asked(open_it) == "opened"
    target = {"file": place.file, "head": place.head}.get(part, place.folder / part)
    rights = stat.S_IMODE(target.stat().st_mode)
    if target.is_dir():  # a journal that begins has to make files there
        place.file.unlink()
        place.head.unlink()
    target.chmod(rights & 0o577)
    kind, words = asked(open_it)
    assert kind == "SettingsError"
    assert "cannot be written" in words
    target.chmod(rights)
    assert asked(open_it) == "opened"


def test_a_folder_that_is_open_to_others_is_closed_security_s18(tmp_path: Path) -> None:
    place = Place(tmp_path, "spy")
    Journal.opened(place, LINES, 1).close()
    place.file.chmod(0o644)
    place.file.parent.chmod(0o755)
    Journal.opened(place, LINES, 1).close()
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.file.parent.stat().st_mode) == 0o700


def test_a_file_where_the_folder_should_be_is_a_clear_refusal_fault_f9(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be written"):
        Journal.opened(Place(tmp_path / "state", "spy"), LINES, 1)


def test_a_backup_that_cannot_be_made_harms_nothing_fault_f8(tmp_path: Path) -> None:
    place = Place(tmp_path, "spy")
    with Journal.opened(place, LINES, 1) as journal:
        journal.record([line(1)])
        place.backup.parent.rmdir()
        place.backup.parent.write_text("no folder any more")
    assert journal.backup_fault
    place.backup.parent.unlink()
    assert Journal.read(place, LINES, 2) == [line(1)]
