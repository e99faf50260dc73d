"""`papertape eod`: the proof of a day, from the session's journal alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.asking import present
from papertape.cli.evening import (
    Evening,
    clock_words,
    evening,
    opening,
    proof_of,
    terms_in,
    told,
)
from papertape.cli.files import write_whole
from papertape.cli.options import Here
from papertape.cli.session_lines import lines_seen, seal_seen
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import sentence, table
from papertape.domain.day import Line
from papertape.domain.errors import DataError, NotFound
from papertape.monitoring.status import published
from papertape.session.folder import AccountFolder


def eod(
    *,
    day: str | None = None,
    html: Annotated[bool, Parameter(negative=())] = False,
    account: str = "sim",
    here: Here,
) -> Answer:
    """Prove a session's day: what it saw and did, and that the bench would have done the same.

    Exit 0 if paper and bench are equal, 1 if they differ. Of a session that runs it is the proof
    so far, from what the session publishes.

    Parameters
    ----------
    day
        The exchange's date, 2024-06-28; the last session's if left out.
    html
        Write the page as a file, too: one for the day, without a script, to be kept or printed.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    lines = lines_seen(folder, day, here)
    seal = seal_seen(folder, opening(lines).session, here)
    status = present(folder, here)
    running = status is not None and status.session == opening(lines).session
    found = evening(lines, seal, proof_of(lines), _title(folder, lines), running=running)
    answer = dataclasses.replace(_answer(found, here), is_no=not found.is_equal)
    return _written(answer, found, folder, here) if html else answer


def eod_answer(lines: Sequence[Line], seal: str, title: str, here: Surroundings) -> Answer:
    """The page of a day."""
    return _answer(evening(lines, seal, proof_of(lines), title), here)


def _title(folder: AccountFolder, lines: Sequence[Line]) -> str:
    """As the session called itself; where nothing tells any more, at least whether it replayed."""
    name = opening(lines).session
    for file in (folder.closed(name), folder.status):
        try:
            status = published(file)
        except (NotFound, DataError):
            continue
        if status.session == name:
            return status.title
    return "PAPER REPLAY" if terms_in(lines).is_replay else "PAPER"


def _answer(found: Evening, here: Surroundings) -> Answer:
    return Answer("\n".join(_page(found, here.width)), dataclasses.asdict(found))


def _written(answer: Answer, found: Evening, folder: AccountFolder, here: Surroundings) -> Answer:
    from papertape.cli.day_page import day_page  # noqa: PLC0415 - only where one is wanted

    file = folder.page(found.session)
    write_whole(file, day_page(found).encode())
    text = "\n".join([answer.text, *sentence("Page", str(file), here.width)])
    return dataclasses.replace(answer, text=text, data={**answer.data, "page": str(file)})


def _page(found: Evening, width: int) -> list[str]:
    page = [f"{found.title} day {found.day}  {found.session}  verdict {found.verdict.upper()}"]
    for label, text in told(found):
        page += sentence(label, text, width)
    if found.differences:
        rows = [
            [clock_words(each.time), each.item, each.paper, each.bench, each.cause]
            for each in found.differences
        ]
        page += ["", *table(("time", "item", "paper", "bench", "cause"), rows, left=5, width=width)]
    return page
