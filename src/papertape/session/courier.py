"""Courier: the way to a broker that may fall silent; nothing is lost on it and nothing doubled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from papertape.domain.calm import NEVER, Calm
from papertape.domain.clock import SECOND, Nanos
from papertape.domain.day import OutcomeUnknown
from papertape.domain.errors import require
from papertape.domain.event import (
    CancelRequest,
    Event,
    Intent,
    Moment,
    OrderApproved,
    ReplaceApproved,
)
from papertape.domain.market import Bars
from papertape.domain.order import OrderId
from papertape.domain.report import Inbox
from papertape.engines.flowroute.core import BrokerSilent, KeptBroker, Said


def order_id_of(intent: Intent) -> OrderId:
    """The order that an intent is about."""
    match intent:
        case OrderApproved(approved=approved):
            return approved.order.id
        case ReplaceApproved(request=request):
            return request.order_id
        case CancelRequest(order_id=order_id):
            return order_id


@dataclass
class Pace:
    """When a silent broker is asked again: each pause about twice the last, with jitter, capped.

    Attributes:
        chance: A number from 0 to 1, from a seeded source.
        first, longest: The bounds of the pauses.
    """

    chance: Callable[[], float]
    first: Nanos = SECOND
    longest: Nanos = 60 * SECOND
    failures: int = 0
    next_try: Nanos = 0

    def is_due(self, now: Nanos) -> bool:
        """Whether to try."""
        return now >= self.next_try

    def failed(self, now: Nanos) -> None:
        """It did not answer."""
        pause = min(self.longest, self.first << min(self.failures, 32))
        self.failures += 1
        self.next_try = now + int(pause * (0.5 + self.chance() / 2))

    def succeeded(self) -> None:
        """It answered."""
        self.failures, self.next_try = 0, 0


class Courier:
    """Carries moments and intents to a broker, and its reports back, each once and in its order.

    Until `connect` it stands in for the broker of a rehearsal: it notes the moments and hands
    out what is laid ready, and nothing leaves the house.

    Args:
        broker: The account's broker.
        pace: When to ask again.
    """

    def __init__(self, broker: KeptBroker, pace: Pace):
        self.broker = broker
        self.pace = pace
        self.silence = ""
        """Why the broker was not reached the last time; empty if it was."""
        self._is_connected = False
        self._inbox: Inbox[Said] = Inbox()
        self._untold: list[Moment] = []
        self._told: Nanos = 0
        self._ready: list[Event] = []
        self._unknown: list[OutcomeUnknown] = []

    @property
    def heard(self) -> int:
        """The number of the broker's last report that was handed out."""
        return self._inbox.awaited - 1

    def lay_ready(self, events: Sequence[Event]) -> None:
        """Have these handed out next, as what the broker said once."""
        require(not self._is_connected, "a rehearsal is over once the broker is connected")
        self._ready += events

    def connect(self, heard: int) -> None:
        """Begin to speak with the broker, of whose reports the first ``heard`` are known."""
        self._is_connected = True
        self._inbox = Inbox(heard + 1)

    def tell(self, moment: Moment, now: Nanos) -> None:
        """Let the broker know of a moment, once, and listen; in order even if it was silent."""
        if moment.time > self._told:
            self._told = moment.time
            self._untold.append(moment)
            self._listen(now)

    def collect_fills(self, moment: Moment) -> list[Event]:
        """What happened at the broker up to and including this moment."""
        self.tell(moment, moment.time)
        return self._taken()

    def hear(self, now: Nanos) -> list[Event]:
        """What the broker has said meanwhile."""
        self._listen(now)
        return self._taken()

    def calm(self, symbol: str) -> Calm:
        """A session walks moment by moment."""
        return NEVER

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """Never: no bar is passed over."""
        require(False, "a session passes over no bar")

    def route(self, intents: Sequence[Intent], now: Nanos) -> list[Event]:
        """Send each intent, whatever became of the one before it; the broker's answers."""
        for intent in intents:
            self.send(intent, now)
        return self.hear(now)

    def send(self, intent: Intent, now: Nanos) -> None:
        """Send an intent; if no answer comes, its outcome is unknown."""
        try:
            match intent:
                case OrderApproved(approved=approved, client_id=client_id):
                    self.broker.submit_order(approved, now, client_id)
                case ReplaceApproved(request=asked):
                    terms = {"quantity": asked.quantity, "limit": asked.limit, "stop": asked.stop}
                    self.broker.replace_order(asked.order_id, now, **terms)
                case CancelRequest(order_id=order_id, reason=reason):
                    self.broker.cancel_order(order_id, now, reason)
        except BrokerSilent as silent:
            self.silence = silent.message
            self._unknown.append(OutcomeUnknown(now, order_id_of(intent), silent.message))

    def unknown(self) -> list[OutcomeUnknown]:
        """What was sent since the last call and not answered."""
        unknown, self._unknown = self._unknown, []
        return unknown

    def failed(self, silent: BrokerSilent, now: Nanos) -> None:
        """Nobody answered: wait a while before the next question."""
        self.silence = silent.message
        self.pace.failed(now)

    def _listen(self, now: Nanos) -> None:
        if not (self._is_connected and self.pace.is_due(now)):
            return
        try:
            while self._untold:
                self.broker.collect(self._untold[0])
                self._untold.pop(0)
            for said in self.broker.reports_after(self.heard):
                self._inbox, turn = self._inbox.receive(said)
                self._ready += (each.event for each in turn)
        except BrokerSilent as silent:
            self.failed(silent, now)
        else:
            self.silence = ""
            self.pace.succeeded()

    def _taken(self) -> list[Event]:
        ready, self._ready = self._ready, []
        return ready
