"""Client order ids: the names under which a broker knows our orders, now and after a crash."""

from __future__ import annotations

import hashlib

from papertape.domain.day import DayOpened
from papertape.domain.order import OrderId

DIGITS = 32


def client_id(opened: DayOpened, order_id: OrderId) -> str:
    """The name of a day's order at its broker: 32 hexadecimal digits, the same whenever asked for.

    It rests on all that tells one day from another (session, day, strategy, settings with the
    account's name, moment of the start) and on the order's number in it. So an order that is sent
    again is the same order, and no two days or accounts ever share a name.
    """
    parts = (
        opened.session,
        opened.day.isoformat(),
        opened.strategy,
        opened.settings,
        str(opened.time),
        order_id,
    )
    # A length before each part: no two lists of parts run together to one text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
