"""Surroundings: what every command is given besides its own arguments, and the global flags."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from papertape.cli.answer import complain
from papertape.domain.clock import Clock, WallClock
from papertape.domain.errors import SettingsError, UsageError

if TYPE_CHECKING:  # most commands ask no provider
    from papertape.plugins.market_data.transport import Timing

NARROWEST, WIDEST = 60, 120

_SWITCHES = {
    "--json": "json",
    "--quiet": "quiet",
    "-q": "quiet",
    "--verbose": "verbose",
    "-v": "verbose",
    "--debug": "debug",
    "--no-color": "no_color",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a command runs, what time it is, and how its answer is wanted.

    Attributes:
        chosen_home: What ``--home`` says; None leaves it to the environment.
        json: Whether the answer is for a program.
        quiet: Whether notes and progress stay away from stderr.
        verbose: Whether more notes are wanted there.
        debug: Whether an error shows its whole traceback.
        no_color: Whether colour was refused.
        clock: Names runs by their day, and reads dates like ``today``.
        timing: How time passes for providers, where that is not this machine's time.
    """

    chosen_home: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False
    clock: Clock = field(default_factory=WallClock)
    timing: Timing | None = None

    @property
    def live_clock(self) -> Clock:
        """Tells when live prices are."""
        return self.clock if self.timing is None else self.timing.clock

    @property
    def home(self) -> Path:
        """The folder that keeps runs, prices and reports.

        Raises:
            SettingsError: If it is named by an empty word.
        """
        named = self.chosen_home
        if named is None:
            named = os.environ.get("PAPERTAPE_HOME")
        if named is None:
            import platformdirs  # noqa: PLC0415 - `--help` needs no folder

            return platformdirs.user_data_path("papertape", appauthor=False)
        if not named.strip() or not named.isprintable():
            raise SettingsError(
                f"the home folder is named {named!r}",
                hint="give --home a folder, or unset PAPERTAPE_HOME",
            )
        return Path(named).expanduser()

    @property
    def width(self) -> int:
        """Columns to write in."""
        return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((100, 24)).columns))

    def colour_on(self, stream: TextIO) -> bool:
        """Whether a stream shows colour; NO_COLOR and TERM=dumb are obeyed."""
        if self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            return False
        return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()

    def note(self, text: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            complain(text)


def global_flags(
    words: Sequence[str], clock: Clock, timing: Timing | None = None
) -> tuple[Surroundings, list[str]]:
    """Take the global flags out of a command line, wherever they stand before a ``--``.

    Raises:
        UsageError: If ``--home`` names no folder.
    """
    found: dict[str, Any] = {}
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            rest += [word, *remaining]
        elif word in _SWITCHES:
            found[_SWITCHES[word]] = True
        elif word == "--home" or word.startswith("--home="):
            found["chosen_home"] = _folder(word, remaining)
        else:
            rest.append(word)
    return Surroundings(clock=clock, timing=timing, **found), rest


def _folder(word: str, remaining: Iterator[str]) -> str:
    folder = word.removeprefix("--home=") if "=" in word else next(remaining, "")
    if not folder or folder.startswith("-"):
        raise UsageError("--home wants a folder", hint="papertape --home DIR ...")
    return folder
