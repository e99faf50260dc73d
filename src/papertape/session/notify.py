"""Notify: a word to systemd, where it started the session; elsewhere nothing happens."""

from __future__ import annotations

import socket
from contextlib import suppress


class ServiceManager:
    """Speaks sd_notify's protocol over the socket that the environment names.

    Args:
        address: What ``NOTIFY_SOCKET`` says; empty where nobody listens.

    Source: systemd's sd_notify(3), "READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=...".
    """

    def __init__(self, address: str):
        # An @ stands for the zero byte of an abstract socket's name.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, words: str) -> None:
        """The session trades."""
        self._say(f"READY=1\nSTATUS={words}")

    def alive(self) -> None:
        """The loop still turns; a manager with a watchdog restarts whoever does not say so."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """The session ends on purpose."""
        self._say("STOPPING=1")

    def _say(self, words: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(words.encode(), self._address)


NOBODY = ServiceManager("")
"""Where no manager started the session."""
