"""Asking a session for something, and waiting until it is seen to have been done."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import NamedTuple

from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import SECOND
from papertape.domain.errors import NotFound
from papertape.monitoring.status import NO_CONTACT_AFTER, Status, published
from papertape.session.control import Asked, CommandBox
from papertape.session.folder import AccountFolder

PATIENCE = 5.0
"""Seconds that a running session has to show an effect."""
_GLANCE = 0.02


class Heard(NamedTuple):
    """What became of a command: the status that shows its effect, or None if nobody was there."""

    asked: Asked
    status: Status | None


def ask(
    folder: AccountFolder,
    verb: str,
    reason: str,
    shows: Callable[[Status], bool],
    here: Surroundings,
) -> Heard:
    """Leave a command and wait for its effect; without a session it lies there for the next one.

    Args:
        folder: Of the account.
        verb: A word of `papertape.domain.day.Verb`.
        reason: Why, in the person's words.
        shows: Whether a status shows the effect.
        here: The clock that is waited by.
    """
    folder.prepare()
    box = CommandBox(folder.commands, folder.kill_file)
    asked = box.put(verb, at=here.clock.now(), by=_person(), reason=reason)
    return Heard(asked, _awaited(folder, shows, here))


def _awaited(
    folder: AccountFolder, shows: Callable[[Status], bool], here: Surroundings
) -> Status | None:
    until = here.clock.now() + int(PATIENCE * SECOND)
    while True:
        status = present(folder, here)
        if status is None or shows(status):
            return status
        if here.clock.now() >= until:
            return None
        here.clock.wait_until(here.clock.now() + int(_GLANCE * SECOND))


def present(folder: AccountFolder, here: Surroundings) -> Status | None:
    """The status of a session that is there and publishes; None if none is."""
    try:
        status = published(folder.status)
    except NotFound:
        return None
    is_there = here.clock.now() - status.published <= NO_CONTACT_AFTER
    return status if is_there and status.state != "CLOSED" else None


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a machine need not know its users by name
        return "somebody"
