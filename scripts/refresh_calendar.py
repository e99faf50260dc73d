"""Make the table of an exchange's sessions anew from exchange_calendars.

The package reads the table (``src/papertape/domain/sessions_xnys.json``), so that neither a run nor
``--help`` waits for the heavy import. Run this when exchange_calendars knows a new holiday:

    python scripts/refresh_calendar.py
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import exchange_calendars
import pandas as pd

DOMAIN = Path(__file__).resolve().parents[1] / "src" / "papertape" / "domain"
FIRST, LAST = date(1990, 1, 1), date(2039, 12, 31)


def table_of(venue: str, first: date, last: date) -> dict[str, object]:
    """What `papertape.domain.calendar.calendar_of` reads, for the days between two dates."""
    # Both ends are given: by default the library knows only 20 years back and 1 ahead.
    calendar = exchange_calendars.get_calendar(venue, start=str(first), end=str(last))
    hours = {
        session.date().isoformat(): [f"{moment.astimezone(calendar.tz):%H:%M}" for moment in pair]
        for session, *pair in calendar.schedule[["open", "close"]].itertuples()
    }
    weekdays = pd.bdate_range(first, last).strftime("%Y-%m-%d")
    regular = _commonest(hours.values())
    return {
        "venue": venue,
        "zone": str(calendar.tz),
        "source": f"exchange_calendars {exchange_calendars.__version__}",
        "first": first.isoformat(),
        "last": last.isoformat(),
        "regular": regular,
        "closed": [day for day in weekdays if day not in hours],
        "hours": {day: pair for day, pair in hours.items() if pair != regular},
    }


def _commonest(pairs: Iterable[list[str]]) -> list[str]:
    return list(Counter(map(tuple, pairs)).most_common(1)[0][0])


def written(table: dict[str, object]) -> str:
    """The table as JSON with one day a line, so that a new holiday is a diff of one line."""
    rows = []
    for key, value in table.items():
        if key == "closed":
            shown = "[\n" + ",\n".join(f'  "{day}"' for day in value) + "\n ]"
        elif key == "hours":
            pairs = (f"  {json.dumps(day)}: {json.dumps(pair)}" for day, pair in value.items())
            shown = "{\n" + ",\n".join(pairs) + "\n }"
        else:
            shown = json.dumps(value)
        rows.append(f' "{key}": {shown}')
    return "{\n" + ",\n".join(rows) + "\n}\n"


def main() -> None:
    """Write the table beside ``calendar.py`` and say what it holds."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--venue", default="XNYS", help="ISO 10383 code (default XNYS)")
    arguments.add_argument("--first", type=date.fromisoformat, default=FIRST)
    arguments.add_argument("--last", type=date.fromisoformat, default=LAST)
    chosen = arguments.parse_args()
    table = table_of(chosen.venue, chosen.first, chosen.last)
    target = DOMAIN / f"sessions_{chosen.venue.lower()}.json"
    target.write_text(written(table), encoding="utf-8")
    print(
        f"{target.name}: {table['first']} to {table['last']}, "
        f"{len(table['closed'])} weekdays closed, {len(table['hours'])} sessions of other hours"
    )


if __name__ == "__main__":
    main()
