"""Exposition: a session's status as Prometheus metrics and a health check, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from papertape.domain.clock import SECOND, Nanos
from papertape.monitoring.status import Figure, Status

LOOPBACK = "127.0.0.1"
_SEATS = 8
"""Callers at once."""
_PATIENCE = 2
"""Seconds that one may keep his seat without a word."""
_KEPT: Nanos = SECOND // 4
_HOSTS = ("127.0.0.1", "localhost", "[::1]")

STATES = ("STARTING", "RECONCILING", "ACTIVE", "REDUCING", "HALTED", "CLOSED")


def metrics(status: Status, now: Nanos) -> bytes:
    """The status in the text format of Prometheus 0.0.4; seconds, dollars and shares of one.

    Args:
        status: What was published last.
        now: This machine's time.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(status, now))
    return generate_latest(registry)


class _Gauges(Collector):
    def __init__(self, status: Status, now: Nanos):
        self._status, self._now = status, now

    def collect(self) -> Iterable[Metric]:
        status, now = self._status, self._now
        labels = {"session": status.session}
        plain = {
            "up": ("1 while the session publishes and may trade", float(status.is_healthy(now))),
            "equity_dollars": ("cash and holdings at the last prices", status.equity.value),
            "cash_dollars": ("cash", status.cash),
            "day_pnl_dollars": ("change of equity since the day opened", status.day_pnl),
            "open_pnl_dollars": ("of what is held, at the last prices", status.open_pnl),
            "drawdown_ratio": ("below the day's highest equity", status.drawdown),
            "exposure_ratio": ("holdings over equity", status.exposure),
            "costs_dollars": ("paid today against the market's own prices", status.costs),
            "orders": ("sent today", status.orders),
            "orders_refused": ("vetoed today", status.refused),
            "orders_working": ("that can still trade", status.working),
            "orders_unknown": ("sent, and nobody knows what became of them", status.health.unknown),
            "bars_seen": ("of the day", status.health.bars_seen),
            "bars_due": ("of the day so far", status.health.bars_due),
            "outages": ("of market data today", status.health.outages),
            "late_bars": ("after their decision", status.health.late_bars),
            "journal_lines": ("kept today", status.health.events),
            "published_age_seconds": ("of this status", (now - status.published) / 1e9),
            "market_age_seconds": ("of the last market data", _age(status.market, status.now)),
            "broker_age_seconds": ("of the broker's last answer", _age(status.broker, status.now)),
        }
        for name, (what, value) in plain.items():
            if value is not None:
                yield _gauge(name, what, {**labels}, value)
        state = GaugeMetricFamily(
            "papertape_state", "1 for the state it is in", labels=["session", "state"]
        )
        for each in STATES:
            state.add_metric([status.session, each], float(status.state == each))
        yield state
        limits = GaugeMetricFamily(
            "papertape_limit_used_ratio", "share of a risk limit in use", labels=["session", "rule"]
        )
        for use in status.limits:
            limits.add_metric([status.session, use.rule], use.used)
        yield limits


def _gauge(name: str, what: str, labels: dict[str, str], value: float) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"papertape_{name}", what, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _age(figure: Figure, now: Nanos) -> float | None:
    return figure.age(now)


class _Server(ThreadingHTTPServer):
    """Lets few in at once; who floods it is turned away before it costs anything (fault-F55)."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, door: type[BaseHTTPRequestHandler]):
        super().__init__((LOOPBACK, port), door)
        self._seats = threading.Semaphore(_SEATS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hung up meanwhile did not want the answer."""


class _Page:
    """The metrics, drawn up anew only after a while; their ages are off by that at the most.

    Args:
        latest: The status published last.
        now: This machine's time.
    """

    def __init__(self, latest: Callable[[], Status], now: Callable[[], Nanos]):
        self._latest, self._now = latest, now
        self._drawn: tuple[Nanos, bytes] = (0, b"")

    def read(self) -> bytes:
        """The page in the text format of Prometheus."""
        now = self._now()
        if now - self._drawn[0] > _KEPT:
            self._drawn = (now, metrics(self._latest(), now))
        return self._drawn[1]


class Exposition:
    """Answers ``GET /metrics`` and ``GET /healthz`` on loopback; nothing can be asked to change.

    Args:
        latest: The status published last.
        now: This machine's time.
        port: 0 takes any that is free; `port` says which.
    """

    def __init__(self, latest: Callable[[], Status], now: Callable[[], Nanos], port: int = 0):
        page = _Page(latest, now)

        class Door(BaseHTTPRequestHandler):
            timeout = _PATIENCE

            def do_GET(self) -> None:
                self._answer(
                    *_answer(self.path, self.headers.get_all("Host") or [], page, latest, now)
                )

            def _answer(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Content-Type-Options", "nosniff")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads an access log of loopback."""

        self._server = _Server(port, Door)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


_PLAIN = "text/plain; charset=utf-8"


def _answer(
    path: str,
    hosts: list[str],
    page: _Page,
    latest: Callable[[], Status],
    now: Callable[[], Nanos],
) -> tuple[int, str, bytes]:
    # A page elsewhere may point its own name at this machine; its Host gives it away (S2).
    if len(hosts) != 1 or hosts[0].rpartition(":")[0] not in _HOSTS:
        return 400, _PLAIN, b"this is papertape on loopback\n"
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, page.read()
    if path == "/healthz":
        complaint = latest().complaint(now())
        return (503, _PLAIN, f"{complaint}\n".encode()) if complaint else (200, _PLAIN, b"ok\n")
    return 404, _PLAIN, b"/metrics and /healthz are here\n"
