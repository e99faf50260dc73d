"""Rehearsal: a strategy lives through its recorded day again, and nothing is sent."""

from __future__ import annotations

from typing import cast, get_args

from papertape.domain.clock import rfc3339
from papertape.domain.day import (
    DayEvent,
    Heard,
    Line,
    MomentDecided,
    MomentSeen,
    Restrained,
    StrategyFailed,
)
from papertape.domain.event import (
    CancelRequest,
    Decided,
    Entry,
    Event,
    Moment,
    OrderApproved,
    OrderRefused,
    ReplaceApproved,
    ReplaceRequest,
)
from papertape.engines.pipeline import TradingPipeline
from papertape.session.isolation import Isolated

_WISHES = (Decided, OrderRefused, OrderApproved, CancelRequest, ReplaceApproved)
_OF_A_DECISION = (Restrained, StrategyFailed)
_OF_THE_DAY = get_args(DayEvent)


class Rehearsal:
    """Walks the recorded moments through a pipeline whose courier is not connected yet.

    What the broker said is taken from the lines, and what is decided anew must be what stands in
    them: the same strategy, code and settings decide the same.

    Args:
        pipeline: At the start of its day.
        isolated: The strategy in it.
    """

    def __init__(self, pipeline: TradingPipeline, isolated: Isolated):
        self._pipeline = pipeline
        self._isolated = isolated
        self._said: list[Event] = []
        self._wishes: list[Entry] = []
        self._moment: Moment | None = None
        self.divergence = ""
        """Where it decided otherwise than is recorded; empty if it never did."""

    def take(self, line: Line) -> None:
        """Live through one more line."""
        match line:
            case MomentSeen(moment=moment, is_history=True):
                self._moment = None
                self._pipeline.warm(moment)
            case MomentSeen(moment=moment):
                self._moment = moment
            case MomentDecided():
                self._hear()
                self._decide()
            case Heard():
                self._hear()
            case StrategyFailed(reason=reason):
                self._isolated.fail(reason)
            case ReplaceRequest():
                return
            case _ if isinstance(line, _WISHES):
                self._wishes.append(line)
                return
            case _ if not isinstance(line, _OF_THE_DAY):
                self._said.append(cast("Event", line))
                return
        if not isinstance(line, _OF_A_DECISION):
            self._wishes.clear()  # what was wished for before this line is no part of a decision

    def forgive(self) -> None:
        """Somebody accepted what was otherwise up to here."""
        self.divergence = ""

    def _hear(self) -> None:
        said, self._said = self._said, []
        self._pipeline.hear(said)

    def _decide(self) -> None:
        moment, self._moment = self._moment, None
        if moment is None:
            return
        events, intents = self._pipeline.decide(moment)
        decided: list[Entry] = [*events, *intents]
        if decided != self._wishes and not self.divergence:
            self.divergence = (
                f"at {rfc3339(moment.time)} it decided {_named(decided)}, "
                f"recorded is {_named(self._wishes)}"
            )


def _named(entries: list[Entry]) -> str:
    return ", ".join(type(each).__name__ for each in entries) or "nothing"
