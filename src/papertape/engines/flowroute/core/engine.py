"""FlowRoute: sends what was approved, and brings back what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.event import (
    CancelRequest,
    Event,
    Intent,
    Moment,
    OrderApproved,
    ReplaceApproved,
)
from papertape.domain.market import Bars
from papertape.engines.flowroute.core.broker import Broker


class Router(Protocol):
    """A way from the pipeline to a broker and back."""

    def collect_fills(self, moment: Moment) -> list[Event]:
        """What happened at the broker up to and including this moment."""
        ...

    def calm(self, symbol: str) -> Calm:
        """The stretch of market in which nothing will happen at the broker."""
        ...

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """Tell the broker of rows of bars that were calm."""
        ...

    def route(self, intents: Sequence[Intent], now: Nanos) -> list[Event]:
        """Send orders, changes and cancels in their order; the broker's answers."""
        ...


class FlowRoute:
    """The way between the pipeline and one broker."""

    def __init__(self, broker: Broker):
        self._broker = broker

    def collect_fills(self, moment: Moment) -> list[Event]:
        """What happened at the broker up to and including this moment."""
        self._broker.collect(moment)
        return self._broker.reports()

    def calm(self, symbol: str) -> Calm:
        """The stretch of market in which nothing will happen at the broker."""
        return self._broker.calm(symbol)

    def catch_up(self, bars: Bars, first: int, stop: int) -> None:
        """Tell the broker of rows of bars that were calm."""
        self._broker.catch_up(bars, first, stop)

    def route(self, intents: Sequence[Intent], now: Nanos) -> list[Event]:
        """Send orders, changes and cancels in their order; the broker's answers."""
        for intent in intents:
            match intent:
                case OrderApproved(approved=approved):
                    self._broker.submit_order(approved, now)
                case ReplaceApproved(request=asked):
                    self._broker.replace_order(
                        asked.order_id,
                        now,
                        quantity=asked.quantity,
                        limit=asked.limit,
                        stop=asked.stop,
                    )
                case CancelRequest(order_id=order_id, reason=reason):
                    self._broker.cancel_order(order_id, now, reason)
        return self._broker.reports()
