"""FlowRoute hands intents to the broker in their order, and brings every report back."""

from __future__ import annotations

from tests.fakes import RecordingBroker

from papertape.domain.event import CancelRequest, Moment, OrderAccepted, OrderApproved
from papertape.domain.order import Order, OrderKind
from papertape.domain.verdict import Approved
from papertape.engines.flowroute.core import FlowRoute

NOW = 1_000


def approved(order_id: str) -> OrderApproved:
    return OrderApproved(NOW, Approved(Order(order_id, "SPY", 1, OrderKind.MARKET, NOW, "why")))


def test_intents_are_sent_in_their_order_and_answered_once() -> None:
    broker = RecordingBroker()
    route = FlowRoute(broker)
    intents = [CancelRequest(NOW, "o1", "changed"), approved("o2"), approved("o3")]
    reports = route.route(intents, NOW)
    assert broker.calls == [("cancel", "o1"), ("submit", "o2"), ("submit", "o3")]
    assert [type(report).__name__ for report in reports] == [
        "OrderCanceled",
        "OrderAccepted",
        "OrderAccepted",
    ]
    assert route.route([], NOW) == []


def test_a_moment_is_shown_to_the_broker_before_its_reports_are_fetched() -> None:
    broker = RecordingBroker()
    route = FlowRoute(broker)
    broker.submit_order(approved("o1").approved, NOW)
    [report] = route.collect_fills(Moment(NOW, ()))
    assert isinstance(report, OrderAccepted)
    assert broker.calls[-1] == ("collect", "")
