"""`papertape blotter`: the orders of a session's day, each with where it stands and its reason."""

from __future__ import annotations

from typing import Annotated

import msgspec
from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.asking import present
from papertape.cli.options import Here
from papertape.cli.surroundings import Surroundings
from papertape.cli.vitals import blotter_lines
from papertape.domain.errors import NotFound
from papertape.domain.instrument import canonical_symbol
from papertape.monitoring.status import Status, published
from papertape.session.folder import AccountFolder


def blotter(
    *,
    day: str | None = None,
    symbol: str | None = None,
    open_: Annotated[bool, Parameter(name="--open", negative=())] = False,
    account: str = "sim",
    here: Here,
) -> Answer:
    """List the orders of a session: time, id, side, quantity, state, price, cost and reason.

    Parameters
    ----------
    day
        The exchange's date, 2024-06-28; the present session's if left out.
    symbol
        Only orders of this one.
    open_
        Only orders that can still trade.
    account
        The simulated account that is meant.
    """
    status = _meant(AccountFolder.under(here.home, account), day, here)
    wanted = canonical_symbol(symbol) if symbol else None
    sent = [
        each
        for each in status.sent
        if wanted in (None, each.symbol) and (each.is_open or not open_)
    ]
    head = f"{status.title} {status.account}  {status.session}  {status.day}  {status.state}"
    text = "\n".join([head, "", *blotter_lines(sent, here.width)])
    return Answer(text, {"session": status.session, "orders": msgspec.to_builtins(sent)})


def _meant(folder: AccountFolder, day: str | None, here: Surroundings) -> Status:
    status = present(folder, here) or published(folder.status)
    if day in (None, status.day):
        return status
    for name in reversed(folder.sessions()):
        file = folder.closed(name)
        if file.exists() and (found := published(file)).day == day:
            return found
    raise NotFound(
        f"the account {folder.name} has no session of {day}",
        hint="papertape blotter without --day shows the last one",
    )
