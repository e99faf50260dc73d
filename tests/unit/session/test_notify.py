"""What a service manager is told, on a socket of its kind."""

import socket
from pathlib import Path

from papertape.session.notify import ServiceManager


def test_each_word_is_a_datagram_of_its_protocol(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        manager = ServiceManager(str(tmp_path / "notify"))
        manager.ready("sma is ACTIVE")
        manager.alive()
        manager.stopping()
        heard = [listener.recv(200) for _ in range(3)]
    assert heard == [b"READY=1\nSTATUS=sma is ACTIVE", b"WATCHDOG=1", b"STOPPING=1"]


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    ServiceManager("").alive()
    ServiceManager(str(tmp_path / "nobody")).alive()
