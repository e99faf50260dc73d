"""The kill switch: pressed, it blocks every new order until somebody re-arms it by name."""

from __future__ import annotations

from papertape.domain.errors import UsageError


class KillSwitch:
    """Latched: pressing twice keeps the first reason, and nothing but `rearm` releases it."""

    def __init__(self) -> None:
        self._reason = ""

    @property
    def is_pressed(self) -> bool:
        """Whether new orders are blocked."""
        return bool(self._reason)

    @property
    def reason(self) -> str:
        """Why it was pressed; empty while it is armed."""
        return self._reason

    def press(self, reason: str) -> None:
        """Block new orders."""
        self._reason = self._reason or reason or "no reason given"

    def rearm(self, reason: str) -> None:
        """Let orders pass again.

        Raises:
            UsageError: Without a reason; whoever re-arms says why.
        """
        if not reason:
            raise UsageError("re-arming the kill switch needs a reason")
        self._reason = ""
