"""The budget of a provider's plan: how many calls may go out, counted on disk across restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import DAY, MINUTE, SECOND, Nanos, rfc3339
from papertape.domain.errors import ProviderError, SettingsError
from papertape.plugins.market_data.source import Limits

_HOUR = 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls made, by account, in a small SQLite file that every process of the user shares.

    A minute's limit is waited for. An hour's or a day's is an error at once, for nobody waits that
    long. The file knows an account by a hash, never by its key.
    """

    path: Path

    def take(self, account: str, provider: str, limits: Limits, now: Nanos) -> float:
        """Count one call, or say how many seconds must pass before it may be made.

        Raises:
            ProviderError: If the hour's or the day's calls are used up.
            SettingsError: If the file cannot be kept.
        """
        with self._open() as file:
            # What lies in the future was written before the clock was set back: it counts no more.
            file.execute(
                "DELETE FROM call WHERE account = ? AND (moment <= ? OR moment > ?)",
                (account, now - DAY - _HOUR, now),
            )
            self._refuse_if_blocked(file, account, provider, now)
            for allowed, since, until, name in (
                (limits.per_hour, now // _HOUR * _HOUR, (now // _HOUR + 1) * _HOUR, "hour"),
                (limits.per_day, *_day_around(now), "day"),
            ):
                if allowed is not None and _calls(file, account, since) >= allowed:
                    raise used_up(provider, f"the {allowed} calls of this {name} are made", until)
            if limits.per_minute is not None:
                wait = _until_free(file, account, limits.per_minute, now)
                if wait > 0:
                    return wait / SECOND
            file.execute("INSERT INTO call VALUES (?, ?)", (account, now))
        return 0.0

    def block(self, account: str, until: Nanos) -> None:
        """Make no call before a moment, because the provider said so."""
        with self._open() as file:
            file.execute("REPLACE INTO block VALUES (?, ?)", (account, until))

    @staticmethod
    def _refuse_if_blocked(
        file: sqlite3.Connection, account: str, provider: str, now: Nanos
    ) -> None:
        row = file.execute("SELECT until FROM block WHERE account = ?", (account,)).fetchone()
        if row and now < row[0] <= now + DAY:
            raise used_up(provider, "it asked for a pause", row[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, in one transaction: another process waits, and a kill leaves it as it was."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as file:
                file.execute("BEGIN IMMEDIATE")
                file.execute("CREATE TABLE IF NOT EXISTS call (account TEXT, moment INTEGER)")
                file.execute("CREATE INDEX IF NOT EXISTS by_account ON call (account, moment)")
                file.execute(
                    "CREATE TABLE IF NOT EXISTS block (account TEXT PRIMARY KEY, until INTEGER)"
                )
                yield file
                file.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise SettingsError(
                f"the call budget {self.path} cannot be kept: {error}",
                hint="make the folder writable, or remove the file if it is damaged",
            ) from error


def used_up(provider: str, why: str, until: Nanos) -> ProviderError:
    """The error for a plan that allows no call before a moment."""
    return ProviderError(
        f"{provider}: {why}; it answers again after {rfc3339(until // SECOND * SECOND)}",
        hint="run the same command again after that",
    )


def _calls(file: sqlite3.Connection, account: str, since: Nanos) -> int:
    query = "SELECT count(*) FROM call WHERE account = ? AND moment >= ?"
    return int(file.execute(query, (account, since)).fetchone()[0])


def _until_free(file: sqlite3.Connection, account: str, allowed: int, now: Nanos) -> Nanos:
    """How long until the oldest of the last ``allowed`` calls is a minute old."""
    query = "SELECT moment FROM call WHERE account = ? ORDER BY moment DESC LIMIT 1 OFFSET ?"
    row = file.execute(query, (account, allowed - 1)).fetchone()
    return int(row[0]) + MINUTE - now if row else 0


def _day_around(now: Nanos) -> tuple[Nanos, Nanos]:
    """The midnights in New York before and after a moment."""
    calendar = calendar_of("XNYS")
    day = calendar.local_day(now)
    ahead = calendar.local_day(now + DAY)
    since, until = (
        int(datetime.combine(each, time(), tzinfo=calendar.zone).timestamp()) * SECOND
        for each in (day, ahead)
    )
    return since, until
