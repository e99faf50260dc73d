"""Rehearsal: a strategy lives through its recorded day again, and nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from papertape.domain.clock import rfc3339
from papertape.domain.day import (
    Commanded,
    DayEvent,
    Heard,
    Line,
    MomentDecided,
    MomentSeen,
    Reconciled,
    Released,
    Restrained,
    StrategyFailed,
)
from papertape.domain.day_state import folded
from papertape.domain.event import (
    CancelRequest,
    Decided,
    Event,
    Intent,
    Moment,
    OrderApproved,
    OrderRefused,
    ReplaceApproved,
    ReplaceRequest,
)
from papertape.domain.restraint import Cause, Restraints
from papertape.engines.pipeline import TradingPipeline
from papertape.engines.riskguard import RiskGuard
from papertape.session.courier import Courier
from papertape.session.isolation import Isolated

_WISHES = (Decided, OrderRefused, OrderApproved, CancelRequest, ReplaceApproved)
_OF_THE_DAY = get_args(DayEvent)
_FROM_OUTSIDE = frozenset(
    {
        Cause.UNRECONCILED,
        Cause.KILL,
        Cause.STOP,
        Cause.FEED,
        Cause.STRATEGY,
        Cause.CLOCK,
        Cause.CHANGED,
        Cause.CRASH_LOOP,
    }
)
"""What restrains a session from outside of its pipeline; the rest the pipeline finds anew."""


class Rehearsal:
    """Walks the recorded moments through a pipeline whose courier is not connected yet.

    What the broker said is taken from the lines, and what is decided anew must be what stands in
    them: the same strategy, code and settings decide the same.

    Args:
        pipeline: At the start of its day.
        courier: The one in it.
        isolated: The strategy in it.
        guard: The one in it.
    """

    def __init__(
        self, pipeline: TradingPipeline, courier: Courier, isolated: Isolated, guard: RiskGuard
    ):
        self._pipeline = pipeline
        self._courier = courier
        self._isolated = isolated
        self._guard = guard
        self._restraints = Restraints()
        self._said: list[Event] = []
        self._wishes: list[Event | Intent] = []
        self._found: list[Restrained] = []
        self._moment: Moment | None = None
        self.divergence = ""
        """Where it decided otherwise than is recorded, since that was last accepted; or empty."""
        self.has_diverged = False

    def take(self, line: Line) -> None:
        """Live through one more line."""
        match line:
            case Restrained() | Released():
                self._restrain(line)
            case StrategyFailed(reason=reason):
                self._isolated.fail(reason)
            case ReplaceRequest():
                pass
            case _ if isinstance(line, _WISHES):
                self._wishes.append(line)
            case _ if isinstance(line, _OF_THE_DAY):
                self._live(line)
                self._send()
            case _:
                self._said.append(cast("Event", line))

    def finish(self) -> None:
        """There are no more lines; an intent at their end was recorded and perhaps not sent."""
        self._send()
        self._guard.restraints = self._restraints

    def _live(self, line: Line) -> None:
        match line:
            case MomentSeen(moment=moment, is_history=True):
                self._pipeline.warm(moment)
            case MomentSeen(moment=moment):
                self._moment = moment
            case MomentDecided():
                self._decide()
            case Heard():
                self._hear()
            case Commanded() | Reconciled():
                self._guard.note(line)

    def _restrain(self, line: Restrained | Released) -> None:
        """From outside it acts at once; what the pipeline found, it is to find again first."""
        cause = line.cause if isinstance(line, Released) else line.restraint.cause
        if cause in _FROM_OUTSIDE or isinstance(line, Released):
            self._guard.note(line)
            self._guard.restraints = folded(self._guard.restraints, line)
        else:
            self._found.append(line)
        self._restraints = folded(self._restraints, line)
        if isinstance(line, Released) and cause is Cause.CHANGED:
            self.divergence = ""  # somebody accepted what was otherwise up to here

    def _hear(self) -> None:
        said, self._said = self._said, []
        self._pipeline.hear(said)

    def _decide(self) -> None:
        moment, self._moment = self._moment, None
        said, self._said = self._said, []
        if moment is None:
            return
        self._courier.lay_ready(said)
        events, intents = self._pipeline.decide(moment)
        decided = [*(each for each in events if isinstance(each, _WISHES)), *intents]
        if decided != self._wishes and not self.divergence:
            self.has_diverged = True
            self.divergence = (
                f"at {rfc3339(moment.time)} it decided {_named(decided)}, "
                f"recorded is {_named(self._wishes)}"
            )

    def _send(self) -> None:
        """Where the lines go on, the intents before were sent, and the restraints in force."""
        sent, self._wishes = self._wishes, []
        self._pipeline.expect([each for each in sent if isinstance(each, OrderApproved)])
        for line in self._found:
            self._guard.restrain(line.restraint)  # a watch between two moments found it
        self._found.clear()
        self._guard.restraints = self._restraints


def _named(entries: Sequence[Event | Intent]) -> str:
    return ", ".join(type(each).__name__ for each in entries) or "nothing"
