"""Every error papertape raises, drawn as a tree.

PapertapeError
├── UsageError          exit 2   an argument or a call that cannot mean anything
├── SettingsError       exit 3   a setting or a key is missing or wrong
├── DataError           exit 4   data are missing or unfit
│   ├── BadRows                  rows of a file that refuse to become bars, all of them at once
│   ├── NotFound                 a provider knows nothing under a name
│   ├── NoBars                   a provider sent not one bar
│   ├── JournalBehind            a journal holds less than is known to have been written
│   └── AmountTooLarge           an amount that can no longer be counted exactly
├── LookaheadFound      exit 1   the strategy knows the future, and nothing else can be said
├── StrategyError       exit 5   the user's strategy raised or answered nonsense
├── ProviderError       exit 6   a provider or broker cannot be reached
├── RiskRefusal         exit 7   risk control refuses to start or to go on
├── LockHeld            exit 8   another session holds the lock
├── JournalFailed       exit 7   a journal can no longer be written: the process has to end
└── InvariantBroken     exit 70  our fault: something that must not happen did

What *may* happen (a refused order, a missing bar) is a value, never one of these.
"""

from __future__ import annotations

from dataclasses import dataclass


class PapertapeError(Exception):
    """A failure with the words a person needs: what and why, what stayed untouched, what to type.

    Args:
        message: What was found, where, and what was expected.
        hint: The next thing to type or to change; empty if nobody can know.
        untouched: What the failure left as it was.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "", untouched: str = "nothing was written"):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.untouched = untouched

    @property
    def code(self) -> str:
        """The family's name, as the ``code`` field of ``--json`` errors shows it."""
        return type(self).__name__


class UsageError(PapertapeError):
    """An argument or a call that cannot mean anything."""

    exit_code = 2


class SettingsError(PapertapeError):
    """A setting or a key is missing or wrong."""

    exit_code = 3


class DataError(PapertapeError):
    """Data are missing or unfit to trade on."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class BadRow:
    """One row that refuses to become a bar: its line in the file (the header is line 1) and why."""

    line: int
    reason: str


class BadRows(DataError):
    """Every unfit row of one file, named at once, so that one repair is enough."""

    SHOWN = 20

    def __init__(self, source: str, rows: tuple[BadRow, ...], *, hint: str = ""):
        listed = "\n".join(f"  line {row.line}: {row.reason}" for row in rows[: self.SHOWN])
        more = len(rows) - self.SHOWN
        tail = f"\n  and {more} more" if more > 0 else ""
        count = f"{len(rows)} bad row{'s' if len(rows) != 1 else ''}"
        mend = hint or "mend or take out these lines, or get the file again"
        super().__init__(f"{source}: {count}\n{listed}{tail}", hint=mend)
        self.source = source
        self.rows = rows


class NotFound(DataError):
    """A provider knows nothing under this name."""


class NoBars(DataError):
    """A provider sent not one bar; ``confirmed`` where the calendar says that there can be none."""

    def __init__(self, message: str, *, hint: str = "", confirmed: bool):
        super().__init__(message, hint=hint)
        self.confirmed = confirmed


class AmountTooLarge(DataError):
    """An amount reached 2**53 micro-dollars (nine billion dollars), where counting gets inexact."""


class JournalBehind(DataError):
    """A journal holds ``lines`` lines, and is known to have held ``known`` or another history."""

    def __init__(self, message: str, *, hint: str, lines: int, known: int):
        super().__init__(message, hint=hint, untouched="the journal was left as it is")
        self.lines = lines
        self.known = known


class LookaheadFound(PapertapeError):
    """The strategy knows the future, so much that its result cannot even be counted."""

    exit_code = 1


class StrategyError(PapertapeError):
    """The user's strategy raised, or answered something that is no answer."""

    exit_code = 5


class ProviderError(PapertapeError):
    """A provider or broker cannot be reached."""

    exit_code = 6


class RiskRefusal(PapertapeError):
    """Risk control refuses to start or to go on."""

    exit_code = 7


class LockHeld(PapertapeError):
    """Another session holds the lock."""

    exit_code = 8


class JournalFailed(PapertapeError):
    """A journal can no longer be written; what it acknowledged is safe, and nothing more can be.

    Whoever catches it may still cancel orders, says so, and ends the process. It never records
    again: after a failed write nobody knows what the disk holds until the file is read anew.
    """

    exit_code = 7


class InvariantBroken(PapertapeError):
    """Something that must not happen did; the run stops rather than report a wrong number."""


def is_sentence(words: object) -> bool:
    """Whether something is one line of printable text, fit for a record and a terminal."""
    return isinstance(words, str) and words.isprintable()


def require(truth: bool, otherwise: str) -> None:
    """Stop loudly unless ``truth`` holds; for what must not happen, never for user input."""
    if not truth:
        raise InvariantBroken(otherwise)
