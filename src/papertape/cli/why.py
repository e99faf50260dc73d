"""`papertape why`: the reason of a trade, an order, or of none."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from cyclopts import Parameter

from papertape.cli.answer import Answer
from papertape.cli.options import Here
from papertape.cli.options import day as day_of
from papertape.cli.session_diary import asked_session
from papertape.cli.store import RunStore, StoredRun
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import sentence
from papertape.cli.vitals import NEW_YORK
from papertape.domain.clock import SECOND
from papertape.domain.errors import UsageError
from papertape.domain.instrument import canonical_symbol
from papertape.engines.proofbench.explain import why as explained
from papertape.engines.proofbench.explain import why_not
from papertape.monitoring.explaining import Explained, Fact, Span

_NUMBERED = re.compile(r"(T|O|close|margin)[0-9]+([.#][A-Za-z0-9.#]+)?|[0-9a-f]{32}")
_FACTS = 11
"""Where what a label says begins."""
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


def why(
    what: str,
    /,
    *,
    at: str | None = None,
    run: Annotated[str | None, Parameter(name="--run")] = None,
    day: str | None = None,
    account: str | None = None,
    here: Here,
) -> Answer:
    """Explain what a session or a run did, or did not do: of the two the one that was last.

    Parameters
    ----------
    what
        A trade (T17), an order (O3, or its name at the broker), a fill (O3#1), or with --at a
        symbol.
    at
        The time in New York (10:32), the day (2012-03-01) or the moment (2024-06-28T14:31:00Z)
        that is meant.
    run
        A run's id; last and last~1 work, too.
    day
        The session of this day: 2024-06-28.
    account
        A session of this simulated account.
    """
    numbered = what[:1].upper() + what[1:] if what[:1] in "to" else what
    named = numbered if at is None and _NUMBERED.fullmatch(numbered) else None
    if named is None and at is None:
        raise UsageError(
            f"{what!r} is no trade (T1) and no order (O1)",
            hint=f"for a symbol say when: papertape why {what} --at 10:32",
        )
    session = None if run else asked_session(day, account, here)
    if session is None:
        kept = RunStore(here).load(run or "last")
        text = explained(kept.record, named) if named else _not_in_run(kept, what, str(at), here)
        return Answer(f"{text}\n  run      {kept.id}", {"run": kept.id, "text": text})
    symbol = what if named else canonical_symbol(what)
    found = (
        session.diary.why(named)
        if named
        else session.diary.why_not(symbol, span_of(str(at), session.day, here))
    )
    facts = [each._asdict() for each in found.facts]
    data = {"session": session.name, "head": found.head, "facts": facts, "text": found.text}
    return Answer("\n".join(told(found, session.name, here.width)), data)


def told(found: Explained, session: str, width: int) -> list[str]:
    """An explanation for people, with the session that it is of."""
    facts = [*found.facts, Fact("session", session)]
    lines = (sentence(f"  {label}", text, width, _FACTS) for label, text in facts)
    return [found.head, *(line for each in lines for line in each)]


def _not_in_run(kept: StoredRun, symbol: str, at: str, here: Surroundings) -> str:
    """A run is asked for a day, or for one of its moments as it writes them."""
    ground = kept.record.ground
    if _CLOCK.fullmatch(at) and ground.first != ground.last:
        raise UsageError(
            f"the run {kept.id} has many days with a {at}",
            hint=f"say which: --at {ground.last}T{at}-04:00, or --at {ground.last}",
        )
    moment = at
    if _CLOCK.fullmatch(at) or "T" in at:
        start = span_of(at, date.fromisoformat(ground.last), here).start
        moment = datetime.fromtimestamp(start / SECOND, UTC).isoformat().replace("+00:00", "Z")
    else:
        moment = day_of(at, here.clock).isoformat()
    return why_not(kept.record, canonical_symbol(symbol), moment)


def span_of(at: str, session: date, here: Surroundings) -> Span:
    """The time that is meant: a minute or a second of the session's day, a moment, or a day.

    Raises:
        UsageError: If it is none of these.
    """
    clock = _CLOCK.fullmatch(at)
    if clock:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        if hour > 23 or minute > 59 or second > 59:
            raise UsageError(f"no clock says {at}", hint="--at 10:32, the time in New York")
        local = datetime.combine(session, time(hour, minute, second), NEW_YORK)
        return _span(at, local, timedelta(seconds=1) if clock[3] else timedelta(minutes=1))
    if "T" not in at:
        found = day_of(at, here.clock)
        return _span(at, datetime.combine(found, time(), NEW_YORK), timedelta(days=1))
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise UsageError(f"{at!r} is no moment", hint="--at 2024-06-28T14:31:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"{at!r} names no zone", hint=f"--at {at}Z, or with an offset")
    return _span(at, moment, timedelta(seconds=1))


def _span(words: str, start: datetime, length: timedelta) -> Span:
    first = int(start.timestamp()) * SECOND
    return Span(words, first, first + int(length.total_seconds()) * SECOND)
