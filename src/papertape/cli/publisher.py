"""Publisher: lets everybody see a session: status, tail, alerts, metrics; trading never waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.day import Line
from papertape.monitoring.alerts import Alerts
from papertape.monitoring.board import Board
from papertape.monitoring.exposition import Exposition
from papertape.monitoring.status import LimitUse, Status, publish
from papertape.monitoring.tail import Tail
from papertape.monitoring.telling import tail_lines, worth_a_note
from papertape.monitoring.webhook import Webhook
from papertape.session.folder import AccountFolder
from papertape.session.notify import NOBODY, ServiceManager

WEBHOOK = "PAPERTAPE_ALERTS__WEBHOOK"
"""The variable of the environment that holds the address for alerts."""
_AT_LEAST_EVERY: Nanos = SECOND


class Publisher:
    """Observes a session and publishes it.

    Args:
        session: Its name.
        folder: Of the account.
        board: Draws the status.
        limits: How much of each risk limit is used.
        here: This machine's clock, and where notes go.
        port: Where metrics are served; None serves none, 0 takes any port that is free.
        manager: Told once a second that the session's loop still turns.
    """

    def __init__(
        self,
        session: str,
        folder: AccountFolder,
        board: Board,
        limits: Callable[[], Sequence[LimitUse]],
        here: Surroundings,
        port: int | None = None,
        manager: ServiceManager = NOBODY,
    ):
        self._manager = manager
        self._session, self._folder, self._board = session, folder, board
        self._limits, self._here = limits, here
        self._tail, self._alerts = Tail(folder.tail), Alerts(session)
        address = os.environ.get(WEBHOOK, "")
        self._webhook = Webhook(address, here.note) if address else None
        self._published_at: Nanos = 0
        self.status: Status | None = None
        self._exposition: Exposition | None = None
        self._port = port

    def happened(self, lines: Sequence[Line], now: Nanos) -> None:
        """Take what was recorded, and publish it; at rest, once a second."""
        wall = self._here.clock.now()
        for note in filter(None, map(worth_a_note, lines)):
            self._here.note(note)
        self._board.take(lines)
        self._tail.publish(tail_lines(lines, self._session))
        if not lines and wall - self._published_at < _AT_LEAST_EVERY:
            return
        self._manager.alive()
        limits = self._limits()
        self._send(lines, now, limits)
        self.status = self._board.status(now, wall, os.getpid(), limits, self._tail.lost)
        publish(self.status, self._folder.status)
        self._published_at = wall
        if self._port is not None and self._exposition is None:
            self._exposition = Exposition(self._latest, self._here.clock.now, self._port)
            self._here.note(f"metrics at http://127.0.0.1:{self._exposition.port}/metrics")

    def _send(self, lines: Sequence[Line], now: Nanos, limits: Sequence[LimitUse]) -> None:
        shares = {f"{use.rule} {use.name}": use.used for use in limits}
        alerts = [*self._alerts.after(lines), *self._alerts.at(now, shares)]
        if self._webhook is not None:
            self._webhook.send(alerts)

    def _latest(self) -> Status:
        assert self.status is not None  # nobody is let in before there is one
        return self.status

    def replay(self, lines: Sequence[Line]) -> None:
        """Take lines of before, told and published by the process that recorded them."""
        self._board.take(lines)
        self._tail.publish(tail_lines(lines, self._session))

    def final(self, now: Nanos) -> Status:
        """The last status."""
        self.status = self._board.status(
            now, self._here.clock.now(), os.getpid(), self._limits(), self._tail.lost
        )
        publish(self.status, self._folder.status)
        return self.status

    def close(self) -> None:
        """Send what waits, and let go."""
        if self._webhook is not None:
            self._webhook.close()
        if self._exposition is not None:
            self._exposition.close()
