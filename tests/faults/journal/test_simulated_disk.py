"""Faults F1 to F4, F6, F7 and F14: the real SQLite on a disk that forgets, tears and refuses."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from tests.disk import Crash, SimulatedDisk, Step, io_error, no_space
from tests.lines import line

from papertape.domain.day import FeedLost, Line
from papertape.domain.errors import JournalBehind, JournalFailed, LockHeld, PapertapeError
from papertape.monitoring.journal import LINES, Journal

SESSIONS = 150
IMAGES_A_CRASH = 2
FAT = FeedLost(1, "x" * 700_000)
"""Six of these are more than a thousand pages: then the log is brought into the file."""


class Model:
    """What a journal has acknowledged, and what it may hold besides: one call, whole or not."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.asked = 0

    def hears(self, count: int) -> None:
        self.acknowledged = self.asked = count

    def agrees(self, lines: list[Line]) -> bool:
        is_whole = lines == [line(number) for number in range(1, len(lines) + 1)]
        return is_whole and len(lines) in {self.acknowledged, self.asked}


def live(disk: SimulatedDisk, model: Model, random: Random, calls: int) -> bool:
    """Open the journal, check it and record; False where a crash ended it."""
    try:
        with Journal.opened(disk.place("spy"), LINES, 1) as journal:
            found = list(journal.lines())
            assert model.agrees(found), (len(found), model.acknowledged, model.asked)
            model.hears(len(found))
            for _ in range(calls):
                model.asked = model.acknowledged + random.choice([1, 1, 2, 5])
                journal.record([line(n) for n in range(journal.count + 1, model.asked + 1)])
                model.hears(journal.count)
    except (Crash, PapertapeError):
        assert disk.is_dead
        return False
    return True


def crashing(at: int, sectors: int = 0) -> Callable[[Step], None]:
    def before(step: Step) -> None:
        if step.number == at:
            raise Crash(sectors)

    return before


def steps_of(calls: int) -> int:
    disk = SimulatedDisk()
    live(disk, Model(), Random(0), calls)
    return disk.steps


def found_on(disk: SimulatedDisk) -> list[Line]:
    with Journal.opened(disk.place("spy"), LINES, 2) as journal:
        return list(journal.lines())


def power_fails(seeds: range) -> int:
    """Sessions whose power fails, also while they recover; how many disks were looked at after."""
    images = 0
    for seed in seeds:
        random = Random(seed)
        disk, model = SimulatedDisk(), Model()
        for _ in range(random.randrange(1, 4)):
            disk.before = crashing(1 + int(random.random() ** 2 * 90), random.randrange(9))
            live(disk, model, random, calls=random.randrange(1, 12))
            for _ in range(IMAGES_A_CRASH):
                image = disk.after_power_loss(random)
                assert model.agrees(found_on(image)), seed
                images += 1
            disk = disk.after_power_loss(random)
        assert live(disk, model, random, calls=1)
    return images


def test_power_fails_at_any_moment_and_nothing_acknowledged_is_lost_faults_f2_f3_f4() -> None:
    assert power_fails(range(SESSIONS)) >= 500


@pytest.mark.slow
@pytest.mark.soak
def test_power_fails_by_the_ten_thousands() -> None:
    assert power_fails(range(SESSIONS, 5_200)) >= 20_000


def test_a_disk_that_lies_about_its_syncs_is_found_out() -> None:
    lost = 0
    for seed in range(40):
        disk, model, random = SimulatedDisk(), Model(), Random(seed)
        disk.is_honest = False
        live(disk, model, random, calls=6)
        try:
            lost += not model.agrees(found_on(disk.after_power_loss(random)))
        except PapertapeError:
            lost += 1
    assert lost > 10


@pytest.mark.parametrize("sectors", [0, 1, 3, 99])
def test_a_kill_before_within_and_after_every_write_faults_f1_f4(sectors: int) -> None:
    for at in range(1, steps_of(calls=4) + 1):
        disk, model = SimulatedDisk(), Model()
        disk.before = crashing(at, sectors)
        assert not live(disk, model, Random(0), calls=4)
        again = disk.after_kill()
        assert model.agrees(found_on(again)), at
        again.before = crashing(at // 3 + 1)  # and once more, on the way back (F2)
        live(again, model, Random(1), calls=2)
        assert model.agrees(found_on(again.after_kill())), at


def test_recovery_ends_and_twice_is_once_fault_f2() -> None:
    disk, model = SimulatedDisk(), Model()
    disk.before = crashing(60)
    live(disk, model, Random(3), calls=50)
    once = disk.after_kill()
    lines = found_on(once)
    twice = once.after_kill()
    assert found_on(twice) == lines
    assert (
        twice.files["/state/journals/spy.sqlite3"].seen
        == once.files["/state/journals/spy.sqlite3"].seen
    )


def refusing(what: str, at: int, error: Callable[[], Exception]) -> Callable[[Step], None]:
    seen = 0

    def before(step: Step) -> None:
        nonlocal seen
        seen += step.what == what
        if step.what == what and seen == at:
            raise error()

    return before


def until_refused(journal: Journal[Line], model: Model) -> JournalFailed:
    for _ in range(40):
        model.asked = model.acknowledged + 1
        try:
            journal.record([line(model.asked)])
        except JournalFailed as refused:
            return refused
        model.hears(journal.count)
    raise AssertionError("the disk refused nothing")


@pytest.mark.parametrize(
    ("what", "error"), [("sync", io_error), ("write", no_space), ("write", io_error)]
)
def test_a_disk_that_refuses_ends_the_journal_and_loses_nothing_faults_f6_f7(
    what: str, error: Callable[[], Exception]
) -> None:
    for at in range(1, 40):
        disk, model = SimulatedDisk(), Model()
        journal = Journal.opened(disk.place("spy"), LINES, 1)
        disk.before = refusing(what, at, error)
        refused = until_refused(journal, model)
        assert f"{model.acknowledged} lines are acknowledged" in refused.untouched
        steps = disk.steps
        for use in (lambda j=journal: j.record([line(1)]), journal.lines):
            with pytest.raises(JournalFailed):  # never tried again, whatever the disk would say
                use()
        journal.close()
        assert disk.steps == steps, "a failed journal leaves the disk alone"
        assert model.agrees(found_on(disk.after_kill())), at
        assert model.agrees(found_on(disk.after_power_loss(Random(at)))), at


@pytest.mark.parametrize(
    ("what", "error"), [("sync", io_error), ("write", no_space), ("write", io_error)]
)
def test_a_disk_that_refuses_at_the_opening_or_the_end_leaves_everything_faults_f6_f7(
    what: str, error: Callable[[], Exception]
) -> None:
    disk, model = SimulatedDisk(), Model()
    disk.before = crashing(60)
    live(disk, model, Random(1), calls=20)
    for at in range(1, 30):
        again = disk.after_kill()
        again.before = refusing(what, at, error)
        try:
            journal = Journal.opened(again.place("spy"), LINES, 2)
            journal.close()
        except JournalFailed:
            pass
        assert model.agrees(found_on(again.after_kill())), at
        assert model.agrees(found_on(again.after_power_loss(Random(at)))), at


def test_a_full_disk_that_has_space_again_goes_on_after_a_restart_fault_f7() -> None:
    disk, model = SimulatedDisk(), Model()
    journal = Journal.opened(disk.place("spy"), LINES, 1)
    disk.before = refusing("write", 9, no_space)
    refused = until_refused(journal, model)
    assert "disk is full" in refused.message
    assert "space" in refused.hint
    journal.close()
    assert live(disk.after_kill(), model, Random(1), calls=3)


def test_a_slow_disk_is_waited_for_and_nothing_else_happens_fault_f14() -> None:
    disk, waited = SimulatedDisk(), 0.0
    with Journal.opened(disk.place("spy"), LINES, 1) as journal:

        def before(step: Step) -> None:
            nonlocal waited
            waited += 5.0 * (step.what == "sync")

        disk.before = before
        journal.record([line(1)])
        first = waited
        journal.record([line(2)])
        assert first >= 5.0
        assert waited == first + 5.0, "one sync a call"
        assert [line(1), line(2)] == list(journal.lines())


def test_a_long_log_is_brought_into_the_file_and_nothing_is_lost_on_the_way_fault_f3() -> None:
    disk = SimulatedDisk()
    syncs: list[Step] = []
    with Journal.opened(disk.place("spy"), LINES, 1) as journal:
        disk.before = lambda step: syncs.append(step) if step.what == "sync" else None
        for _ in range(14):
            journal.record([FAT])
    into_file = [n for n, step in enumerate(syncs) if step.file.endswith("sqlite3")]
    assert len(into_file) >= 3  # twice on the way, once at the end
    last_step = syncs[into_file[1]].number
    for at in range(last_step - 3, last_step + 8):
        disk = SimulatedDisk()
        acknowledged = 0
        try:
            with Journal.opened(disk.place("spy"), LINES, 1) as journal:
                disk.before = crashing(at, 1)
                for _ in range(14):
                    journal.record([FAT])
                    acknowledged = journal.count
        except (Crash, PapertapeError):
            assert disk.is_dead
        assert 0 < acknowledged < 14
        for image in (disk.after_kill(), disk.after_power_loss(Random(at))):
            assert len(found_on(image)) in {acknowledged, acknowledged + 1}


def test_without_its_log_a_journal_is_behind_even_after_a_power_failure_fault_f10() -> None:
    for seed in range(60):
        random = Random(seed)
        disk, model = SimulatedDisk(), Model()
        disk.before = crashing(random.randrange(40, 120))
        live(disk, model, random, calls=40)
        if not model.acknowledged:
            continue
        image = disk.after_power_loss(random)
        del image.files["/state/journals/spy.sqlite3-wal"]
        with pytest.raises(PapertapeError, match=r"is known to have been written|damaged"):
            Journal.opened(image.place("spy"), LINES, 2)


def test_after_a_checkpoint_too_a_journal_without_its_log_is_behind_fault_f10() -> None:
    disk = SimulatedDisk()
    journal = Journal.opened(disk.place("spy"), LINES, 1)
    for _ in range(7):
        journal.record([FAT])
    brought = len(disk.files["/state/journals/spy.sqlite3"].seen)
    assert brought > 4_000_000  # the log is in the file, and what follows is not
    journal.record([line(1)])
    journal.record([line(2)])
    for seed in range(10):
        image = disk.after_power_loss(Random(seed))
        del image.files["/state/journals/spy.sqlite3-wal"]
        with pytest.raises(JournalBehind, match=r"ends at line 6, and line [789] is known"):
            Journal.opened(image.place("spy"), LINES, 2)
    journal.close()


def test_one_at_a_time_on_the_simulated_disk_too() -> None:
    disk = SimulatedDisk()
    with Journal.opened(disk.place("spy"), LINES, 1), pytest.raises(LockHeld):
        Journal.opened(disk.place("spy"), LINES, 1)


def test_the_same_seed_goes_the_same_way() -> None:
    ways = []
    for _ in range(2):
        disk, way = SimulatedDisk(), []
        crash = crashing(80, 2)

        def before(
            step: Step, way: list[Step] = way, crash: Callable[[Step], None] = crash
        ) -> None:
            way.append(step)
            crash(step)

        disk.before = before
        live(disk, Model(), Random(7), calls=40)
        ways.append((way, [LINES.as_json(each) for each in found_on(disk.after_kill())]))
    assert ways[0] == ways[1]
