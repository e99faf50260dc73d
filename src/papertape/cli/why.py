"""`papertape why`: the reason of a trade, an order, or of none."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.options import Here, day
from papertape.cli.store import RunStore
from papertape.cli.surroundings import Surroundings
from papertape.domain.errors import UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.engines.proofbench.explain import why as explained
from papertape.engines.proofbench.explain import why_not

_NUMBERED = re.compile(r"[TO][0-9]+([.#][A-Za-z0-9.#]+)?")


def why(
    what: str,
    /,
    *,
    at: str | None = None,
    run: Annotated[str, Parameter(name="--run")] = "last",
    here: Here,
) -> Answer:
    """Explain what a run did, or did not do.

    Parameters
    ----------
    what
        A trade (T17), an order (O3), a fill (O3#1), or with --at a symbol.
    at
        The day (2012-03-01) or the moment (2024-06-28T14:31:00Z) that is meant.
    run
        The run's id; last and last~1 work, too.
    """
    kept = RunStore(here).load(run)
    numbered = what[:1].upper() + what[1:]
    if at is None and _NUMBERED.fullmatch(numbered):
        text = explained(kept.record, numbered)
    else:
        text = why_not(kept.record, canonical_symbol(what), _moment(what, at, here))
    return Answer(f"{text}\n  run      {kept.id}", {"run": kept.id, "text": text})


def _moment(what: str, at: str | None, here: Surroundings) -> str:
    """A day, or a moment in UTC, as the record writes it."""
    if at is None:
        raise UsageError(
            f"{what!r} is no trade (T1) and no order (O1)",
            hint=f"for a symbol say when: papertape why {what} --at 2012-03-01",
        )
    if "T" not in at:
        return day(at, here.clock).isoformat()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UsageError(f"{at!r} is no moment", hint="--at 2024-06-28T14:31:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"{at!r} names no zone", hint=f"--at {at}Z, or with an offset")
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
