"""The lock of a series: one writer at a time, whoever it is, and free again when it dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from papertape.domain.clock import Nanos, rfc3339
from papertape.domain.errors import LockHeld


@contextmanager
def only_writer(file: Path, now: Nanos) -> Iterator[None]:
    """Hold a lock file while writing; its text says who holds it, since when.

    The system lets go of the lock when its process ends, however that ends, so that no stale lock
    can stay behind. The file itself stays: taking it away would let two writers lock two files.

    Raises:
        LockHeld: If another process or thread holds it.
    """
    import fcntl  # noqa: PLC0415 - absent on Windows, where the store can still be read

    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise LockHeld(
                f"{file.stem} is being written by {owner}",
                hint="wait until it is done, and try again",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} since {rfc3339(now)}\n".encode())
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
