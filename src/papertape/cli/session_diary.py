"""Session diary: the lines of the session that is asked about, from wherever they may be read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from papertape.cli.asking import present
from papertape.cli.catalogue import listed
from papertape.cli.eod import lines_of
from papertape.cli.evening import opening, terms_in
from papertape.cli.options import pairs
from papertape.cli.store import RunStore
from papertape.cli.surroundings import Surroundings
from papertape.domain.calendar import calendar_of
from papertape.domain.day import DayOpened, Line
from papertape.domain.errors import LockHeld, NotFound
from papertape.monitoring.explaining import Diary
from papertape.monitoring.status import published
from papertape.monitoring.tail import read_tail
from papertape.monitoring.telling import lines_told
from papertape.session.folder import AccountFolder


class Asked(NamedTuple):
    """A session, its day, and what can be looked up of it."""

    name: str
    day: date
    diary: Diary


def asked_session(day: str | None, account: str | None, here: Surroundings) -> Asked | None:
    """The session that is meant; None where a run was made after the last one.

    Raises:
        NotFound: If one is asked for by its day or its account, and there is none.
    """
    folder = AccountFolder.under(here.home, account or "sim")
    is_named = day is not None or account is not None
    running = present(folder, here)
    if running is not None and day in (None, running.day):
        return _asked(_published(folder))
    if not is_named and not _is_meant(folder, here):
        return None
    try:
        return _asked(lines_of(folder, day, here)[1])
    except LockHeld:  # it runs and is silent: its journal is its own
        return _asked(_published(folder))


def _is_meant(folder: AccountFolder, here: Surroundings) -> bool:
    """Whether the session came after the last run, or is what that run tells of."""
    runs = RunStore(here)
    if not folder.sessions() or not runs.has("last"):
        return bool(folder.sessions())
    last = runs.load("last")
    status = published(folder.status)
    is_later = folder.status.stat().st_mtime_ns > runs.kept_at(last.id)
    is_its_run = last.kind == "paper" and last.record.ground.first == status.day
    return is_later or (is_its_run and last.record.ground.last == status.day)


def _published(folder: AccountFolder) -> Sequence[Line]:
    lines = lines_told(read_tail(folder.tail))
    if not lines or not isinstance(lines[0], DayOpened):
        raise NotFound(
            "the session's log does not tell its day from the beginning",
            hint="papertape status; once it has ended, its journal tells all",
        )
    return lines


def _asked(lines: Sequence[Line]) -> Asked:
    opened, terms = opening(lines), terms_in(lines)
    strategy = listed(terms.strategy).make(pairs("--param", terms.parameters))
    diary = Diary(
        lines,
        {each.symbol: each for each in terms.instruments},
        terms.config.frequency,
        strategy.warmup,
        calendar_of(terms.instruments[0].venue).zone,
    )
    return Asked(opened.session, opened.day, diary)
