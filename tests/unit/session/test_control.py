"""Control: commands lie on the disk until they are taken, whoever is alive."""

import stat
from pathlib import Path

import pytest

from papertape.domain.errors import SettingsError, UsageError
from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder


@pytest.fixture
def box(tmp_path: Path) -> CommandBox:
    return CommandBox(tmp_path / "commands", tmp_path / "KILL")


def test_commands_are_taken_in_the_order_they_were_left(box: CommandBox) -> None:
    box.put("stop", at=2, by="ann", reason="lunch")
    box.put("kill", at=1, by="bob")
    assert [each.asked.verb for each in box.waiting()] == ["kill", "stop"]
    first, second = box.waiting()
    assert first.file is not None
    first.file.unlink()
    assert box.waiting() == [second]
    assert second.asked.reason == "lunch"


def test_only_their_owner_may_read_or_leave_them(box: CommandBox) -> None:
    box.put("stop", at=2, by="ann")
    (file,) = box.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.folder.stat().st_mode) == 0o700


def test_the_file_kill_is_one_command_however_often_it_is_looked_at(box: CommandBox) -> None:
    box.kill_file.write_text("smoke in\nthe room")
    (once,), (twice,) = box.waiting(), box.waiting()
    assert once == twice
    assert once.file is None
    assert (once.asked.verb, once.asked.reason) == ("kill", "smoke in the room")


def test_a_file_that_is_no_command_asks_for_nothing(box: CommandBox) -> None:
    box.put("stop", at=2, by="ann")
    (box.folder / "00.json").write_bytes(b"\xff not ours")
    assert [each.asked.verb for each in box.waiting()] == ["stop"]


def test_a_command_that_cannot_be_left_says_how_else_to_kill(tmp_path: Path) -> None:
    (tmp_path / "commands").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be left") as refused:
        CommandBox(tmp_path / "commands", tmp_path / "KILL").put("kill", at=1, by="ann")
    assert "USR1" in refused.value.hint


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "a" * 33, "con\n"])
def test_an_account_names_a_folder_here_and_nothing_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        AccountFolder.under(tmp_path, name)


def test_an_accounts_folder_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    folder = AccountFolder.under(tmp_path, "sim")
    folder.prepare()
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder.path, folder.broker)} == {0o700}
    assert folder.sessions() == []
