"""The trial ledger counts every trial on the same prices."""

from __future__ import annotations

from pathlib import Path
from statistics import variance

import pytest

from papertape.domain.errors import DataError
from papertape.engines.proofbench.evidence.ledger import Ledger, Sitting


def test_sittings_on_the_same_prices_add_up(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "trials.jsonl")
    first, second = [0.1, -0.2, 0.05], [0.3, 0.0]
    ledger.add(Sitting.of("prices", "A", first))
    ledger.add(Sitting.of("others", "A", [9.0, 8.0]))
    ledger.add(Sitting.of("prices", "B", second))
    found = Ledger(tmp_path / "deep" / "trials.jsonl").on("prices")
    assert found.trials == 5
    assert found.variance == pytest.approx(variance(first + second))


def test_a_sitting_without_a_ratio_leaves_no_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "trials.jsonl")
    ledger.add(Sitting.of("prices", "A", []))
    assert not (tmp_path / "trials.jsonl").exists()
    assert ledger.on("prices").trials == 0


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    Ledger(file).add(Sitting.of("prices", "A", [0.1]))
    file.write_bytes(file.read_bytes() + b"half a li")
    with pytest.raises(DataError, match="line 2"):
        Ledger(file).on("prices")
