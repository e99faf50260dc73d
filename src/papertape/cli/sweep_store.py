"""The store of sweeps: trials are written down as they are made, so that an end costs nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from papertape.cli.store import letters
from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import rfc3339, utc
from papertape.domain.errors import DataError, SettingsError, UsageError
from papertape.engines.proofbench.evidence.ledger import Ledger
from papertape.engines.proofbench.sweep import Trial

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_HEAD, _TRIALS = "sweep.json", "trials.jsonl"


class _Head(msgspec.Struct, frozen=True):
    """What a sweep is of; only the same can be resumed."""

    made_at: str
    key: str


class SweepStore:
    """The sweeps under a home folder, and the ledger of all their trials.

    Args:
        here: Whose home, and whose clock.
    """

    def __init__(self, here: Surroundings):
        self.folder = here.home / "sweeps"
        self.ledger = Ledger(here.home / "trials.jsonl")
        self._clock = here.clock

    def begin(self, short: str, key: str) -> str:
        """Make room for a new sweep; its id.

        Raises:
            SettingsError: If the folder cannot be written.
        """
        now = self._clock.now()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in count():
                sweep_id = f"{short}-sweep-{utc(now):%m%d}{letters(number)}"
                if not (self.folder / sweep_id).exists():
                    (self.folder / sweep_id).mkdir(mode=0o700)
                    head = msgspec.json.encode(_Head(rfc3339(now), key))
                    (self.folder / sweep_id / _HEAD).write_bytes(head)
                    return sweep_id
        except OSError as error:
            raise SettingsError(
                f"sweeps cannot be kept in {self.folder}: {error.strerror}",
                hint="choose a folder you may write with --home DIR",
            ) from None
        raise AssertionError("letters never end")

    def resume(self, sweep_id: str, key: str) -> list[Trial]:
        """The trials of a sweep that was cut short.

        Raises:
            UsageError: If there is no such sweep, or it is of something else.
            DataError: If its file is damaged.
        """
        place = self.folder / sweep_id
        if not _ID.fullmatch(sweep_id) or not (place / _HEAD).is_file():
            raise UsageError(f"there is no sweep {sweep_id!r}", hint=f"they lie in {self.folder}")
        try:
            head = msgspec.json.decode((place / _HEAD).read_bytes(), type=_Head)
            file = place / _TRIALS
            lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
            # The last line of a sweep that was killed may be half a line.
            whole = [line for line in lines if line.endswith(b"\n")]
            trials = [msgspec.json.decode(line, type=Trial) for line in whole]
        except (msgspec.MsgspecError, OSError) as error:
            raise DataError(
                f"the sweep {sweep_id} cannot be read: {error}", hint="begin it anew"
            ) from None
        if head.key != key:
            raise UsageError(
                f"the sweep {sweep_id} is of other settings, prices or code",
                hint="repeat its command line as it was, or begin anew without --resume",
            )
        if len(whole) < len(lines):
            file.write_bytes(b"".join(whole))
        return trials

    @contextmanager
    def writing(self, sweep_id: str) -> Iterator[BinaryIO]:
        """The file that takes a sweep's trials, a line each."""
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(self.folder / sweep_id / _TRIALS, how, 0o600)
        with os.fdopen(file, "ab", buffering=0) as stream:  # a kill loses nothing that was told
            yield cast("BinaryIO", stream)

    def draw(self, sweep_id: str, picture: str) -> Path:
        """Keep a sweep's heat map; where it lies."""
        file = self.folder / sweep_id / "heat-map.svg"
        file.write_text(picture, encoding="utf-8")
        return file

    def place(self, sweep_id: str) -> Path:
        """The file of a sweep's trials."""
        return self.folder / sweep_id / _TRIALS
