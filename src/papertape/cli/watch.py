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
from papertape.cli.vitals import blotter_lines, positions, vitals
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import UsageError
from papertape.monitoring.status import NO_CONTACT_AFTER, Status, published
from papertape.monitoring.tail import Level, read_tail
from papertape.session.folder import AccountFolder

_REDRAWN_EVERY = 0.25
_ORDERS, _EVENTS = 8, 8


def watch(*, account: str = "sim", here: Here) -> Answer:
    """Show a session's vitals, positions, orders and events, until `q` or the end of its day.

    Keys: q quits, K (a capital) kills. With --json each new status is a line.

    Parameters
    ----------
    account
        The simulated account that is meant.
    """
    folder = AccountFolder.under(here.home, account)
    if here.json:
        for status in _changes(folder, here):
            write(msgspec.json.encode(status).decode())
        return Answer("", {})
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
    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            status, now = published(folder.status), here.clock.now()
            live.update(Text.from_ansi("\n".join(page(status, folder, now, here))), refresh=True)
            key = pressed(_REDRAWN_EVERY)
            if key == "q" or status.state == "CLOSED":
                break
            if key == "K":
                kill(reason="key K in watch", account=account, here=here)
    return Answer("\n".join(vitals(published(folder.status), here.clock.now(), colour=False)))


def page(status: Status, folder: AccountFolder, now: Nanos, here: Surroundings) -> list[str]:
    """The four blocks: vitals, positions, orders, events."""
    events = list(read_tail(folder.tail, least=Level.INFO))[-_EVENTS:]
    return [
        *vitals(status, now, here.colour_on(sys.stdout)),
        "",
        *positions(status, now, here.width),
        "",
        *blotter_lines(status.sent[-_ORDERS:], here.width),
        "",
        *(shown(line, here) for line in events),
    ]


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
