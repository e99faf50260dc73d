"""Status: replaced in one step, and silence is never health."""

import stat
from pathlib import Path

import pytest
from tests.unit.monitoring.published import NOW, a_status

from papertape.domain.clock import SECOND
from papertape.domain.errors import DataError, NotFound
from papertape.monitoring.status import publish, published


def test_it_is_read_back_as_it_was_published_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    assert publish(a_status(), path)
    assert published(path) == a_status()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_published_is_told_by_the_answer(tmp_path: Path) -> None:
    assert not publish(a_status(), tmp_path / "missing" / "status.json")


def test_nothing_and_nonsense_are_different_errors(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        published(tmp_path / "status.json")
    (tmp_path / "status.json").write_text('{"session": 1}')
    with pytest.raises(DataError, match="cannot be understood") as refused:
        published(tmp_path / "status.json")
    assert refused.value.exit_code == 4


@pytest.mark.parametrize(
    ("state", "silent", "healthy"),
    [("ACTIVE", 3, True), ("ACTIVE", 3.1, False), ("HALTED", 0, False), ("CLOSED", 9_999, True)],
)
def test_health_is_to_trade_and_to_be_heard(state: str, silent: float, healthy: bool) -> None:
    status = a_status(state=state)
    assert status.is_healthy(NOW + int(silent * SECOND)) is healthy
    assert (status.complaint(NOW + int(silent * SECOND)) == "") is healthy
