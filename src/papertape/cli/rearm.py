"""`papertape rearm`: lets a killed session trade again, on somebody's word and for a reason."""

from __future__ import annotations

import sys

from papertape.cli.answer import Answer
from papertape.cli.asking import ask
from papertape.cli.options import Here
from papertape.domain.errors import RiskRefusal, UsageError
from papertape.monitoring.status import Status, published
from papertape.session.folder import AccountFolder


def rearm(*, reason: str = "", confirm: str = "", account: str = "sim", here: Here) -> Answer:
    """Release the kill switch and the latched loss limits.

    Parameters
    ----------
    reason
        Why it is safe again, kept in the journal.
    confirm
        The words REARM and the strategy's name; asked for on a terminal if left out.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    strategy = published(folder.status).strategy
    phrase = f"REARM {strategy}"
    if not reason.strip():
        raise UsageError("re-arming needs a reason", hint='--reason "what was wrong, and is not"')
    if not confirm and sys.stdin.isatty():
        confirm = input(f"Type {phrase} to let it trade again: ")
    if confirm != phrase:
        raise RiskRefusal(
            "the kill switch stays pressed: the phrase was not given",
            hint=f'papertape rearm --confirm "{phrase}" --reason TEXT',
            untouched="nothing was released",
        )
    # While the file is there it would press again at once.
    folder.kill_file.unlink(missing_ok=True)
    asked, status = ask(folder, "rearm", reason, _is_armed, here)
    data = {"id": asked.id, "verb": "rearm", "reason": reason, "taken": status is not None}
    if status is None:
        text = f"No session of {account} answers; the next start takes the re-arming from its box."
        return Answer(f"{text}\nNext     papertape resume", data)
    text = (
        f"ARMED    {status.session} is {status.state} again: {reason}.\nNext     papertape status"
    )
    return Answer(text, {**data, "state": status.state})


def _is_armed(status: Status) -> bool:
    return all(each.cause != "kill" for each in status.restraints)
