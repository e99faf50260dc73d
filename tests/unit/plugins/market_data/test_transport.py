"""The way out to a provider: what is retried, what ends at once, and what nobody may ever see."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.emulators.faults import Fault
from tests.emulators.market import Market
from tests.emulators.server import KEY, OTHER_HOST, Emulator
from tests.fakes import SkippingTime

from papertape.domain.clock import MINUTE, SECOND, utc
from papertape.domain.errors import NotFound, PapertapeError, ProviderError, SettingsError
from papertape.plugins.market_data.budget import Budget
from papertape.plugins.market_data.keys import Key, KeyHeader, MaskedLog, masked
from papertape.plugins.market_data.source import Limits
from papertape.plugins.market_data.transport import (
    Access,
    Answer,
    Patience,
    Timing,
    Transport,
    _asked_pause,
)

NOON = 1_720_022_400 * SECOND  # 2024-07-03T16:00Z, noon in New York


class Plain(Emulator):
    """Says yes to everything, and how often it was asked."""

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/missing", self._missing),
            web.get("/{path:.*}", self._yes),
            web.post("/{path:.*}", self._yes),
        ]

    def admits(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Token {KEY}"

    async def _yes(self, request: web.Request) -> web.Response:
        return web.json_response({"asked": len(self.seen)})

    async def _missing(self, request: web.Request) -> web.Response:
        return web.json_response({"detail": "Not found."}, status=404)


@pytest.fixture
def time() -> SkippingTime:
    return SkippingTime(NOON)


@pytest.fixture
def server(time: SkippingTime) -> Iterator[Plain]:
    with Plain(Market(), time) as emulator:
        yield emulator


Open = Callable[..., Transport]


@pytest.fixture
def way(server: Plain, time: SkippingTime, tmp_path: Path) -> Open:
    def made(key: str = KEY, chance: float = 0.5, timeout: float = 5.0, **access: Any) -> Transport:
        return Transport(
            Access(
                "plain",
                server.url,
                (KeyHeader("Authorization", Key(key), "Token"),),
                quota_words=("run over your",),
                **access,
            ),
            Budget(tmp_path / "state" / "budget.sqlite"),
            Patience(timeout=timeout, size_cap=1_000_000),
            Timing(time, time.sleep, lambda: chance),
        )

    return made


def get(way: Transport, path: str = "/x", **parameters: str) -> Answer:
    async def asked() -> Answer:
        async with way.open() as web:
            return await web.get(path, parameters)

    return asyncio.run(asked())


def post(way: Transport) -> Answer:
    async def sent() -> Answer:
        async with way.open() as web:
            return await web.post("/orders", {"quantity": 1})

    return asyncio.run(sent())


PASSING = [
    Fault.LIMIT_SECONDS,
    Fault.LIMIT_DATE,
    Fault.LIMIT_BARE,
    Fault.QUOTA_TEXT,
    Fault.SERVER_ERROR,
    Fault.GATEWAY,
    Fault.CUT_BODY,
    Fault.CUT_JSON,
    Fault.HTML,
    Fault.STALLED_BODY,
]


def brief(fault: Fault) -> float:
    """Seconds for one answer: few where there will never be a whole one."""
    return 0.3 if fault is Fault.STALLED_BODY else 5.0


@pytest.mark.parametrize("fault", PASSING)
def test_a_failure_that_passes_is_waited_out(fault: Fault, server: Plain, way: Open) -> None:
    server.switches.on(fault, times=2)
    assert get(way(timeout=brief(fault))).value == {"asked": 3}


@pytest.mark.parametrize("fault", PASSING)
def test_a_failure_that_stays_ends_as_one_clear_error(
    fault: Fault, server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(fault)
    with pytest.raises(ProviderError, match=r"^plain: ") as caught:
        get(way(timeout=brief(fault)))
    assert len(server.seen) == 5
    assert len(time.slept) == 4
    assert caught.value.exit_code == 6
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault.KEY_REFUSED, SettingsError, "forbidden"),
        (Fault.PLAN_REFUSED, SettingsError, "subscription does not permit"),
        (Fault.REDIRECT, ProviderError, "redirects are not followed"),
        (Fault.HUGE, ProviderError, "larger than 1,000,000 bytes"),
    ],
)
def test_a_failure_that_cannot_pass_is_told_at_once(
    fault: Fault, kind: type[PapertapeError], words: str, server: Plain, way: Open
) -> None:
    server.switches.on(fault)
    with pytest.raises(kind, match=words):
        get(way())
    assert len(server.seen) == 1


def test_what_is_not_there_is_not_a_failure_of_the_provider(way: Open) -> None:
    with pytest.raises(NotFound, match=re.escape("status 404, 'Not found.'")):
        get(way(), "/missing")


@pytest.mark.parametrize(
    ("fault", "pause"), [(Fault.LIMIT_SECONDS, 7.25), (Fault.LIMIT_DATE, 20.25)]
)
def test_the_pause_that_was_asked_for_is_kept(
    fault: Fault, pause: float, server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(fault, times=1)
    get(way())
    assert time.slept == [pause]  # half of the first wait of 0.5 s is chance


def test_a_pause_longer_than_anyone_waits_is_told_with_its_end(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(Fault.LIMIT_LONG, times=1)
    for _ in range(2):
        with pytest.raises(ProviderError, match="it answers again after 2024-07-03T18:00:00Z"):
            get(way())
    assert (len(server.seen), time.slept) == (1, [])
    time.wait_until(NOON + 120 * MINUTE)
    get(way())


def test_the_moment_at_which_a_limit_is_reset_is_waited_for() -> None:
    reset = {"x-ratelimit-reset": str(NOON // SECOND + 12)}
    assert _asked_pause(reset, NOON) == 12
    assert _asked_pause({"retry-after": "Wed, 03 Jul 2024 16:00:30 GMT"}, NOON) == 30
    assert _asked_pause({"retry-after": "Wed, 03 Jul 2024 15:00:30 GMT"}, NOON) == 0
    assert _asked_pause({"retry-after": "soon"}, NOON) is None


def test_all_pauses_together_end_at_the_deadline(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(Fault.LIMIT_DATE)
    patient = replace(way(), patience=Patience(attempts=100, deadline=65))
    with pytest.raises(ProviderError):
        get(patient)
    assert len(time.slept) == 3  # some 20 s each; a fourth would end after the deadline


def test_nobody_at_the_other_end_is_an_error_of_the_provider(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    transport = way()
    server.__exit__()
    with pytest.raises(ProviderError, match="the connection failed"):
        get(transport)
    server.__enter__()


def test_a_pause_without_a_number_is_a_random_part_of_a_span_that_doubles(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(Fault.GATEWAY, times=4)
    get(way(chance=0.5))
    assert time.slept == [0.25, 0.5, 1.0, 2.0]


def test_an_hourly_plan_that_is_used_up_says_when_it_answers_again(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    server.switches.on(Fault.QUOTA_TEXT, times=1)
    hourly = way(limits=Limits(per_hour=50))
    with pytest.raises(ProviderError, match="2024-07-03T17:00:00Z"):
        get(hourly)
    with pytest.raises(ProviderError, match="it asked for a pause"):
        get(hourly)
    assert len(server.seen) == 1  # a plan known to be used up is not asked again
    time.wait_until(NOON + 60 * MINUTE)
    assert get(hourly).value == {"asked": 2}


def test_the_budget_survives_a_restart(server: Plain, way: Open, time: SkippingTime) -> None:
    for _ in range(3):
        get(way(limits=Limits(per_hour=3)))
    with pytest.raises(ProviderError, match="the 3 calls of this hour are made"):
        get(way(limits=Limits(per_hour=3)))
    assert len(server.seen) == 3


def test_the_budget_of_a_day_ends_at_midnight_in_new_york(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    get(way(limits=Limits(per_day=1)))
    with pytest.raises(ProviderError, match="2024-07-04T04:00:00Z"):
        get(way(limits=Limits(per_day=1)))
    time.wait_until(NOON + 12 * 60 * MINUTE)
    assert get(way(limits=Limits(per_day=1))).value == {"asked": 2}


def test_a_full_minute_is_waited_for_and_no_more_calls_go_out(
    server: Plain, way: Open, time: SkippingTime
) -> None:
    for _ in range(7):
        get(way(limits=Limits(per_minute=3)))
    assert time.slept == [60.0, 60.0]
    assert len(server.seen) == 7


def test_a_clock_set_back_does_not_lock_the_plan(way: Open, time: SkippingTime) -> None:
    get(way(limits=Limits(per_hour=1)))
    time._now -= 400 * 24 * 60 * MINUTE
    get(way(limits=Limits(per_hour=1)))


@pytest.mark.parametrize("fault", [Fault.GATEWAY, Fault.CUT_BODY, Fault.LIMIT_SECONDS])
def test_a_post_is_never_sent_twice(fault: Fault, server: Plain, way: Open) -> None:
    server.switches.on(fault, times=1)
    with pytest.raises(ProviderError, match="whether the request was carried out is not known"):
        post(way())
    assert len(server.seen) == 1


def test_keys_travel_in_headers_and_a_foreign_host_never_sees_them(
    server: Plain, way: Open
) -> None:
    get(way(), f"{OTHER_HOST}/v2/next?cursor=abc&apiKey=leak&token=leak", limit="5")
    (seen,) = server.seen
    assert (seen.path, seen.query) == ("/v2/next", {"cursor": "abc", "limit": "5"})
    assert seen.headers["Authorization"] == f"Token {KEY}"


def test_the_clock_of_the_provider_is_measured(server: Plain, way: Open) -> None:
    assert abs(get(way()).skew_seconds or 0.0) <= 1
    server.switches.on(Fault.SKEW)
    assert 3_599 <= (get(way()).skew_seconds or 0.0) <= 3_601


@pytest.mark.parametrize(
    "address",
    [
        "https://cloud.iexapis.com",
        "https://api.iex.cloud",
        "https://www.iexcloud.io",
        "https://api.iextrading.com",
        "https://CLOUD.IEXAPIS.COM.",
        "http://api.tiingo.com",
        "https://user:pass@api.tiingo.com",
        "ftp://127.0.0.1",
        "nonsense",
    ],
)
def test_an_address_that_no_key_may_reach_is_refused(address: str) -> None:
    with pytest.raises(SettingsError):
        Access("plain", address)


def test_a_test_key_never_leaves_this_machine() -> None:
    with pytest.raises(SettingsError, match="this key is a test's"):
        Access("plain", "https://api.tiingo.com", (KeyHeader("Authorization", Key(KEY)),))


@pytest.mark.parametrize("text", ["", "  ", "two words", "line\nbreak", "кey"])
def test_what_cannot_be_a_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        Key(text)


CANARY = "papertape-test-canary-8d41f0"


def test_a_canary_key_appears_nowhere(
    server: Plain, way: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    transport = way(CANARY, limits=Limits(per_hour=40))
    told = [repr(transport), str(transport.access), repr(transport.access.headers)]
    for fault in (None, Fault.GATEWAY, Fault.CUT_BODY, Fault.HTML, Fault.KEY_REFUSED, Fault.HUGE):
        if fault:
            server.switches.on(fault, times=5)
        try:
            get(transport)
        except PapertapeError as error:
            whole = traceback.TracebackException.from_exception(error, capture_locals=True)
            assert whole.__context__ is None
            told += [str(frame.locals) for frame in whole.stack if frame.filename != __file__]
            told += [*traceback.format_exception(error), error.message, error.hint, repr(error)]
    told += [record.getMessage() + repr(record.args) for record in caplog.records]
    assert any("HTTP Request" in line for line in told)
    assert [line for line in told if CANARY in line] == []
    assert f"Token {CANARY}" in server.seen[0].headers.values()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or CANARY.encode() not in file.read_bytes()


def test_a_key_is_neither_written_as_json_nor_pickled() -> None:
    for write in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            write(Key(CANARY))  # type: ignore[operator]


def test_what_a_library_logs_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    MaskedLog("papertape.stream", [Key(CANARY)]).debug("> TEXT %r", {"key": CANARY})
    assert caplog.messages == ["> TEXT {'key': '****'}"]
    assert masked("GET /x?apiKey=abc&b=1", []) == "GET /x?apiKey=****&b=1"


def test_the_budget_file_is_the_users_own(way: Open, tmp_path: Path) -> None:
    get(way())
    file = tmp_path / "state" / "budget.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_damaged_budget_file_is_named(way: Open, tmp_path: Path) -> None:
    file = tmp_path / "state" / "budget.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"no database, but long enough to look like a page" * 100)
    with pytest.raises(SettingsError, match=re.escape(str(file))):
        get(way())


def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "budget.sqlite")
    other = Budget(tmp_path / "budget.sqlite")
    limits = Limits(per_hour=10)
    for n in range(5):
        assert budget.take("a", "plain", limits, NOON + n) == 0
        assert other.take("a", "plain", limits, NOON + n) == 0
    with pytest.raises(ProviderError):
        other.take("a", "plain", limits, NOON + 9)
    with sqlite3.connect(tmp_path / "budget.sqlite") as file:
        assert file.execute("SELECT count(*) FROM call").fetchone() == (10,)
    file.close()


def test_limits_are_numbers_and_words() -> None:
    limits = Limits(per_minute=200, connections=1, note="history from 2016")
    assert str(limits) == "200 calls a minute; 1 stream at once; history from 2016"
    assert str(Limits()) == "none"
    assert utc(NOON).hour == 16
