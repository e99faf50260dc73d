"""FlowRoute: sends what was approved, and brings back what became of it."""

from __future__ import annotations

from collections.abc import Sequence

from papertape.domain.clock import Nanos
from papertape.domain.event import Event, Intent, Moment, OrderApproved
from papertape.engines.flowroute.core.broker import Broker


class FlowRoute:
    """The way between the pipeline and one broker."""

    def __init__(self, broker: Broker):
        self._broker = broker

    def collect_fills(self, moment: Moment) -> list[Event]:
        """What happened at the broker up to and including this moment."""
        self._broker.collect(moment)
        return self._broker.reports()

    def route(self, intents: Sequence[Intent], now: Nanos) -> list[Event]:
        """Send orders and cancels in their order; the broker's answers."""
        for intent in intents:
            if isinstance(intent, OrderApproved):
                self._broker.submit_order(intent.approved, now)
            else:
                self._broker.cancel_order(intent.order_id, now, intent.reason)
        return self._broker.reports()
