"""Signal: the exposure a strategy wants, and why."""

from __future__ import annotations

from dataclasses import dataclass

from papertape.domain.clock import Nanos
from papertape.domain.errors import StrategyError, is_sentence


@dataclass(frozen=True, slots=True)
class Signal:
    """A strategy's wish for one instrument at one moment.

    Attributes:
        symbol: The instrument.
        time: When it was decided: the close of the bar that was seen last.
        exposure: Wanted share of the money set aside for this instrument, from -1 to 1.
        price: The close it was decided at, in dollars as traded.
        reason: The strategy's own words.
        stop_distance: Dollars a share between the fill and a protective stop; 0 for none.
    """

    symbol: str
    time: Nanos
    exposure: float
    price: float
    reason: str
    stop_distance: float = 0.0

    def __post_init__(self) -> None:
        if not is_sentence(self.reason):
            raise StrategyError(
                f"{self.symbol}: a reason is one line of text, was {self.reason!r}",
                hint="let reason(bars) answer a sentence",
            )
        if not -1.0 <= self.exposure <= 1.0:  # also refuses NaN
            raise StrategyError(
                f"{self.symbol}: an exposure lies between -1 and 1, was {self.exposure}",
                hint="papertape strategy check NAME shows the bar",
            )
        if not 0.0 <= self.stop_distance < self.price * 10:
            raise StrategyError(
                f"{self.symbol}: a stop lies a positive distance away, was {self.stop_distance}"
            )
