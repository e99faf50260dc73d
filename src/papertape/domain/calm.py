"""Calm: a stretch of market that leaves an account and its orders as they are."""

from __future__ import annotations

from typing import NamedTuple

from papertape.domain.clock import Nanos
from papertape.domain.money import LARGEST, Micros


class Calm(NamedTuple):
    """Bars that end before a moment and stay between two prices change nothing but prices.

    So a driver may hand them to the strategy alone, and catch up afterwards.

    Attributes:
        until: Bars that end at this moment or later are not calm.
        above: Nor are bars that trade at this price or below, micro-dollars;
        below: nor those that trade at this one or above.
    """

    until: Nanos
    above: Micros
    below: Micros

    def within(self, other: Calm) -> Calm:
        """What is calm by both."""
        return Calm(
            min(self.until, other.until),
            max(self.above, other.above),
            min(self.below, other.below),
        )


ALWAYS = Calm(2**62, 0, LARGEST)
"""Nothing is waited for, whatever comes."""

NEVER = Calm(0, LARGEST, 0)
"""Every bar has to be met."""
