"""Files that commands write for the user: never over another one unasked, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from papertape.domain.errors import SettingsError, UsageError


def refuse_overwriting(files: Sequence[Path], *, force: bool) -> None:
    """Stop before any work where a file is there already.

    Raises:
        UsageError: If one is, and nobody said that it may go; or one is a folder.
    """
    for file in files:
        if file.is_dir():
            raise UsageError(
                f"{file} is a folder", hint=f"name a file in it: -o {file}/{file.name}"
            )
        if file.exists() and not force:
            raise UsageError(f"{file} is there already", hint="choose another -o, or add --force")


def write_whole(file: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        SettingsError: If it cannot be written.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(beside).replace(file)
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror}", hint="choose another -o"
        ) from None
