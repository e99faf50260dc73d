"""Webhook: alerts sent to an address, beside the trading and never in its way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx2
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from papertape.domain.errors import SettingsError
from papertape.monitoring.alerts import Alert, bundled

_WAITING = 100
"""Alerts that may wait; what comes when so many do is counted and dropped."""
_TIMEOUT = 5.0
_ATTEMPTS = 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Webhook:
    """Posts ``{"text": ...}`` to one address, from a thread of its own.

    The address is a secret, for it is all that a stranger would need: it is never told.

    Args:
        address: An https address; http only on this machine.
        complain: Told, without the address, when something could not be sent.

    Raises:
        SettingsError: If the address is none, or would send in the clear.
    """

    def __init__(self, address: str, complain: Callable[[str], None]):
        parts = urlsplit(address)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in _LOOPBACK
        )
        if not (is_safe and parts.hostname):
            raise SettingsError(
                "the address for alerts is no https address",
                hint="set PAPERTAPE_ALERTS__WEBHOOK to https://..., or unset it",
            )
        self._address, self._complain = address, complain
        # A proxy of the environment is not for this machine.
        self._by_proxy = parts.hostname not in _LOOPBACK
        self._waiting: queue.Queue[Sequence[Alert] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
        self._thread.start()

    def send(self, alerts: Sequence[Alert]) -> None:
        """Have them sent as one text; returns at once."""
        if not alerts:
            return
        try:
            self._waiting.put_nowait(alerts)
        except queue.Full:
            self._complain(f"{len(alerts)} alerts were dropped: {_WAITING} are waiting already")

    def close(self, patience: float = 10.0) -> None:
        """Send what waits, for so many seconds at the most."""
        try:
            self._waiting.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _work(self) -> None:
        with httpx2.Client(timeout=_TIMEOUT, trust_env=self._by_proxy) as client:
            while (alerts := self._waiting.get()) is not None:
                self._post(client, bundled(alerts))

    def _post(self, client: httpx2.Client, text: str) -> None:
        tries = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=0.5, max=5),
            retry=retry_if_exception_type(httpx2.TransportError),
        )
        try:
            answer = tries(client.post, self._address, json={"text": text})
        except RetryError:
            self._complain(f"an alert could not be sent in {_ATTEMPTS} tries")
            return
        if not answer.is_success:
            self._complain(f"an alert was answered with status {answer.status_code}")
