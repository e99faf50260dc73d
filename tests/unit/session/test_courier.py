"""The courier: what a silent broker was not told it is told later, in order, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from papertape.domain.clock import MINUTE
from papertape.domain.event import Moment
from papertape.engines.flowroute.core import BrokerSilent, KeptBroker, Said
from papertape.session.courier import Courier, Pace


class Deaf:
    """A broker that learns nothing while it is silent."""

    def __init__(self) -> None:
        self.is_silent = False
        self.told: list[Moment] = []

    def collect(self, moment: Moment) -> None:
        if self.is_silent:
            raise BrokerSilent("no route to host")
        self.told.append(moment)

    def reports_after(self, number: int) -> Sequence[Said]:
        return []


MOMENTS = [Moment(n * MINUTE, ()) for n in range(1, 6)]


def test_moments_of_an_outage_reach_the_broker_afterwards_in_their_order() -> None:
    broker = Deaf()
    courier = Courier(cast("KeptBroker", broker), Pace(lambda: 0.0))
    courier.connect(0)
    for n, moment in enumerate(MOMENTS):
        broker.is_silent = n in {1, 2}
        courier.tell(moment, moment.time)
        assert bool(courier.silence) is broker.is_silent
        courier.tell(moment, moment.time)  # told twice by the session, once to the broker
    assert broker.told == MOMENTS
