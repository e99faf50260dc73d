"""Bring prices into the canonical form: one CSV, and a small JSON beside it that explains it.

The source is a price file in any known layout, or the embedded sample:

    python scripts/fetch_historical_data.py --source sample --symbol AAPL -o AAPL.csv
    python scripts/fetch_historical_data.py --source export.csv.gz --symbol SPY -o SPY.csv
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from datetime import date
from math import isnan
from pathlib import Path

from papertape import PriceHistory, read_prices, read_sample
from papertape.domain.clock import WallClock, rfc3339
from papertape.domain.errors import PapertapeError
from papertape.domain.market import Dividend, Split
from papertape.domain.money import dollars

HEADER = ("timestamp", "open", "high", "low", "close", "volume")
ACTIONS = ("dividend", "split")


def main() -> int:
    """Read, convert, write both files; the exit code says what went wrong."""
    given = arguments()
    target = Path(given.output or f"{given.symbol}.csv")
    beside = target.with_name(target.name + ".json")
    if not given.force and (target.exists() or beside.exists()):
        print(f"error: {target} is there already\n  try: --force", file=sys.stderr)
        return 2
    try:
        history = fetched(given)
    except PapertapeError as error:
        print(f"error: {error.message}\n  try: {error.hint}", file=sys.stderr)
        return error.exit_code
    text = canonical(history)
    target.write_text(text, encoding="utf-8", newline="")
    beside.write_text(json.dumps(sidecar(history, text), indent=2) + "\n", encoding="utf-8")
    for notice in history.notices:
        print(f"note: {notice}", file=sys.stderr)
    if history.actions:
        option = f"--map {','.join(f'{name}={name}' for name in ACTIONS)}"
        print(
            f"note: splits and dividends are in the file; read them with {option}", file=sys.stderr
        )
    print(f"{target}: {len(history.bars):,} bars of {history.bars.symbol}; {beside} explains them")
    return 0


def fetched(given: argparse.Namespace) -> PriceHistory:
    """The prices as the source has them."""
    if given.source == "sample":
        return read_sample(given.symbol)
    return read_prices(given.source, symbol=given.symbol, zone=given.tz, adjusted=given.adjusted)


def canonical(history: PriceHistory) -> str:
    """Bars as canonical CSV: session dates for daily bars, UTC starts for shorter ones.

    Splits and dividends, where there are any, stand in two columns more.
    """
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow((*HEADER, *(ACTIONS if history.actions else ())))
    writer.writerows(rows(history))
    return page.getvalue()


def rows(history: PriceHistory) -> Iterator[list[str]]:
    """Each bar as texts, and what happened to the shares before its first trade."""
    bars = history.bars
    daily = bars.frequency.is_daily
    for day, bar in zip(bars.days().tolist(), bars, strict=True):
        time = day.isoformat() if daily else rfc3339(bar.start)
        figures = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        yield [time, *(plain(figure) for figure in figures), *acting(history, day)]


def acting(history: PriceHistory, day: date) -> list[str]:
    """The dividend and the split of a day; no columns at all where a history has neither."""
    if not history.actions:
        return []
    today = [action for action in history.actions if action.ex_date == day]
    dividends = [each.amount for each in today if isinstance(each, Dividend)]
    splits = [float(each.ratio) for each in today if isinstance(each, Split)]
    return [
        plain(dollars(sum(dividends))) if dividends else "",
        plain(splits[0]) if splits else "",
    ]


def plain(figure: float) -> str:
    """A number without an exponent and without idle zeros; nothing where it is unknown."""
    return "" if isnan(figure) else f"{figure:.6f}".rstrip("0").rstrip(".")


def sidecar(history: PriceHistory, text: str) -> dict[str, object]:
    """What the CSV cannot say itself."""
    return {
        "provider": history.source,
        "adjustment": history.adjusted,
        "timeframe": str(history.bars.frequency),
        "currency": history.bars.instrument.currency,
        "timezone": "UTC",
        "fetched_at": rfc3339(WallClock().now()),
        "rows": len(history.bars),
        "source_sha256": history.fingerprint,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default="sample", help="sample, or a price file")
    parser.add_argument("--symbol", required=True)
    parser.add_argument("-o", "--output", help="the CSV to write; SYMBOL.csv if left out")
    parser.add_argument("--tz", help="zone of times that name none, like America/New_York")
    parser.add_argument("--adjusted", choices=("raw", "split", "all"))
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
