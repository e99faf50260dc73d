"""Twenty bugs, each planted in a copy of the sources, and each found by tests of general purpose.

Whoever changes a line that a patch is about renews that patch: one that no longer applies fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = Path(__file__).parent / "planted"

ACCOUNT = "tests/unit/domain/test_account.py"
CONSERVATION = "tests/property/test_account_conservation.py"
COUNTS = "tests/unit/engines/riskguard/test_counts.py"
COSTS = "tests/unit/matching/test_costs.py"
DAMAGE = "tests/faults/journal/test_damage.py"
DISK = (
    "tests/faults/journal/test_simulated_disk.py"
    "::test_a_disk_that_refuses_ends_the_journal_and_loses_nothing_faults_f6_f7"
)
LOST_FILES = "tests/faults/journal/test_lost_files.py"
PIPELINE = "tests/unit/engines/test_pipeline.py"
SEQUENCES = "tests/unit/domain/test_order_sequences.py"
SIM_ACCOUNT = "tests/unit/engines/flowroute/test_sim_account.py"
SIMULATION = (
    "tests/faults/test_simulation.py::test_no_order_is_lost_or_doubled_and_no_cent_is_off[0]"
)
WATCH = "tests/unit/engines/riskguard/test_watch.py"
WORST_CASE = "tests/property/test_risk_worst_case.py"

FOUND_BY = {
    "ledger-ended-order-still-open": SIMULATION,
    "ledger-fee-comes-back-at-settlement": CONSERVATION,
    "ledger-fraction-at-the-new-price": ACCOUNT,
    "ledger-night-loses-what-is-coming": SIM_ACCOUNT,
    "ledger-reduction-at-the-trade-price": ACCOUNT,
    "ledger-repeat-seen-only-at-once": SEQUENCES,
    "ledger-seller-slips-upwards": COSTS,
    "risk-bust-counts-as-traded": COUNTS,
    "risk-clock-back-fills-the-bucket": COUNTS,
    "risk-limit-of-rounded-shares": WORST_CASE,
    "risk-loss-of-the-limit-passes": WATCH,
    "risk-position-without-open-orders": WORST_CASE,
    "risk-release-frees-all": SIMULATION,
    "risk-tally-begins-without-the-account": PIPELINE,
    "journal-another-end-is-no-difference": LOST_FILES,
    "journal-goes-on-after-a-failed-sync": DISK,
    "journal-head-of-the-most-lines": LOST_FILES,
    "journal-seal-without-time": DAMAGE,
    "session-reports-from-the-one-after": SIMULATION,
    "session-sends-before-it-records": SIMULATION,
}
"""Patch -> the tests that find it."""

PATCH = ["patch", "--strip=1", "--batch", "--forward", "--input"]
GIT = ["git", "apply"]


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The sources and the tests, in plain Python."""
    uncompiled = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c", "*.pxd")
    for folder in ("src/papertape", "tests"):
        shutil.copytree(project / folder, tmp_path / folder, ignore=uncompiled)
    shutil.copy(project / "pyproject.toml", tmp_path)
    return tmp_path


def outcome(copy: Path, *detectors: str) -> subprocess.CompletedProcess[str]:
    """The tests on a copy, drawn from one seed, up to the first that fails."""
    plain = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--hypothesis-seed=0"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plain, *detectors],
        cwd=copy,
        env={"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def plant(copy: Path, patch: Path) -> None:
    tool = next((each for each in (PATCH, GIT) if shutil.which(each[0])), None)
    if tool is None:
        pytest.skip("neither patch nor git is here to plant a bug with")
    ran = subprocess.run([*tool, str(patch)], cwd=copy, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, (
        f"{patch.name} no longer applies: renew it\n{ran.stdout}{ran.stderr}"
    )


def test_each_patch_has_its_detector() -> None:
    assert {patch.stem for patch in PLANTED.iterdir()} == set(FOUND_BY)
    assert len(FOUND_BY) == 20


def test_without_a_bug_no_detector_finds_one(copy: Path) -> None:
    ran = outcome(copy, *sorted(set(FOUND_BY.values())))
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found(name: str, copy: Path) -> None:
    plant(copy, PLANTED / f"{name}.patch")
    ran = outcome(copy, FOUND_BY[name])
    # A test that failed, not one that could not be read: then pytest speaks of an error.
    told = re.search(r"^1 failed\b.*", ran.stdout, re.MULTILINE)
    is_found = ran.returncode == 1 and told is not None and "error" not in told[0]
    assert is_found, f"{name} was not found by {FOUND_BY[name]}:\n{ran.stdout}{ran.stderr}"
