"""status, log, kill, stop and rearm, from what a session published."""

import json
from pathlib import Path

import msgspec
import pytest
from tests.unit.cli.conftest import Type
from tests.unit.monitoring.published import KILLED, NOW, a_status

from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import packed
from papertape.cli.watch import page
from papertape.domain.clock import SECOND, ReplayClock
from papertape.domain.day import FeedLost, FeedRestored
from papertape.monitoring.status import Status, publish
from papertape.monitoring.tail import Tail
from papertape.monitoring.telling import tail_lines
from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> AccountFolder:
    found = AccountFolder.under(tmp_path / "home", "sim")
    found.prepare()
    return found


def waiting(account: AccountFolder) -> list[tuple[str, str]]:
    box = CommandBox(account.commands, account.kill_file)
    return [(taken.asked.verb, taken.asked.reason) for taken in box.waiting()]


def test_status_is_six_lines_and_the_positions(account: AccountFolder, typed: Type) -> None:
    publish(a_status(), account.status)
    said = typed("status", now=NOW + SECOND // 10)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == (
        "PAPER REPLAY sim  sma-0628a  ACTIVE   10:32:07 New York, close in 5:27:53   "
        "code 41ab config 8c1d"
    )
    assert lines[1] == (
        "Feed     market 0.6 s   broker 0.3 s   bars 62/62   equal with the broker 12 s ago"
    )
    assert lines[3] == "Orders   2 (1 refused)   1 filled   1 working   exposure 38.0 %"
    assert lines[4] == "Limits   R8 position 100 % (peak 100)   R15 day volume 31 % (peak 31)"
    assert len(lines[:6]) == 6
    assert lines[8].split()[:2] == ["AAPL", "120"]


def test_ages_grow_while_nothing_is_published_and_the_answer_becomes_no(
    account: AccountFolder, typed: Type
) -> None:
    publish(a_status(), account.status)
    said = typed("status", now=NOW + 60 * SECOND)
    assert said.code == 1
    assert "NO CONTACT" in said.out
    assert "market 60.5 s" in said.out
    assert "papertape resume" in said.out


def test_status_for_programs_holds_every_figure_with_the_moment_it_is_of(
    account: AccountFolder, typed: Type
) -> None:
    publish(a_status(), account.status)
    data = json.loads(typed("status", "--json", now=NOW).out)["data"]
    assert data["healthy"] is True
    assert data["equity"] == {"value": 100_412.10, "at": NOW - SECOND // 2}


def test_without_a_session_status_says_how_to_start_one(folder: Path, typed: Type) -> None:
    said = typed("status")
    assert said.code == 4
    assert "papertape paper" in said.err


def test_log_chooses_by_level_pattern_and_the_sessions_own_time(
    account: AccountFolder, typed: Type
) -> None:
    publish(a_status(), account.status)
    lines = [FeedLost(NOW - 700 * SECOND, "closed"), FeedRestored(NOW - 5 * SECOND, 2)]
    Tail(account.tail).publish(tail_lines(lines, "sma-0628a"))
    assert typed("log").out.splitlines() == [
        "10:20:27  error     market data lost: closed",
        "10:32:02  warning   market data are back, 2 bars fetched as history",
    ]
    assert typed("log", "--since", "10m").out.count("\n") == 1
    assert typed("log", "--level", "error").out.count("\n") == 1
    assert typed("log", "--grep", "BACK").out.count("\n") == 1
    assert typed("log", "--grep", "nothing like it").out == "nothing of that kind happened\n"
    assert typed("log", "--since", "soon").code == 2


def test_log_spells_out_what_would_steer_the_terminal(account: AccountFolder, typed: Type) -> None:
    publish(a_status(), account.status)
    Tail(account.tail).publish(tail_lines([FeedLost(NOW, "\x1b[2Jgone\nforged")], "s"))
    out = typed("log").out
    assert "\x1b" not in out
    assert out.count("\n") == 1


def test_a_kill_without_a_session_lies_there_for_the_next_one(
    account: AccountFolder, typed: Type
) -> None:
    said = typed("kill", "--reason", "smoke")
    assert said.code == 0
    assert "holds at the next start" in said.out
    assert waiting(account) == [("kill", "smoke")]


@pytest.mark.parametrize(
    ("words", "verb"), [(["kill"], "kill"), (["kill", "--flatten"], "kill --flatten")]
)
def test_a_kill_waits_until_the_session_shows_it(
    account: AccountFolder, typed: Type, words: list[str], verb: str
) -> None:
    publish(a_status(state="HALTED", why="odd fills", restraints=[KILLED]), account.status)
    said = typed(*words, "--json", now=NOW)
    data = json.loads(said.out)["data"]
    assert (data["taken"], data["verb"], data["working"]) == (True, verb, 1)


def test_a_session_that_does_not_react_is_not_said_to_have(
    account: AccountFolder, typed: Type
) -> None:
    publish(a_status(), account.status)
    assert json.loads(typed("kill", "--json", now=NOW).out)["data"]["taken"] is False


def test_stop_without_a_session_says_so(account: AccountFolder, typed: Type) -> None:
    assert typed("stop").code == 4


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--reason", "mended"], 7),
        (["--reason", "mended", "--confirm", "rearm sma"], 7),
        (["--confirm", "REARM sma"], 2),
        (["--reason", "mended", "--confirm", "REARM sma"], 0),
    ],
)
def test_rearm_wants_the_phrase_and_a_reason(
    account: AccountFolder, typed: Type, words: list[str], code: int
) -> None:
    killed: Status = a_status(state="HALTED", restraints=[KILLED])
    publish(killed, account.status)
    account.kill_file.write_text("smoke")
    assert typed("rearm", *words, now=NOW + 60 * SECOND).code == code
    assert account.kill_file.exists() is (code != 0)
    if code == 0:
        assert waiting(account) == [("rearm", "mended")]


@pytest.mark.parametrize("height", [12, 24, 50])
@pytest.mark.parametrize("columns", ["70", "80", "120"])
def test_a_watched_page_fits_into_its_terminal(
    account: AccountFolder, monkeypatch: pytest.MonkeyPatch, columns: str, height: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    one = a_status().sent[0]
    orders = [msgspec.structs.replace(one, id=f"O{n}") for n in range(1, 41)]
    status = a_status(sent=orders)
    events = [FeedLost(NOW + n * SECOND, f"{'long ' * n} event {n}") for n in range(60)]
    Tail(account.tail).publish(tail_lines(events, "sma-0628a"))
    lines = page(status, account, NOW, height, Surroundings(clock=ReplayClock(NOW)))
    assert max(map(len, lines)) <= int(columns)
    assert any("O40" in line for line in lines)  # the newest of both
    assert lines[-1].startswith("10:33:06") or "event" in lines[-1]
    if height >= 24:
        assert len(lines) <= height
    assert "".join(lines).count("ACTIVE") == 1


def test_lines_are_broken_between_their_groups_and_colours_take_no_room() -> None:
    line = "Orders   \033[32mtwo\033[0m   three  |  four"
    one = "Orders   \033[32mtwo\033[0m"
    assert packed([line], 30) == [line]
    assert packed([line], 20) == [f"{one}   three", "         |  four"]
    assert packed([line], 15) == [one, "         three", "         |  four"]


@pytest.mark.parametrize("words", [("log", "-f"), ("watch",)])
def test_a_follower_tells_json_lines_and_nothing_else(
    account: AccountFolder, typed: Type, words: tuple[str, ...]
) -> None:
    publish(a_status(state="CLOSED"), account.status)
    Tail(account.tail).publish(tail_lines([FeedLost(NOW, "closed")], "sma-0628a"))
    said = typed(*words, "--json", now=NOW)
    assert said.code == 0
    assert [json.loads(line)["session"] for line in said.out.splitlines()] == ["sma-0628a"]


def test_a_log_that_was_followed_ends_without_an_empty_line(
    account: AccountFolder, typed: Type
) -> None:
    publish(a_status(state="CLOSED"), account.status)
    Tail(account.tail).publish(tail_lines([FeedLost(NOW, "closed")], "sma-0628a"))
    assert typed("log", "-f", now=NOW).out == "10:32:07  error     market data lost: closed\n"


def test_a_kill_without_a_session_leaves_a_folder_that_is_its_owners_alone(
    folder: Path, tmp_path: Path, typed: Type
) -> None:
    typed("kill")
    for place in (tmp_path / "home", AccountFolder.under(tmp_path / "home", "sim").path):
        assert place.stat().st_mode & 0o077 == 0
