"""`papertape status`: how a session is, from what it published; its process is not asked."""

from __future__ import annotations

import sys

import msgspec

from papertape.cli.answer import Answer
from papertape.cli.options import Here
from papertape.cli.tables import packed
from papertape.cli.vitals import positions, vitals
from papertape.monitoring.status import published
from papertape.session.folder import AccountFolder


def status(*, account: str = "sim", here: Here) -> Answer:
    """Tell how the paper session is, in six lines; exit 1 if it is not running and healthy.

    Parameters
    ----------
    account
        The simulated account that is meant.
    """
    found = published(AccountFolder.under(here.home, account).status)
    now = here.clock.now()
    lines = vitals(found, now, here.colour_on(sys.stdout))
    if sys.stdout.isatty():  # it would break lines within words
        lines = packed(lines, here.width)
    if found.held:
        lines += ["", *positions(found, now, here.width)]
    complaint = found.complaint(now)
    data = {**msgspec.to_builtins(found), "healthy": not complaint, "complaint": complaint}
    return Answer("\n".join(lines), data, is_no=bool(complaint))
