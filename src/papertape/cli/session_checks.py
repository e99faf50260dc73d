"""What the doctor looks at for paper sessions: port, accounts, and how each last session ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from papertape.cli.checks import Check
from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import utc
from papertape.domain.errors import NotFound, PapertapeError
from papertape.monitoring.status import NO_CONTACT_AFTER, Status, published
from papertape.session.folder import AccountFolder

METRICS_PORT = 9464
"""Where Prometheus looks for an exporter that nobody gave another port."""


_NO_OLDER_THAN = 2020


def clock_check(here: Surroundings) -> Check:
    """Whether this machine's clock can be right; how far it is off, only a provider can tell."""
    now = utc(here.clock.now())
    if now.year < _NO_OLDER_THAN:
        return Check("clock", "FAIL", f"this machine says it is {now.year}", "set its clock")
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def session_checks(here: Surroundings) -> Iterator[Check]:
    """The port, then each account, and its last session."""
    yield _port()
    try:
        folders = sorted(each for each in (here.home / "paper").glob("*") if each.is_dir())
    except (OSError, PapertapeError) as error:
        yield Check("account", "FAIL", f"accounts cannot be listed: {error}", "--home DIR")
        return
    if not folders:
        yield Check("account", "ok", "none yet; each is simulated: no live endpoint exists")
    for folder in folders:
        account = AccountFolder(folder)
        yield _account(account)
        yield _last_session(account, here)


def _port() -> Check:
    """Whether metrics could be served; only this machine's own address is ever listened on."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asked:
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            asked.bind(("127.0.0.1", METRICS_PORT))
    except OSError as error:
        found = f"127.0.0.1:{METRICS_PORT} cannot be had: {error.strerror}"
        return Check("port", "warn", found, "papertape paper ... --metrics 0 takes a free one")
    return Check("port", "ok", f"127.0.0.1:{METRICS_PORT} is free for --metrics")


def _account(account: AccountFolder) -> Check:
    if os.name == "posix" and account.path.stat().st_mode & 0o077:
        repair = f"chmod 700 {account.path}"
        return Check("account", "FAIL", f"{account.name} is open to others", repair)
    if account.kill_file.exists():
        found = f"{account.name} is paper; a file KILL lies in its folder, nothing new is sent"
        return Check("account", "warn", found, f"papertape rearm --account {account.name}")
    return Check("account", "ok", f"{account.name} is paper, simulated: no live endpoint exists")


def _last_session(account: AccountFolder, here: Surroundings) -> Check:
    try:
        status = published(account.status)
    except NotFound:
        return Check("session", "ok", f"{account.name} has had none that published anything")
    except PapertapeError as error:
        return Check("session", "warn", f"{account.name}: {error.message}", error.hint)
    return _ended(status, account, here.clock.now())


def _ended(status: Status, account: AccountFolder, now: int) -> Check:
    """How it ended, if it did; what is latched holds at the next start, too."""
    name = f"{status.session} of {status.day}"
    asked = f"--account {account.name}"
    if status.state != "CLOSED" and now - status.published <= NO_CONTACT_AFTER:
        return Check("session", "ok", f"{name} runs and is {status.state}")
    if status.state != "CLOSED":
        found = f"{name} did not end in order; it was {status.state} when it last was heard of"
        return Check("session", "warn", found, f"papertape resume {asked}")
    killed = next((each for each in status.restraints if each.cause == "kill"), None)
    if killed is not None:
        found = f"{name} ended killed by {killed.by}: {killed.reason}"
        return Check("session", "warn", found, f"papertape rearm {asked}")
    return Check("session", "ok", f"{name} ended its day in order")
