"""why, asked of a session that runs, of one that ended, and of runs."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.cli.conftest import Said, Type
from tests.unit.cli.golden_pages import NOON

from papertape.domain.clock import SECOND
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.monitoring.status import publish, published
from papertape.session.folder import AccountFolder

DAY = "2024-03-05"


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> AccountFolder:
    return AccountFolder.under(tmp_path / "home", "sim")


@pytest.fixture
def session(folder: Path, shared_data: Path, typed: Type) -> None:
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    words = ("paper", "moving_average_crossover", "--symbol", "SPY", "--bar", "1m", "--feed")
    typed(*words, f"replay:{file}", "--day", DAY, "--param", "fast=5", "--param", "slow=20")


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
def test_a_run_that_came_later_is_meant_unless_the_session_is_named(typed: Type) -> None:
    typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "2012-01-03")
    assert "run      hold-" in typed("why", "O1").out
    assert "session  sma-" in typed("why", "O1", "--account", "sim").out
    assert "session  sma-" in typed("why", "SPY", "--at", "10:32", "--day", DAY).out
    assert "run      sma-" in typed("why", "O1", "--run", "last~1").out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("why", "SPY", "--at", "25:00"), 2),
        (("why", "SPY", "--at", "soon"), 2),
        (("why", "SPY", "--at", "2024-03-05T10:00"), 2),
        (("why", "SPY"), 2),
        (("why", "QQQ", "--at", "10:32"), 2),
        (("why", "O99"), 2),
        (("why", "O1", "--day", "2020-01-02"), 4),
        (("why", "O1", "--account", "other"), 4),
    ],
)
@pytest.mark.usefixtures("session")
def test_what_cannot_be_answered_is_refused(typed: Type, words: tuple[str, ...], code: int) -> None:
    said = typed(*words)
    assert said.code == code
    assert "Traceback" not in said.err


def test_a_backtest_of_many_days_wants_to_know_which(folder: Path, typed: Type) -> None:
    typed("backtest", "buy_and_hold", "--symbol", "AAPL", "--from", "2012-01-03")
    said = typed("why", "AAPL", "--at", "10:32")
    assert said.code == 2
    assert "many days" in said.err
    assert "no order" in typed("why", "AAPL", "--at", "2012-03-01").out
