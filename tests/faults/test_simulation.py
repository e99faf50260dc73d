"""Hundreds of days, each with its own faults from its seed: nothing lost, doubled or off."""

import subprocess
import sys

import pytest
from tests.faults.simulation import FAULTS, Simulation, rows_of
from tests.faults.soak import BATCH, TESTED


@pytest.mark.parametrize("first", range(0, TESTED, BATCH))
def test_no_order_is_lost_or_doubled_and_no_cent_is_off(first: int) -> None:
    for seed in range(first, first + BATCH):
        day = Simulation(seed)
        try:
            day.run()
        except BaseException as error:
            error.add_note(f"seed {seed}: {', '.join(day.faults)}")
            raise


def test_every_fault_and_several_crashes_a_day_are_among_them() -> None:
    met: set[str] = set()
    for seed in range(25):
        day = Simulation(seed)
        day.run()
        met |= set(day.faults)
    assert met == {fault.__name__ for fault in FAULTS} | {"crash"}


def test_the_same_seed_is_the_same_day_in_two_processes() -> None:
    program = (
        "from tests.faults.simulation import Simulation, rows_of\n"
        "print(*[rows_of(Simulation(seed).run()) for seed in range(8)])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {" ".join(rows_of(Simulation(seed).run()) for seed in range(8)) + "\n"}
