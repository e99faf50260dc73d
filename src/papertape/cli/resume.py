"""`papertape resume`: goes on with a session that did not end in order, from its journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.asking import ask
from papertape.cli.begun import Begun
from papertape.cli.catalogue import listed
from papertape.cli.conduct import Conducted
from papertape.cli.conduct import resume as resumed
from papertape.cli.evening import terms_in
from papertape.cli.live import live_provider, window_on
from papertape.cli.options import Here, pairs
from papertape.cli.paper import answer_of, live_answer_of, pace_of, title_of_plan
from papertape.cli.progress import progress
from papertape.cli.session_lines import lines_of
from papertape.cli.wiring import plan, window_of
from papertape.domain.day import DayOpened, Line, Reconciled, SessionResumed
from papertape.domain.day_state import DayState
from papertape.domain.errors import LockHeld, UsageError
from papertape.session.folder import AccountFolder


def resume(
    *,
    accept: Annotated[bool, Parameter(negative=())] = False,
    speed: str | None = None,
    account: str = "sim",
    here: Here,
) -> Answer:
    """Go on with the last session: read its journal, ask the broker, compare, then trade.

    A session that is running and was stopped calmly goes on trading.

    Parameters
    ----------
    accept
        Go on though code or settings have changed, or it has crashed three times in a row.
    speed
        Of a replay: max, or 60x; that of before if left out.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    try:
        name, lines = lines_of(folder, None, here)
    except LockHeld:  # a session has its journal open: it runs
        return _running(folder, here)
    if DayState.of(lines).closed is not None:
        raise UsageError(
            f"{name} ended its day in order: there is nothing to resume",
            hint="papertape eod proves it; papertape paper begins another one",
        )
    terms = terms_in(lines)
    if not terms.is_replay:
        return _live(lines, name, folder, accept, here)
    planned = plan(terms.strategy, terms.options, here)
    chosen = speed or terms.speed
    begun = Begun(
        replace(terms, speed=terms.speed),
        planned.listed,
        planned.strategy,
        window_of(planned),
        folder,
        pace_of(chosen),
        None,
        title_of_plan(planned),
    )
    conducted = _resumed(begun, lines, name, accept, here)
    return answer_of(conducted, planned, chosen, None, here)


def _live(
    lines: Sequence[Line], name: str, folder: AccountFolder, accept: bool, here: Here
) -> Answer:
    """Go on with a live day; what was missed is fetched, and is history."""
    terms, opened = terms_in(lines), lines[0]
    assert isinstance(opened, DayOpened)
    found = listed(terms.strategy)
    begun = Begun(
        terms,
        found,
        found.make(pairs("--param", terms.parameters)),
        window_on(terms, opened.day, opened.time),
        folder,
        None,
        None,
        "PAPER",
        live_provider(terms.provider, here).source,
    )
    return live_answer_of(_resumed(begun, lines, name, accept, here), begun, None, here)


def _resumed(begun: Begun, lines: Sequence[Line], name: str, accept: bool, here: Here) -> Conducted:
    here.note(f"{name}: replaying {len(lines):,} lines")
    with progress("trading", here):
        conducted = resumed(begun, name, accept, here)
    for line in conducted.lines[len(lines) :]:
        match line:
            case SessionResumed(replayed=replayed):
                here.note(f"unclean end; {replayed:,} lines read again, state equal to the journal")
            case Reconciled(differences=differences) if differences:
                for each in differences:
                    decided = each.decision or "OPEN"
                    here.note(f"{each.item}: {each.journal} / {each.broker}: {decided}")
    return conducted


def _running(folder: AccountFolder, here: Here) -> Answer:
    asked, status = ask(
        folder,
        "resume",
        "asked for",
        lambda found: all(each.cause != "stop" for each in found.restraints),
        here,
    )
    state = status.state if status else "silent"
    return Answer(
        f"RESUMED  {folder.name} is {state}\nNext     papertape status",
        {"id": asked.id, "state": state},
    )
