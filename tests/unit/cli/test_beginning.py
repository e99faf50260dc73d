"""`papertape init` begins a project and overwrites nothing; `papertape doctor` tells facts."""

from __future__ import annotations

import json
import socket
import tomllib
from pathlib import Path

import pytest
from tests.unit.cli import madeup
from tests.unit.cli.madeup import ASKED, FAULTS
from tests.unit.monitoring.published import KILLED, NOW, a_status

from papertape.cli.init import keys_page
from papertape.cli.session_checks import METRICS_PORT
from papertape.cli.settings import Settings, read_settings
from papertape.domain.clock import SECOND
from papertape.monitoring.status import publish
from papertape.session.folder import AccountFolder

KEY = "papertape-test-0123456789"
SECRETS = ("TIINGO", "ALPACA", "APCA", "MASSIVE", "POLYGON", "IEX", "MADEUP")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        for kind in ("API_KEY", "API_SECRET", "API_KEY_ID", "API_SECRET_KEY"):
            monkeypatch.delenv(f"{name}_{kind}", raising=False)


def test_a_project_is_begun_and_never_overwritten(typed, folder: Path) -> None:
    said = typed("init", "mine")
    assert said.code == 0, said.err
    place = folder / "mine"
    names = {".env.example", ".gitignore", "papertape.toml", "strategies"}
    assert {each.name for each in place.iterdir()} == names
    (place / "papertape.toml").write_text("precious")
    answer = json.loads(typed("init", "mine", "--json").out)
    assert answer["schema"] == "papertape.init/1"
    assert answer["data"]["written"] == []
    assert (place / "papertape.toml").read_text() == "precious"
    assert ".env" in (place / ".gitignore").read_text().splitlines()


def test_the_settings_as_written_change_nothing_and_with_the_signs_away_are_valid(
    typed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("init")
    assert read_settings() == Settings()
    file = folder / "papertape.toml"
    lines = [line.removeprefix("# ") for line in file.read_text().splitlines()]
    file.write_text("\n".join(line for line in lines if "=" in line or line.startswith("[")))
    found = read_settings()
    assert set(tomllib.loads(file.read_text())) == {"data", "providers"}
    assert (found.provider, found.bar) == ("tiingo", "1d")
    assert found.providers == {"alpaca": {"feed": "iex"}}
    monkeypatch.setenv("PAPERTAPE_DATA__BAR", "5m")
    assert read_settings().bar == "5m"


def test_the_example_of_keys_in_the_repository_is_the_one_that_is_written(project: Path) -> None:
    page = (project / ".env.example").read_text()
    assert page == keys_page()
    values = [line.split("=")[1] for line in page.splitlines() if "=" in line]
    assert len(values) >= 4
    assert set(values) == {""}


def test_a_folder_that_cannot_be_made_is_a_setting(typed, folder: Path) -> None:
    (folder / "file").write_text("")
    assert typed("init", "file/below").code == 3


def checks(said) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for check in json.loads(said.out)["data"]["checks"]:
        found.setdefault(check["name"], []).append((check["verdict"], check["found"]))
    return found


def test_a_machine_in_order_has_no_fail(typed) -> None:
    said = typed("doctor", "--json")
    assert said.code == 0, said.out
    found = checks(said)
    names = {"python", "packages", "home", "disk", "time zones", "calendar", "settings", "key"}
    assert names | {"store", "clock", "port", "account"} == set(found)
    assert found["store"] == [("ok", "0 series, 0 bars, all as they were written")]


def test_keys_are_found_and_shown_by_their_ends_only(typed, folder: Path, monkeypatch) -> None:
    file = folder / ".env"
    file.write_text("# mine\n\nTIINGO_API_KEY=PK0123456789abcdef3F\nALPACA_API_KEY=half\n")
    file.chmod(0o600)
    monkeypatch.setenv("POLYGON_API_KEY", "short")
    monkeypatch.setenv("TIINGO_API_KEY", "")  # an empty word is none
    said = typed("doctor")
    assert "TIINGO_API_KEY PK...3F (from .env, line 3)" in said.out
    assert "half" not in said.out
    assert "0123456789" not in said.out + said.err
    assert "short" not in said.out
    file.chmod(0o644)
    said = typed("doctor")
    assert said.code == 1
    assert "-> chmod 600 .env" in said.out


def test_a_wrong_setting_an_old_calendar_and_a_damaged_series_fail(typed, folder: Path) -> None:
    (folder / "a.csv").write_text("date,open,high,low,close,volume\n2024-01-02,10,11,9,10,1\n")
    typed("data", "import", "a.csv", "--symbol", "X", "--adjusted", "raw")
    (folder / "papertape.toml").write_text("[date]\n")
    part = next((folder.parent / "home" / "data" / "X-1d").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-50])
    said = typed("doctor", "--json", now=3_000_000_000 * 1_000_000_000)
    assert said.code == 1
    found = checks(said)
    for name in ("settings", "calendar", "store"):
        assert found[name][0][0] == "FAIL", name
    assert "did you mean data?" in found["settings"][0][1]


def test_a_home_that_cannot_be_used_fails(typed, folder: Path) -> None:
    (folder / "file").write_text("")
    said = typed("doctor", "--home", str(folder / "file" / "below"))
    assert said.code == 1


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    madeup.install(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("MADEUP_API_KEY", KEY)
    ASKED.clear()
    FAULTS.clear()


@pytest.mark.usefixtures("provider")
def test_a_provider_is_asked_for_facts_and_its_key_is_told_to_nobody(typed) -> None:
    said = typed("doctor", "--provider", "madeup", "--json")
    assert said.code == 0, said.out
    told = [found for _, found in checks(said)["madeup"]]
    assert told[0] == "MADEUP_API_KEY pa...89 (from the environment)"
    assert any("1d bars: 5 of SPY" in each for each in told), told
    assert KEY not in said.out + said.err


@pytest.mark.usefixtures("provider")
def test_a_provider_that_refuses_or_is_unknown_fails(typed, monkeypatch) -> None:
    monkeypatch.setenv("MADEUP_API_KEY", "papertape-test-wrong")
    said = typed("doctor", "--provider", "madeup")
    assert said.code == 1
    assert "madeup refuses the key" in said.out
    assert typed("doctor", "--provider", "nobody").code == 1


@pytest.fixture
def account(folder: Path) -> AccountFolder:
    found = AccountFolder.under(folder.parent / "home", "sim")
    found.prepare()
    return found


@pytest.mark.parametrize(
    ("changed", "age", "verdict", "words"),
    [
        ({}, 1, "ok", "runs and is ACTIVE"),
        ({}, 4, "warn", "did not end in order; it was ACTIVE"),
        ({"state": "CLOSED"}, 400, "ok", "ended its day in order"),
        ({"state": "CLOSED", "restraints": [KILLED]}, 400, "warn", "killed by ann: odd fills"),
    ],
)
def test_the_doctor_tells_how_the_last_session_ended(
    account: AccountFolder, typed, changed, age, verdict, words
) -> None:
    publish(a_status(**changed), account.status)
    said = typed("doctor", "--json", now=NOW + age * SECOND)
    [(found, told)] = checks(said)["session"]
    assert found == verdict
    assert words in told
    assert checks(said)["account"] == [("ok", "sim is paper, simulated: no live endpoint exists")]


def test_the_doctor_sees_open_folders_and_pressed_kills(account: AccountFolder, typed) -> None:
    account.kill_file.write_text("smoke")
    assert checks(typed("doctor", "--json"))["account"][0][0] == "warn"
    account.path.chmod(0o755)
    said = typed("doctor", "--json")
    assert said.code == 1
    assert checks(said)["account"] == [("FAIL", "sim is open to others")]


def test_the_doctor_sees_a_port_that_is_taken(typed) -> None:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", METRICS_PORT))
        except OSError:
            pytest.skip("somebody else has the port already")
        other.listen()
        assert checks(typed("doctor", "--json"))["port"][0][0] == "warn"


def test_a_home_that_an_account_makes_is_its_owners_alone(account: AccountFolder, typed) -> None:
    assert checks(typed("doctor", "--json"))["home"][0][0] == "ok"


def test_a_clock_of_the_past_fails(typed) -> None:
    assert checks(typed("doctor", "--json", now=SECOND))["clock"][0][0] == "FAIL"
