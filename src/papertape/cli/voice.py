"""Voice: what a running session says on stderr; whoever does not listen stops nothing."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

_AT_ONCE = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe with room takes without waiting."""


class Voice(io.TextIOBase):
    """A stream that never waits and never fails: what nobody takes is not said (fault-F58).

    Args:
        stream: Where it speaks; it has a descriptor.
    """

    def __init__(self, stream: TextIO):
        self._stream, self._descriptor = stream, stream.fileno()
        self._ready = select.poll()
        self._ready.register(self._descriptor, select.POLLOUT)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream."""
        return self._stream.encoding

    def fileno(self) -> int:
        """The descriptor of the stream."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether somebody sits there."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always, in its own way."""
        return True

    def write(self, text: str) -> int:
        """Say it, as far as it is taken at once."""
        said = text.encode(self.encoding, errors="backslashreplace")
        with suppress(OSError):
            for begin in range(0, len(said), _AT_ONCE):
                if not self._ready.poll(0):
                    break
                os.write(self._descriptor, said[begin : begin + _AT_ONCE])
        return len(text)


@contextmanager
def voiced() -> Iterator[None]:
    """Speak so while a session runs; what its strategy prints is no part of the result, either."""
    try:
        voice = Voice(sys.stderr)
    except (AttributeError, OSError, ValueError):  # somebody has put a text in its place
        with redirect_stdout(sys.stderr):
            yield
        return
    with redirect_stdout(voice), redirect_stderr(voice):
        yield
