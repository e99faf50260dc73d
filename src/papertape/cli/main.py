"""The console command, and the one door that every error leaves by."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

from papertape import __version__
from papertape.cli.answer import Answer, complain, envelope, failed_envelope, write
from papertape.cli.commands import COMMANDS, FLAGS, GROUPS
from papertape.cli.failure import told, words_of
from papertape.cli.surroundings import Surroundings, global_flags
from papertape.domain.clock import Clock, WallClock
from papertape.domain.errors import PapertapeError

if TYPE_CHECKING:
    from papertape.plugins.market_data.transport import Timing

INTERRUPTED, TERMINATED = 130, 143
_HELP, _VERSION = ("--help", "-h"), ("--version", "-V")


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def run() -> None:
    """Run the command line of this process, and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    # What an import makes stays: searching it for garbage every 700 objects takes a tenth of a run.
    gc.set_threshold(50_000)
    # NumPy would start threads for linear algebra, of which there is none, before any array.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _have_three_streams()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a file name may hold what the terminal's encoding cannot say
            reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def _have_three_streams() -> None:
    """A stream that was closed before we began leads nowhere; else a file would take its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def _terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def main(words: Sequence[str], clock: Clock | None = None, timing: Timing | None = None) -> int:
    """Do what a command line says and answer its exit code.

    Args:
        words: The command line without the program's name.
        clock: Tells the day; the wall clock's if None.
        timing: How time passes for providers and live sessions; as on this machine if None.
    """
    surroundings, rest = Surroundings(), list(words)
    try:
        surroundings, rest = global_flags(words, clock or WallClock(), timing)
        answer = _answer(rest, surroundings)
        if not answer.is_told:
            write(envelope(_name(rest), answer) if surroundings.json else answer.text)
    except KeyboardInterrupt as interrupt:
        complain(f"interrupted: {str(interrupt) or 'nothing was written'}")
        return TERMINATED if isinstance(interrupt, Terminated) else INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes is told in our words
        return _failed(error, rest, surroundings)
    return answer.exit_code


def _answer(words: Sequence[str], surroundings: Surroundings) -> Answer:
    if not words or words[0] in _HELP:
        return Answer(_help(), {"commands": COMMANDS})
    if words[0] in _VERSION:
        from papertape.domain.native import native  # noqa: PLC0415 - only this answer needs it

        built = native()
        page = f"papertape {__version__} ({built.summary})\n{built.notice}".rstrip()
        return Answer(page, {"version": __version__, "built": built.summary})
    from papertape.cli.parsing import understood  # noqa: PLC0415 - `--help` answers without it

    return understood(words)(surroundings)


def _failed(error: Exception, words: Sequence[str], surroundings: Surroundings) -> int:
    failure: PapertapeError = told(error, surroundings)
    if surroundings.json:
        write(failed_envelope(_name(words), failure))
    complain(words_of(failure))
    return failure.exit_code


def _name(words: Sequence[str]) -> str:
    """The command's name for the schema, like ``backtest`` or ``strategy.list``."""
    if not words or words[0] in _HELP:
        return "help"
    if words[0] in _VERSION:
        return "version"
    if words[0] not in COMMANDS:
        return "error"
    verb = words[1] if len(words) > 1 else ""
    return f"{words[0]}.{verb}" if verb in GROUPS.get(words[0], ()) else words[0]


def _help() -> str:
    return "\n".join(
        [
            "papertape: a trading workbench, from history to a paper account",
            "",
            "usage: papertape [flags] COMMAND [arguments] [flags]",
            "",
            "commands",
            *(f"  {name:<15}{what}" for name, what in COMMANDS.items()),
            "",
            "flags",
            *(f"  {name:<15}{what}" for name, what in FLAGS.items()),
            "",
            "begin with  papertape demo",
            "more on one papertape COMMAND --help",
        ]
    )
