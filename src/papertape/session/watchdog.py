"""Watchdog: ends a process whose strategy does not come back, so that the next start is HALTED."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

from papertape.session.session import PaperSession

HUNG = 70
"""The exit code of a process that its own watchdog ended; a library may force the signal PROF."""
PATIENCE = 10.0
"""Seconds that one call may take."""
_LOOKS = 10
"""Looks within that time. They are counted, not timed: while the machine sleeps nobody hangs."""


class Watchdog:
    """A thread that looks whether the session's calls end (fault-F48).

    A strategy runs in the session's own thread and cannot be interrupted from outside, least of
    all within a library; but it holds nothing that the journal does not have. So the process is
    ended, and the next one resumes HALTED, without the strategy, its positions kept.

    A library that keeps the interpreter to itself stops this thread, too. Then the kernel's timer
    runs out, which counts the processor time between two looks, and its signal ends the process.

    Args:
        session: Watched.
        note: The file that tells the next process what was seen; open, and empty, until then.
    """

    def __init__(self, session: PaperSession, note: Path):
        self._session, self._note = session, note
        self._words = note.open("w", encoding="utf-8")
        self._has_timer = _is_set(self._words.fileno())
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._is_over.set()
        self._thread.join(1)
        if self._has_timer:
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)
        self._words.close()
        with suppress(OSError):
            self._note.unlink()

    def _watch(self) -> None:
        call, looks = None, 0
        while not self._is_over.wait(PATIENCE / _LOOKS):
            if self._has_timer:
                signal.setitimer(signal.ITIMER_PROF, PATIENCE)
            seen = self._session.call if self._session.is_working else None
            looks = looks + 1 if seen is not None and seen == call else 0
            call = seen
            if looks >= _LOOKS:
                with suppress(OSError):
                    os.write(self._words.fileno(), b"hung")
                os._exit(HUNG)  # no clean-up: it would wait for the very thread that hangs


def _is_set(note: int) -> bool:
    """Let the signal PROF tell the note where it hung, and then do what it does: end us."""
    if not hasattr(signal, "setitimer"):
        return False
    faulthandler.register(signal.SIGPROF, file=note, all_threads=False, chain=True)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    return True


def hung_before(note: Path) -> str:
    """What the last process's watchdog saw; taken once. Empty if nothing."""
    try:
        found = note.read_bytes()
    except FileNotFoundError:
        return ""
    note.unlink()
    return "the strategy did not answer in time" if found else ""
