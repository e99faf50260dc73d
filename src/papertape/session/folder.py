"""AccountFolder: where a paper account keeps its days, and what it publishes of the present one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from papertape.domain.errors import SettingsError, UsageError

PRIVATE = 0o700
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class AccountFolder:
    """The state of one simulated account; everything in it belongs to its owner alone.

    Attributes:
        path: The folder; it may not exist yet.
    """

    path: Path

    @classmethod
    def under(cls, home: Path, account: str) -> AccountFolder:
        """The folder of an account.

        Raises:
            UsageError: If its name could name anything else than a folder here.
        """
        if not _NAME.fullmatch(account):
            raise UsageError(
                f"{account!r} is no name of an account",
                hint="use small letters, digits, - and _, at most 32: --account sim",
            )
        return cls(home / "paper" / account)

    @property
    def name(self) -> str:
        """The account's name."""
        return self.path.name

    @property
    def status(self) -> Path:
        """What a session publishes of itself."""
        return self.path / "status.json"

    @property
    def tail(self) -> Path:
        """What happened, as lines of JSON."""
        return self.path / "events.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the one session that trades the account."""
        return self.path / "session.lock"

    @property
    def kill_file(self) -> Path:
        """While a file lies here, nothing new is sent."""
        return self.path / "KILL"

    @property
    def commands(self) -> Path:
        """What was asked of the session and not taken yet."""
        return self.path / "commands"

    @property
    def broker(self) -> Path:
        """The simulated broker's own books."""
        return self.path / "broker"

    @property
    def hung(self) -> Path:
        """What the last process's watchdog saw."""
        return self.path / "hung"

    def closed(self, session: str) -> Path:
        """The last status of a session that ended."""
        return self.path / "closed" / f"{session}.json"

    def page(self, session: str) -> Path:
        """The page of a session's day, once somebody wanted it as a file."""
        return self.path / "closed" / f"{session}.html"

    def sessions(self) -> list[str]:
        """Every session so far, the one that wrote last at the end."""
        found = (self.path / "journals").glob("*.sqlite3")
        return [each.stem for each in sorted(found, key=lambda each: each.stat().st_mtime_ns)]

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            SettingsError: If they cannot be made or written to.
        """
        try:
            for above in (self.path.parent.parent, self.path.parent):  # the home, if it is new
                above.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            for folder in (self.path, self.commands, self.broker, self.path / "closed"):
                folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
                folder.chmod(PRIVATE)
        except OSError as error:
            raise SettingsError(
                f"the account's folder {self.path} cannot be prepared: {error.strerror}",
                hint="give --home a folder that you may write to",
            ) from error
