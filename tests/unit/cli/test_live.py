"""Live sessions by command, on emulators of their providers, through what feeds do."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.emulators.faults import Fault
from tests.emulators.market import CALENDAR, Market
from tests.fakes import SharedTime
from tests.live_days import CROSSOVER, EMULATORS, KEYS, LiveDay, settings

from papertape.domain.clock import MINUTE, SECOND
from papertape.domain.day import BarAmended, DayOpened, MomentDecided
from papertape.domain.money import micros
from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder

DAY = date(2024, 7, 3)
"""It closes at 13:00."""
CLOSES = CALENDAR.session(DAY).close
MINUTES = 16
BEGUN = CLOSES - MINUTES * MINUTE + 10 * SECOND


@pytest.fixture
def name() -> str:
    return "alpaca"


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def live(
    name: str,
    market: Market,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[LiveDay]:
    for variable, key in KEYS.items():
        monkeypatch.setenv(variable, key)
    time = SharedTime(BEGUN)
    with EMULATORS[name](market, time) as emulator:
        (folder / "papertape.toml").write_text(settings(name, emulator.url))
        yield LiveDay(emulator, time, tmp_path / "home", capsys)


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("alpaca", "live"),
        ("alpaca", "live:poll"),
        ("massive", "live"),
        ("tiingo", "live"),
        ("tiingo", "live:poll"),
    ],
)
def test_a_live_day_is_traded_to_its_close_and_proved(live: LiveDay, feed: str) -> None:
    page = live.traded(feed)
    assert (page["verdict"], page["differences"], page["cash_difference_micros"]) == (
        "equal",
        [],
        0,
    )
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    assert (page["closed"], page["outages"], page["day"]) == (True, [], "2024-07-03")
    assert page["orders"] >= 2


def minute(number: int) -> int:
    """A few seconds into one of the session's minutes, when the one before is being asked for."""
    return CLOSES - (MINUTES - number) * MINUTE + 20 * SECOND


@pytest.mark.parametrize(
    ("name", "fault", "says"),
    [
        ("alpaca", Fault.DROP, "closed"),
        ("massive", Fault.CLEAN_CLOSE, "closed"),
        ("alpaca", Fault.NONSENSE, "frame"),
        ("massive", Fault.MUTE, "silent"),
        ("tiingo", Fault.DROP, "closed"),
    ],
)
def test_a_stream_that_breaks_is_told_of_and_costs_no_bar(
    live: LiveDay, fault: Fault, says: str
) -> None:
    live.at(minute(5), fault)
    live.over(minute(11), fault)
    page = live.traded()
    assert (page["verdict"], page["differences"]) == ("equal", [])
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    assert {each["part"] for each in page["outages"]} == {"stream"}
    assert all(says in each["reason"] for each in page["outages"])
    assert all(each["to"] for each in page["outages"])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("alpaca", Fault.REPEATED_MESSAGES),
        ("massive", Fault.LOST_MESSAGES),
        ("alpaca", Fault.SHUFFLED),
        ("tiingo", Fault.DUPLICATES),
    ],
)
def test_bars_that_come_twice_late_or_out_of_order_are_decided_on_once(
    live: LiveDay, fault: Fault
) -> None:
    live.at(minute(2), fault)
    page = live.traded()
    assert (page["verdict"], page["differences"]) == ("equal", [])
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    decided = [line.moment for line in live.lines if isinstance(line, MomentDecided)]
    assert len(decided) == len(set(decided))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("alpaca", Fault.LIMIT_SECONDS),
        ("tiingo", Fault.LIMIT_DATE),
        ("massive", Fault.SERVER_ERROR),
        ("alpaca", Fault.GATEWAY),
    ],
)
def test_a_refusal_that_passes_is_waited_out(live: LiveDay, fault: Fault) -> None:
    live.at(minute(5), fault, times=2)
    page = live.traded("live:poll")
    assert (page["verdict"], page["bars_seen"], page["outages"]) == ("equal", MINUTES, [])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("alpaca", Fault.SERVER_ERROR),
        ("alpaca", Fault.LIMIT_BARE),
        ("tiingo", Fault.KEY_REFUSED),
    ],
)
def test_a_provider_that_is_gone_is_an_outage_and_what_it_missed_is_history(
    live: LiveDay, fault: Fault
) -> None:
    live.at(minute(5), fault)
    live.over(minute(11), fault)
    page = live.traded("live:poll")
    lost = [each for each in page["outages"] if each["part"] == "data"]
    assert len(lost) == 1
    assert lost[0]["to"] > lost[0]["since"]
    assert lost[0]["missed"] >= 5
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    assert page["cash_difference_micros"] == 0 or page["differences"]
    assert {each["cause"] for each in page["differences"]} <= {"late data", "risk veto"}


@pytest.mark.parametrize(
    ("feed", "fault"), [("live", Fault.KEY_REFUSED), ("live:poll", Fault.PLAN_REFUSED)]
)
def test_a_refused_key_starts_nothing(live: LiveDay, feed: str, fault: Fault) -> None:
    live.emulator.switches.on(fault)
    code, data = live.typed("paper", *CROSSOVER, "--feed", feed)
    assert (code, data) == (3, {})
    assert "ALPACA_API_KEY" in live.err or "plan" in live.err
    assert live.typed("eod")[0] == 4  # there is no session


def test_a_stream_that_lets_nobody_in_ends_the_session_with_its_reason(
    live: LiveDay, folder: Path
) -> None:
    """The key is good for questions and not for the stream, which is asked for after the start."""
    with EMULATORS["alpaca"](Market(), live.time) as stream:
        stream.switches.on(Fault.PLAN_REFUSED)
        (folder / "papertape.toml").write_text(
            settings("alpaca", live.emulator.url).replace(live.emulator.ws_url, stream.ws_url)
        )
        code, _ = live.typed("paper", *CROSSOVER, "--feed", "live")
    assert code == 3
    assert "plan" in live.err
    page = live.typed("eod")[1]
    assert (page["orders"], page["closed"]) == (0, False)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HTML])
def test_a_provider_that_is_gone_at_the_start_leaves_a_session_without_data_halted(
    live: LiveDay, fault: Fault
) -> None:
    """It begins all the same, and trades once it was given its history (fault-F38)."""
    live.emulator.switches.on(fault)
    live.over(minute(6), fault)
    states = []
    live.time.at(minute(5), lambda: states.append(live.status["state"]))
    page = live.traded()
    assert states == ["HALTED"]
    (lost,) = (each for each in page["outages"] if each["part"] == "data")
    assert lost["missed"] >= 21  # the history that strategy and measures want
    assert (page["closed"], page["verdict"]) == (True, "equal")
    assert page["orders"] > 0
    assert page["bars_seen"] == MINUTES


@pytest.mark.parametrize("market", [Market(corrected_after=90 * SECOND)])
def test_a_bar_that_changes_after_its_decision_is_told_and_not_decided_on_again(
    live: LiveDay,
) -> None:
    page = live.traded()
    assert page["late_bars"] > 0
    lines = live.lines
    changed = {line.bar.end for line in lines if isinstance(line, BarAmended)}
    decided = [line.moment for line in lines if isinstance(line, MomentDecided)]
    assert changed <= set(decided)
    assert len(decided) == len(set(decided))
    assert {each["cause"] for each in page["differences"]} <= {"different bar"}
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)


def test_a_machine_that_slept_is_a_lost_feed(live: LiveDay) -> None:
    """What was missed is fetched and compared with the broker before it trades (fault-F41)."""
    live.time.at(minute(8), lambda: live.time.skip(6 * MINUTE))
    page = live.traded()
    (lost,) = page["outages"]
    assert "slept" in lost["reason"]
    assert lost["missed"] >= 3
    assert (page["bars_seen"], page["bars_due"], page["closed"]) == (MINUTES, MINUTES, True)
    assert {each["cause"] for each in page["differences"]} <= {"late data"}


def test_a_live_day_is_kept_like_any_other_run(live: LiveDay) -> None:
    page = live.traded()
    kept = live.typed("runs", "list")[1]["runs"]
    assert [(each["run"], each["by"]) for each in kept] == [(page["run"], "paper")]
    shown = live.typed("runs", "show", page["run"])[1]
    assert len(shown["orders"]) == page["orders"]
    assert len(shown["fills"]) == page["fills"]
    assert shown["metrics"]["final_equity"] == pytest.approx(100_000 + page["cash_change"])
    assert shown["ground"]["bars"] >= MINUTES
    assert live.typed("why", shown["orders"][0]["id"])[0] == 0
    again = live.typed("compare", page["run"], page["run"])
    assert again[0] == 0


def test_a_stopped_live_day_goes_on_and_what_it_missed_is_history(live: LiveDay) -> None:
    account = AccountFolder.under(live.home, "sim")
    box = CommandBox(account.commands, account.kill_file)
    live.time.at(minute(8), lambda: box.put("stop --now", at=live.time.now(), by="ann"))
    page = live.traded()
    assert page["closed"] is False
    live.time.skip(5 * MINUTE)
    code, page = live.typed("resume")
    assert code == 0, live.err
    assert (page["closed"], page["restarts"]) == (True, 1)
    assert (page["bars_seen"], page["bars_due"]) == (MINUTES, MINUTES)
    assert {each["cause"] for each in page["differences"]} <= {"restart", "risk veto"}
    assert page["broker_equal"]
    assert len(live.typed("runs", "list")[1]["runs"]) == 2


def test_a_live_account_goes_on_from_its_last_day_and_each_day_has_its_own_figures(
    live: LiveDay,
) -> None:
    words = ("paper", "buy_and_hold", "--symbol", "ACME", "--profile", "paper", "--size")
    words = (*words, "percent:9", "--feed", "live")
    code, first = live.typed(*words)
    assert code == 0, live.err
    held = first["positions"]["ACME"]
    assert held > 0
    live.time.wait_until(CALENDAR.session(date(2024, 7, 5)).close - 8 * MINUTE)
    code, second = live.typed(*words)
    assert (code, second["verdict"]) == (0, "equal"), live.err
    one, two = (live.typed("runs", "show", each["run"])[1] for each in (first, second))
    assert second["positions"]["ACME"] >= held
    # The account goes on, and so does the highest equity that it ever had (risk-R22).
    opened = live.lines[0]
    assert isinstance(opened, DayOpened)
    assert opened.peak == micros(first["peak"]) >= micros(first["equity"])
    assert opened.cash == micros(first["cash"])
    # The second day begins where the first one ended, to the cent, and the shares are in it.
    assert two["ground"]["capital"] == pytest.approx(one["metrics"]["final_equity"], abs=0.01)
    last = Market().regular_minutes("ACME", date(2024, 7, 5))[-1].close
    worth = second["cash"] + second["positions"]["ACME"] * last
    assert two["metrics"]["final_equity"] == pytest.approx(worth, abs=0.01)


def test_the_limits_of_a_paper_account_have_a_size_that_fits_them(live: LiveDay) -> None:
    words = ("paper", "buy_and_hold", "--symbol", "ACME", "--feed", "live", "--profile", "paper")
    code, page = live.typed(*words)
    assert code == 0, live.err
    assert (page["refused"], page["fills"] > 0) == ({}, True)
    live.time.wait_until(CALENDAR.session(date(2024, 7, 5)).close - 4 * MINUTE)
    code, page = live.typed(*words, "--size", "percent:95", "--account", "other")
    assert "full orders are refused   -> --size percent:9" in live.err
    assert set(page["refused"]) == {"R5"}


def test_a_network_that_never_comes_leaves_a_day_without_data_and_no_crash(
    live: LiveDay, folder: Path
) -> None:
    nobody = settings("alpaca", "http://127.0.0.1:9")
    (folder / "papertape.toml").write_text(nobody)
    page = live.traded()
    assert (page["closed"], page["orders"], page["bars_seen"]) == (True, 0, 0)
    (lost,) = page["outages"]
    assert (lost["to"], "cannot be reached" in lost["reason"] or "failed" in lost["reason"]) == (
        None,
        True,
    )
    assert page["restraints"] == ["feed"]
    assert "run" not in page


@pytest.mark.soak
def test_a_day_is_traded_by_hand_in_real_time_sixty_times_as_fast() -> None:
    words = ("paper", "buy_and_hold", "--symbol", "ACME", "--feed", "live")
    told = ("alpaca", "--begin", "12:52", "--fault", "12:57=DROP:1")
    done = subprocess.run(
        [sys.executable, "-m", "tests.emulators", *told, "--", *words],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "verdict EQUAL" in done.stdout
    assert re.search(r"bars seen (\d)/\1,", done.stdout)
    assert "stream: it was closed" in done.stdout
