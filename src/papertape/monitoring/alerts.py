"""Alerts: the few things of a day that a person wants to be told wherever he is.

Told are the start, the first fill, a limit used to 70 %, REDUCING and HALTED and their end, a feed
lost for more than half a minute and its return, an unequal reconcile and the day page. One text
each; what repeats within a few minutes is counted and told with the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from papertape.domain.clock import MINUTE, SECOND, Nanos, rfc3339
from papertape.domain.day import (
    DayClosed,
    DayOpened,
    FeedLost,
    FeedRestored,
    Line,
    Reconciled,
    Released,
    Restrained,
    SessionResumed,
    StrategyFailed,
)
from papertape.domain.event import OrderFilled, OrderRejected
from papertape.monitoring.telling import tell

FEED_PATIENCE: Nanos = 30 * SECOND
BUNDLED_FOR: Nanos = 5 * MINUTE
LIMIT_WORTH_TELLING = 0.70


@dataclass(frozen=True, slots=True)
class Alert:
    """One text for a person; ``repeated`` counts those of its kind that were held back before."""

    time: Nanos
    kind: str
    text: str
    repeated: int = 0

    def __str__(self) -> str:
        more = f" ({self.repeated} more like it before)" if self.repeated else ""
        return f"{rfc3339(self.time)} {self.text}{more}"


_ALWAYS: Mapping[type[Line], str] = {
    DayOpened: "started",
    SessionResumed: "resumed",
    OrderRejected: "rejected",
    StrategyFailed: "strategy",
    DayClosed: "day page",
}


class Alerts:
    """Decides, line by line, what is worth telling; it remembers what was told when.

    Args:
        session: Whose alerts they are; every text begins with it.
    """

    def __init__(self, session: str):
        self._session = session
        self._last: dict[str, Nanos] = {}
        self._held: dict[str, int] = {}
        self._lost_since: Nanos | None = None
        self._told_of_loss = False
        self._has_filled = False
        self._limits: set[str] = set()

    def after(self, lines: Iterable[Line]) -> list[Alert]:
        """The alerts that new lines give rise to."""
        found = [(line, self._kind(line)) for line in lines]
        alerts = [self._told(line.time, kind, tell(line).text) for line, kind in found if kind]
        return [each for each in alerts if each is not None]

    def at(self, now: Nanos, limits: Mapping[str, float] | None = None) -> list[Alert]:
        """The alerts that the time, and the share in use of each limit, give rise to."""
        alerts: list[Alert | None] = []
        lost = self._lost_since
        if lost is not None and not self._told_of_loss and now - lost > FEED_PATIENCE:
            self._told_of_loss = True
            text = f"market data are missing for {(now - lost) // SECOND} s"
            alerts.append(self._told(now, "feed lost", text))
        for name, share in sorted((limits or {}).items()):
            if share >= LIMIT_WORTH_TELLING and name not in self._limits:
                self._limits.add(name)
                alerts.append(self._told(now, f"limit {name}", f"{name} is used to {share:.0%}"))
        return [each for each in alerts if each is not None]

    def _kind(self, line: Line) -> str:
        """Which alert a line is; an empty word for none."""
        match line:
            case OrderFilled() if not self._has_filled:
                self._has_filled = True
                return "first fill"
            case Restrained(restraint=each):
                return f"{each.state} {each.cause}"
            case Released(cause=cause):
                return f"released {cause}"
            case FeedLost(time=time):
                self._lost_since = time if self._lost_since is None else self._lost_since
            case FeedRestored():
                was_told, self._told_of_loss, self._lost_since = self._told_of_loss, False, None
                return "feed back" if was_told else ""
            case Reconciled(differences=differences):
                return "unequal" if differences else ""
        return _ALWAYS.get(type(line), "")

    def _told(self, now: Nanos, kind: str, text: str) -> Alert | None:
        """Tell it, or count it where its kind was told just now."""
        last = self._last.get(kind)
        if last is not None and now - last < BUNDLED_FOR:
            self._held[kind] = self._held.get(kind, 0) + 1
            return None
        self._last[kind] = now
        return Alert(now, kind, f"{self._session}: {text}", self._held.pop(kind, 0))


def bundled(alerts: Sequence[Alert]) -> str:
    """Several alerts as one text, a line each."""
    return "\n".join(map(str, alerts))
