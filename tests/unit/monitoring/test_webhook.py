"""The webhook sends from a thread of its own, and never tells its address."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from papertape.domain.errors import SettingsError
from papertape.monitoring.alerts import Alert
from papertape.monitoring.webhook import Webhook


class Receiver:
    """A loopback address that keeps what it is sent, and answers with a status of choice."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.texts.append(json.loads(body)["text"])
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/secret-canary"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_alerts_arrive_in_order_as_one_text_each_time(receiver: Receiver) -> None:
    hook = Webhook(receiver.address, print)
    hook.send([Alert(0, "a", "s: first"), Alert(0, "b", "s: second")])
    hook.send([Alert(0, "c", "s: third")])
    hook.close()
    assert receiver.texts == [
        "1970-01-01T00:00:00Z s: first\n1970-01-01T00:00:00Z s: second",
        "1970-01-01T00:00:00Z s: third",
    ]


def test_a_refusal_is_complained_of_without_the_address(receiver: Receiver) -> None:
    receiver.status = 403
    complaints: list[str] = []
    hook = Webhook(receiver.address, complaints.append)
    hook.send([Alert(0, "a", "s: first")])
    hook.close()
    assert complaints == ["an alert was answered with status 403"]


@pytest.mark.parametrize("address", ["http://example.test/x", "file:///etc/hosts", "nonsense", ""])
def test_an_address_in_the_clear_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Webhook(address, print)
    assert not address or address not in str(refused.value)
