"""A session's terms: everything it was begun with, as the text that its journal keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec

import papertape
from papertape.cli.options import RunOptions
from papertape.domain.errors import DataError
from papertape.domain.instrument import Instrument
from papertape.engines.proofbench.config import SimulationConfig


@dataclass(frozen=True, slots=True)
class SessionTerms:
    """What is needed to begin a session, to resume it and to prove its day, in another process.

    Attributes:
        strategy: As the command line spells it.
        parameters: Of the strategy, ``name=value``.
        options: The words of the command line.
        feed, speed, account: Likewise.
        config: What they mean.
        instruments: What is traded.
        limits: Risk limits that differ from those of the profile.
        provider: Who tells live prices; empty in a replay.
    """

    strategy: str
    parameters: tuple[str, ...]
    options: RunOptions
    feed: str
    speed: str
    account: str
    config: SimulationConfig
    instruments: tuple[Instrument, ...]
    limits: dict[str, str]
    provider: str = ""

    def written(self) -> str:
        """The terms as one JSON text; the same terms give the same text."""
        return msgspec.json.encode(self, order="deterministic").decode()

    @property
    def digest(self) -> str:
        """A short hash of them."""
        return hashlib.sha256(self.written().encode()).hexdigest()[:8]

    @property
    def is_replay(self) -> bool:
        """Whether the past is told again."""
        return self.feed.partition(":")[0] != "live"


def terms_of(text: str) -> SessionTerms:
    """The terms that a journal keeps.

    Raises:
        DataError: If another version wrote them.
    """
    try:
        return msgspec.json.decode(text, type=SessionTerms)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DataError(
            f"the session's terms cannot be understood: {error}",
            hint="another version began this day; finish it with that one",
        ) from error


def code_digest(strategy_file: Path) -> str:
    """A short hash of the package's sources and the strategy's file (risk-R29)."""
    digest = hashlib.sha256(papertape.__version__.encode())
    folder = Path(papertape.__file__).parent
    for file in [*sorted(folder.rglob("*.py")), strategy_file]:
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def session_name(short: str, day: date, taken: list[str]) -> str:
    """A name that speaks and is new: strategy, day and a letter, ``sma-20240628-a``."""
    stem = f"{short}-{day:%Y%m%d}-"
    for number in range(26 * 27):
        first, second = divmod(number, 26)
        letters = (chr(96 + first) if first else "") + chr(97 + second)
        if stem + letters not in taken:
            return stem + letters
    raise DataError(
        f"{26 * 27} sessions are named {stem}*",
        hint="give this one another account: --account NAME",
    )
