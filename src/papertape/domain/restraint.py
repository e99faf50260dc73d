"""Restraints: why a session may not trade freely, each cause latched until it is released.

The trading state is no switch of its own: it is the strictest of the restraints in force, so two
causes never undo each other, and whatever ends one leaves the others standing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from papertape.domain.clock import Nanos
from papertape.domain.errors import require


class TradingState(StrEnum):
    """What orders may do (risk-R2), from the freest to the strictest."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Sweep(StrEnum):
    """Which working orders are cancelled under a restraint, from none to every one."""

    NOTHING = "nothing"
    ENTRIES = "entries"  # what could make a holding larger; stops and targets stay
    ALL = "all"


_STRICTNESS = tuple(TradingState)
_WIDTH = tuple(Sweep)


class Cause(StrEnum):
    """What can restrain a session; each at most once at a time."""

    UNRECONCILED = "unreconciled"  # not compared with the broker yet, or found unequal (R2, R28)
    KILL = "kill"  # somebody pressed the kill switch (R1)
    STOP = "stop"  # somebody asked for a calm end
    FEED = "feed"  # market data are missing or old (R27)
    DAILY_LOSS = "daily loss"  # R21
    DRAWDOWN = "drawdown"  # R22
    REJECTS = "reject burst"  # R23
    FLOOD = "order flood"  # the order rate, day after throttle (R13, R14, fault-F60)
    STRATEGY = "strategy"  # it raised, hung or returned nonsense (fault-F48, fault-F49)
    OVERFILL = "suspense"  # a report that cannot be true (fault-F23)
    CLOCK = "clock"  # the wall clock disagrees (fault-F39, fault-F40)
    CHANGED = "changed"  # code or settings differ from those of the day's start (fault-F56, F57)
    CRASH_LOOP = "crash loop"  # three starts in five minutes (fault-F52)


@dataclass(frozen=True, slots=True)
class Restraint:
    """One cause, what it leaves allowed, and who or what brought it about.

    Attributes:
        cause: Why.
        state: REDUCING or HALTED.
        reason: In words, with numbers.
        since: When it began.
        by: A person's word, a command, or the rule (``R21``).
        flatten: Whether holdings are being closed under it; closing orders pass even HALTED.
        sweep: Which working orders are cancelled under it.
    """

    cause: Cause
    state: TradingState
    reason: str
    since: Nanos
    by: str
    flatten: bool = False
    sweep: Sweep = Sweep.NOTHING

    def __post_init__(self) -> None:
        require(self.state is not TradingState.ACTIVE, f"{self.cause}: ACTIVE restrains nothing")
        require(bool(self.reason), f"{self.cause}: a restraint has a reason")

    @property
    def cancels(self) -> bool:
        """Whether working orders are cancelled under it."""
        return self.sweep is not Sweep.NOTHING

    def tightened(self, new: Restraint) -> Restraint:
        """Under a second word on the same cause: stricter, wider, flattening; never less so."""
        state = max(self.state, new.state, key=_STRICTNESS.index)
        sweep = max(self.sweep, new.sweep, key=_WIDTH.index)
        flatten = self.flatten or new.flatten
        if (state, sweep, flatten) == (self.state, self.sweep, self.flatten):
            return self  # the first word stands
        return replace(new, state=state, sweep=sweep, flatten=flatten)


@dataclass(frozen=True, slots=True)
class Restraints:
    """The restraints in force, by cause: a fold over what began and what was released."""

    in_force: tuple[Restraint, ...] = ()

    def __getitem__(self, cause: Cause) -> Restraint | None:
        return next((each for each in self.in_force if each.cause is cause), None)

    def __contains__(self, cause: object) -> bool:
        return any(each.cause is cause for each in self.in_force)

    @property
    def state(self) -> TradingState:
        """The strictest of them; ACTIVE where there is none."""
        return max(
            (each.state for each in self.in_force),
            key=_STRICTNESS.index,
            default=TradingState.ACTIVE,
        )

    @property
    def strictest(self) -> Restraint | None:
        """The restraint that the state comes from: the oldest of the strictest."""
        return next((each for each in self.in_force if each.state is self.state), None)

    @property
    def sweep(self) -> Sweep:
        """The working orders that are to be cancelled."""
        return max((each.sweep for each in self.in_force), key=_WIDTH.index, default=Sweep.NOTHING)

    @property
    def flattens(self) -> bool:
        """Whether holdings are being closed."""
        return any(each.flatten for each in self.in_force)

    def after(self, new: Restraint) -> Restraints:
        """With one more; of a cause that is in force already, it only ever gets tighter."""
        old = self[new.cause]
        if old is None:
            return Restraints((*self.in_force, new))
        tight = old.tightened(new)
        return self if tight is old else Restraints((*self.without(new.cause).in_force, tight))

    def without(self, cause: Cause) -> Restraints:
        """Once a cause was released."""
        return Restraints(tuple(each for each in self.in_force if each.cause is not cause))
