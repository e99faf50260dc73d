"""Status: what a session publishes of itself, whole enough for every screen to be drawn from it.

The process that trades writes it, atomically, whenever something happened and once a second at
rest; everybody else (`status`, `watch`, ``/metrics``, a dashboard) reads it. Each live figure
carries the moment it is of, so that a reader can say how old it is; money is in dollars.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from papertape.domain.clock import SECOND, Nanos
from papertape.domain.errors import DataError, NotFound

SCHEMA = "papertape.status/1"
OWNER_ONLY = 0o600
NO_CONTACT_AFTER: Nanos = 3 * SECOND
"""A status older than this is no longer the session's: nobody knows how it is."""


class Figure(msgspec.Struct, frozen=True):
    """A live figure and the moment it is of, nanoseconds since 1970; 0 for never."""

    value: float | None
    at: int = 0

    def age(self, now: Nanos) -> float | None:
        """Seconds since then; None if there was none yet."""
        return (now - self.at) / SECOND if self.at else None


class Held(msgspec.Struct, frozen=True):
    """A holding: ``last`` and ``open_pnl`` are of the last price seen, ``share`` is of equity."""

    symbol: str
    quantity: int
    average_price: float
    last: Figure
    open_pnl: float
    share: float


class Sent(msgspec.Struct, frozen=True):
    """An order and where it stands; ``against_decision_bp`` is positive when it got worse.

    ``client_id`` is its name at the broker; an exit that the exchange brought to life has none.
    """

    time: str
    id: str
    side: str
    quantity: int
    symbol: str
    type: str
    state: str
    filled: int
    average_price: float | None
    against_decision_bp: float | None
    reason: str
    is_open: bool
    client_id: str = ""


class LimitUse(msgspec.Struct, frozen=True):
    """How much of a risk limit is and was used, as a share of it; 1 is the limit."""

    rule: str
    name: str
    used: float
    peak: float
    words: str = ""


class Restrains(msgspec.Struct, frozen=True):
    """A restraint in force, in words."""

    cause: str
    state: str
    reason: str
    since: str
    by: str


class Health(msgspec.Struct, frozen=True):
    """How the session itself is.

    Attributes:
        bars_seen, bars_due: Of the day so far.
        outages: Times that market data were lost.
        troubles: What is wrong with parts of the feed, while others still bring data.
        late_bars: Bars that came or changed after their decision.
        unknown: Orders whose outcome nobody knows yet.
        reconciled: Differences at the last comparison with the broker, and when that was.
        events: Lines in the journal.
        lost: Lines that could not be published.
        memory_mb: Of the process; 0 if the machine does not say.
    """

    bars_seen: int = 0
    bars_due: int = 0
    outages: int = 0
    late_bars: int = 0
    unknown: int = 0
    reconciled: Figure = Figure(None)
    events: int = 0
    lost: int = 0
    memory_mb: float = 0.0
    troubles: list[str] = []


class Status(msgspec.Struct, frozen=True):
    """A session at one moment.

    Attributes:
        session: Its name.
        title: ``PAPER``, ``PAPER REPLAY``, with ``SAMPLE`` or ``SYNTHETIC`` where it is so.
        strategy, account, feed: As they were asked for.
        code, settings: Short hashes.
        pid: The process that wrote this.
        published: When, by this machine's clock; nanoseconds since 1970.
        now: When, by the session's own clock, which replays the past in a replay.
        state: STARTING, RECONCILING, ACTIVE, REDUCING, HALTED or CLOSED.
        why: Of the strictest restraint; empty while there is none.
        opens, closes: Of the day's session, nanoseconds since 1970.
        market: Age of the last market data, as the moment they are of.
        broker: When the broker answered last.
        day_pnl, open_pnl, drawdown, equity, cash, exposure, costs: Marked at the last prices;
            drawdown and exposure are shares of equity.
        orders, refused, filled, working: Counts of the day.
    """

    session: str
    title: str
    strategy: str
    account: str
    feed: str
    code: str
    settings: str
    pid: int
    published: int
    now: int
    state: str
    why: str
    day: str
    opens: int
    closes: int
    market: Figure
    broker: Figure
    equity: Figure
    cash: float
    day_pnl: float
    open_pnl: float
    drawdown: float
    exposure: float
    costs: float
    orders: int
    refused: int
    filled: int
    working: int
    restraints: list[Restrains]
    held: list[Held]
    sent: list[Sent]
    limits: list[LimitUse]
    health: Health
    schema: str = SCHEMA

    def is_healthy(self, now: Nanos) -> bool:
        """Whether it publishes, may trade, and nothing is wrong; closed in order is healthy."""
        if self.state == "CLOSED":
            return True
        return self.state == "ACTIVE" and now - self.published <= NO_CONTACT_AFTER

    def complaint(self, now: Nanos) -> str:
        """Why it is not healthy, in words; empty if it is."""
        if self.is_healthy(now):
            return ""
        silent = (now - self.published) / SECOND
        if self.state != "CLOSED" and now - self.published > NO_CONTACT_AFTER:
            return f"NO CONTACT for {silent:,.0f} s; it was {self.state} then"
        return f"{self.state}: {self.why}" if self.why else self.state


_decoder = msgspec.json.Decoder(Status)


def publish(status: Status, path: Path) -> bool:
    """Replace the published status in one step; False where that was not possible.

    A reader sees the old one or the new one, never a part. It is no journal: nothing is synced.
    """
    draft = path.with_suffix(".new")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(draft, flags, OWNER_ONLY)
        try:
            os.write(file, msgspec.json.encode(status))
        finally:
            os.close(file)
        draft.replace(path)
    except OSError:
        return False
    return True


def published(path: Path) -> Status:
    """What a session published last.

    Raises:
        NotFound: If none ever did.
        DataError: If it cannot be understood.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            "no session has published anything here",
            hint="papertape paper STRATEGY --symbol S --feed replay:DAY starts one",
        ) from None
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path.name} cannot be understood: {error}",
            hint="another version wrote it; papertape paper writes a new one",
        ) from error
