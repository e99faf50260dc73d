"""`papertape kill`: nothing new is sent, all that works is cancelled, until somebody re-arms."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.asking import ask
from papertape.cli.options import Here
from papertape.monitoring.status import Status
from papertape.session.folder import AccountFolder


def kill(
    *,
    reason: str = "no reason given",
    flatten: Annotated[bool, Parameter(negative=())] = False,
    account: str = "sim",
    here: Here,
) -> Answer:
    """Press the kill switch; it asks nothing and holds over restarts, until `papertape rearm`.

    Parameters
    ----------
    reason
        Why, kept in the journal.
    flatten
        Close what is held, too, within the price collar.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    verb = "kill --flatten" if flatten else "kill"
    asked, status = ask(folder, verb, reason, _is_killed, here)
    data = {"id": asked.id, "verb": verb, "reason": reason, "taken": status is not None}
    if status is None:
        text = (
            f"No session of {account} answers. The kill lies in {folder.commands} and holds at "
            "the next start: nothing will be sent. One that hangs is reached by the signal USR1.\n"
            "Next     papertape status  |  papertape rearm"
        )
        return Answer(text, data)
    working = sum(order.is_open for order in status.sent)
    text = (
        f"KILLED   {status.session}: {reason}. New orders are blocked; {working} still being "
        f"cancelled; positions are {'being closed' if flatten else 'kept'}.\n"
        f'Next     papertape status  |  papertape rearm --confirm "REARM {status.strategy}" '
        "--reason TEXT"
    )
    return Answer(text, {**data, "working": working, "state": status.state})


def _is_killed(status: Status) -> bool:
    return any(each.cause == "kill" for each in status.restraints)
