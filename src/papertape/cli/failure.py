"""Failures in a person's words: what, where, why, what stayed untouched, what to type next."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

from papertape import __version__
from papertape.cli.surroundings import Surroundings
from papertape.domain.clock import utc
from papertape.domain.errors import InvariantBroken, PapertapeError, StrategyError

OUR_FAULT = 70


def told(error: Exception, surroundings: Surroundings) -> PapertapeError:
    """Any exception as one of ours; what nobody foresaw is our fault and leaves a report."""
    if surroundings.debug:
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, PapertapeError) and error.exit_code != OUR_FAULT:
        return error
    what = str(error) or "no words"
    return InvariantBroken(
        f"a fault of papertape's own, {type(error).__name__}: {what}",
        hint=f"send us the report {_report(error, surroundings)}",
        untouched="runs kept before are as they were",
    )


def blamed(error: BaseException, file: Path) -> StrategyError | None:
    """The exception as the strategy's, if it passed through the strategy's own file."""
    lines = [
        frame.tb_lineno
        for frame in _frames(error.__traceback__)
        if frame.tb_frame.f_code.co_filename == str(file)
    ]
    if not lines:
        return None
    return StrategyError(
        f"the strategy raised {type(error).__name__}: {error} ({file.name}:{lines[-1]})",
        hint=f"repair {file.name} at line {lines[-1]}; --debug shows the whole traceback",
    )


def _frames(trace: TracebackType | None) -> list[TracebackType]:
    found = []
    while trace is not None:
        found.append(trace)
        trace = trace.tb_next
    return found


def words_of(failure: PapertapeError) -> str:
    """A failure as it is printed on stderr."""
    lines = [f"error: {_harmless(failure.message)}"]
    if failure.untouched:
        lines.append(f"  untouched: {failure.untouched}")
    if failure.hint:
        lines.append(f"  try: {_harmless(failure.hint)}")
    return "\n".join(lines)


def _harmless(text: str) -> str:
    """Text whose control characters are shown, so that no file name can steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _report(error: Exception, surroundings: Surroundings) -> Path | str:
    """Write what we need to find our fault; where that is not possible, say so instead."""
    now = utc(surroundings.clock.now())
    lines = [f"papertape {__version__}, {now.isoformat()}, Python {sys.version}\n"]
    lines += traceback.format_exception(error)
    try:
        folder = surroundings.home / "reports"
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"fault-{now:%Y%m%d-%H%M%S-%f}.txt"
        path.touch(mode=0o600)
        path.write_text("".join(lines), encoding="utf-8")
    except (OSError, PapertapeError):
        return "(which could not be written; --debug prints it)"
    return path
