"""One owner a stream: an account may connect once, and a second connection evicts the first."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.errors import LockHeld


@contextmanager
def sole_owner(file: Path, provider: str, now: Nanos) -> Iterator[None]:
    """Hold an account's stream; a text beside ``file`` says who does, since when.

    The lock is SQLite's, which the system lets go of when its process ends, however that ends.

    Raises:
        LockHeld: If another process or stream holds it.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    owner = file.with_suffix(".owner")
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
            held = ""
        except sqlite3.OperationalError:
            held = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
        if held:
            raise LockHeld(
                f"{provider}: {held} holds the one stream of this account",
                hint="stop that session first, or give this one another account's key",
            )
        owner.touch(mode=0o600)
        owner.write_text(f"process {os.getpid()} since {rfc3339(now)}", encoding="utf-8")
        yield
        owner.unlink(missing_ok=True)
