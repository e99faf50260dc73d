"""`papertape watch`: a session's status in place, redrawn as it is published."""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from papertape.cli.answer import Answer, write
from papertape.cli.kill import kill
from papertape.cli.log import shown
from papertape.cli.options import Here
from papertape.cli.surroundings import Surroundings
from papertape.cli.tables import packed
from papertape.cli.vitals import blotter_lines, positions, vitals
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import UsageError
from papertape.monitoring.status import NO_CONTACT_AFTER, Status, published
from papertape.monitoring.tail import Level, TailLine, read_tail
from papertape.session.folder import AccountFolder

_REDRAWN_EVERY = 0.25
_BESIDE = 20
"""Columns that an event's time and level take."""
_FEWEST = 3
"""Lines of orders and of events that even a low terminal shows."""


def watch(*, account: str = "sim", here: Here) -> Answer:
    """Show a session's vitals, positions, orders and events, until `q` or the end of its day.

    Keys: q quits, w tells why of the last order, K (a capital) kills. With --json each new status
    is a line.

    Parameters
    ----------
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    if here.json:
        for status in _changes(folder, here):
            write(msgspec.json.encode(status).decode())
        return Answer("", is_told=True)
    if not sys.stdout.isatty():
        raise UsageError(
            "watch redraws a terminal, and this is none",
            hint="papertape status, papertape log -f, or papertape watch --json",
        )
    return _on_terminal(folder, account, here)


def _changes(folder: AccountFolder, here: Surroundings) -> Iterator[Status]:
    """Each new status; ends with a closed one, or with one that nobody renews."""
    before = 0
    while True:
        status = published(folder.status)
        if status.published != before:
            before = status.published
            yield status
        if status.state == "CLOSED" or here.clock.now() - before > NO_CONTACT_AFTER:
            return
        here.clock.wait_until(here.clock.now() + int(_REDRAWN_EVERY * SECOND))


def _on_terminal(folder: AccountFolder, account: str, here: Surroundings) -> Answer:
    from rich.console import Console  # noqa: PLC0415 - programs do without it
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(no_color=not here.colour_on(sys.stdout), highlight=False)
    asks_why = False
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            status, now = published(folder.status), here.clock.now()
            lines = (
                [*_above(status, now, here), *_why_last(status, account, here)]
                if asks_why
                else page(status, folder, now, console.height, here)
            )
            live.update(Text.from_ansi("\n".join(lines)), refresh=True)
            key = pressed(_REDRAWN_EVERY)
            if key == "q" or status.state == "CLOSED":
                break
            if key == "w":
                asks_why = not asks_why
            if key == "K":
                kill(reason="key K in watch", account=account, here=here)
    return Answer("\n".join(vitals(published(folder.status), here.clock.now(), colour=False)))


def page(
    status: Status, folder: AccountFolder, now: Nanos, height: int, here: Surroundings
) -> list[str]:
    """Vitals, positions, orders and events: of the last two what a terminal has lines for."""
    above = _above(status, now, here)
    room = max(2 * _FEWEST + 2, height - len(above) - 1)
    orders = _newest_orders(status, room // 2, here.width)
    told = read_tail(folder.tail, least=Level.INFO)
    events = [shown(_cut(line, here.width - _BESIDE), here) for line in told]
    return [*above, *orders, "", *events[-(room - len(orders)) :]]


def _cut(line: TailLine, width: int) -> TailLine:
    """What fits into one line; `papertape log` has it whole."""
    if len(line.text) <= width:
        return line
    return msgspec.structs.replace(line, text=line.text[: width - 3] + "...")


def _above(status: Status, now: Nanos, here: Surroundings) -> list[str]:
    lines = packed(vitals(status, now, here.colour_on(sys.stdout)), here.width)
    return [*lines, "", *positions(status, now, here.width), ""]


def _newest_orders(status: Status, room: int, width: int) -> list[str]:
    """As many of the last orders as fit into so many lines, with what they are headed by."""
    for many in range(min(room, len(status.sent)), 1, -1):
        lines = blotter_lines(status.sent[-many:], width)
        if len(lines) <= room:
            return lines
    return blotter_lines(status.sent[-1:], width)


def _why_last(status: Status, account: str, here: Surroundings) -> list[str]:
    """Why the last order was sent, from what the session published."""
    from papertape.cli.session_diary import asked_session  # noqa: PLC0415 - once somebody asks
    from papertape.cli.why import told  # noqa: PLC0415

    if not status.sent:
        return ["no order was sent yet"]
    session = asked_session(None, account, here)
    assert session is not None  # the account is named
    found = session.diary.why(status.sent[-1].id)
    return told(found, session.name, here.width)


@contextmanager
def _keys() -> Iterator[_Pressed]:
    """Hear single keys while a page is shown; the terminal is as it was afterwards."""
    import termios  # noqa: PLC0415 - only where there is a terminal
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield _Pressed()
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class _Pressed:
    """Waits so many seconds for a key; an empty word if none was pressed."""

    def __call__(self, seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return sys.stdin.read(1) if ready else ""
