"""Publishing a revision step by step, so that a death at any of them leaves the old or the new."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from papertape.data.store.columns import write_part
from papertape.domain.market import Bars

BESIDE = ".new-"
"""Begins the names of files that are not published yet; readers never look at them."""


def publishing(
    folder: Path, parts: Mapping[str, Bars], name: str, manifest: bytes
) -> Iterator[str]:
    """Do one step at a time and name it; the revision is there once its manifest has its name.

    Each file is written beside its place, forced to the disk, and moved; the manifest comes last,
    after the folder itself has been forced to the disk with the names of the parts.
    """
    for part, bars in parts.items():
        write_part(folder / f"{BESIDE}{part}", bars)
        yield f"{part} written"
        yield from _placed(folder, part)
    sync(folder)
    yield "parts named"
    file = os.open(folder / f"{BESIDE}{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(manifest)
    yield f"{name} written"
    yield from _placed(folder, name)
    sync(folder)
    yield "revision published"


def _placed(folder: Path, name: str) -> Iterator[str]:
    beside = folder / f"{BESIDE}{name}"
    beside.chmod(0o600)
    sync(beside)
    yield f"{name} durable"
    beside.replace(folder / name)
    yield f"{name} in place"


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
