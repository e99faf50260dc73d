"""A status as a session would publish it, for those who read one."""

from __future__ import annotations

from typing import Any

import msgspec

from papertape.domain.clock import SECOND
from papertape.monitoring.status import (
    Figure,
    Health,
    Held,
    LimitUse,
    Restrains,
    Sent,
    Status,
)

OPENS = 1_719_581_400 * SECOND
"""2024-06-28 09:30 in New York."""
CLOSES = OPENS + 23_400 * SECOND
NOW = OPENS + 3_727 * SECOND

KILLED = Restrains("kill", "HALTED", "odd fills", "2024-06-28T14:00:00Z", "ann")


def a_status(**changed: Any) -> Status:
    """An active session at 10:32:07 in New York, half a second after its last bar."""
    status = Status(
        session="sma-0628a",
        title="PAPER REPLAY",
        strategy="sma",
        account="sim",
        feed="replay:2024-06-28",
        code="41ab",
        settings="8c1d",
        pid=1,
        published=NOW,
        now=NOW,
        state="ACTIVE",
        why="",
        day="2024-06-28",
        opens=OPENS,
        closes=CLOSES,
        market=Figure(None, NOW - SECOND // 2),
        broker=Figure(None, NOW - SECOND // 5),
        equity=Figure(100_412.10, NOW - SECOND // 2),
        cash=77_589.3,
        day_pnl=412.10,
        open_pnl=96.0,
        drawdown=-0.0021,
        exposure=0.38,
        costs=6.10,
        orders=2,
        refused=1,
        filled=1,
        working=1,
        restraints=[],
        held=[Held("AAPL", 120, 190.04, Figure(190.84, NOW - SECOND // 2), 96.0, 0.228)],
        sent=[
            Sent(
                "10:31:00",
                "O1",
                "buy",
                120,
                "AAPL",
                "market",
                "filled",
                120,
                190.04,
                1.1,
                "fast crossed above slow",
                is_open=False,
            ),
            Sent(
                "10:32:00",
                "O2",
                "sell",
                -120,
                "AAPL",
                "stop",
                "new",
                0,
                None,
                None,
                "protects O1",
                is_open=True,
            ),
        ],
        limits=[
            LimitUse("R8", "position", 0.998, 0.999),
            LimitUse("R15", "day volume", 0.31, 0.31),
        ],
        health=Health(62, 62, 0, 0, 0, Figure(0.0, NOW - 12 * SECOND), 311),
    )
    return msgspec.structs.replace(status, **changed)
