"""Metrics and health on loopback, read by the client library's own parser."""

import http.client
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.monitoring.published import KILLED, NOW, a_status

from papertape.domain.clock import SECOND
from papertape.monitoring.exposition import Exposition, metrics
from papertape.monitoring.status import Status

Figures = dict[tuple[str, str], float]


def read(text: str) -> Figures:
    families = text_string_to_metric_families(text)
    return {
        (each.name, each.labels.get("state", each.labels.get("rule", ""))): each.value
        for family in families
        for each in family.samples
    }


def test_every_figure_of_the_status_is_a_metric() -> None:
    found = read(metrics(a_status(), NOW).decode())
    assert found["papertape_up", ""] == 1
    assert found["papertape_equity_dollars", ""] == 100_412.10
    assert found["papertape_market_age_seconds", ""] == 0.5
    assert found["papertape_state", "ACTIVE"] == 1
    assert found["papertape_state", "HALTED"] == 0
    assert found["papertape_limit_used_ratio", "R8"] == 0.998


def test_a_session_that_is_silent_is_not_up() -> None:
    assert read(metrics(a_status(), NOW + 4 * SECOND).decode())["papertape_up", ""] == 0


class Desk:
    def __init__(self) -> None:
        self.status: Status = a_status()
        self.door = Exposition(lambda: self.status, lambda: NOW)

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
        asked = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=5)
        asked.putrequest("GET", path, skip_host=True)
        asked.putheader("Host", f"{host}:{self.door.port}")
        asked.endheaders()
        answer = asked.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def desk() -> Iterator[Desk]:
    found = Desk()
    yield found
    found.door.close()


def test_health_is_a_status_code_with_its_reason(desk: Desk) -> None:
    assert desk.get("/healthz") == (200, "ok\n")
    desk.status = a_status(state="HALTED", why="odd fills", restraints=[KILLED])
    assert desk.get("/healthz") == (503, "HALTED: odd fills\n")


def test_metrics_are_served_and_nothing_else_is(desk: Desk) -> None:
    code, text = desk.get("/metrics")
    assert code == 200
    assert "papertape_orders" in text
    assert desk.get("/")[0] == 404


def test_a_strangers_name_for_this_machine_is_refused(desk: Desk) -> None:
    assert desk.get("/metrics", host="evil.test")[0] == 400
