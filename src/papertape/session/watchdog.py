"""Watchdog: ends a process whose strategy does not come back, so that the next start is HALTED."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from papertape.session.session import PaperSession

HUNG = 70
"""The exit code of a process that its own watchdog ended."""


class Watchdog:
    """A thread that looks whether the session's calls end (fault-F48).

    A strategy runs in the session's own thread and cannot be interrupted from outside, least of
    all within a library; but it holds nothing that the journal does not have. So the process is
    ended, and the next one resumes HALTED, without the strategy, its positions kept.

    Args:
        session: Watched.
        note: The file that tells the next process what was seen.
        patience: Seconds that one call may take.
    """

    def __init__(self, session: PaperSession, note: Path, patience: float = 10.0):
        self._session, self._note, self._patience = session, note, patience
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join(1)

    def _watch(self) -> None:
        before = -1
        while not self._is_over.wait(self._patience):
            steps = self._session.steps
            if self._session.is_working and steps == before:
                reason = f"the strategy did not answer within {self._patience:g} s"
                self._note.write_text(reason, encoding="utf-8")
                os._exit(HUNG)  # no clean-up: it would wait for the very thread that hangs
            before = steps


def hung_before(note: Path) -> str:
    """What the last process's watchdog saw; taken once. Empty if nothing."""
    try:
        words = note.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    note.unlink()
    return words or "the strategy did not answer"
