"""`papertape log`: what a session did, line by line, from the tail that it publishes."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from papertape.cli.answer import Answer, write
from papertape.cli.options import Here
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import painted
from papertape.cli.vitals import clock_time
from papertape.domain.clock import MINUTE, SECOND, Nanos
from papertape.domain.errors import NotFound, UsageError
from papertape.monitoring.status import published
from papertape.monitoring.tail import Level, TailLine, follow, read_tail
from papertape.session.folder import AccountFolder

_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}
_STYLES = {"warning": "bold", "error": "red", "critical": "red", "debug": "dim"}
_GLANCE = 0.2


def log(
    *,
    follow_: Annotated[bool, Parameter(name=("--follow", "-f"), negative=())] = False,
    since: str | None = None,
    level: Literal["debug", "info", "warn", "warning", "error", "critical"] = "info",
    grep: str | None = None,
    account: str = "sim",
    here: Here,
) -> Answer:
    """Print what a session did, oldest first.

    Parameters
    ----------
    follow_
        Go on with what comes, until Ctrl-C or the end of the day.
    since
        Only what happened in the last 90s, 10m, 2h or 1d of the session's own time.
    level
        Only what matters at least so much.
    grep
        Only lines in which this regular expression is found.
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    if not folder.tail.exists():
        raise NotFound(
            "no session has written a log here",
            hint="papertape paper STRATEGY --symbol S --feed replay:DAY starts one",
        )
    start = _start(since, folder)
    least = Level["WARNING" if level == "warn" else level.upper()]
    wanted = _pattern(grep)
    if follow_:
        lines = follow(folder.tail, lambda: _paused(folder, here), since=start, least=least)
        for line in lines:
            if wanted.search(line.text):
                write(msgspec.json.encode(line).decode() if here.json else shown(line, here))
        return Answer("", is_told=True)
    told = read_tail(folder.tail, since=start, least=least)
    found = [line for line in told if wanted.search(line.text)]
    text = "\n".join(shown(line, here) for line in found) or "nothing of that kind happened"
    return Answer(text, {"lines": found})


def shown(line: TailLine, here: Surroundings) -> str:
    """A line for people; characters that would steer the terminal are spelt out (S19)."""
    text = "".join(each if each.isprintable() else repr(each)[1:-1] for each in line.text)
    style = _STYLES.get(line.level, "")
    told = f"{clock_time(line.at)}  {line.level:<8}  {text}"
    return painted(told, style, here.colour_on(sys.stdout)) if style else told


def _start(since: str | None, folder: AccountFolder) -> Nanos:
    if since is None:
        return 0
    parts = re.fullmatch(r"([0-9]{1,6})([smhd])", since)
    if not parts:
        raise UsageError(f"{since!r} is no span of time", hint="--since 90s, 10m, 2h or 1d")
    return published(folder.status).now - int(parts[1]) * _UNITS[parts[2]]


def _pattern(text: str | None) -> re.Pattern[str]:
    try:
        return re.compile(text or "", re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--grep {text!r} is no regular expression: {error}") from None


def _paused(folder: AccountFolder, here: Surroundings) -> bool:
    """Wait a moment; False once the session is over."""
    is_over = published(folder.status).state == "CLOSED"
    here.clock.wait_until(here.clock.now() + int(_GLANCE * SECOND))
    return not is_over
