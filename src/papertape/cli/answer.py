"""Answer: what a command found, and how it is put before people and programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

from papertape.domain.errors import PapertapeError, SettingsError


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Attributes:
        text: For people, without the last line's end.
        data: For programs.
        warnings: What a program should tell its user; the text says it in its own place.
        is_no: Whether the answer is no (exit 1).
        is_cut_short: Whether an interrupt ended the work early (exit 130).
        is_told: Whether all of it was told line by line as it happened, and nothing is left.
    """

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_no: bool = False
    is_cut_short: bool = False
    is_told: bool = False

    @property
    def exit_code(self) -> int:
        """0, 1 when the answer is no, or 130 when it is not whole."""
        return 130 if self.is_cut_short else int(self.is_no)


def envelope(name: str, answer: Answer) -> str:
    """An answer as a line of JSON; ``ok`` says that the command did its work."""
    return _json(
        schema=f"papertape.{name}/1",
        ok=True,
        data=answer.data,
        warnings=answer.warnings,
        error=None,
    )


def failed_envelope(name: str, error: PapertapeError) -> str:
    """A failure as a line of JSON."""
    told = {"code": error.code, "message": error.message, "hint": error.hint}
    return _json(schema=f"papertape.{name}/1", ok=False, data={}, warnings=(), error=told)


def _json(**fields: Any) -> str:
    import msgspec  # noqa: PLC0415 - people's answers do without it

    return msgspec.json.encode(fields).decode()


def write(text: str) -> None:
    """Put a result on stdout; a reader who has left is no error."""
    try:
        _put(text if text.endswith("\n") else text + "\n", sys.stdout)
    except BrokenPipeError:
        pass
    except OSError as error:
        raise SettingsError(
            f"the result cannot be written: {error.strerror}",
            untouched="the run itself is kept",
            hint="make room where the output goes; papertape runs list shows the run",
        ) from None


def complain(text: str) -> None:
    """Put words on stderr; if nobody takes them, that is all."""
    with suppress(OSError):
        _put(text + "\n", sys.stderr)


def _put(text: str, stream: TextIO) -> None:
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # Python flushes it once more at its end, and would complain of the same.
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        raise
