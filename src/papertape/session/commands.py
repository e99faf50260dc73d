"""Commands: what each verb of a person restrains, and what it releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from papertape.domain.day import Commanded, Verb
from papertape.domain.restraint import Cause, Restraint, Restraints, Sweep, TradingState


class _Stance(NamedTuple):
    cause: Cause
    sweep: Sweep
    flatten: bool = False


_RESTRAINS: Mapping[Verb, _Stance] = {
    Verb.STOP: _Stance(Cause.STOP, Sweep.NOTHING),
    Verb.STOP_NOW: _Stance(Cause.STOP, Sweep.ALL),
    Verb.KILL: _Stance(Cause.KILL, Sweep.ALL),
    Verb.FLATTEN: _Stance(Cause.KILL, Sweep.ALL, flatten=True),
}
_SELF_HEALING = frozenset({Cause.UNRECONCILED, Cause.FEED})
_RELEASES: Mapping[Verb, frozenset[Cause]] = {
    Verb.RESUME: frozenset({Cause.STOP}),
    Verb.ACCEPT: frozenset({Cause.CHANGED, Cause.CRASH_LOOP}),
    # A strategy that failed is asked nothing more today, whoever wishes otherwise.
    Verb.REARM: frozenset(Cause)
    - _SELF_HEALING
    - {Cause.STOP, Cause.CHANGED, Cause.CRASH_LOOP, Cause.STRATEGY},
}


def restraint_of(command: Commanded) -> Restraint | None:
    """What a command restrains; None for those that release."""
    stance = _RESTRAINS.get(command.verb)
    if stance is None:
        return None
    reason = command.reason or f"{command.verb}, no reason given"
    return Restraint(
        stance.cause,
        TradingState.HALTED,
        reason,
        command.time,
        command.by,
        stance.flatten,
        stance.sweep,
    )


def released_by(command: Commanded, restraints: Restraints) -> list[Cause]:
    """The causes in force that a command ends."""
    ends = _RELEASES.get(command.verb, frozenset())
    return [each.cause for each in restraints.in_force if each.cause in ends]
