"""Session diary: the session that is asked about, ready to be looked up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from papertape.cli.asking import present
from papertape.cli.catalogue import listed
from papertape.cli.evening import opening, terms_in
from papertape.cli.options import pairs
from papertape.cli.session_lines import lines_seen
from papertape.cli.store import RunStore
from papertape.cli.surroundings import Surroundings
from papertape.domain.calendar import calendar_of
from papertape.domain.day import Line
from papertape.monitoring.explaining import Diary
from papertape.monitoring.status import published
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
    if is_named or present(folder, here) is not None or _is_meant(folder, here):
        return _asked(lines_seen(folder, day, here))
    return None


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
