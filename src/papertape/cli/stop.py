"""`papertape stop`: nothing new is begun, and the day ends calmly."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.asking import ask
from papertape.cli.options import Here
from papertape.domain.errors import NotFound
from papertape.monitoring.status import Status
from papertape.session.folder import AccountFolder


def stop(
    *,
    now: Annotated[bool, Parameter(negative=())] = False,
    reason: str = "asked for",
    account: str = "sim",
    here: Here,
) -> Answer:
    """End a session calmly: no new orders, working ones may finish until the close.

    Parameters
    ----------
    now
        Cancel what works, and end at once.
    reason
        Why, kept in the journal.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    verb = "stop --now" if now else "stop"
    asked, status = ask(folder, verb, reason, _is_stopping, here)
    if status is None and not now:
        raise NotFound(
            f"no session of {account} answers, so there is nothing to stop",
            hint="papertape status says how it ended; papertape kill holds for the next start, too",
        )
    ends = "ended" if now else "ends after its day page; working orders may finish until the close"
    name = status.session if status else account
    text = f"STOP     {name} {ends}; positions are kept.\nNext     papertape status"
    return Answer(text, {"id": asked.id, "verb": verb, "taken": status is not None})


def _is_stopping(status: Status) -> bool:
    return any(each.cause == "stop" for each in status.restraints)
