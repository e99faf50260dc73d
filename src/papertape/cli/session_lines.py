"""Session lines: where the lines of a session may be read, while it runs and afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from papertape.cli.surroundings import Surroundings
from papertape.domain.day import DayOpened, Line
from papertape.domain.errors import LockHeld, NotFound
from papertape.monitoring.journal import LINES, Journal, Place
from papertape.monitoring.tail import read_tail
from papertape.monitoring.telling import lines_told
from papertape.session.folder import AccountFolder


def lines_of(folder: AccountFolder, day: str | None, here: Surroundings) -> tuple[str, list[Line]]:
    """The newest session's name and journal, of a day if one is named.

    Raises:
        NotFound: If there is none.
        LockHeld: If it runs.
    """
    for name in reversed(folder.sessions()):
        lines = _kept(folder, name, here)
        if _is_of(lines, day):
            return name, lines
    raise _none(folder, day)


def lines_seen(folder: AccountFolder, day: str | None, here: Surroundings) -> Sequence[Line]:
    """The same, where the journal of a session that runs is its own: what it published instead.

    Raises:
        NotFound: If there is no such session.
    """
    for name in reversed(folder.sessions()):
        try:
            lines = _kept(folder, name, here)
        except LockHeld:
            lines = lines_told(read_tail(folder.tail))
        if _is_of(lines, day):
            return lines
    raise _none(folder, day)


def seal_seen(folder: AccountFolder, name: str, here: Surroundings) -> str:
    """What vouches for a session's lines; empty while it runs, for then none is the last."""
    try:
        return Journal.seal_at_end(Place(folder.path, name), here.clock.now())
    except LockHeld:
        return ""


def _kept(folder: AccountFolder, name: str, here: Surroundings) -> list[Line]:
    return Journal.read(Place(folder.path, name), LINES, here.clock.now())


def _is_of(lines: Sequence[Line], day: str | None) -> bool:
    opened = lines[0] if lines else None
    return isinstance(opened, DayOpened) and day in (None, opened.day.isoformat())


def _none(folder: AccountFolder, day: str | None) -> NotFound:
    of_day = f" of {day}" if day else ""
    return NotFound(
        f"the account {folder.name} has no session{of_day}",
        hint="papertape paper STRATEGY --symbol S --feed replay:DAY makes one",
    )
