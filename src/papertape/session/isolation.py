"""Isolation: a strategy that raises, answers nonsense or floods takes nobody with it."""

from __future__ import annotations

from collections.abc import Callable

from papertape.domain.calm import Calm
from papertape.domain.clock import Nanos
from papertape.domain.errors import InvariantBroken, PapertapeError
from papertape.domain.event import Event, Moment, Proposal
from papertape.domain.market import Bars
from papertape.domain.restraint import Cause
from papertape.engines.signalcore.engine import SignalCore, Standing

MOST_PROPOSALS = 1_000
"""What one strategy may ask for in one moment; more is a flood and not looked at (fault-F60)."""


class Isolated:
    """A strategy's desk behind a wall: once it failed it is asked nothing more.

    Args:
        core: The desk.
    """

    def __init__(self, core: SignalCore):
        self._core = core
        self.calls = 0
        self.failure = ""
        self.cause = Cause.STRATEGY

    def fail(self, reason: str, cause: Cause = Cause.STRATEGY) -> None:
        """Ask it nothing more; the first reason stands."""
        if not self.failure:
            self.failure, self.cause = reason, cause

    def see(self, moment: Moment) -> None:
        """Hand the moment over; after a failure nobody looks any more."""
        if not self.failure:
            self._guarded(lambda: self._core.see(moment))

    def decide(
        self, moment: Moment, happened: list[Event], standing: Standing
    ) -> tuple[list[Event], list[Proposal]]:
        """What the strategy decided; nothing at all if it failed while it did."""
        answer: tuple[list[Event], list[Proposal]] = ([], [])

        def ask() -> None:
            nonlocal answer
            answer = self._core.decide(moment, happened, standing)

        if not self.failure:
            self._guarded(ask)
        if len(answer[1]) > MOST_PROPOSALS:
            wanted = f"it asked for {len(answer[1]):,} things at once, {MOST_PROPOSALS:,} may be"
            self.fail(wanted, Cause.FLOOD)
        return ([], []) if self.failure else answer

    def pass_calm(
        self, bars: Bars, first: int, stop: int, calm: Calm, standing: Callable[[Nanos], Standing]
    ) -> int:
        """A session walks moment by moment."""
        return first

    def asked(self, standing: Standing) -> tuple[list[Event], list[Proposal]]:
        """Nothing, as no bar is passed over."""
        return [], []

    def finish(self) -> None:
        """Tell the strategy that there is nothing more to come."""
        if not self.failure:
            self._guarded(self._core.finish)

    def _guarded(self, work: Callable[[], None]) -> None:
        self.calls += 1
        try:
            work()
        except InvariantBroken:
            raise  # ours, not the strategy's
        except PapertapeError as error:
            self.fail(_one_line(error.message))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its code raises
            self.fail(_one_line(f"it raised {type(error).__name__}: {error}"))


def _one_line(words: str) -> str:
    return "".join(each if each.isprintable() else " " for each in words)[:500]
