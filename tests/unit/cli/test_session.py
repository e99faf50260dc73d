"""A paper session by command: begun, killed, stopped, resumed and proved."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Said, Type

from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder

DAY = "2024-03-05"


@pytest.fixture
def words(shared_data: Path) -> list[str]:
    """A crossover on 390 real minutes."""
    file = shared_data / "intraday" / "spy_1min_polygon_20240220_20240418.parquet"
    return [
        *("paper", "moving_average_crossover", "--symbol", "SPY", "--bar", "1m"),
        *("--feed", f"replay:{file}", "--day", DAY, "--param", "fast=5", "--param", "slow=20"),
    ]


@pytest.fixture
def account(folder: Path, tmp_path: Path) -> AccountFolder:
    found = AccountFolder.under(tmp_path / "home", "sim")
    found.prepare()
    return found


def data(said: Said) -> Any:
    return json.loads(said.out)["data"]


def test_a_whole_real_day_is_proved_equal(words: list[str], typed: Type) -> None:
    said = typed(*words, "--json")
    assert said.code == 0
    assert data(said)["closed"] is True
    proof = data(typed("eod", "--json"))
    assert proof["verdict"] == "equal"
    assert (proof["bars_seen"], proof["bars_due"]) == (390, 390)
    assert (proof["differences"], proof["cash_difference_micros"]) == ([], 0)
    assert proof["orders"] == len(data(said)["blotter"]) > 10
    assert proof["broker_equal"]
    status = data(typed("status", "--json"))
    assert (status["state"], status["health"]["bars_seen"]) == ("CLOSED", 390)
    orders = data(typed("blotter", "--day", DAY, "--json"))["orders"]
    assert [each["id"] for each in orders] == [each["id"] for each in data(said)["blotter"]]


@pytest.mark.parametrize("day", ["2024-03-08", "2024-03-11"])
def test_days_on_both_sides_of_a_change_of_the_clocks_are_whole(
    words: list[str], typed: Type, day: str
) -> None:
    words[words.index(DAY)] = day
    typed(*words)
    proof = data(typed("eod", "--json"))
    assert (proof["verdict"], proof["bars_seen"], proof["bars_due"]) == ("equal", 390, 390)
    first = data(typed("blotter", "--json"))["orders"][0]
    assert "09:30:00" <= first["time"] <= "16:00:00"


def test_a_half_day_ends_at_one(folder: Path, typed: Type) -> None:
    """Friday 2024-11-29: made-up minutes, 390 of the Wednesday before and 210 of the half day."""
    rows = ["time,open,high,low,close,volume"]
    for opens, count in (("2024-11-27T09:30", 390), ("2024-11-29T09:30", 210)):
        begin = datetime.fromisoformat(f"{opens}-05:00")
        for minute in range(count):
            price = 600 + 2 * math.sin(minute / 9)
            time = (begin + timedelta(minutes=minute)).isoformat()
            rows.append(
                f"{time},{price:.2f},{price + 0.05:.2f},{price - 0.05:.2f},{price:.2f},9000"
            )
    (folder / "half.csv").write_text("\n".join(rows))
    words = ("paper", "moving_average_crossover", "--symbol", "SPY", "--bar", "1m", "--feed")
    more = ("replay:half.csv", "--day", "2024-11-29", "--param", "fast=3", "--param", "slow=8")
    said = typed(*words, *more, "--adjusted", "raw", "--json")
    assert data(said)["closed"] is True, said.err
    proof = data(typed("eod", "--json"))
    assert proof["differences"] == []
    assert (proof["verdict"], proof["bars_seen"], proof["bars_due"]) == ("equal", 210, 210)
    assert proof["orders"] > 5
    assert max(each["time"] for each in data(said)["blotter"]) <= "2024-11-29T18:00:00Z"


@pytest.mark.soak
def test_a_whole_day_at_sixty_times_its_speed_is_proved_equal(
    words: list[str], typed: Type
) -> None:
    assert data(typed(*words, "--speed", "60x", "--json"))["closed"] is True
    assert data(typed("eod", "--json"))["verdict"] == "equal"


def test_what_paper_paid_is_what_the_bench_pays(words: list[str], typed: Type) -> None:
    paper = data(typed(*words, "--json"))
    file = words[words.index("--feed") + 1].removeprefix("replay:")
    bench = [*("backtest", *words[1:6]), "--data", file, "--from", DAY, "--to", DAY, *words[-4:]]
    found = data(typed(*bench, "--json"))
    assert found["fills"] == paper["fills"]
    assert found["metrics"]["final_equity"] == paper["metrics"]["final_equity"]


def test_a_file_named_kill_blocks_from_the_first_bar_on(
    words: list[str], account: AccountFolder, typed: Type
) -> None:
    account.kill_file.write_text("not today")
    said = typed(*words, "--json")
    assert data(said)["blotter"] == []
    proof = data(typed("eod", "--json"))
    assert proof["verdict"] == "different"
    assert {each["cause"] for each in proof["differences"]} == {"risk veto"}
    assert typed("eod").code == 1


def test_a_kill_outlives_its_day(words: list[str], account: AccountFolder, typed: Type) -> None:
    account.kill_file.write_text("not today")
    typed(*words)
    account.kill_file.unlink()
    assert data(typed(*words, "--json"))["blotter"] == []
    assert "the session before" in typed("log", "--grep", "HALTED").out


def test_a_session_stopped_at_once_is_resumed_and_ends_its_day(
    words: list[str], account: AccountFolder, typed: Type
) -> None:
    CommandBox(account.commands, account.kill_file).put("stop --now", at=1, by="ann")
    first = data(typed(*words, "--json"))
    assert first["closed"] is False
    again = data(typed("resume", "--json"))
    assert again["closed"] is True
    proof = data(typed("eod", "--json"))
    assert (proof["verdict"], proof["restarts"], proof["bars_seen"]) == ("equal", 1, 390)
    assert typed("resume").code == 2


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def started(folder: Path, words: list[str], tmp_path: Path) -> Start:
    """A session in a process of its own, a whole day in half a minute, past its first bars."""

    def start(*more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "papertape", *words, "--speed", "800x", *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        status = AccountFolder.under(tmp_path / "home", "sim").status
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            if status.exists() and json.loads(status.read_bytes())["health"]["bars_seen"] > 20:
                return process
            time.sleep(0.02)
        raise AssertionError(process.communicate())

    return start


def test_a_session_killed_by_the_system_goes_on_as_if_nothing_had_been(
    started: Start, typed: Type
) -> None:
    process = started()
    process.kill()
    process.communicate()
    assert data(typed("resume", "--speed", "max", "--json"))["closed"] is True
    proof = data(typed("eod", "--json"))
    assert (proof["verdict"], proof["restarts"], proof["bars_seen"]) == ("equal", 1, 390)


def test_a_kill_by_signal_is_latched_over_a_kill_by_the_system(
    started: Start, account: AccountFolder, typed: Type
) -> None:
    process = started()
    process.send_signal(signal.SIGUSR1)
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if json.loads(account.status.read_bytes())["state"] == "HALTED":
            break
        time.sleep(0.01)
    process.kill()
    process.communicate()
    before = len(data(typed("blotter", "--json"))["orders"])
    typed("resume", "--speed", "max")
    after = data(typed("blotter", "--json"))["orders"]
    assert len(after) == before


def test_a_second_session_on_the_account_is_turned_away(
    started: Start, words: list[str], typed: Type
) -> None:
    process = started()
    assert typed(*words).code == 8
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "papertape resume" in out
