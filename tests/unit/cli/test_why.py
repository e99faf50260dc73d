"""why, asked of a session that runs, of one that ended, and of runs."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.cli.conftest import Said, Type
from tests.unit.cli.golden_pages import NOON

from papertape.cli.main import main
from papertape.domain.clock import SECOND, ReplayClock
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.monitoring.status import publish, published
from papertape.session.folder import AccountFolder

DAY = "2024-03-05"


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> AccountFolder:
    return AccountFolder.under(tmp_path / "home", "sim")


@pytest.fixture(scope="module")
def lived(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a whole day was traded once."""
    home = tmp_path_factory.mktemp("lived")
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    words = ("paper", "moving_average_crossover", "--symbol", "SPY", "--bar", "1m", "--feed")
    more = (f"replay:{file}", "--day", DAY, "--param", "fast=5", "--param", "slow=20")
    assert main((*words, *more, "--home", str(home), "--quiet"), ReplayClock(NOON)) == 0
    return home


@pytest.fixture
def session(folder: Path, tmp_path: Path, lived: Path) -> None:
    shutil.copytree(lived, tmp_path / "home")


def data(said: Said) -> Any:
    return json.loads(said.out)["data"]


@pytest.mark.usefixtures("session")
def test_an_ended_session_answers_for_deeds_and_omissions(typed: Type) -> None:
    deed = data(typed("why", "O1", "--json"))
    labels = [each["label"] for each in deed["facts"]]
    assert labels == ["saw", "rule", "reason", "wanted", "checks", "sent", "fill", "became"]
    assert deed["session"] == "sma-20240305-a"
    assert typed("why", "o1").out == typed("why", "O1", "--day", DAY).out
    order = data(typed("blotter", "--json"))["orders"][0]
    assert typed("why", order["client_id"]).out == typed("why", "O1").out
    none = typed("why", "SPY", "--at", "10:32")
    assert none.code == 0
    assert none.out.startswith(
        "SPY 10:32: no order\n  saw      bar 10:31 closed 508.14 (age 0.0 s)"
    )
    assert typed("why", "spy", "--at", f"{DAY}T15:32:00Z").out.count("no order") == 1
    assert typed("why", "T1", "--account", "sim").out.splitlines()[0].startswith("T1  BUY 186 SPY")


@pytest.mark.usefixtures("session")
def test_a_running_session_answers_from_what_it_publishes_while_its_journal_is_its_own(
    account: AccountFolder, typed: Type
) -> None:
    ended = typed("why", "O1").out
    running = msgspec.structs.replace(published(account.status), state="ACTIVE", published=NOON)
    publish(running, account.status)
    with Journal.opened(Place(account.path, running.session), LINES, NOON):
        assert typed("why", "O1", now=NOON).out == ended
        silent = typed("why", "O1", now=NOON + 60 * SECOND)
        assert silent.out == ended  # nobody publishes, and the journal is still held


@pytest.mark.usefixtures("session")
def test_a_running_session_is_proved_so_far_from_what_it_publishes(
    account: AccountFolder, typed: Type
) -> None:
    lines = account.tail.read_bytes().splitlines(keepends=True)
    first = lines[: len(lines) // 2]
    last = max(n for n, line in enumerate(first) if b"MomentDecided" in line)
    account.tail.write_bytes(b"".join(first[: last + 1]))
    running = msgspec.structs.replace(published(account.status), state="ACTIVE", published=NOON)
    publish(running, account.status)
    with Journal.opened(Place(account.path, running.session), LINES, NOON):
        said = typed("eod", now=NOON)
        found = data(typed("eod", "--json", now=NOON))
    assert said.code == 0
    assert "not over: this is the proof so far" in said.out
    assert (found["verdict"], found["closed"], found["running"]) == ("equal", False, True)
    assert 0 < found["bars_seen"] < 390
    whole = data(typed("eod", "--json", now=NOON))
    assert (whole["bars_seen"], whole["running"]) == (390, True)


@pytest.mark.usefixtures("session")
def test_a_run_that_came_later_is_meant_unless_the_session_is_named(typed: Type) -> None:
    typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "2012-01-03")
    assert "run      hold-" in typed("why", "O1").out
    assert "session  sma-" in typed("why", "O1", "--account", "sim").out
    assert "session  sma-" in typed("why", "SPY", "--at", "10:32", "--day", DAY).out
    assert "run      sma-" in typed("why", "O1", "--run", "last~1").out


UNANSWERABLE = [
    (("SPY", "--at", "25:00"), 2),
    (("SPY", "--at", "soon"), 2),
    (("SPY", "--at", "2024-03-05T10:00"), 2),
    (("SPY",), 2),
    (("QQQ", "--at", "10:32"), 2),
    (("O99",), 2),
    (("O1", "--day", "2020-01-02"), 4),
    (("O1", "--account", "other"), 4),
]


@pytest.mark.usefixtures("session")
def test_what_cannot_be_answered_is_refused(typed: Type) -> None:
    for words, code in UNANSWERABLE:
        said = typed("why", *words)
        assert said.code == code, words
        assert "Traceback" not in said.err


def test_a_backtest_of_many_days_wants_to_know_which(folder: Path, typed: Type) -> None:
    typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "2012-01-03")
    said = typed("why", "AAPL", "--at", "10:32")
    assert said.code == 2
    assert "many days" in said.err
    assert "no order" in typed("why", "AAPL", "--at", "2012-03-01").out
