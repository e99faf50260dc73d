"""The tapes of the races: seeded walks in quarters of a dollar, see ``racers/track.py``."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from racers.track import Tape

from papertape.domain.calendar import calendar_of
from papertape.domain.clock import MINUTE

FIRST, LAST = date(2010, 1, 4), date(2024, 12, 31)


def minutes(count: int) -> Tape:
    """One symbol's minutes, session after session."""
    sessions = map(calendar_of("XNYS").session, calendar_of("XNYS").sessions(FIRST, LAST))
    needed = [np.arange(each.open, each.close, MINUTE) for each in sessions]
    start = np.concatenate(needed)[:count]
    return Tape(start, start + MINUTE, *walk(count, seed=1, spread=3, lowest=2_000))


def days(count: int, seed: int = 2) -> Tape:
    """One symbol's days."""
    calendar = calendar_of("XNYS")
    sessions = [calendar.session(day) for day in calendar.sessions(FIRST, LAST)[:count]]
    start = np.array([each.open for each in sessions])
    end = np.array([each.close for each in sessions])
    return Tape(start, end, *walk(count, seed, spread=20, lowest=200))


def many(symbols: int, count: int) -> Tape:
    """Several symbols' days, a column each."""
    tapes = [days(count, seed=1_000 + each) for each in range(symbols)]
    columns = [np.stack(each, 1) for each in zip(*(tape[2:] for tape in tapes), strict=True)]
    return Tape(*tapes[0][:2], *columns)


def walk(count: int, seed: int, *, spread: int, lowest: int) -> tuple[np.ndarray, ...]:
    """Open, high, low, close in dollars, and volume, of so many bars; the rest in quarters."""
    chance = np.random.default_rng(seed)
    close = chance.integers(-spread, spread + 1, count).cumsum()
    close += lowest - close.min()
    opens = np.concatenate([close[:1], close[:-1]])
    wicks = chance.integers(0, spread, (2, count))
    high, low = np.maximum(opens, close) + wicks[0], np.minimum(opens, close) - wicks[1]
    prices = (column / 4 for column in (opens, high, low, close))
    return *prices, np.full(count, 1e6)


def csv(tape: Tape, file: Path) -> None:
    """The days of a tape as most programs write them."""
    stamps = tape.start.astype("datetime64[ns]").astype("datetime64[D]")
    rows = zip(stamps, *tape[2:6], strict=True)
    lines = [f"{day},{o:.2f},{h:.2f},{low:.2f},{c:.2f},1000000" for day, o, h, low, c in rows]
    file.write_text("Date,Open,High,Low,Close,Volume\n" + "\n".join(lines) + "\n")
